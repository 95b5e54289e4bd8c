//! The helper is killed, and everything is as before.

use bastion_tests::{As, Error, Tour, eventually_equal};
use std::time::Duration;

use crate::place::Place;

/// Longer than `RestartSec=` of the unit.
const PATIENCE: Duration = Duration::from_secs(30);

pub fn walk(tour: &mut Tour, place: &mut Place<'_>) {
    tour.step(
        "The helper is killed: systemd brings it back, with three rules in each family",
        "another process, 3 and 3 rules, 1 agent",
        || {
            let before = pid(place)?;
            place.sandbox.run(
                As::Root,
                &["systemctl", "kill", "-s", "KILL", "bastion-helper"],
            )?;
            let back = || Ok(pid(place)?.is_some_and(|pid| Some(pid) != before));
            eventually_equal("the helper's return", PATIENCE, &true, back)?;
            place.wait_count("agents", 1)?;
            Ok::<_, Error>(format!(
                "another process, {} and {} rules, {} agent",
                ours(place, "iptables")?,
                ours(place, "ip6tables")?,
                place.count("agents")?
            ))
        },
    );
    tour.step(
        "A connection with a rule works again",
        "exit 0: hello",
        || place.alice(&["sh", "-c", "echo hello | nc -N -w 5 203.0.113.3 7"]),
    );
}

/// The helper's process, while systemd calls it active.
fn pid(place: &Place<'_>) -> Result<Option<u32>, Error> {
    let show = [
        "systemctl",
        "show",
        "-P",
        "ActiveState",
        "-P",
        "MainPID",
        "bastion-helper",
    ];
    let shown = place.sandbox.run(As::Root, &show)?;
    let active = shown.lines().any(|line| line == "active");
    let pid = shown.lines().find_map(|line| line.parse().ok());
    Ok(pid.filter(|pid| active && *pid != 0))
}

/// How many rules of Bastion's stand in mangle OUTPUT.
fn ours(place: &Place<'_>, iptables: &str) -> Result<usize, Error> {
    let list = [iptables, "-t", "mangle", "-S", "OUTPUT"];
    let rules = place.sandbox.run(As::Root, &list)?;
    Ok(rules
        .lines()
        .filter(|rule| rule.contains("--comment BASTION_"))
        .count())
}
