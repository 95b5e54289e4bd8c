//! Traffic that a firewall could choke on: malformed packets, bursts, floods while rules change,
//! and connections that wait while others go on.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::net::IpAddr;
use std::time::Duration;

use bastion_tests::{
    As, Destination, Family, Firewall, Internet, Manner, Outcome, Transport, eventually,
    eventually_equal,
};

const PATIENCE: Duration = Duration::from_secs(60);
const PORT: u16 = 7100;
const SETTINGS: &str = "/etc/bastion/settings.toml";

fn boot(purpose: &str) -> Option<Firewall> {
    let mut firewall = Firewall::boot_or_skip(purpose)?;
    let internet = firewall.internet();
    internet.listen(Transport::Tcp, PORT, Manner::Echo).unwrap();
    internet
        .listen(Transport::Udp, PORT, Manner::Silent)
        .unwrap();
    for (name, action) in [("allowed", "allow"), ("denied", "drop")] {
        let program = firewall.program(name).unwrap();
        firewall.add_rule(action, &["--program", &program]).unwrap();
    }
    Some(firewall)
}

fn hosts(firewall: &mut Firewall) -> [IpAddr; 2] {
    let internet: &Internet = firewall.internet();
    [internet.v4(3), internet.v6(3)]
}

fn tcp(address: IpAddr) -> Destination {
    Destination {
        transport: Transport::Tcp,
        address,
        port: PORT,
    }
}

/// Counts, in the machine with the firewall, packets on their way out that begin a flow: those
/// that somebody must have decided about.
fn count_flows_that_leave(firewall: &Firewall) {
    let count = "for t in iptables ip6tables; do
        $t -w -t mangle -A POSTROUTING -o eth0 -m conntrack --ctstate NEW,RELATED -m comment --comment leaves
    done";
    firewall.sandbox().shell(count).unwrap();
}

/// How many have left since, in both families.
fn left(firewall: &Firewall) -> [u64; 2] {
    Family::ALL.map(|family| {
        let list = [
            family.iptables(),
            "-w",
            "-t",
            "mangle",
            "-v",
            "-S",
            "POSTROUTING",
        ];
        let list = firewall.sandbox().run(As::Root, &list).unwrap();
        let rule = list.lines().find(|line| line.contains("leaves")).unwrap();
        let counted = rule.split_once("-c ").unwrap().1;
        counted.split(' ').next().unwrap().parse().unwrap()
    })
}

/// What one of the scripts in tests/net counted.
fn counted(line: &str, what: &str) -> u64 {
    let counts: serde_json::Value = serde_json::from_str(line).unwrap();
    counts.get(what).unwrap().as_u64().unwrap()
}

#[test]
fn malformed_packets_end_nothing_and_none_leaves_undecided() {
    let Some(mut firewall) = boot("malformed") else {
        return;
    };
    let pid = firewall.property("MainPID").unwrap();
    // The status tells of the second setting, and so when both are in force.
    let soon = format!(
        "printf 'version = 1\\nprompt_timeout = 5\\nwhen_down = \"closed\"\\n' >{SETTINGS}"
    );
    firewall.sandbox().shell(&soon).unwrap();
    eventually_equal("the settings", PATIENCE, &"closed".into(), || {
        let status = firewall.status()?;
        Ok(status.get("when_down").cloned().unwrap_or_default())
    })
    .unwrap();
    count_flows_that_leave(&firewall);
    let [v4, v6] = hosts(&mut firewall).map(|host| host.to_string());
    let port = PORT.to_string();
    let script = [
        "python3",
        "/opt/bastion-tests/net/malformed.py",
        &v4,
        "10.77.0.1",
        &v6,
        "fd77::1",
        &port,
    ];
    let sent = firewall.sandbox().run(As::Root, &script).unwrap();
    assert!(counted(&sent, "sent") > 1000, "{sent}");

    // Nobody answers, so in the end nothing waits.
    eventually_equal("the end of what waits", PATIENCE, &[0, 0], || {
        let questions = firewall.counter("questions")?;
        Ok([questions, firewall.counter("waiting_packets")?])
    })
    .unwrap();
    // Most of them were judged; what is no flow by connection tracking is not.
    let status = firewall.status().unwrap();
    let guards = status["safeguard"].as_array().unwrap().iter();
    // So many at once are an overload, in which they are only counted.
    let dropped: u64 = guards.filter_map(|it| it["dropped"].as_u64()).sum();
    let denied = firewall.counter("denied").unwrap();
    assert!(denied + dropped > 300, "{status}");
    assert_eq!(firewall.counter("allowed").unwrap(), 0);
    assert_eq!(left(&firewall), [0, 0], "packets left undecided");
    for address in hosts(&mut firewall) {
        for transport in [Transport::Tcp, Transport::Udp] {
            let internet = firewall.internet();
            let arrived = internet.arrived(transport, address, PORT).unwrap();
            assert_eq!(arrived.connections + arrived.datagrams, 0, "{address}");
        }
    }
    assert_eq!(firewall.property("MainPID").unwrap(), pid, "it has crashed");

    // It still judges; and what is allowed is counted, so the counter counts.
    for address in hosts(&mut firewall) {
        for (name, passes) in [("allowed", true), ("denied", false)] {
            let program = firewall.program(name).unwrap();
            let sent = firewall.send(As::Root, &program, tcp(address), Duration::from_secs(3));
            let sent = sent.unwrap();
            assert_eq!(sent.passed(), passes, "{name} {address}: {sent:?}");
        }
    }
    assert!(left(&firewall).iter().all(|count| *count > 0));
}

#[test]
fn a_burst_of_five_thousand_flows_loses_none() {
    const FLOWS: u64 = 5000;
    let Some(mut firewall) = boot("burst") else {
        return;
    };
    let program = firewall.program("allowed").unwrap();
    for address in hosts(&mut firewall) {
        let [port, count] = [u64::from(PORT), FLOWS].map(|number| number.to_string());
        let script = "/opt/bastion-tests/net/burst.py";
        let command = [&program, script, &address.to_string(), &port, &count];
        let mut burst = firewall
            .sandbox()
            .spawn(As::Background("bob"), &command)
            .unwrap();
        let sent = burst.line_with("sent", PATIENCE).unwrap();
        assert_eq!(counted(&sent, "sent"), FLOWS, "{sent}");
        eventually_equal("datagrams at the other end", PATIENCE, &FLOWS, || {
            let arrived = firewall.internet().arrived(Transport::Udp, address, PORT)?;
            Ok(arrived.datagrams)
        })
        .unwrap();
        assert_eq!(firewall.counter("queue_lost").unwrap(), 0, "{address}");
    }
    // All of them were judged, by the rule for their program.
    eventually_equal("flows in the counters", PATIENCE, &(2 * FLOWS), || {
        firewall.counter("allowed")
    })
    .unwrap();
    assert_eq!(firewall.counter("asked").unwrap(), 0);
}

#[test]
fn what_waits_delays_nobody_and_each_program_is_asked_about() {
    let Some(mut firewall) = boot("waiting") else {
        return;
    };
    let [v4, v6] = hosts(&mut firewall);
    let start = |firewall: &Firewall, name: &str, address| {
        let program = firewall.program(name).unwrap();
        firewall
            .start_sending(As::Background("bob"), &program, tcp(address), PATIENCE)
            .unwrap()
    };
    let mut first = start(&firewall, "first", v4);
    firewall.wait_for_questions(1).unwrap();
    // With a rule: it passes while the other one waits.
    for address in [v4, v6] {
        let allowed = start(&firewall, "allowed", address);
        let outcome = allowed.outcome(PATIENCE).unwrap();
        assert_eq!(outcome, Outcome::Reply("hello".to_owned()), "{address}");
    }
    assert!(first.is_waiting());
    // Without: it gets a question of its own.
    let mut third = start(&firewall, "third", v6);
    firewall.wait_for_questions(2).unwrap();
    assert!(first.is_waiting() && third.is_waiting());
    for (address, connections) in [(v4, 1), (v6, 1)] {
        let arrived = firewall.internet().arrived(Transport::Tcp, address, PORT);
        assert_eq!(arrived.unwrap().connections, connections, "{address}");
    }

    // A rule answers the question it decides, and no other.
    let program = firewall.program("third").unwrap();
    firewall
        .add_rule("allow", &["--program", &program])
        .unwrap();
    assert!(third.outcome(PATIENCE).unwrap().passed());
    firewall.wait_for_questions(1).unwrap();
    assert!(first.is_waiting());
    let program = firewall.program("first").unwrap();
    firewall.add_rule("deny", &["--program", &program]).unwrap();
    let denied = first.outcome(PATIENCE).unwrap();
    assert!(!denied.passed(), "{denied:?}");
    firewall.wait_for_questions(0).unwrap();
    assert_eq!(firewall.counter("waiting_packets").unwrap(), 0);
    assert_eq!(firewall.counter("asked").unwrap(), 2);
}

#[test]
fn no_packet_slips_through_while_rules_are_exchanged() {
    let Some(mut firewall) = boot("exchange") else {
        return;
    };
    count_flows_that_leave(&firewall);
    let program = firewall.program("denied").unwrap();
    let [v4, v6] = hosts(&mut firewall).map(|host| host.to_string());
    let port = PORT.to_string();
    let script = "/opt/bastion-tests/net/flood.py";
    let command = [program.as_str(), script, &port, &v4, &v6];
    let mut flood = firewall.sandbox().spawn(As::Root, &command).unwrap();
    flood.line_with("sent", PATIENCE).unwrap();
    let denied = || (firewall.counter("denied").unwrap() > 0).then_some(());
    eventually("the first packets of the flood", PATIENCE, denied).unwrap();

    for round in 0..10 {
        let when_down = if round % 2 == 0 { "closed" } else { "open" };
        let write = format!("printf 'version = 1\\nwhen_down = \"{when_down}\"\\n' >{SETTINGS}");
        firewall.sandbox().shell(&write).unwrap();
        let wanted = [when_down == "open"; 2];
        eventually_equal("other rules", PATIENCE, &wanted, || {
            let [v4, v6] = Family::ALL.map(|family| firewall.traces(family));
            Ok([v4?, v6?].map(|rules| rules.join("\n").contains("--queue-bypass")))
        })
        .unwrap();
        for family in Family::ALL {
            assert!(firewall.standing(family).unwrap().is_right(), "{family:?}");
        }
    }
    flood.close_input();
    let sent = flood.line_with("sent", PATIENCE).unwrap();
    assert!(counted(&sent, "sent") > 1000, "{sent}");
    assert_eq!(left(&firewall), [0, 0], "of {sent}");
}
