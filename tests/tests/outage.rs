//! What becomes of packets when the helper ends, and while it is down.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::time::Duration;

use bastion_tests::{
    As, Attempt, Destination, Family, Firewall, Hold, Manner, Outcome, Standing, Transport,
    eventually, eventually_equal,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// How long a datagram is waited for that must not come.
const LONG_ENOUGH: Duration = Duration::from_secs(2);
const PORT: u16 = 7200;
const SETTINGS: &str = "/etc/bastion/settings.toml";
/// After a crash it shall stay down until the test wants it back.
const LATER: &str = "[Service]\nRestartSec=1h";

fn boot(purpose: &str) -> Option<Firewall> {
    let mut firewall = Firewall::boot_or_skip(purpose)?;
    let internet = firewall.internet();
    internet.listen(Transport::Udp, PORT, Manner::Echo).unwrap();
    firewall.drop_in(LATER).unwrap();
    Some(firewall)
}

fn destinations(firewall: &mut Firewall) -> [Destination; 2] {
    let internet = firewall.internet();
    [internet.v4(6), internet.v6(6)].map(|address| Destination {
        transport: Transport::Udp,
        address,
        port: PORT,
    })
}

/// Datagrams that have reached the internet, in both families.
fn arrived(firewall: &mut Firewall) -> [u64; 2] {
    destinations(firewall).map(|to| {
        let internet = firewall.internet();
        let arrived = internet.arrived(to.transport, to.address, to.port);
        arrived.unwrap().datagrams
    })
}

/// Ends the helper's process with SIGKILL and waits until systemd has done what it does then.
fn crash(firewall: &Firewall) {
    let pid = firewall.property("MainPID").unwrap();
    let kill = ["kill", "-KILL", &pid];
    firewall.sandbox().run(As::Root, &kill).unwrap();
    let down = || (firewall.property("SubState").unwrap() == "auto-restart").then_some(());
    eventually("the end of the service", PATIENCE, down).unwrap();
    assert_eq!(firewall.property("Result").unwrap(), "signal");
}

/// Has a program without a rule send in both families; returns once both packets wait.
fn start_waiting(firewall: &mut Firewall, waiter: &str) -> Vec<Attempt> {
    let waiting = destinations(firewall)
        .into_iter()
        .map(|to| {
            firewall
                .start_sending(As::Root, waiter, to, PATIENCE)
                .unwrap()
        })
        .collect();
    eventually_equal("packets that wait", PATIENCE, &2, || {
        firewall.counter("waiting_packets")
    })
    .unwrap();
    waiting
}

#[test]
fn packets_that_wait_are_dropped_when_the_helper_ends() {
    let Some(mut firewall) = boot("waiting-at-end") else {
        return;
    };
    let waiter = firewall.program("waiter").unwrap();
    let free = firewall.program("free").unwrap();
    for way in ["a stop", "a crash"] {
        firewall.internet().forget().unwrap();
        let waiting = start_waiting(&mut firewall, &waiter);
        match way {
            "a stop" => firewall.systemctl("stop").unwrap(),
            _ => crash(&firewall),
        }
        // What is sent now arrives, after whatever would have been released.
        for to in destinations(&mut firewall) {
            let sent = firewall.send(As::Root, &free, to, PATIENCE).unwrap();
            assert_eq!(sent, Outcome::Reply("hello".to_owned()), "after {way}");
        }
        assert_eq!(arrived(&mut firewall), [1, 1], "after {way}");
        drop(waiting);
        firewall.systemctl("restart").unwrap();
    }
    check_boot(&firewall);
}

/// What configures the network when the machine boots; it looks at what stands then.
const NETWORK: &str = "[Unit]
DefaultDependencies=no
Wants=network-pre.target
After=network-pre.target
Before=network.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c \"iptables -w -t mangle -S OUTPUT >/var/tmp/v4; ip6tables -w -t mangle -S OUTPUT >/var/tmp/v6; systemctl is-active bastion-helper >/var/tmp/service\"
[Install]
WantedBy=multi-user.target";

/// Boots the machine's systemd anew, and checks that packets were judged before anything could
/// configure the network.
fn check_boot(firewall: &Firewall) {
    let sandbox = firewall.sandbox();
    let enable = format!(
        "printf '%s\\n' '{NETWORK}' >/etc/systemd/system/network-witness.service
         systemctl daemon-reload; systemctl enable network-witness.service
         systemctl soft-reboot"
    );
    sandbox.shell(&enable).unwrap();
    let booted = || {
        let count = ["systemctl", "show", "--value", "-P", "SoftRebootsCount"];
        let count = sandbox.run(As::Root, &count).ok()?;
        let up = sandbox.output(As::Root, &["test", "-e", "/var/tmp/service"]);
        (count.trim() == "1" && up.ok()?.success()).then_some(())
    };
    eventually("another boot", PATIENCE, booted).unwrap();
    let read = |file: &str| sandbox.run(As::Root, &["cat", file]).unwrap();
    for file in ["/var/tmp/v4", "/var/tmp/v6"] {
        let standing = Standing::of(&read(file));
        assert!(standing.is_right(), "{file}: {standing:?}");
    }
    assert_eq!(read("/var/tmp/service"), "active\n");
    firewall.wait_until_judging().unwrap();
}

/// Has nothing leave while the helper is down.
fn close(firewall: &Firewall) {
    let close = format!("printf 'version = 1\\nwhen_down = \"closed\"\\n' >{SETTINGS}");
    firewall.sandbox().shell(&close).unwrap();
    let closed = || {
        let rules = Family::ALL.map(|family| firewall.traces(family).unwrap().join("\n"));
        let bypass = rules.iter().any(|rules| rules.contains("--queue-bypass"));
        (!bypass).then_some(())
    };
    eventually("rules without --queue-bypass", PATIENCE, closed).unwrap();
}

/// A firewall that is closed while it is down, and a program that it allows.
fn boot_closed(purpose: &str) -> Option<(Firewall, String)> {
    let firewall = boot(purpose)?;
    let allowed = firewall.program("allowed").unwrap();
    firewall
        .add_rule("allow", &["--program", &allowed])
        .unwrap();
    close(&firewall);
    Some((firewall, allowed))
}

fn check_open(firewall: &Firewall, when: &str) {
    for family in Family::ALL {
        let traces = firewall.traces(family).unwrap();
        assert!(traces.is_empty(), "{family:?} {when}: {traces:?}");
    }
}

fn check_closed(firewall: &mut Firewall, program: &str) {
    for family in Family::ALL {
        let standing = firewall.standing(family).unwrap();
        assert!(standing.is_right(), "{family:?}: {standing:?}");
    }
    let before = arrived(firewall);
    for to in destinations(firewall) {
        let sent = firewall.send(As::Root, program, to, LONG_ENOUGH).unwrap();
        assert!(!sent.passed(), "{sent:?}");
    }
    assert_eq!(arrived(firewall), before);
}

#[test]
fn nothing_new_leaves_while_a_closed_firewall_is_down() {
    let Some((mut firewall, allowed)) = boot_closed("closed") else {
        return;
    };

    // What waits as it dies is dropped, and what is sent again goes nowhere.
    let waiter = firewall.program("waiter").unwrap();
    let waiting = start_waiting(&mut firewall, &waiter);
    crash(&firewall);
    check_closed(&mut firewall, &allowed);
    assert_eq!(arrived(&mut firewall), [0, 0]);
    drop(waiting);
    // The machine still talks to itself.
    let to_itself = "ping -c 1 -W 5 127.0.0.1 && ping -c 1 -W 5 ::1";
    firewall.sandbox().shell(to_itself).unwrap();

    // Back again it judges; and who stops it, wants it gone.
    firewall.systemctl("restart").unwrap();
    for to in destinations(&mut firewall) {
        let sent = firewall.send(As::Root, &allowed, to, PATIENCE).unwrap();
        assert!(sent.passed(), "{sent:?}");
    }
    firewall.systemctl("stop").unwrap();
    check_open(&firewall, "after a stop");
}

/// A stop is not waited for for long.
const IMPATIENT: &str = "[Service]\nRestartSec=1h\nTimeoutStopSec=4s";
/// A start is not waited for for long, and the helper has time to end by itself once it can.
const IMPATIENT_AT_THE_START: &str =
    "[Service]\nRestartSec=1h\nTimeoutStartSec=4s\nTimeoutStopSec=120s";

/// Sends the bus daemon a signal: while it is stopped, a start of the helper does not come to its
/// end.
fn signal_bus(firewall: &Firewall, signal: &str) {
    let daemon = "kill -s $1 $(systemctl show --value -P MainPID dbus.service)";
    let command = ["sh", "-euc", daemon, "signal", signal];
    firewall.sandbox().run(As::Root, &command).unwrap();
}

fn wait_for(firewall: &Firewall, state: &str) {
    let reached = || (firewall.property("SubState").ok()? == state).then_some(());
    eventually(state, PATIENCE, reached).unwrap();
}

fn systemctl_at_once(firewall: &Firewall, verb: &str) {
    let command = ["systemctl", "--no-block", verb, Firewall::UNIT];
    firewall.sandbox().run(As::Root, &command).unwrap();
}

/// How systemd says that the service ended.
fn end(firewall: &Firewall) -> [String; 3] {
    ["Result", "ExecMainCode", "ExecMainStatus"].map(|name| firewall.property(name).unwrap())
}

#[test]
fn a_closed_firewall_opens_when_it_is_told_to_stop_and_only_then() {
    let Some((mut firewall, allowed)) = boot_closed("told-to-stop") else {
        return;
    };
    let [exited, killed] = ["1", "2"];

    // A stop that was asked for, of a helper that hangs.
    firewall.drop_in(IMPATIENT).unwrap();
    let pid = firewall.property("MainPID").unwrap().parse().unwrap();
    let held = Hold::threads(firewall.sandbox(), pid, &["bastion-helper"]).unwrap();
    firewall.systemctl("stop").unwrap();
    drop(held);
    assert_eq!(end(&firewall), ["timeout", killed, "9"]);
    check_open(&firewall, "after a stop of a helper that hangs");

    // Likewise of one that starts.
    signal_bus(&firewall, "STOP");
    systemctl_at_once(&firewall, "start");
    let stands = || (!firewall.traces(Family::V6).ok()?.is_empty()).then_some(());
    eventually("rules", PATIENCE, stands).unwrap();
    firewall.systemctl("stop").unwrap();
    assert_eq!(end(&firewall), ["timeout", killed, "9"]);
    check_open(&firewall, "after a stop while it started");

    // A start that takes too long, and a helper that ends well when it is told to.
    firewall.drop_in(IMPATIENT_AT_THE_START).unwrap();
    systemctl_at_once(&firewall, "start");
    wait_for(&firewall, "stop-sigterm");
    signal_bus(&firewall, "CONT");
    wait_for(&firewall, "auto-restart");
    assert_eq!(end(&firewall), ["timeout", exited, "0"]);
    check_closed(&mut firewall, &allowed);
}
