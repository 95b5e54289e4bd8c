//! Names of destinations, from what the kernel programs show of look-ups.

use std::net::IpAddr;
use std::sync::mpsc::{Receiver, sync_channel};

use bastion_policy::matcher::HostName;
use bastion_policy::time::Timestamp;

use crate::engine::NameSource;
use crate::kernel::DnsPackets;
use crate::names::{Names, Sources, Update};

/// How often old names are forgotten, in milliseconds.
const TICK: u64 = 10_000;

/// Updates that may wait until there is something to judge; further look-ups are lost.
const UPDATES: usize = 1_024;

/// Owned by the engine's thread.
pub(super) struct ObservedNames {
    packets: DnsPackets,
    names: Names,
    updates: Receiver<Update>,
    next_tick: Timestamp,
}

impl ObservedNames {
    /// Names from these packets. What they depend on besides is looked after until the other end
    /// is dropped.
    ///
    /// # Errors
    /// When the system has no room for another thread.
    pub fn start(packets: DnsPackets) -> std::io::Result<(Self, Sources)> {
        let (sender, updates) = sync_channel(UPDATES);
        let sources = Sources::start("/", move |update| sender.try_send(update).is_ok())?;
        let names = Names::new(packets.network());
        let observed = Self {
            packets,
            names,
            updates,
            next_tick: Timestamp::default(),
        };
        Ok((observed, sources))
    }
}

impl NameSource for ObservedNames {
    fn read(&mut self, now: Timestamp) {
        let names = &mut self.names;
        // Which addresses have other names than before does not matter: nothing that depends on
        // names is kept anywhere.
        for update in self.updates.try_iter() {
            names.update(update, now);
        }
        self.packets.drain(|captured| {
            names.observe(&captured, now);
        });
        if self.next_tick <= now {
            names.tick(now);
            self.next_tick = now.after_millis(TICK);
        }
    }

    fn of(&self, address: IpAddr, now: Timestamp) -> Vec<HostName> {
        self.names.of(address, now)
    }
}
