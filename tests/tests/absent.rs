//! What Bastion relies on and is not there: polkit, iptables, a rules file that makes sense, somebody
//! to ask. Status, window and journal say so and what to do, and the firewall goes on deciding.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

use std::time::{Duration, Instant};

use bastion_tests::{
    As, Desktop, Destination, Family, Find, Firewall, Manner, Talker, Transport, eventually,
    eventually_equal,
};

const PATIENCE: Duration = Duration::from_secs(60);
const PORT: u16 = 7000;
const RULES: &str = "/etc/bastion/rules.toml";
const SETTINGS: &str = "/etc/bastion/settings.toml";
/// It shall not be waited for five seconds before each try.
const SOON: &str = "[Service]\nRestartSec=500ms\nWatchdogSec=10s";
/// How long the bus is silent: longer than the watchdog's patience, and than agents are given.
const SILENCE: Duration = Duration::from_secs(30);

/// Ways to take polkit away, and to bring it back.
const POLKIT: [(&str, &str, &str); 2] = [
    (
        "stopped for good",
        "systemctl mask --runtime polkit.service; systemctl stop polkit.service",
        "systemctl unmask --runtime polkit.service; systemctl start polkit.service",
    ),
    (
        "not installed",
        "mv /usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service /var/tmp/
         systemctl reload dbus.service; systemctl stop polkit.service",
        "mv /var/tmp/org.freedesktop.PolicyKit1.service /usr/share/dbus-1/system-services/
         systemctl reload dbus.service; systemctl start polkit.service",
    ),
];
const NO_POLKIT: &str = "polkit can't be asked, so nobody may see more, change anything or answer questions; connections are decided by the rules as before. See that the package polkitd is installed";

/// Asks for the status, and lets nobody be asked for a password.
const ASK_AT_ONCE: [&str; 7] = [
    "busctl",
    "--allow-interactive-authorization=no",
    "call",
    "org.bastionfirewall.Helper1",
    "/org/bastionfirewall/Helper1",
    "org.bastionfirewall.Helper1.Control",
    "GetStatus",
];

const TAKE_IPTABLES: &str =
    "mkdir /var/tmp/iptables; mv /usr/sbin/iptables* /usr/sbin/ip6tables* /var/tmp/iptables/";
const GIVE_IPTABLES: &str = "mv /var/tmp/iptables/* /usr/sbin/; rmdir /var/tmp/iptables";
const NO_IPTABLES: &str =
    "iptables-save is neither in /usr/sbin nor in /sbin; install the package iptables";

/// A firewall with a window before it.
struct Scene<'a> {
    firewall: &'a Firewall,
    to: Destination,
    desktop: Desktop<'a>,
}

impl Scene<'_> {
    fn run(&self, script: &str) {
        self.firewall.sandbox().shell(script).unwrap();
    }

    /// Checks on real traffic that rules decide.
    fn check_judging(&self, when: &str) {
        for (name, passes) in [("allowed", true), ("denied", false)] {
            let program = self.firewall.program(name).unwrap();
            let sent = self.firewall.send(As::Root, &program, self.to, PATIENCE);
            assert_eq!(sent.unwrap().passed(), passes, "{name} {when}");
        }
    }

    /// How many connections of a program the log has.
    fn logged(&self, name: &str) -> u64 {
        let program = self.firewall.program(name).unwrap();
        let log = ["log", "--all", "-n", "1000", "--text", &program];
        let log = self.firewall.ask(&log).unwrap();
        let counts = log.as_array().unwrap().iter();
        counts.filter_map(|event| event["count"].as_u64()).sum()
    }

    fn check_journal(&self, says: &str) {
        let told = || {
            self.firewall
                .journal()
                .unwrap()
                .contains(says)
                .then_some(())
        };
        eventually(&format!("“{says}” in the journal"), PATIENCE, told).unwrap();
    }

    fn shows(&mut self, text: &str) {
        let shown = Find::containing(text).in_window("Bastion");
        let shown = self.desktop.wait_for(&shown, PATIENCE).unwrap();
        assert!(shown.is("showing"), "{shown:?}");
    }

    /// Waits until the window shows that nothing is wrong.
    fn shows_no_more(&mut self, text: &str) {
        // The banner itself keeps its name while it is hidden.
        let gone = Find::role("label").saying(text).in_window("Bastion");
        self.desktop.wait_gone(&gone, PATIENCE).unwrap();
        self.shows("Protection Is On");
    }

    /// `bastionctl ARGS` in alice's session: its exit code, and all that it prints.
    fn bastionctl(&mut self, args: &[&str]) -> (i32, String) {
        let command = [&["bastionctl"], args].concat();
        let output = self.desktop.output(&command).unwrap();
        (output.status, output.stdout + &output.stderr)
    }

    /// Waits until the status is told and says this, or has no trouble if that is nothing.
    fn status_says(&mut self, text: &str) {
        eventually(&format!("“{text}” in the status"), PATIENCE, || {
            let (code, printed) = self.bastionctl(&["status"]);
            let well = text.is_empty() && !printed.contains("! ");
            (code == 0 && (well || !text.is_empty() && printed.contains(text))).then_some(())
        })
        .unwrap();
    }
}

#[test]
fn what_is_absent_is_told_with_the_remedy_and_rules_go_on() {
    let Some(mut firewall) = Firewall::boot_or_skip("absent") else {
        return;
    };
    let internet = firewall.internet();
    internet.listen(Transport::Tcp, PORT, Manner::Echo).unwrap();
    let to = Destination {
        transport: Transport::Tcp,
        address: internet.v6(4),
        port: PORT,
    };
    firewall.drop_in(SOON).unwrap();
    for (name, action) in [("allowed", "allow"), ("denied", "deny")] {
        let program = firewall.program(name).unwrap();
        firewall.add_rule(action, &["--program", &program]).unwrap();
    }
    let mut desktop = Desktop::start(firewall.sandbox(), "alice").unwrap();
    let window = desktop.spawn(&["bastion"], "/tmp/bastion.log").unwrap();
    let mut scene = Scene {
        firewall: &firewall,
        to,
        desktop,
    };
    scene.shows("Protection Is On");
    check_without_polkit(&mut scene);
    check_hung_polkit(&mut scene);
    check_broken_rules(&mut scene);
    check_silent_bus(&mut scene);
    check_without_iptables(&mut scene);
    scene.desktop.kill(window, "SIGTERM").unwrap();
    check_without_agent(&mut scene);
}

fn check_without_polkit(scene: &mut Scene<'_>) {
    let pid = scene.firewall.property("MainPID").unwrap();
    for (way, take, give_back) in POLKIT {
        scene.run(take);
        let (code, said) = scene.bastionctl(&["status"]);
        assert_eq!(code, 1, "{way}: {said}");
        for words in [
            "polkit could not be asked",
            "the package polkitd is installed",
        ] {
            assert!(said.contains(words), "{way}: {said}");
        }
        scene.shows(NO_POLKIT);
        scene.check_journal(NO_POLKIT);
        scene.check_judging(way);
        let (code, said) = scene.bastionctl(&["mode", "learn"]);
        assert_eq!(code, 1, "{way}: {said}");

        scene.run(give_back);
        scene.shows_no_more("polkit can't be asked");
        scene.status_says("");
    }
    assert_eq!(scene.firewall.property("MainPID").unwrap(), pid);
}

fn check_broken_rules(scene: &mut Scene<'_>) {
    let broken = format!("cp -p {RULES} /var/tmp/kept; echo '[[rule]' >>{RULES}");
    scene.run(&broken);
    let trouble = format!("{RULES}, line ");
    scene.status_says(&trouble);
    scene.shows(&trouble);
    scene.check_journal(&trouble);
    scene.check_judging("with a broken file");
    scene.firewall.systemctl("restart").unwrap();
    let in_force = "the last content that made sense is in force";
    scene.status_says(in_force);
    scene.shows(in_force);
    scene.check_journal(in_force);
    scene.check_judging("started with a broken file");
    scene.run(&format!("cp -p /var/tmp/kept {RULES}"));
    scene.status_says("");
    scene.shows_no_more(RULES);
}

/// polkit hangs and goes on, and has its name all the while: the helper finds out by itself.
fn check_hung_polkit(scene: &mut Scene<'_>) {
    let polkit = "systemctl show --value -P MainPID polkit.service";
    let pid = scene.firewall.sandbox().shell(polkit).unwrap();
    let pid = pid.trim();
    scene.run(&format!("kill -s STOP {pid}"));
    let output = scene.desktop.output(&ASK_AT_ONCE).unwrap();
    let said = output.stdout + &output.stderr;
    assert_ne!(output.status, 0, "{said}");
    assert!(said.contains("it does not answer"), "{said}");
    // Who would let a person be asked is told as well, long before a person's time is over.
    let (code, said) = scene.bastionctl(&["status"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("it does not answer"), "{said}");
    scene.shows(NO_POLKIT);
    scene.check_judging("while polkit hangs");
    scene.run(&format!("kill -s CONT {pid}"));
    // Its name never changed hands, so only who tries it can know.
    scene.shows_no_more("polkit can't be asked");
    let same = scene.firewall.sandbox().shell(polkit).unwrap();
    assert_eq!(same.trim(), pid);
    scene.status_says("");
}

/// The bus daemon hangs: rules decide, questions wait, and all goes on when it wakes up.
fn check_silent_bus(scene: &mut Scene<'_>) {
    let state = ["MainPID", "NRestarts"];
    let before = state.map(|name| scene.firewall.property(name).unwrap());
    let daemon = "kill -s $1 $(systemctl show --value -P MainPID dbus.service)";
    let signal = |signal: &str| {
        let command = ["sh", "-euc", daemon, "signal", signal];
        scene.firewall.sandbox().run(As::Root, &command).unwrap();
    };
    let program = scene.firewall.program("patient").unwrap();
    let mut patient = Talker::start(scene.firewall, As::Background("alice"), &program).unwrap();
    let logged = scene.logged("allowed");
    signal("STOP");
    let began = Instant::now();
    patient.begin(scene.to, 2 * PATIENCE).unwrap();
    let mut rounds = 0;
    while began.elapsed() < SILENCE {
        scene.check_judging("while the bus is silent");
        std::thread::sleep(Duration::from_secs(2));
        rounds += 1;
    }
    signal("CONT");
    let after = state.map(|name| scene.firewall.property(name).unwrap());
    assert_eq!(after, before, "{}", scene.firewall.journal().unwrap());
    scene.status_says("Agents          1");
    scene.status_says("");
    let prompt = |what: Find| what.in_window("Connection Request");
    let path = prompt(Find::role("label").named(&program));
    scene.desktop.wait_for(&path, PATIENCE).unwrap();
    let allow = prompt(Find::button("Allow"));
    scene.desktop.wait_state(&allow, "sensitive", true).unwrap();
    scene.desktop.press(&allow).unwrap();
    assert!(patient.outcome(PATIENCE).unwrap().passed());
    scene.check_journal("the bus answers nobody; connections are decided as before");
    eventually_equal(
        "what was decided, in the log",
        PATIENCE,
        &(logged + rounds),
        || Ok(scene.logged("allowed")),
    )
    .unwrap();
}

fn check_without_iptables(scene: &mut Scene<'_>) {
    scene.run(TAKE_IPTABLES);
    // What changes the rules notices it at once, others within a minute.
    scene.run(&format!(
        "printf 'version = 1\\nwhen_down = \"closed\"\\n' >{SETTINGS}"
    ));
    scene.status_says(NO_IPTABLES);
    scene.shows(NO_IPTABLES);
    scene.check_journal(NO_IPTABLES);
    scene.check_judging("without iptables");
    scene.run(GIVE_IPTABLES);
    scene.status_says("");
    scene.shows_no_more(NO_IPTABLES);

    // Nothing can be judged that way; the service is tried again and again.
    scene.run(&format!("rm {SETTINGS}"));
    scene.firewall.systemctl("stop").unwrap();
    scene.run(TAKE_IPTABLES);
    assert!(scene.firewall.systemctl("start").is_err());
    let (code, said) = scene.bastionctl(&["status"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains(NO_IPTABLES), "{said}");
    scene.shows("Firewall Is Not Running");
    scene.shows(NO_IPTABLES);
    scene.check_journal(NO_IPTABLES);
    scene.run(GIVE_IPTABLES);
    scene.firewall.wait_until_judging().unwrap();
    scene.status_says("");
    scene.shows_no_more(NO_IPTABLES);
    scene.check_judging("with iptables again");
    for family in Family::ALL {
        assert!(scene.firewall.standing(family).unwrap().is_right());
    }
}

fn check_without_agent(scene: &mut Scene<'_>) {
    scene.run(&format!(
        "printf 'version = 1\\nprompt_timeout = 5\\n' >{SETTINGS}"
    ));
    scene.status_says("none: nobody can be asked; “bastionctl prompt” asks in a terminal");
    let program = scene.firewall.program("undecided").unwrap();
    let sent = scene.firewall.send(As::Root, &program, scene.to, PATIENCE);
    assert!(!sent.unwrap().passed());
    scene.check_journal("nobody can be asked about a connection of ");
    scene.check_journal("Start Bastion in a desktop session");
    scene.check_judging("with nobody to ask");
    let log = ["log", "--all", "--text", &program];
    let logged = scene.firewall.ask(&log).unwrap();
    let why = [&logged[0]["verdict"], &logged[0]["reason"]];
    assert_eq!(why, ["deny", "timeout"], "{logged:#}");
}
