//! A helper that hangs, as a whole or in one of its threads, is noticed by systemd's watchdog,
//! and another one takes its place.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::time::{Duration, Instant};

use bastion_tests::{As, Destination, Family, Firewall, Hold, Manner, Transport, eventually};
use nix::time::{ClockId, clock_gettime};

const PATIENCE: Duration = Duration::from_secs(60);
const PORT: u16 = 7400;
/// Longer than an engine that does not answer is waited for, so that the helper itself still
/// tells of that. The unit's own is longer still.
const WATCHDOG: Duration = Duration::from_secs(10);
/// How long systemd waits before it starts another helper: the unit's own.
const RESTART: Duration = Duration::from_secs(5);
/// How long ending a helper, cleaning up after it and starting another may take, where an ordinary
/// restart takes a third of it.
const OVERHEAD: Duration = Duration::from_secs(1);
/// systemd's words for it.
const TIMEOUT: &str = "Watchdog timeout (limit 10s)!";

/// A firewall with a short watchdog and rules for the programs `allowed` and `denied`; and how
/// long an ordinary restart of its service takes.
fn boot(purpose: &str) -> Option<(Firewall, Duration)> {
    let mut firewall = Firewall::boot_or_skip(purpose)?;
    let internet = firewall.internet();
    internet.listen(Transport::Tcp, PORT, Manner::Echo).unwrap();
    for (name, action) in [("allowed", "allow"), ("denied", "deny")] {
        let program = firewall.program(name).unwrap();
        firewall.add_rule(action, &["--program", &program]).unwrap();
    }
    let settings = ["WatchdogUSec", "RestartUSec", "Restart"];
    let own = settings.map(|name| firewall.property(name).unwrap());
    assert_eq!(own, ["30s", "5s", "on-failure"]);
    let sooner = format!("[Service]\nWatchdogSec={}s", WATCHDOG.as_secs());
    firewall.drop_in(&sooner).unwrap();
    let began = Instant::now();
    firewall.systemctl("restart").unwrap();
    let restart = began.elapsed();
    firewall.wait_until_judging().unwrap();
    Some((firewall, restart))
}

fn main_process(firewall: &Firewall) -> u32 {
    firewall.property("MainPID").unwrap().parse().unwrap()
}

/// A point in time that systemd keeps of the service.
fn timestamp(firewall: &Firewall, name: &str) -> Duration {
    let property = firewall.property(&format!("{name}Monotonic")).unwrap();
    Duration::from_micros(property.parse().unwrap())
}

/// The clock of those timestamps.
fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap().into()
}

/// Checks that rules stand once, and that programs are judged by theirs.
fn check_judging(firewall: &mut Firewall) {
    for family in Family::ALL {
        let standing = firewall.standing(family).unwrap();
        assert!(standing.is_right(), "{family:?}: {standing:#?}");
    }
    let internet = firewall.internet();
    for address in [internet.v4(5), internet.v6(5)] {
        let to = Destination {
            transport: Transport::Tcp,
            address,
            port: PORT,
        };
        for (name, passes) in [("allowed", true), ("denied", false)] {
            let program = firewall.program(name).unwrap();
            let outcome = firewall.send(As::Background("bob"), &program, to, PATIENCE);
            let outcome = outcome.unwrap();
            assert_eq!(outcome.passed(), passes, "{name} {address}: {outcome:?}");
        }
    }
}

/// Has the helper hang, and checks that another one takes its place in time, and that the journal
/// tells why: in systemd's words, and in these.
fn check(purpose: &str, hang: impl FnOnce(&Firewall, u32) -> Vec<Hold>, says: &[&str]) {
    let Some((mut firewall, restart)) = boot(purpose) else {
        return;
    };
    check_judging(&mut firewall);
    let hanging = main_process(&firewall);
    let began = now();
    let held = hang(&firewall, hanging);
    let replaced = || {
        let process = main_process(&firewall);
        let active = firewall.property("ActiveState").unwrap() == "active";
        (active && process != 0 && process != hanging).then_some(())
    };
    eventually("another helper", PATIENCE, replaced)
        .map_err(|error| format!("{error}; its journal: {}", firewall.journal().unwrap()))
        .unwrap();
    drop(held);
    let journal = firewall.journal().unwrap();
    for words in [TIMEOUT, "Failed with result 'watchdog'"]
        .iter()
        .chain(says)
    {
        assert!(journal.contains(words), "“{words}” in {journal}");
    }
    // The moments at which systemd started it and at which it judged.
    let started = timestamp(&firewall, "ExecMainStartTimestamp") - began;
    let judging = timestamp(&firewall, "ActiveEnterTimestamp") - began;
    println!(
        "{purpose}: started after {started:?}, judging after {judging:?}; a restart takes {restart:?}"
    );
    assert!(started > RESTART, "{started:?}");
    let overhead = OVERHEAD.max(3 * restart);
    assert!(
        started < WATCHDOG + RESTART + overhead,
        "started after {started:?}, where a restart takes {restart:?}"
    );
    check_judging(&mut firewall);
    assert_eq!(firewall.property("NRestarts").unwrap(), "1");
    assert_eq!(firewall.troubles().unwrap(), Vec::<String>::new());
}

#[test]
fn a_helper_that_is_stopped_is_replaced() {
    let stop = |firewall: &Firewall, process: u32| {
        let kill = ["kill", "-STOP", &process.to_string()];
        firewall.sandbox().run(As::Root, &kill).unwrap();
        vec![]
    };
    check("stopped", stop, &[]);
}

#[test]
fn a_helper_whose_engine_hangs_says_so_and_is_replaced() {
    let hold = |firewall: &Firewall, process: u32| {
        let held = Hold::threads(firewall.sandbox(), process, &["engine"]).unwrap();
        assert_eq!(held.len(), 1);
        held
    };
    check("engine-held", hold, &["the engine shows no sign of life"]);
}

#[test]
fn a_helper_whose_event_loop_hangs_is_replaced() {
    // The loop itself is in the main thread; the others do for it what may wait. The bus is
    // served by it, so nobody gets an answer any more.
    let hold = |firewall: &Firewall, process: u32| {
        let threads = ["bastion-helper", "tokio-rt-worker"];
        let held = Hold::threads(firewall.sandbox(), process, &threads).unwrap();
        let asked = ["timeout", "2", "bastionctl", "status"];
        let asked = firewall.sandbox().output(As::Root, &asked).unwrap();
        assert_eq!(asked.status, 124, "{asked:?}");
        held
    };
    check("loop-held", hold, &[]);
}
