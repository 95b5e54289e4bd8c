//! Two thousand programs, two hundred at a time, each a file of its own that lives for ten
//! connections.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use bastion_tests::{Acceptor, As, Firewall, built, eventually_equal, keep_report};
use serde::Deserialize;

use super::table::Event;

const PROGRAMS: u64 = 2_000;
const AT_ONCE: u64 = 200;
const CONNECTIONS: u64 = 10;
const ALL: u64 = PROGRAMS * CONNECTIONS;
/// Program N connects to the address that comes so far after this one.
const NETWORK: [u8; 4] = [198, 18, 0, 0];
const PORT: u16 = 7200;
/// Where the programs lie; each is called by its number.
const DIRECTORY: &str = "/opt/bastion-crowd";
/// Longer than any machine should need.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the launcher says of a program it has started.
#[derive(Deserialize)]
struct Started {
    member: u32,
    pid: u32,
}

/// Program, process and destination of connections.
type Connections = BTreeMap<(String, u32, String), u64>;

fn address(member: u32) -> String {
    let network = u32::from_be_bytes(NETWORK);
    std::net::Ipv4Addr::from(network + member).to_string()
}

fn copy_programs(firewall: &Firewall) {
    let member = built("member").unwrap();
    let script = format!(
        "import os, shutil\nos.makedirs('{DIRECTORY}')\n\
         for n in range({PROGRAMS}): shutil.copy('{member}', f'{DIRECTORY}/{{n}}')"
    );
    let copy = ["python3", "-c", &script];
    firewall.sandbox().run(As::Root, &copy).unwrap();
}

/// Runs them all; gives what should be logged.
fn run_programs(firewall: &Firewall) -> Connections {
    let numbers = [PROGRAMS, AT_ONCE].map(|number| number.to_string());
    let [network, port] = [address(0), PORT.to_string()];
    let connections = CONNECTIONS.to_string();
    let crowd = built("crowd").unwrap();
    let command = [
        &crowd,
        DIRECTORY,
        &numbers[0],
        &numbers[1],
        &network,
        &port,
        &connections,
    ];
    let mut running = firewall.sandbox().spawn(As::Root, &command).unwrap();
    let done = running.finish(PATIENCE).unwrap();
    if !done.success() {
        // The log says more about it.
        eprintln!("the crowd: {}", done.stderr);
    }
    let started = done.stdout.lines().map(|line| {
        let Started { member, pid } = serde_json::from_str(line).unwrap();
        let program = format!("{DIRECTORY}/{member}");
        ((program, pid, address(member)), CONNECTIONS)
    });
    started.collect()
}

fn logged(firewall: &Firewall) -> Vec<Event> {
    let log = firewall.ask(&["log", "--all", "-n", "1000000"]).unwrap();
    let all: Vec<Event> = serde_json::from_value(log).unwrap();
    let of_crowd = |event: &Event| event.destination_port == PORT;
    all.into_iter().filter(of_crowd).collect()
}

fn connections(events: &[Event]) -> Connections {
    let mut found = Connections::new();
    for event in events {
        let key = (
            event.program.clone(),
            event.pid,
            event.destination.to_string(),
        );
        *found.entry(key).or_default() += event.count;
    }
    found
}

/// What the status says of decisions that are not in the log.
pub fn troubles_of_loss(firewall: &Firewall) -> Vec<String> {
    let mut troubles = firewall.troubles().unwrap();
    troubles.retain(|trouble| trouble.contains("faster than they could be logged"));
    troubles
}

/// One line for each, in an order in which two files can be compared.
fn listing(connections: &Connections) -> String {
    let mut text = String::new();
    for ((program, pid, to), count) in connections {
        let _ = writeln!(text, "{program}\t{pid}\t{to}\t{count}");
    }
    text
}

#[test]
fn twenty_thousand_connections_of_short_lived_programs_are_attributed() {
    let Some(mut firewall) = Firewall::boot_or_skip("crowd") else {
        return;
    };
    copy_programs(&firewall);
    let any = ["--name", "crowd", "--program", "any", "--protocol", "tcp"];
    firewall.add_rule("allow", &any).unwrap();
    let internet = firewall.internet().sandbox();
    let every = format!("ip route add local {}/16 dev lo", address(0));
    internet.shell(&every).unwrap();
    let mut acceptor = Acceptor::start(internet, PORT).unwrap();

    let expected = run_programs(&firewall);
    let wanted = keep_report("crowd-expected.tsv", &listing(&expected)).unwrap();
    let mut seen = Vec::new();
    let complete = eventually_equal(
        "decisions in the log",
        Duration::from_secs(20),
        &ALL,
        || {
            seen = logged(&firewall);
            Ok(seen.iter().map(|event| event.count).sum())
        },
    );
    let found = connections(&seen);
    let got = keep_report("crowd-seen.tsv", &listing(&found)).unwrap();

    // Nothing was lost on the way: not in the queue, not between queue and log, not on the wire.
    let lost: Vec<_> = troubles_of_loss(&firewall);
    let unknown: u64 = found
        .iter()
        .filter(|((program, ..), _)| !program.starts_with(DIRECTORY))
        .map(|(_, count)| count)
        .sum();
    let wrong: Vec<_> = found
        .iter()
        .filter(|(key, count)| expected.get(*key) != Some(*count))
        .collect();
    let right: u64 = found
        .iter()
        .filter(|(key, _)| expected.contains_key(*key))
        .map(|(_, count)| count)
        .sum();
    let arrived = u64::try_from(acceptor.arrivals().unwrap().len()).unwrap();
    let summary = format!(
        "{right} of {ALL} connections attributed to their programs, {unknown} to none of them; \
         {arrived} arrived; lost: {lost:?}"
    );
    println!("{summary}");
    assert!(
        found == expected,
        "{summary}\nwrong in {} (compare with {}), at first: {:#?}",
        got.display(),
        wanted.display(),
        wrong.iter().take(10).collect::<Vec<_>>()
    );
    complete.unwrap();
    assert_eq!(arrived, ALL, "{summary}");
    assert_eq!(firewall.counter("queue_lost").unwrap(), 0);
    assert!(lost.is_empty(), "{summary}");
    assert!(
        seen.iter()
            .all(|event| event.verdict == "allow" && event.rule_name == "crowd")
    );
}
