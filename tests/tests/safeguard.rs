//! Safeguard: an overload is a managed experience, in which nothing undecided leaves and nothing that
//! is decided suffers.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::time::Duration;

use bastion_tests::{
    As, Destination, Firewall, Manner, Outcome, Peer, Running, Talker, Transport, Witness,
    eventually,
};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);
/// Where programs with a rule go.
const PORT: u16 = 7300;
/// Where the others go: to so many ports from here on.
const STORM: u16 = 20_000;
const PROGRAMS: u16 = 300;
const ALICE: u32 = 1000;
const SETTINGS: &str = "/etc/bastion/settings.toml";
/// Most memory that a storm may take, in KiB.
const GROWTH: u64 = 32 * 1024;

/// A machine whose user is there to be asked.
struct Scene {
    firewall: Firewall,
    alice: Peer,
    steady: Talker,
    witness: Witness,
}

impl Scene {
    fn set(purpose: &str, settings: &str) -> Option<Self> {
        let mut firewall = Firewall::boot_or_skip(purpose)?;
        let internet = firewall.internet();
        internet.listen(Transport::Tcp, PORT, Manner::Echo).unwrap();
        let steady = firewall.program("steady").unwrap();
        firewall.add_rule("allow", &["--program", &steady]).unwrap();
        let write = format!("printf 'version = 1\\n{settings}' >{SETTINGS}");
        firewall.sandbox().shell(&write).unwrap();
        firewall.systemctl("restart").unwrap();
        firewall.wait_until_judging().unwrap();
        let witness = Witness::start(firewall.internet().sandbox(), "eth0").unwrap();
        let mut alice = Peer::start(firewall.sandbox(), As::Active("alice")).unwrap();
        assert_eq!(alice.register_agent("main").unwrap().word(), "ok");
        let steady = Talker::start(&firewall, As::Background("alice"), &steady).unwrap();
        Some(Self {
            firewall,
            alice,
            steady,
            witness,
        })
    }

    /// For whom it is on, by the status.
    fn guards(&self) -> Vec<Value> {
        let status = self.firewall.status().unwrap();
        status.get("safeguard").unwrap().as_array().unwrap().clone()
    }

    fn wait_until(&self, on: bool) {
        let what = if on { "Safeguard" } else { "its end" };
        let is = || (self.guards().len() == usize::from(on)).then_some(());
        eventually(what, PATIENCE, is).unwrap();
    }

    /// A program with a rule connects, and is served.
    fn serve_steady(&mut self, times: u32) {
        let to = Destination {
            transport: Transport::Tcp,
            address: self.firewall.internet().v4(3),
            port: PORT,
        };
        for time in 0..times {
            let sent = self.steady.send(to, PATIENCE).unwrap();
            assert_eq!(sent, Outcome::Reply("hello".into()), "connection {time}");
        }
    }

    /// Alice's programs, each a file of its own, all connect at once, each to a port of its own.
    fn storm(&mut self) -> Running {
        let to = self.firewall.internet().v4(4);
        let start = format!(
            "for n in $(seq {PROGRAMS}); do {}$n tcp {to} $(({STORM} + n)) 2>/dev/null & done; wait",
            Firewall::sender("storm-")
        );
        let command = ["sh", "-c", &start];
        let sandbox = self.firewall.sandbox();
        sandbox.spawn(As::Background("alice"), &command).unwrap()
    }

    /// Packets that have come out to other ports than that for which there is a rule.
    fn undecided(&mut self) -> u64 {
        let arrived = self.witness.arrived().unwrap();
        let steady: u64 = arrived
            .iter()
            .filter(|it| it.destination_port == PORT)
            .map(|it| it.packets)
            .sum();
        assert!(steady > 0, "what is allowed is not seen: {arrived:?}");
        let others = arrived.iter().filter(|it| it.destination_port >= STORM);
        others.map(|it| it.packets).sum()
    }
}

#[test]
fn an_overload_pauses_what_is_undecided_and_nothing_else() {
    let Some(mut scene) = Scene::set("safeguard", "safeguard_calm = 3\\n") else {
        return;
    };
    let names: Vec<String> = (1..=PROGRAMS).map(|n| format!("storm-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    scene.firewall.make_senders(&names).unwrap();
    let mut storm = scene.storm();
    scene.serve_steady(50);
    scene.wait_until(true);
    let guard = scene.guards().remove(0);
    assert_eq!(guard["user"], ALICE);
    assert_eq!(guard["cause"], "questions");
    scene.serve_steady(50);

    // Its user sees which programs it was.
    let sandbox = scene.firewall.sandbox();
    let show = ["bastionctl", "--json", "safeguard", "show"];
    let shown = sandbox.run(As::Active("alice"), &show).unwrap();
    let shown: Vec<Value> = serde_json::from_str(&shown).unwrap();
    let loud = shown[0]["programs"].as_array().unwrap();
    assert!(loud.len() > 3, "{shown:?}");
    let programs = Firewall::sender("storm-");
    let is_storms = |it: &Value| it["program"].as_str().unwrap().starts_with(&programs);
    assert!(loud.iter().all(is_storms), "{shown:?}");

    // And ends it: what is tried anew is asked about.
    let leave = ["bastionctl", "safeguard", "leave"];
    sandbox.run(As::Active("alice"), &leave).unwrap();
    scene.wait_until(false);
    storm.kill();

    // Another one, until all is calm.
    let mut storm = scene.storm();
    scene.wait_until(true);
    scene.wait_until(false);
    storm.kill();
    scene.serve_steady(10);
    assert_eq!(scene.undecided(), 0, "something undecided has left");

    let journal = scene.firewall.journal().unwrap();
    for words in [
        "Safeguard begins for user 1000: too many questions came at once",
        "because somebody ended it",
        "because all is calm",
    ] {
        assert!(journal.contains(words), "{words:?} is not in:\n{journal}");
    }
    let log = ["log", "--all", "-n", "10000"];
    let log = scene.firewall.ask(&log).unwrap();
    let mut overload = log.as_array().unwrap().iter();
    assert!(overload.any(|event| event["reason"] == "overload"), "{log}");
    drop(scene.alice);
}

/// The helper's memory in KiB: what it uses (`VmRSS`), or has used at the most (`VmHWM`).
fn memory(firewall: &Firewall, field: &str) -> u64 {
    let pid = firewall.property("MainPID").unwrap();
    let read = format!("awk '/^{field}:/ {{ print $2 }}' /proc/{pid}/status");
    let kib = firewall.sandbox().shell(&read).unwrap();
    kib.trim().parse().unwrap()
}

#[test]
fn fifty_thousand_undecided_connections_take_no_memory_and_none_leaves() {
    let Some(mut scene) = Scene::set("storm", "") else {
        return;
    };
    // What the first connections take stays.
    scene.serve_steady(50);
    let firewall = &scene.firewall;
    // Programs with a rule and without, so that all that is kept of a program is there.
    let before = memory(firewall, "VmRSS");
    let pid = firewall.property("MainPID").unwrap();
    let forget = format!("echo 5 >/proc/{pid}/clear_refs");
    firewall.sandbox().shell(&forget).unwrap();

    let to = scene.firewall.internet().v4(5).to_string();
    let (port, count, ports) = (STORM.to_string(), "10000", "500");
    let script = "/opt/bastion-tests/net/burst.py";
    // One after the other: each socket takes a port of its own.
    for _ in 0..5 {
        let command = ["python3", script, &to, &port, count, ports];
        let sandbox = scene.firewall.sandbox();
        let mut burst = sandbox.spawn(As::Background("alice"), &command).unwrap();
        let sent = burst.line_with("sent", PATIENCE).unwrap();
        assert_eq!(sent, "{\"sent\": 10000}");
        burst.kill();
    }
    scene.wait_until(true);
    scene.serve_steady(20);
    let most = memory(&scene.firewall, "VmHWM");
    println!("{before} KiB before, {most} KiB at the most");
    assert!(
        most <= before + GROWTH,
        "{before} KiB before, {most} KiB at the most"
    );
    assert_eq!(
        scene.firewall.property("MainPID").unwrap(),
        pid,
        "it has crashed"
    );
    assert_eq!(scene.undecided(), 0, "something undecided has left");
}
