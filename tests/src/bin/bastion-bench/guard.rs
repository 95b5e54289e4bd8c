//! Brings the machine into the state of a case, and shows afterwards that it was in it.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bastion_tests::{As, eventually};
use serde_json::Value;

use crate::case::Case;
use crate::opensnitch;
use crate::place::{Place, Used};
use crate::rules::{self, Lasts};

/// The unit of Bastion's helper.
pub const BASTION: &str = "bastion-helper.service";
const FLOOR: &str = "bastion-floor.service";

/// How long a firewall may take to stand.
const PATIENCE: Duration = Duration::from_secs(30);

/// What stands in a case: Bastion's three rules, with nothing behind the second.
const FLOOR_RULES: &str = "*mangle
:FLOOR - [0:0]
-A OUTPUT -o lo -m comment --comment FLOOR_BYPASS -j ACCEPT
-A OUTPUT -m comment --comment FLOOR_BYPASS -j FLOOR
-A OUTPUT -m conntrack --ctstate NEW,RELATED -m comment --comment FLOOR_NFQUEUE -j NFQUEUE --queue-num 7 --queue-bypass
COMMIT
";

/// Has connections tracked, and decides about none.
const TRACKING_RULES: &str = "*mangle
-A OUTPUT -m conntrack --ctstate INVALID -j ACCEPT
COMMIT
";

/// The unit whose cost is told; none where there is no firewall.
pub fn unit(case: Case) -> Option<&'static str> {
    match case {
        Case::NoFirewall | Case::ConnectionTracking => None,
        Case::QueueAcceptAll => Some(FLOOR),
        Case::OpenSnitch => Some(opensnitch::UNIT),
        _ => Some(BASTION),
    }
}

/// Starts what the case needs, from a clean state.
pub fn start(place: &Place, case: Case) -> anyhow::Result<()> {
    place.clear()?;
    match case {
        Case::NoFirewall => return Ok(()),
        Case::ConnectionTracking => return restore(place, TRACKING_RULES),
        Case::QueueAcceptAll => floor(place)?,
        Case::BastionTaught => bastion(place, Lasts::Forever, 1)?,
        Case::BastionRule1 => bastion(place, Lasts::UntilATime, 1)?,
        Case::BastionRule1000 => bastion(place, Lasts::UntilATime, 1_000)?,
        Case::BastionRule10000 => bastion(place, Lasts::UntilATime, 10_000)?,
        Case::OpenSnitch => opensnitch::start(place)?,
    }
    eventually("a queue with a rule that leads to it", PATIENCE, || {
        place.queues().ok()?.then_some(())
    })?;
    Ok(())
}

/// Ends it.
pub fn stop(place: &Place, case: Case) -> anyhow::Result<()> {
    if let Some(unit) = unit(case) {
        place.near.run(As::Root, &["systemctl", "stop", unit])?;
    }
    place.clear()
}

fn floor(place: &Place) -> anyhow::Result<()> {
    let start = "systemd-run --quiet --unit=bastion-floor --service-type=exec -p CPUAccounting=yes \
                 /usr/local/bin/bastion-floor 7";
    place.near.shell(start)?;
    restore(place, FLOOR_RULES)
}

fn restore(place: &Place, rules: &str) -> anyhow::Result<()> {
    let command = format!("iptables-restore --noflush <<'END'\n{rules}END\n");
    place.near.shell(&command)?;
    Ok(())
}

fn bastion(place: &Place, lasts: Lasts, count: u32) -> anyhow::Result<()> {
    bastion_with_log(place, lasts, count, None)
}

/// Starts Bastion with so many rules and a copy of a log, from a clean state.
pub fn bastion_with_log(
    place: &Place,
    lasts: Lasts,
    count: u32,
    log: Option<&str>,
) -> anyhow::Result<()> {
    // What was logged before is no part of this round.
    place
        .near
        .shell("mkdir -p /etc/bastion; rm -rf /var/lib/bastion/* /run/bastion/*")?;
    if let Some(log) = log {
        let copy = format!("cp -p {log} /var/lib/bastion/events.db");
        place.near.shell(&copy)?;
    }
    place.write("/etc/bastion/rules.toml", &rules::file(lasts, count))?;
    // It tells systemd that it has started when packets are being judged.
    place
        .near
        .run(As::Root, &["systemctl", "start", BASTION])
        .context("Bastion does not start")?;
    let in_force = bastion_rules(place)?.len();
    ensure!(
        in_force == usize::try_from(count)?,
        "Bastion has {in_force} rules in force instead of {count}"
    );
    Ok(())
}

fn bastion_rules(place: &Place) -> anyhow::Result<Vec<Value>> {
    let list = ["bastionctl", "--json", "rules", "list"];
    let printed = place.near.run(As::Root, &list)?;
    Ok(serde_json::from_str(&printed)?)
}

/// Shows that the connections made between two looks were judged as the case says, and not
/// otherwise.
pub fn prove(
    place: &Place,
    case: Case,
    connections: u32,
    before: Used,
    after: Used,
) -> anyhow::Result<()> {
    let connections = u64::from(connections);
    // A few may not be new to connection tracking, which knows a pair of ports from before.
    let nearly_all = connections - connections / 100;
    let queued = after.queued.saturating_sub(before.queued);
    let as_it_should = match case {
        Case::NoFirewall => queued == 0,
        Case::ConnectionTracking => queued == 0 && place.tracks()?,
        // A few others may be about the same place: a lesson is learned after the verdict.
        Case::BastionTaught => queued <= connections / 100,
        _ => queued >= nearly_all,
    };
    ensure!(
        as_it_should,
        "of {connections} connections {queued} were put to a queue"
    );
    if !Case::BASTION.contains(&case) {
        return Ok(());
    }
    prove_decided(place, nearly_all)
}

/// Shows that the deciding rule has decided so many connections.
pub fn prove_decided(place: &Place, connections: u64) -> anyhow::Result<()> {
    let decided = || {
        let rules = bastion_rules(place).ok()?;
        let rule = rules.iter().find(|rule| rule["id"] == rules::DECIDING)?;
        let hits = rule["hits"].as_u64()?;
        (hits >= connections).then_some(())
    };
    if eventually("the rule's hits", PATIENCE, decided).is_err() {
        bail!("the rule has not decided about {connections} connections");
    }
    Ok(())
}
