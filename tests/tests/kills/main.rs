//! A helper that is killed again and again, at whatever moment: others' rules and its own stand as
//! they should, nothing that is denied leaves, and no file is damaged.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

mod changes;
mod killer;
mod random;

use std::time::{Duration, Instant};

use bastion_tests::{
    As, Destination, Family, Firewall, Manner, Running, Standing, Transport, Witness, eventually,
};

use changes::{Changes, RULES};
use killer::Killer;
use random::Random;

const PATIENCE: Duration = Duration::from_secs(60);
const KILLS: usize = 200;
const ALLOWED: u16 = 7500;
const DENIED: u16 = 7501;
const SETTINGS: &str = "/etc/bastion/settings.toml";
/// systemd shall not wait five seconds before each of many restarts, nor keep what was killed.
const SOON: &str = "[Service]\nRestartSec=20ms\nLimitCORE=0";
/// Rules by which a file takes long enough to write that a kill can hit that moment.
const MANY: usize = 500;

/// Rules of other people, around ours.
const OTHERS: &str = r#"
    for t in iptables ip6tables; do
        $t -w -t mangle -I OUTPUT 1 -p tcp --dport 9 -m comment --comment "somebody first" -j DROP
        $t -w -t mangle -I OUTPUT 3 -p udp --dport 9 -m comment --comment "somebody between" -j MARK --set-mark 7
        $t -w -t mangle -A OUTPUT -p sctp -m comment --comment "somebody, not BASTION_BYPASS" -j ACCEPT
    done"#;

/// A firewall that lets nothing new leave while it is down, with rules for the programs `allowed`
/// and `denied`, rules of other people, and many rules.
fn boot(purpose: &str) -> Option<Firewall> {
    let mut firewall = Firewall::boot_or_skip(purpose)?;
    for port in [ALLOWED, DENIED] {
        let internet = firewall.internet();
        internet.listen(Transport::Udp, port, Manner::Echo).unwrap();
    }
    firewall.drop_in(SOON).unwrap();
    let many: String = (0..MANY)
        .map(|n| {
            let [name, program] = [format!("Filler {n}"), format!("/usr/bin/filler-{n}")];
            format!("\n[[rule]]\nname = \"{name}\"\naction = \"deny\"\nprogram = \"{program}\"\n")
        })
        .collect();
    let (host, inside) = firewall.sandbox().shared_directory().unwrap();
    std::fs::write(host.join("many.toml"), many).unwrap();
    let edit = format!(
        "cat {inside}/many.toml >>{RULES}
         printf 'version = 1\\nwhen_down = \"closed\"\\n' >{SETTINGS}
         {OTHERS}"
    );
    firewall.sandbox().shell(&edit).unwrap();
    firewall.systemctl("restart").unwrap();
    for (name, action) in [("allowed", "allow"), ("denied", "deny")] {
        let program = firewall.program(name).unwrap();
        let options = ["--name", name, "--program", &program];
        firewall.add_rule(action, &options).unwrap();
    }
    let names = firewall.rule_names().unwrap();
    assert!(names.contains(&format!("Filler {}", MANY - 1)));
    assert_eq!(firewall.troubles().unwrap(), Vec::<String>::new());
    Some(firewall)
}

fn destinations(firewall: &mut Firewall, port: u16) -> [Destination; 2] {
    let internet = firewall.internet();
    [internet.v4(6), internet.v6(6)].map(|address| Destination {
        transport: Transport::Udp,
        address,
        port,
    })
}

/// Datagrams that have reached a port of the internet, over both families.
fn arrived(firewall: &mut Firewall, port: u16) -> u64 {
    let arrived = destinations(firewall, port).map(|to| {
        let internet = firewall.internet();
        let arrived = internet.arrived(to.transport, to.address, to.port);
        arrived.unwrap().datagrams
    });
    arrived.iter().sum()
}

/// A program that sends all the time, and its process number.
fn traffic(firewall: &mut Firewall, name: &str, port: u16) -> (Running, u64) {
    let program = firewall.program(name).unwrap();
    let [v4, v6] = destinations(firewall, port).map(|to| to.address.to_string());
    let port = port.to_string();
    let script = "/opt/bastion-tests/net/steady.py";
    let command = [program.as_str(), script, &port, "0.005", &v4, &v6];
    let mut running = firewall.sandbox().spawn(As::Root, &command).unwrap();
    let pid = told(&running.line_with("pid", PATIENCE).unwrap(), "pid");
    (running, pid)
}

fn told(line: &str, what: &str) -> u64 {
    let said: serde_json::Value = serde_json::from_str(line).unwrap();
    said[what].as_u64().unwrap()
}

/// How much it has sent, now that it ends.
fn sent(mut traffic: Running) -> u64 {
    traffic.close_input();
    told(&traffic.line_with("sent", PATIENCE).unwrap(), "sent")
}

#[test]
fn two_hundred_kills_double_no_rule_let_nothing_through_and_damage_no_file() {
    let Some(mut firewall) = boot("kills") else {
        return;
    };
    let mut random = Random::seeded("BASTION_KILLS_SEED");
    let others = Family::ALL.map(|family| firewall.standing(family).unwrap().others);
    assert_eq!(others.each_ref().map(Vec::len), [3, 3]);
    let names = firewall.rule_names().unwrap();
    let mut witness = Witness::start(firewall.internet().sandbox(), "eth0").unwrap();
    let (allowed, _) = traffic(&mut firewall, "allowed", ALLOWED);
    let (denied, denied_pid) = traffic(&mut firewall, "denied", DENIED);

    let began = Instant::now();
    let changes = Changes::prepare(&firewall, "Filler 0");
    let mut killer = Killer::new(firewall.sandbox(), &others, denied_pid);
    changes.while_changing(firewall.sandbox(), || {
        while killer.kills() < KILLS {
            killer.kill(&mut random);
        }
        killer.settle();
    });
    let [took, kills] = [format!("{:?}", began.elapsed()), killer.summary()];

    let (allowed, denied) = (sent(allowed), sent(denied));
    let came = arrived(&mut firewall, ALLOWED);
    println!("{kills} in {took}; of {allowed} allowed datagrams {came} came, of {denied} denied 0");
    println!("{}", changes.summary());
    assert!(came > 100, "{came} of {allowed}");
    assert!(denied > 100);
    assert_eq!(arrived(&mut firewall, DENIED), 0);
    let seen = witness.arrived().unwrap();
    let leaked: Vec<_> = seen
        .iter()
        .filter(|packets| packets.destination_port == DENIED)
        .collect();
    assert!(leaked.is_empty(), "{leaked:?}");
    assert!(
        seen.iter()
            .any(|packets| packets.destination_port == ALLOWED)
    );

    changes.check();
    assert_eq!(firewall.rule_names().unwrap(), names);
    assert_eq!(firewall.troubles().unwrap(), Vec::<String>::new());
    for family in Family::ALL {
        let standing = firewall.standing(family).unwrap();
        assert_eq!(standing.ours, Standing::WANTED, "{family:?}");
    }
    check_judging(&mut firewall);
}

/// Checks that what is allowed comes through and what is denied does not, and that it would have
/// been seen: it comes through once the firewall is stopped.
fn check_judging(firewall: &mut Firewall) {
    let wait = Duration::from_secs(1);
    let [to, _] = destinations(firewall, ALLOWED);
    let allowed = firewall.program("allowed").unwrap();
    let outcome = firewall.send(As::Root, &allowed, to, PATIENCE).unwrap();
    assert!(outcome.passed(), "{outcome:?}");
    let [to, _] = destinations(firewall, DENIED);
    let denied = firewall.program("denied").unwrap();
    let outcome = firewall.send(As::Root, &denied, to, wait).unwrap();
    assert!(!outcome.passed(), "{outcome:?}");
    firewall.systemctl("stop").unwrap();
    let passes = || {
        let outcome = firewall.send(As::Root, &denied, to, wait).unwrap();
        outcome.passed().then_some(())
    };
    eventually("a denied program that nobody denies", PATIENCE, passes).unwrap();
    assert!(arrived(firewall, DENIED) > 0);
}
