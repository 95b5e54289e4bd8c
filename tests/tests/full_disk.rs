//! Disks without room, and disks that can only be read: the rules that are in force stay, whoever
//! changes something is told, and all goes on once there is room.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

use std::time::Duration;

use bastion_tests::{
    As, Destination, Family, Firewall, Manner, Transport, eventually, eventually_equal,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// What could not be written is tried again once a minute.
const RETRIED: Duration = Duration::from_secs(100);
const PORT: u16 = 7600;
const ETC: &str = "/etc/bastion";
const VAR: &str = "/var/lib/bastion";
const RULES: &str = "/etc/bastion/rules.toml";
const SETTINGS: &str = "/etc/bastion/settings.toml";
const LOG: &str = "/var/lib/bastion/events.db";
/// The helper has to reach the same moment from the same files, and not wait for long.
const SOON: &str = "[Service]\nRestartSec=100ms";

/// Gives a directory a disk of its own, with room for what it needs and some more.
const MOUNT: &str = r#"
    mode=$(stat -c %a "$1")
    cp -a "$1" /var/tmp/moved
    mount -t tmpfs -o size=8m,mode="$mode" tmpfs "$1"
    cp -a /var/tmp/moved/. "$1/"
    rm -r /var/tmp/moved"#;
/// Takes all the room there is. Any page that is left would do for a small file.
const FILL: &str = r#"
    dd if=/dev/zero of="$1/filler" bs=64k 2>/dev/null || true
    dd if=/dev/zero of="$1/filler.more" bs=1 2>/dev/null || true
    [ "$(df --output=avail "$1" | tail -n 1)" -eq 0 ]"#;
const MAKE_ROOM: &str = r#"rm "$1/filler" "$1/filler.more""#;
const READ_ONLY: &str = r#"mount -o remount,ro "$1""#;
const WRITABLE: &str = r#"mount -o remount,rw "$1""#;

/// A firewall whose files lie on small disks, with rules for the programs `allowed` and `denied`.
struct Scene {
    firewall: Firewall,
    to: Destination,
    names: Vec<String>,
}

impl Scene {
    fn boot(purpose: &str) -> Option<Self> {
        let mut firewall = Firewall::boot_or_skip(purpose)?;
        let internet = firewall.internet();
        internet.listen(Transport::Tcp, PORT, Manner::Echo).unwrap();
        let to = Destination {
            transport: Transport::Tcp,
            address: internet.v6(7),
            port: PORT,
        };
        firewall.drop_in(SOON).unwrap();
        for (name, action) in [("allowed", "allow"), ("denied", "deny")] {
            let program = firewall.program(name).unwrap();
            let options = ["--name", name, "--program", &program];
            firewall.add_rule(action, &options).unwrap();
        }
        firewall.systemctl("stop").unwrap();
        let names = Vec::new();
        let mut scene = Self {
            firewall,
            to,
            names,
        };
        for directory in [ETC, VAR] {
            scene.at(directory, MOUNT);
        }
        scene.firewall.systemctl("start").unwrap();
        scene.firewall.wait_until_judging().unwrap();
        scene.names = scene.firewall.rule_names().unwrap();
        assert!(scene.names.contains(&"denied".to_owned()));
        scene.check_in_force("on a small disk");
        assert_eq!(scene.firewall.troubles().unwrap(), Vec::<String>::new());
        Some(scene)
    }

    /// Runs a script, in which `$1` is a directory.
    fn at(&self, directory: &str, script: &str) {
        let command = ["sh", "-euc", script, "at", directory];
        self.firewall.sandbox().run(As::Root, &command).unwrap();
    }

    fn read(&self, file: &str) -> String {
        self.firewall
            .sandbox()
            .run(As::Root, &["cat", file])
            .unwrap()
    }

    fn process(&self) -> String {
        self.firewall.property("MainPID").unwrap()
    }

    /// Checks on real traffic that the rules stand and decide, and that there are no others.
    fn check_in_force(&self, when: &str) {
        for (name, passes) in [("allowed", true), ("denied", false)] {
            let program = self.firewall.program(name).unwrap();
            let sent = self.firewall.send(As::Root, &program, self.to, PATIENCE);
            let sent = sent.unwrap();
            assert_eq!(sent.passed(), passes, "{name} {when}: {sent:?}");
        }
        for family in Family::ALL {
            let standing = self.firewall.standing(family).unwrap();
            assert!(standing.is_right(), "{family:?} {when}: {standing:#?}");
        }
        assert_eq!(self.firewall.rule_names().unwrap(), self.names, "{when}");
    }

    /// Checks that a change is refused, and the caller told about this file and why; and that
    /// nothing else is in the file's directory than before.
    fn check_refused(&self, command: &[&str], file: &str, why: &str) {
        let listed = ["ls", "-A", ETC];
        let [before, content] = [
            self.firewall.sandbox().run(As::Root, &listed).unwrap(),
            self.read(file),
        ];
        let refused = self.firewall.bastionctl(As::Root, command).unwrap();
        assert_eq!(refused.status, 1, "{command:?}: {refused:?}");
        for word in [file, why] {
            assert!(refused.stderr.contains(word), "{command:?}: {refused:?}");
        }
        assert_eq!(self.read(file), content, "{command:?}");
        let after = self.firewall.sandbox().run(As::Root, &listed).unwrap();
        assert_eq!(after, before, "{command:?}");
    }

    /// Checks that rules and settings can't be changed.
    fn check_all_refused(&self, why: &str) {
        let rules = self.firewall.ask(&["rules", "list"]).unwrap();
        let mut rules = rules.as_array().unwrap().iter();
        let denied = rules.find(|rule| rule["name"] == "denied").unwrap();
        let denied = denied["id"].as_str().unwrap();
        let add = ["rules", "add", "allow", "--program", "/usr/bin/true"];
        self.check_refused(&add, RULES, why);
        self.check_refused(&["rules", "remove", denied], RULES, why);
        self.check_refused(&["rules", "disable", denied], RULES, why);
        self.check_refused(&["mode", "learn"], SETTINGS, why);
        assert_eq!(self.firewall.status().unwrap()["mode"], "ask");
    }

    /// Adds and removes a rule, and changes the mode and back.
    fn check_all_done(&self) {
        let options = ["--program", "/usr/bin/true"];
        let added = self.firewall.add_rule("allow", &options).unwrap();
        assert!(self.read(RULES).contains("/usr/bin/true"));
        self.firewall.ask(&["rules", "remove", &added]).unwrap();
        for mode in ["learn", "ask"] {
            self.firewall.ask(&["mode", mode]).unwrap();
            assert!(self.read(SETTINGS).contains(mode));
        }
        self.check_in_force("when all can be written");
    }

    /// How many decisions about a program the log has.
    fn logged(&self, name: &str) -> usize {
        let program = self.firewall.program(name).unwrap();
        let log = ["log", "--all", "-n", "1000", "--text", &program];
        let events = self.firewall.ask(&log).unwrap();
        events.as_array().unwrap().len()
    }

    /// Waits until the status tells a trouble that says all of this.
    fn wait_for_trouble(&self, says: &[&str]) {
        let told = || {
            let troubles = self.firewall.troubles().unwrap();
            let fits = |trouble: &String| says.iter().all(|word| trouble.contains(word));
            troubles.into_iter().find(fits)
        };
        eventually(&format!("a trouble with {says:?}"), PATIENCE, told)
            .map_err(|error| format!("{error}; there are {:?}", self.firewall.troubles()))
            .unwrap();
    }

    /// Checks that what is decided from now on is in the log, and that the log is no trouble.
    fn check_logging(&self) {
        let before = self.logged("allowed");
        self.check_in_force("when there is a log");
        let more = || (self.logged("allowed") > before).then_some(());
        eventually("a decision in the log", PATIENCE, more).unwrap();
        let none: Vec<String> = Vec::new();
        eventually_equal("the end of troubles", PATIENCE, &none, || {
            self.firewall.troubles()
        })
        .unwrap();
    }
}

#[test]
fn rules_that_find_no_room_are_refused_and_those_in_force_stay() {
    let Some(scene) = Scene::boot("full-rules") else {
        return;
    };
    let firewall = &scene.firewall;
    let process = scene.process();
    let full = "the disk is full; nothing was changed; make room and try again";
    scene.at(ETC, FILL);
    scene.check_all_refused(full);
    scene.check_in_force("on a full disk");
    assert_eq!(scene.process(), process, "it has crashed");
    firewall.systemctl("restart").unwrap();
    scene.check_in_force("after a restart on a full disk");
    scene.check_all_refused(full);
    firewall.crash().unwrap();
    scene.check_in_force("after a crash on a full disk");

    scene.at(ETC, MAKE_ROOM);
    scene.check_all_done();
    assert_eq!(firewall.troubles().unwrap(), Vec::<String>::new());
}

#[test]
fn a_log_that_finds_no_room_is_told_and_goes_on_when_there_is_some() {
    let Some(scene) = Scene::boot("full-log") else {
        return;
    };
    let firewall = &scene.firewall;
    let full = ["can't be written", "the disk is full", "make room"];
    let lost = [&[LOG], &full[..], &["decisions were not logged so far"]].concat();
    for way in ["while it runs", "from its start"] {
        scene.at(VAR, FILL);
        if way == "from its start" {
            firewall.systemctl("restart").unwrap();
        }
        let process = scene.process();
        // What is left of the last page of a journal may still take something.
        eventually("a log without room", PATIENCE, || {
            scene.check_in_force(way);
            let troubles = firewall.troubles().unwrap();
            troubles
                .iter()
                .any(|trouble| trouble.contains(LOG))
                .then_some(())
        })
        .unwrap();
        scene.check_in_force(way);
        scene.wait_for_trouble(&lost);
        let journal = firewall.journal().unwrap();
        assert!(
            journal.contains(&format!("The log {LOG} can't be written")),
            "{journal}"
        );
        assert_eq!(scene.process(), process, "it has crashed {way}");

        scene.at(VAR, MAKE_ROOM);
        scene.check_logging();
        assert_eq!(scene.process(), process, "it has crashed {way}");
    }
    let journal = firewall.journal().unwrap();
    assert!(journal.contains("the event log works again"), "{journal}");
    // Each time it is told once, and the second time also that the hits so far are not known.
    let sentence = format!("The log {LOG} can't be written");
    assert!(journal.matches(&sentence).count() <= 3, "{journal}");
}

#[test]
fn with_a_full_state_directory_rules_are_kept_and_the_missing_copy_is_told() {
    let Some(scene) = Scene::boot("full-state") else {
        return;
    };
    let firewall = &scene.firewall;
    scene.at(VAR, FILL);
    let options = ["--program", "/usr/bin/true"];
    let added = firewall.add_rule("allow", &options).unwrap();
    assert!(scene.read(RULES).contains("/usr/bin/true"));
    let copy = ["/var/lib/bastion/rules.last-good.toml", "the disk is full"];
    scene.wait_for_trouble(&copy);
    firewall.crash().unwrap();
    assert!(firewall.ask(&["rules", "show", &added]).is_ok());
    scene.wait_for_trouble(&copy);

    // Nobody changes anything: it is made up for all the same.
    scene.at(VAR, MAKE_ROOM);
    let kept = || {
        let troubles = firewall.troubles().unwrap();
        let gone = troubles.iter().all(|trouble| !trouble.contains(copy[0]));
        gone.then_some(())
    };
    eventually("the copy of the rules", RETRIED, kept).unwrap();
    assert_eq!(scene.read(copy[0]), scene.read(RULES));
    firewall.ask(&["rules", "remove", &added]).unwrap();
    assert_eq!(scene.read(copy[0]), scene.read(RULES));
    scene.check_logging();
}

#[test]
fn on_a_disk_that_can_only_be_read_the_rules_hold() {
    let Some(scene) = Scene::boot("read-only") else {
        return;
    };
    let firewall = &scene.firewall;
    let read_only = "Read-only file system";
    let process = scene.process();
    scene.at(ETC, READ_ONLY);
    scene.check_all_refused(read_only);
    scene.check_in_force("after refused changes");
    scene.at(ETC, WRITABLE);
    scene.check_all_done();
    assert_eq!(scene.process(), process, "it has crashed");

    firewall.systemctl("stop").unwrap();
    for directory in [ETC, VAR] {
        scene.at(directory, READ_ONLY);
    }
    firewall.systemctl("start").unwrap();
    firewall.wait_until_judging().unwrap();
    let process = scene.process();
    scene.check_in_force("on a disk that can only be read");
    scene.check_all_refused(read_only);
    scene.wait_for_trouble(&[LOG, "decisions were not logged so far"]);
    scene.check_in_force("after refused changes");
    assert_eq!(scene.process(), process, "it has crashed");

    for directory in [ETC, VAR] {
        scene.at(directory, WRITABLE);
    }
    // The service's view of the mounts is that of its start.
    firewall.systemctl("restart").unwrap();
    scene.check_all_done();
    scene.check_logging();
}
