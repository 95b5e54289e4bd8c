//! The daemon of OpenSnitch, from Debian's package, with one rule that allows the client.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use bastion_tests::{As, Load, eventually};
use serde_json::{Value, json};

use crate::place::Place;

/// Its unit.
pub const UNIT: &str = "opensnitch.service";

/// Where `tests/bench/packages.sh` leaves the packages.
const PACKAGES: &str = "target/bench/packages";
const CONFIGURATION: &str = "/etc/opensnitchd/default-config.json";
const LOG: &str = "/var/log/opensnitchd.log";

const PATIENCE: Duration = Duration::from_secs(15);

/// How it works on this kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// Of the package.
    pub version: String,
    /// How it finds the program of a connection.
    pub monitor: &'static str,
    /// How it sets up its rules.
    pub firewall: &'static str,
}

/// Installs the daemon, finds out what of it works on this kernel, and leaves it stopped.
pub fn install(place: &Place) -> anyhow::Result<Manner> {
    for package in packages()? {
        place.copy(&package, "/tmp/package.deb")?;
        // Nothing starts it meanwhile.
        place.near.shell(
            "printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
             dpkg --force-depends -i /tmp/package.deb; rm -f /usr/sbin/policy-rc.d /tmp/package.deb",
        )?;
    }
    place.near.shell("systemctl disable --now opensnitch")?;
    let rule = json!({
        "created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z",
        "name": "bench", "description": "", "action": "allow", "duration": "always",
        "enabled": true, "precedence": false, "nolog": false,
        "operator": {
            "type": "simple", "operand": "process.path", "data": Load::PROGRAM,
            "sensitive": true, "list": [],
        },
    });
    place.write("/etc/opensnitchd/rules/bench.json", &rule.to_string())?;
    let version = ["dpkg-query", "-W", "-f", "${Version}", "opensnitch"];
    let version = place.near.run(As::Root, &version)?;
    let (monitor, firewall) = choose(place)?;
    Ok(Manner {
        version,
        monitor,
        firewall,
    })
}

fn packages() -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(Path::new(PACKAGES))
        .with_context(|| format!("{PACKAGES} is not there; run `make bench`"))?;
    let mut packages: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "deb"))
        .collect();
    // Libraries first.
    packages.sort();
    Ok(packages)
}

/// What it prefers, if the kernel has it; what it also can, if not.
fn choose(place: &Place) -> anyhow::Result<(&'static str, &'static str)> {
    configure(place, "ebpf", "nftables")?;
    place.clear()?;
    start(place)?;
    let intercepts = || place.queues().ok()?.then_some(());
    let nftables = eventually("its nftables rules", Duration::from_secs(3), intercepts).is_ok();
    let log = place.near.run(As::Root, &["cat", LOG])?;
    let monitor = if log.contains("error starting ebpf monitor") {
        "proc"
    } else {
        "ebpf"
    };
    let firewall = if nftables { "nftables" } else { "iptables" };
    place.near.run(As::Root, &["systemctl", "stop", UNIT])?;
    configure(place, monitor, firewall)?;
    Ok((monitor, firewall))
}

/// What no rule allows is denied, so that a connection that is made shows that the rule decided.
fn configure(place: &Place, monitor: &str, firewall: &str) -> anyhow::Result<()> {
    let text = place.near.run(As::Root, &["cat", CONFIGURATION])?;
    let mut configuration: Value = serde_json::from_str(&text)?;
    let fields = configuration
        .as_object_mut()
        .context("OpenSnitch's configuration is no object")?;
    for (name, value) in [
        ("DefaultAction", "deny"),
        ("ProcMonitorMethod", monitor),
        ("Firewall", firewall),
    ] {
        fields.insert(name.to_owned(), value.into());
    }
    place.write(CONFIGURATION, &configuration.to_string())
}

/// Starts it, and waits until it has read its rules and opened its queues.
pub fn start(place: &Place) -> anyhow::Result<()> {
    place.near.shell(&format!("rm -f {LOG}"))?;
    place.near.run(As::Root, &["systemctl", "start", UNIT])?;
    eventually("OpenSnitch's queue", PATIENCE, || {
        let held = "grep -q . /proc/net/netfilter/nfnetlink_queue";
        place.near.shell(held).is_ok().then_some(())
    })
    .context("OpenSnitch does not start")?;
    Ok(())
}
