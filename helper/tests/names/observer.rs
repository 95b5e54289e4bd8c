//! What the helper has of names, with the test in the place of the engine and of its clock.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, channel};

use bastion_helper::kernel::{DnsPackets, Kernel};
use bastion_helper::names::{Names, NamesStatus, Refusal, Resolution, Sources, Update};
use bastion_policy::time::Timestamp;

use crate::machine::{PATIENCE, eventually};

/// When everything is observed.
pub const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

/// See the module's documentation.
pub struct Observer {
    packets: Option<(Kernel, DnsPackets)>,
    names: Names,
    updates: Receiver<Update>,
    _sources: Sources,
    /// Packets that the kernel programs told of.
    pub datagrams: usize,
    pub segments: usize,
    /// What the monitor told of.
    pub told: Vec<Resolution>,
}

impl Observer {
    /// With the kernel programs, on a machine that is set up to ask this server.
    pub fn of_packets(server: &str) -> Self {
        let (mut kernel, parts) = Kernel::load().unwrap();
        kernel.attach_names().unwrap();
        let mut observer = Self::new(Some((kernel, parts.dns)));
        observer.until_server(server);
        observer
    }

    /// Without the kernel programs.
    pub fn of_sources() -> Self {
        Self::new(None)
    }

    /// Without the kernel programs, on a machine with a monitor, which alone tells anything.
    pub fn of_the_monitor() -> Self {
        let mut observer = Self::of_sources();
        observer.until_monitored(true);
        observer
    }

    fn new(packets: Option<(Kernel, DnsPackets)>) -> Self {
        let (sender, updates) = channel();
        let report = move |update| sender.send(update).is_ok();
        let sources = Sources::start("/", report).unwrap();
        let network = packets.as_ref().map(|(_, packets)| packets.network());
        Self {
            names: Names::new(network.unwrap_or_default()),
            packets,
            updates,
            _sources: sources,
            datagrams: 0,
            segments: 0,
            told: Vec::new(),
        }
    }

    /// Takes in updates until there is one of the kind.
    fn until(&mut self, is_wanted: impl Fn(&Update) -> bool) {
        loop {
            let update = self.updates.recv_timeout(PATIENCE).unwrap();
            let wanted = is_wanted(&update);
            self.update(update);
            if wanted {
                return;
            }
        }
    }

    /// Waits until this is one of the machine's servers.
    pub fn until_server(&mut self, server: &str) {
        let server: IpAddr = server.parse().unwrap();
        self.until(|update| match update {
            Update::Resolvers(resolvers) => resolvers.contains(server),
            _ => false,
        });
    }

    /// Waits until the monitor is there, or gone.
    pub fn until_monitored(&mut self, monitored: bool) {
        self.until(|update| *update == Update::Monitored(monitored));
    }

    /// Waits until the machine has no server that is believed.
    pub fn until_no_server(&mut self) {
        self.until(|update| match update {
            Update::Resolvers(resolvers) => resolvers.iter().next().is_none(),
            _ => false,
        });
    }

    fn update(&mut self, update: Update) {
        if let Update::Resolution(resolution) = &update {
            self.told.push(resolution.clone());
        }
        self.names.update(update, NOW);
    }

    /// Takes in everything that is there.
    pub fn read(&mut self) {
        while let Ok(update) = self.updates.try_recv() {
            self.update(update);
        }
        let names = &mut self.names;
        if let Some((_, packets)) = &mut self.packets {
            packets.drain(|captured| {
                match is_tcp(captured.bytes) {
                    true => self.segments += 1,
                    false => self.datagrams += 1,
                }
                names.observe(&captured, NOW);
            });
        }
    }

    /// The names of an address that are known some seconds from when they were looked up.
    pub fn after(&self, seconds: u64, address: &str) -> Vec<String> {
        let then = NOW.after_millis(seconds * 1_000);
        let names = self.names.of(address.parse().unwrap(), then);
        names.iter().map(ToString::to_string).collect()
    }

    /// The names of an address, once everything is taken in that is there.
    pub fn of(&mut self, address: &str) -> Vec<String> {
        self.read();
        self.after(0, address)
    }

    /// Waits until an address has these names.
    pub fn until_known(&mut self, address: &str, names: &[&str]) {
        let mut known = Vec::new();
        eventually(&format!("{names:?}"), || {
            known = self.of(address);
            (known == names).then_some(())
        });
    }

    pub fn status(&self) -> NamesStatus {
        self.names.status()
    }

    /// Why something taught nothing.
    pub fn refusals(&self) -> BTreeSet<Refusal> {
        self.status().refused.into_keys().collect()
    }
}

/// The protocol of a packet, in the header of either family.
fn is_tcp(packet: &[u8]) -> bool {
    const TCP: u8 = 6;
    let at = match packet.first().map(|byte| byte >> 4) {
        Some(4) => 9,
        _ => 6,
    };
    packet.get(at) == Some(&TCP)
}
