//! Safeguard: an overload is a managed experience, in which nothing undecided leaves and nothing that
//! is decided suffers; with a user's real window and notification daemon.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use bastion_tests::{
    As, Desktop, Destination, Find, Firewall, Manner, Outcome, Peer, Running, Talker, Transport,
    Witness, eventually,
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

/// A machine with settings, and where its programs go.
struct Machine {
    firewall: Firewall,
    served: Destination,
    storm: IpAddr,
    witness: Option<Witness>,
}

impl Machine {
    fn boot(purpose: &str, settings: &str) -> Option<Self> {
        let mut firewall = Firewall::boot_or_skip(purpose)?;
        let internet = firewall.internet();
        internet.listen(Transport::Tcp, PORT, Manner::Echo).unwrap();
        let served = Destination {
            transport: Transport::Tcp,
            address: internet.v4(3),
            port: PORT,
        };
        let storm = internet.v4(4);
        let steady = firewall.program("steady").unwrap();
        firewall.add_rule("allow", &["--program", &steady]).unwrap();
        write_settings(&firewall, settings);
        firewall.systemctl("restart").unwrap();
        firewall.wait_until_judging().unwrap();
        let witness = Witness::start(firewall.internet().sandbox(), "eth0").unwrap();
        Some(Self {
            firewall,
            served,
            storm,
            witness: Some(witness),
        })
    }
}

fn write_settings(firewall: &Firewall, settings: &str) {
    let write = format!("printf 'version = 1\\n{settings}' >{SETTINGS}");
    firewall.sandbox().shell(&write).unwrap();
}

/// What happens on a machine, on which somebody is there to be asked.
struct Scene<'a> {
    firewall: &'a Firewall,
    served: Destination,
    storm: IpAddr,
    steady: Talker,
    witness: Witness,
}

impl<'a> Scene<'a> {
    fn set(machine: &'a mut Machine) -> Self {
        let firewall = &machine.firewall;
        let steady = firewall.program("steady").unwrap();
        Self {
            firewall,
            served: machine.served,
            storm: machine.storm,
            steady: Talker::start(firewall, As::Background("alice"), &steady).unwrap(),
            witness: machine.witness.take().unwrap(),
        }
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
        for time in 0..times {
            let sent = self.steady.send(self.served, PATIENCE).unwrap();
            assert_eq!(sent, Outcome::Reply("hello".into()), "connection {time}");
        }
    }

    /// Alice's programs, each a file of its own, all connect at once, each to a port of its own.
    fn storm(&self) -> Running {
        let (to, storm) = (self.storm, Firewall::sender("storm-"));
        let start = format!(
            "for n in $(seq {PROGRAMS}); do {storm}$n tcp {to} $(({STORM} + n)) 2>/dev/null & done; wait",
        );
        let command = ["sh", "-c", &start];
        let sandbox = self.firewall.sandbox();
        sandbox.spawn(As::Background("alice"), &command).unwrap()
    }

    /// Ends all of its programs.
    fn end_storm(&self, mut storm: Running) {
        storm.kill();
        let end = format!(
            "for process in /proc/[0-9]*; do
                case $(readlink \"$process/exe\" || true) in
                    {}*) kill -KILL \"${{process#/proc/}}\" || true ;;
                esac
            done",
            Firewall::sender("storm-")
        );
        self.firewall.sandbox().shell(&end).unwrap();
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

    /// How many connections Safeguard dropped each time that it has ended, by the journal.
    fn dropped(&self) -> Vec<String> {
        let journal = self.firewall.journal().unwrap();
        let ends = journal.lines().filter(|it| it.contains("Safeguard ends"));
        ends.filter_map(|line| {
            let before = line.split(" connections were dropped").next()?;
            before.rsplit(' ').next().map(str::to_owned)
        })
        .collect()
    }
}

const ENTERED: (&str, &str) = (
    "Safeguard",
    "Bastion Firewall detected abnormal network activity and has temporarily paused connections to protect your system.",
);

fn left(dropped: &str) -> (String, String) {
    let body = format!(
        "You are asked about connections again. {dropped} connections were dropped meanwhile."
    );
    ("Safeguard Has Ended".into(), body)
}

/// The banner of the window, from the beginning of what it says.
fn banner() -> Find {
    let says = "Safeguard is on. Too many undecided connections came at once. Loudest: storm-";
    Find::containing(says).in_window("Bastion")
}

/// What the desktop was notified of besides questions, once there is so much.
fn notified(desktop: &mut Desktop<'_>, count: usize) -> Vec<(String, String)> {
    let told = eventually("notifications", PATIENCE, || {
        let mut told = desktop.notifications().unwrap();
        told.retain(|it| !it.summary.ends_with(" Wants to Connect"));
        (told.len() >= count).then_some(told)
    });
    let told = told.unwrap().into_iter();
    told.map(|it| (it.summary, it.body)).collect()
}

/// Checks that the window says why, and names three of the programs.
fn check_banner(desktop: &mut Desktop<'_>) {
    let shown = desktop.wait_for(&banner(), PATIENCE).unwrap();
    assert!(shown.is("showing"), "{shown:?}");
    let (_, loudest) = shown.name.split_once("Loudest: ").unwrap();
    let loudest = loudest.split(" and ").next().unwrap();
    let named: BTreeSet<&str> = loudest.split(", ").collect();
    assert_eq!(named.len(), 3, "{shown:?}");
    let is_storms = |name: &&str| name.strip_prefix("storm-")?.parse::<u16>().ok();
    assert!(named.iter().all(|it| is_storms(it).is_some()), "{shown:?}");
    let resume = Find::button("Resume").in_window("Bastion");
    assert!(desktop.wait(&resume).unwrap().is("showing"));
}

#[test]
fn an_overload_pauses_what_is_undecided_and_nothing_else() {
    let Some(mut machine) = Machine::boot("safeguard", "safeguard_calm = 60\\n") else {
        return;
    };
    let names: Vec<String> = (1..=PROGRAMS).map(|n| format!("storm-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    machine.firewall.make_senders(&names).unwrap();
    let mut scene = Scene::set(&mut machine);
    let mut desktop = Desktop::start(scene.firewall.sandbox(), "alice").unwrap();
    desktop.spawn(&["bastion"], "/tmp/bastion.log").unwrap();
    let well = Find::name("Protection Is On").in_window("Bastion");
    desktop.wait_for(&well, PATIENCE).unwrap();

    let storm = scene.storm();
    scene.serve_steady(50);
    scene.wait_until(true);
    let guard = scene.guards().remove(0);
    assert_eq!(guard["user"], ALICE);
    assert_eq!(guard["cause"], "questions");
    scene.serve_steady(50);
    check_banner(&mut desktop);
    let entered = (ENTERED.0.to_owned(), ENTERED.1.to_owned());
    let mut told = vec![entered.clone()];
    assert_eq!(notified(&mut desktop, 1), told);

    // The same on the command line.
    let show = ["bastionctl", "--json", "safeguard", "show"];
    let shown = desktop.output(&show).unwrap().stdout;
    let shown: Vec<Value> = serde_json::from_str(&shown).unwrap();
    let loud = shown[0]["programs"].as_array().unwrap();
    assert!(loud.len() > 3, "{shown:?}");
    let programs = Firewall::sender("storm-");
    let is_storms = |it: &Value| it["program"].as_str().unwrap().starts_with(&programs);
    assert!(loud.iter().all(is_storms), "{shown:?}");

    // While it rages, Safeguard would begin again at once.
    scene.end_storm(storm);
    let resume = Find::button("Resume").in_window("Bastion");
    desktop.press(&resume).unwrap();
    scene.wait_until(false);
    desktop.wait_gone(&resume, PATIENCE).unwrap();
    desktop.wait_for(&well, PATIENCE).unwrap();
    told.push(left(&scene.dropped()[0]));
    assert_eq!(notified(&mut desktop, 2), told);

    // Another one, until all is calm.
    write_settings(scene.firewall, "safeguard_calm = 3\\n");
    let storm = scene.storm();
    scene.wait_until(true);
    check_banner(&mut desktop);
    scene.serve_steady(20);
    scene.wait_until(false);
    desktop.wait_gone(&resume, PATIENCE).unwrap();
    scene.end_storm(storm);
    told.extend([entered, left(&scene.dropped()[1])]);
    assert_eq!(notified(&mut desktop, 4), told);
    assert_eq!(scene.undecided(), 0, "something undecided has left");
    check_records(scene.firewall);
}

/// What journal and log have of both.
fn check_records(firewall: &Firewall) {
    let journal = firewall.journal().unwrap();
    for words in [
        "Safeguard begins for user 1000: too many questions came at once",
        "because somebody ended it",
        "because all is calm",
    ] {
        assert!(journal.contains(words), "{words:?} is not in:\n{journal}");
    }
    let log = ["log", "--all", "-n", "10000"];
    let log = firewall.ask(&log).unwrap();
    let mut overload = log.as_array().unwrap().iter();
    assert!(overload.any(|event| event["reason"] == "overload"), "{log}");
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
    let Some(mut machine) = Machine::boot("storm", "") else {
        return;
    };
    let burst = machine.firewall.internet().v4(5);
    let mut alice = Peer::start(machine.firewall.sandbox(), As::Active("alice")).unwrap();
    assert_eq!(alice.register_agent("main").unwrap().word(), "ok");
    let mut scene = Scene::set(&mut machine);
    // What the first connections take stays.
    scene.serve_steady(50);
    let firewall = scene.firewall;
    // Programs with a rule and without, so that all that is kept of a program is there.
    let before = memory(firewall, "VmRSS");
    let pid = firewall.property("MainPID").unwrap();
    let forget = format!("echo 5 >/proc/{pid}/clear_refs");
    firewall.sandbox().shell(&forget).unwrap();

    let to = burst.to_string();
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
    let most = memory(firewall, "VmHWM");
    println!("{before} KiB before, {most} KiB at the most");
    assert!(
        most <= before + GROWTH,
        "{before} KiB before, {most} KiB at the most"
    );
    assert_eq!(firewall.property("MainPID").unwrap(), pid, "it has crashed");
    assert_eq!(scene.undecided(), 0, "something undecided has left");
}
