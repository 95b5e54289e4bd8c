//! Two machines with a cable between them: a client beside the firewall, and a server.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use bastion_tests::{As, Load, LoadTarget, Package, Sandbox};

/// Where the server listens.
pub const TARGET: LoadTarget = LoadTarget {
    address: IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2)),
    port: 9_000,
    first: 20_000,
    datagrams: 5_000,
};

/// The processor of the client, all its threads, and the kernel's work on its packets: over a
/// cable of this kind even the peer's answer is made there.
const CLIENT_PROCESSOR: usize = 0;

/// What a service has used so far.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// Processor time of all its processes, in microseconds.
    pub cpu_us: f64,
    /// Packets that were put to queues.
    pub queued: u64,
}

/// See the module's documentation.
pub struct Place {
    /// The server's program; the machine goes down after it.
    pub server: Load,
    _far: Sandbox,
    /// The machine with the firewall.
    pub near: Sandbox,
}

impl Place {
    pub fn boot() -> anyhow::Result<Self> {
        let near = Sandbox::boot("bench").context("the machine did not boot")?;
        let far = Sandbox::boot("bench-server").context("the server's machine did not boot")?;
        near.link(
            "eth0",
            &["10.77.0.1/24", "fd77::1/64"],
            &far,
            &["10.77.0.2/24", "fd77::2/64"],
        )?;
        // Room for all connections of a round, so that no pair of ports comes twice.
        near.shell("echo 10000 65535 >/proc/sys/net/ipv4/ip_local_port_range")?;
        for program in ["bastion-load", "bastion-floor"] {
            Load::install(&near, program).context("see `make bench`")?;
        }
        Load::install(&far, "bastion-load")?;
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let server = Load::serve(&far, TARGET, (CLIENT_PROCESSOR + 1) % processors)?;
        Ok(Self {
            server,
            _far: far,
            near,
        })
    }

    /// Installs Bastion, and leaves it stopped.
    pub fn install_bastion(&self) -> anyhow::Result<()> {
        Package::find()?
            .install(&self.near)
            .context("Bastion could not be installed")?;
        self.near.shell("systemctl disable --now bastion-helper")?;
        Ok(())
    }

    pub fn client(&self) -> anyhow::Result<Load> {
        self.client_of(As::Root)
    }

    pub fn client_of(&self, who: As<'_>) -> anyhow::Result<Load> {
        Ok(Load::client(&self.near, who, TARGET, CLIENT_PROCESSOR)?)
    }

    /// Copies a file of the host's into the machine.
    pub fn copy(&self, from: &Path, to: &str) -> anyhow::Result<()> {
        let (host, inside) = self.near.shared_directory()?;
        let shared = host.join("copied");
        std::fs::copy(from, &shared)
            .with_context(|| format!("{} can't be copied", from.display()))?;
        self.near
            .shell(&format!("install -m 644 {inside}/copied {to}"))?;
        Ok(())
    }

    /// Writes a file in the machine, readable by everybody.
    pub fn write(&self, path: &str, text: &str) -> anyhow::Result<()> {
        let (host, inside) = self.near.shared_directory()?;
        std::fs::write(host.join("written"), text)?;
        self.near
            .shell(&format!("install -D -m 644 {inside}/written {path}"))?;
        Ok(())
    }

    /// A property of a unit.
    fn property(&self, unit: &str, name: &str) -> anyhow::Result<String> {
        let command = ["systemctl", "show", "--value", "-P", name, unit];
        Ok(self.near.run(As::Root, &command)?.trim().to_owned())
    }

    /// What has been used, by a service if there is one.
    pub fn used(&self, unit: Option<&str>) -> anyhow::Result<Used> {
        let cpu_us = match unit {
            None => 0.0,
            Some(unit) => {
                let nanoseconds = self.property(unit, "CPUUsageNSec")?;
                let nanoseconds: f64 = nanoseconds
                    .parse()
                    .with_context(|| format!("{unit}: {nanoseconds} is no processor time"))?;
                nanoseconds / 1_000.0
            }
        };
        Ok(Used {
            cpu_us,
            queued: self.queued()?,
        })
    }

    /// As [`Place::used`], once the service has come to rest: what it does about connections
    /// after they were made is part of their cost.
    pub fn used_in_the_end(&self, unit: Option<&str>) -> anyhow::Result<Used> {
        const LOOK: Duration = Duration::from_millis(250);
        /// Microseconds in which nothing of note is done.
        const REST: f64 = 1_500.0;
        let mut last = self.used(unit)?;
        for _ in 0..40 {
            thread::sleep(LOOK);
            let now = self.used(unit)?;
            if now.cpu_us - last.cpu_us < REST {
                return Ok(now);
            }
            last = now;
        }
        anyhow::bail!("{} never comes to rest", unit.unwrap_or_default())
    }

    /// Memory of a service's main process, in KiB.
    pub fn rss_kib(&self, unit: &str) -> anyhow::Result<f64> {
        let status = format!("/proc/{}/status", self.property(unit, "MainPID")?);
        let status = self.near.run(As::Root, &["cat", &status])?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
            .and_then(|kib| kib.parse().ok())
            .with_context(|| format!("{unit}: its memory is not told"))
    }

    /// Packets that were put to the queues there are: the last packet's number in each
    /// (`seq_show` in `net/netfilter/nfnetlink_queue.c`).
    fn queued(&self) -> anyhow::Result<u64> {
        let queues = ["cat", "/proc/net/netfilter/nfnetlink_queue"];
        let queues = self.near.run(As::Root, &queues)?;
        let last = |line: &str| line.split_whitespace().nth(7)?.parse::<u64>().ok();
        Ok(queues.lines().filter_map(last).sum())
    }

    /// True if somebody holds a queue and a rule of either family's tables leads to it.
    pub fn queues(&self) -> anyhow::Result<bool> {
        let script =
            "grep -q . /proc/net/netfilter/nfnetlink_queue && nft list ruleset | grep -q 'queue'";
        let held = self.near.output(As::Root, &["sh", "-c", script])?;
        Ok(held.success())
    }

    /// True if the kernel knows connections to the server.
    pub fn tracks(&self) -> anyhow::Result<bool> {
        let script = format!("conntrack -L -p tcp -d {} | grep -q .", TARGET.address);
        let known = self.near.output(As::Root, &["sh", "-c", &script])?;
        Ok(known.success())
    }

    /// Takes out every rule of every table, and forgets all connections.
    pub fn clear(&self) -> anyhow::Result<()> {
        self.near
            .shell("nft flush ruleset; conntrack -F 2>/dev/null; ! grep -q . /proc/net/netfilter/nfnetlink_queue")
            .context("somebody still holds a queue")?;
        Ok(())
    }
}
