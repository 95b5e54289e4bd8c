//! What the kernel or the system refuses to the kernel programs: the firewall works without them,
//! and status, journal and window say so.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use bastion_tests::{
    As, Desktop, Destination, Family, Find, Firewall, Manner, Outcome, Talker, Transport,
    eventually_equal,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// How long an answer is waited for that must not come.
const LONG_ENOUGH: Duration = Duration::from_secs(2);
const BOB: As<'static> = As::Background("bob");
/// Ports of the program that is allowed, of the one that is denied, of the one without a rule.
const ALLOWED: u16 = 7300;
const DENIED: u16 = 7301;
const UNDECIDED: u16 = 7302;

/// Beginnings of the sentences about what is missing.
const NO_PROGRAMS: &str = "Bastion's kernel programs are not used:";
const NO_SENDERS: &str = "Programs are identified through the socket tables:";
const NO_PASSES: &str = "iptables can't ask Bastion's kernel program,";

/// A way to refuse something, and what is left.
struct Case {
    name: &'static str,
    /// Lines of the service's unit.
    drop_in: &'static str,
    /// Run in the machine while the service is stopped, before and after it does without.
    take: &'static str,
    give_back: &'static str,
    /// Words for what is still attached.
    hooks: &'static [&'static str],
    /// How each of the troubles begins, and a part of the reason it gives.
    troubles: &'static [(&'static str, &'static str)],
}

const NO_RIGHT: Case = Case {
    name: "no-right",
    // The unit's list without these.
    drop_in: "[Service]\nCapabilityBoundingSet=~CAP_BPF CAP_PERFMON",
    take: "true",
    give_back: "true",
    hooks: &[],
    troubles: &[(NO_PROGRAMS, "Operation not permitted")],
};

const NO_MATCH: Case = Case {
    name: "no-match",
    drop_in: "[Service]\nInaccessiblePaths=/usr/lib/x86_64-linux-gnu/xtables/libxt_bpf.so",
    take: "test -e /usr/lib/x86_64-linux-gnu/xtables/libxt_bpf.so",
    give_back: "true",
    hooks: &["processes", "names"],
    troubles: &[(NO_PASSES, "bpf"), (NO_SENDERS, "bastion_queued_kprobe")],
};

const NO_TYPES: Case = Case {
    name: "no-types",
    drop_in: "[Service]\nInaccessiblePaths=/sys/kernel/btf",
    take: "test -e /sys/kernel/btf/vmlinux",
    give_back: "true",
    hooks: &[],
    troubles: &[(NO_PROGRAMS, "/sys/kernel/btf/vmlinux")],
};

const NO_PINS: Case = Case {
    name: "no-pins",
    drop_in: "[Service]",
    take: "umount -R /sys/fs/bpf; ! mountpoint -q /sys/fs/bpf",
    give_back: "mount -t bpf -o mode=700 bpf /sys/fs/bpf",
    hooks: &["processes", "names"],
    troubles: &[
        (NO_PASSES, "/sys/fs/bpf is no BPF file system"),
        (NO_SENDERS, "bastion_queued_kprobe"),
    ],
};

/// A machine whose firewall does without what the case refuses.
fn boot(case: &Case) -> Option<Firewall> {
    let mut firewall = Firewall::boot_or_skip(case.name)?;
    for port in [ALLOWED, DENIED, UNDECIDED] {
        for transport in [Transport::Tcp, Transport::Udp] {
            let internet = firewall.internet();
            internet.listen(transport, port, Manner::Echo).unwrap();
        }
    }
    check_whole(&firewall);
    firewall.drop_in(case.drop_in).unwrap();
    firewall.systemctl("stop").unwrap();
    firewall.sandbox().shell(case.take).unwrap();
    firewall.systemctl("start").unwrap();
    firewall.wait_until_judging().unwrap();
    Some(firewall)
}

/// Both families, both protocols.
fn destinations(firewall: &mut Firewall, port: u16) -> [Destination; 4] {
    let internet = firewall.internet();
    let [v4, v6] = [internet.v4(4), internet.v6(4)];
    let to = |transport, address| Destination {
        transport,
        address,
        port,
    };
    [
        to(Transport::Tcp, v4),
        to(Transport::Tcp, v6),
        to(Transport::Udp, v4),
        to(Transport::Udp, v6),
    ]
}

/// What has come to a port: connections or datagrams, by destination.
fn arrived(firewall: &mut Firewall, port: u16) -> [u64; 4] {
    destinations(firewall, port).map(|to| {
        let internet = firewall.internet();
        let arrived = internet.arrived(to.transport, to.address, to.port).unwrap();
        arrived.connections + arrived.datagrams
    })
}

/// What the log should have of a flow.
type Logged = (String, u64, &'static str, String, u64);

fn logged(path: &str, pid: u64, verdict: &'static str, to: Destination) -> Logged {
    let destination = format!("{:?} {}", to.transport, to.address).to_lowercase();
    (path.to_owned(), pid, verdict, destination, to.port.into())
}

/// What the log has of flows to our ports.
fn log(firewall: &Firewall) -> BTreeSet<Logged> {
    let events = firewall.ask(&["log", "--all", "-n", "1000"]).unwrap();
    let text = |event: &serde_json::Value, field| event[field].as_str().unwrap().to_owned();
    let number = |event: &serde_json::Value, field| event[field].as_u64().unwrap();
    let events = events.as_array().unwrap().iter();
    events
        .filter(|event| (7300..7310).contains(&number(event, "destination_port")))
        .map(|event| {
            let verdict = match event["verdict"].as_str().unwrap() {
                "allow" => "allow",
                "deny" => "deny",
                _ => "something else",
            };
            let to = [text(event, "protocol"), text(event, "destination")].join(" ");
            let port = number(event, "destination_port");
            (
                text(event, "program"),
                number(event, "pid"),
                verdict,
                to,
                port,
            )
        })
        .collect()
}

/// Checks that a program with an allowing rule passes, one with a denying rule does not, one
/// without waits until there is a rule for it; and that the log has the very processes.
fn check_judging(firewall: &mut Firewall, when: &str) {
    firewall.internet().forget().unwrap();
    let before = log(firewall);
    let mut expected = BTreeSet::new();
    for (action, port) in [("allow", ALLOWED), ("deny", DENIED)] {
        let program = firewall.program(&format!("{action}-{when}")).unwrap();
        let rule = ["--program", program.as_str()];
        firewall.add_rule(action, &rule).unwrap();
        let mut talker = Talker::start(firewall, BOB, &program).unwrap();
        for to in destinations(firewall, port) {
            let allowed = action == "allow";
            let patience = if allowed { PATIENCE } else { LONG_ENOUGH };
            let outcome = talker.send(to, patience).unwrap();
            match action {
                "allow" => assert_eq!(outcome, Outcome::Reply("hello".to_owned()), "{when} {to:?}"),
                _ => assert!(!outcome.passed(), "{when} {to:?}: {outcome:?}"),
            }
            expected.insert(logged(&program, talker.pid(), action, to));
        }
    }
    assert_eq!(arrived(firewall, ALLOWED), [1; 4], "{when}");
    assert_eq!(arrived(firewall, DENIED), [0; 4], "{when}");

    let program = firewall.program(&format!("undecided-{when}")).unwrap();
    let mut waiting = Vec::new();
    for to in destinations(firewall, UNDECIDED) {
        let mut talker = Talker::start(firewall, BOB, &program).unwrap();
        talker.begin(to, PATIENCE).unwrap();
        expected.insert(logged(&program, talker.pid(), "allow", to));
        waiting.push(talker);
    }
    firewall.wait_for_questions(4).unwrap();
    for talker in &mut waiting {
        talker.waits().unwrap();
    }
    assert_eq!(arrived(firewall, UNDECIDED), [0; 4], "{when}");
    let rule = ["--program", program.as_str()];
    firewall.add_rule("allow", &rule).unwrap();
    for talker in &mut waiting {
        let outcome = talker.outcome(PATIENCE).unwrap();
        assert_eq!(outcome, Outcome::Reply("hello".to_owned()), "{when}");
    }
    assert_eq!(arrived(firewall, UNDECIDED), [1; 4], "{when}");

    eventually_equal("what was decided, in the log", PATIENCE, &expected, || {
        Ok(log(firewall).difference(&before).cloned().collect())
    })
    .unwrap();
}

fn check_rules(firewall: &Firewall) {
    for family in Family::ALL {
        let standing = firewall.standing(family).unwrap();
        assert!(standing.is_right(), "{family:?}: {standing:#?}");
    }
}

fn hooks(firewall: &Firewall) -> Vec<String> {
    let hooks = firewall.status().unwrap()["hooks"].clone();
    serde_json::from_value(hooks).unwrap()
}

/// Checks that nothing is missing.
fn check_whole(firewall: &Firewall) {
    assert_eq!(firewall.troubles().unwrap(), Vec::<String>::new());
    let status = firewall.status().unwrap();
    assert_eq!(status["identification"], "packet-path");
    assert_eq!(hooks(firewall), ["iptables", "processes", "names"]);
    check_rules(firewall);
}

/// Checks what the status says is missing, and that the journal says the same.
fn check_told(firewall: &Firewall, case: &Case) {
    let status = firewall.status().unwrap();
    assert_eq!(status["identification"], "socket-table", "{status:#}");
    assert_eq!(hooks(firewall), case.hooks);
    let troubles = firewall.troubles().unwrap();
    assert_eq!(troubles.len(), case.troubles.len(), "{troubles:#?}");
    let journal = firewall.journal().unwrap();
    for (trouble, (sentence, why)) in troubles.iter().zip(case.troubles) {
        assert!(trouble.starts_with(sentence), "{trouble}");
        let (sentence, reason) = trouble.split_once(" The reason: ").unwrap();
        assert!(reason.contains(why), "{trouble}");
        let warning = format!("{sentence} {}", reason.strip_suffix('.').unwrap());
        let lines = journal.lines().filter(|line| line.contains(&warning));
        assert_eq!(lines.count(), 1, "“{warning}” in {journal}");
    }
}

/// Checks that the firewall judges without, and says that it has to; and that all is well again
/// once nothing is refused any more.
fn check(case: &Case, firewall: &mut Firewall) {
    check_told(firewall, case);
    check_rules(firewall);
    check_judging(firewall, "without");
    // Nothing else was found missing on the way.
    check_told(firewall, case);

    firewall.drop_in("[Service]").unwrap();
    firewall.systemctl("stop").unwrap();
    firewall.sandbox().shell(case.give_back).unwrap();
    firewall.systemctl("start").unwrap();
    firewall.wait_until_judging().unwrap();
    check_whole(firewall);
    check_judging(firewall, "whole");
}

#[test]
fn without_the_right_to_load_programs_all_is_told_and_judged() {
    let Some(mut firewall) = boot(&NO_RIGHT) else {
        return;
    };
    check_window(&firewall);
    check(&NO_RIGHT, &mut firewall);
}

#[test]
fn without_iptables_bpf_match_all_is_told_and_judged() {
    let Some(mut firewall) = boot(&NO_MATCH) else {
        return;
    };
    check(&NO_MATCH, &mut firewall);
}

#[test]
fn without_the_kernels_type_information_all_is_told_and_judged() {
    let Some(mut firewall) = boot(&NO_TYPES) else {
        return;
    };
    check(&NO_TYPES, &mut firewall);
}

#[test]
fn without_a_file_system_for_pins_all_is_told_and_judged() {
    let Some(mut firewall) = boot(&NO_PINS) else {
        return;
    };
    check(&NO_PINS, &mut firewall);
}

/// Checks that the window tells of the trouble in its banner, and of the way programs are
/// identified on its first page.
fn check_window(firewall: &Firewall) {
    let mut desktop = Desktop::start(firewall.sandbox(), "alice").unwrap();
    desktop.spawn(&["bastion"], "/tmp/bastion.log").unwrap();
    let row = "Programs are identified through socket tables";
    for text in [row, NO_PROGRAMS] {
        let shown = Find::containing(text).in_window("Bastion");
        let shown = desktop.wait_for(&shown, PATIENCE).unwrap();
        assert!(shown.is("showing"), "{shown:?}");
    }
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/reports");
    let file = directory.join("degraded-overview.png");
    desktop.resize("Bastion", 900, 1000).unwrap();
    desktop.screenshot(Some("Bastion"), &file).unwrap();
}
