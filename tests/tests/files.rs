//! The files that people edit: what is good in them takes effect at once, and what is not changes
//! nothing and is told.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::time::Duration;

use bastion_tests::{
    As, Destination, Family, Firewall, Manner, Outcome, Transport, eventually, eventually_equal,
};

const PATIENCE: Duration = Duration::from_secs(20);
const PORT: u16 = 7000;
const RULES: &str = "/etc/bastion/rules.toml";
const SETTINGS: &str = "/etc/bastion/settings.toml";
/// Keeps a copy of a file, to bring it back.
const KEEP: &str = "cp -p $0 /var/tmp/kept";
const BRING_BACK: &str = "rm -rf $0; cp -p /var/tmp/kept $0.new; mv $0.new $0";

/// A firewall, and the destination that its programs try.
struct Scene {
    firewall: Firewall,
    to: Destination,
}

impl Scene {
    fn boot(purpose: &str) -> Option<Self> {
        let mut firewall = Firewall::boot_or_skip(purpose)?;
        let internet = firewall.internet();
        internet.listen(Transport::Tcp, PORT, Manner::Echo).unwrap();
        let to = Destination {
            transport: Transport::Tcp,
            address: internet.v6(4),
            port: PORT,
        };
        Some(Self { firewall, to })
    }

    fn send(&self, name: &str) -> Outcome {
        let program = self.firewall.program(name).unwrap();
        self.firewall
            .send(As::Root, &program, self.to, PATIENCE)
            .unwrap()
    }

    /// Runs a script, in which `$0` is the file that is edited.
    fn edit(&self, file: &str, script: &str) {
        let sandbox = self.firewall.sandbox();
        sandbox
            .run(As::Root, &["sh", "-euc", script, file])
            .unwrap();
    }

    /// Adds a rule about a program, as an editor does that writes into the file.
    fn append_rule(&self, name: &str, action: &str) {
        let program = self.firewall.program(name).unwrap();
        let rule = format!(
            "printf '\\n[[rule]]\\nname = \"{name}\"\\naction = \"{action}\"\\nprogram = \"{program}\"\\n' >>$0"
        );
        self.edit(RULES, &rule);
    }

    fn wait_for_rule(&self, name: &str) {
        let listed = || {
            let names = self.firewall.rule_names().unwrap();
            names.iter().any(|it| it == name).then_some(())
        };
        eventually(&format!("the rule {name}"), PATIENCE, listed).unwrap();
    }

    /// Waits until the status tells a trouble that says all of this; gives it.
    fn wait_for_trouble(&self, says: &[&str]) -> String {
        let told = || {
            let troubles = self.firewall.troubles().unwrap();
            let fits = |trouble: &String| says.iter().all(|word| trouble.contains(word));
            troubles.into_iter().find(fits)
        };
        eventually(&format!("a trouble with {says:?}"), PATIENCE, told)
            .map_err(|error| format!("{error}; there are {:?}", self.firewall.troubles()))
            .unwrap()
    }

    fn wait_for_no_trouble(&self) {
        let none: Vec<String> = Vec::new();
        eventually_equal("the end of troubles", PATIENCE, &none, || {
            self.firewall.troubles()
        })
        .unwrap();
    }

    /// Checks on real traffic that both rules are in force.
    fn check_old_rules(&self, when: &str) {
        let allowed = self.send("allowed");
        assert!(allowed.passed(), "{when}: {allowed:?}");
        let denied = self.send("denied");
        assert!(!denied.passed(), "{when}: {denied:?}");
    }
}

/// What can be wrong with a file of rules, and what the complaint must say. `$0` is the file.
const BROKEN_RULES: [(&str, &str, &[&str]); 10] = [
    (
        "a syntax error",
        "printf '[[rule]]\\nname = = \"x\"\\n' >$0",
        &["line 2, column 8"],
    ),
    (
        "an unknown action",
        "printf '\\n[[rule]]\\nname = \"Odd\"\\naction = \"perhaps\"\\n' >>$0",
        &["line ", ", column 10", "“Odd”", "action"],
    ),
    (
        "a contradiction",
        "printf '\\n[[rule]]\\nname = \"Odd\"\\naction = \"allow\"\\nprotocol = \"icmp\"\\nports = \"80\"\\n' >>$0",
        &["line ", "column ", "“Odd”", "ports"],
    ),
    (
        "half of it written",
        "head -c \"$(grep -b -o '/systemd-timesyncd' $0 | cut -d: -f1)\" /var/tmp/kept >$0",
        &["line ", "column "],
    ),
    (
        "bytes that are no text",
        "printf '# \\377\\376\\n' >>$0",
        &["line ", "UTF-8"],
    ),
    (
        "10 MB",
        "head -c 10000000 /dev/zero | tr '\\0' '#' >>$0",
        &["larger than 8 MiB", "smaller"],
    ),
    (
        "a symbolic link",
        "mv $0 /var/tmp/elsewhere; ln -s /var/tmp/elsewhere $0",
        &["a symbolic link", "mv "],
    ),
    ("a FIFO", "rm $0; mkfifo -m 600 $0", &["a FIFO", "mv "]),
    (
        "another owner",
        "chown bob $0",
        &["chown 0:0 ", "could change it"],
    ),
    (
        "permissions for everybody",
        "chmod 666 $0",
        &["chmod go-w ", "0666"],
    ),
];

#[test]
fn a_broken_rules_file_changes_nothing_and_is_told() {
    let Some(scene) = Scene::boot("rules-file") else {
        return;
    };
    let firewall = &scene.firewall;
    let pid = firewall.property("MainPID").unwrap();
    scene.append_rule("allowed", "allow");
    scene.append_rule("denied", "deny");
    scene.wait_for_rule("denied");
    scene.check_old_rules("after a hand edit");
    let names = firewall.rule_names().unwrap();
    scene.edit(RULES, KEEP);

    for (what, script, says) in BROKEN_RULES {
        scene.edit(RULES, script);
        let trouble = scene.wait_for_trouble(&[&[RULES], says].concat());
        let journal = firewall.journal().unwrap();
        assert!(journal.contains(&trouble), "{what}: {journal}");
        assert_eq!(firewall.rule_names().unwrap(), names, "{what}");
        scene.check_old_rules(what);
        // Nor is what somebody is at work on overwritten.
        let add = ["rules", "add", "allow", "--program", "/usr/bin/true"];
        let refused = firewall.bastionctl(As::Root, &add).unwrap();
        assert!(!refused.success(), "{what}: {refused:?}");
        assert!(refused.stderr.contains(RULES), "{what}: {refused:?}");

        scene.edit(RULES, BRING_BACK);
        scene.wait_for_no_trouble();
        assert_eq!(firewall.rule_names().unwrap(), names, "after {what}");
    }

    scene.edit(RULES, "rm $0");
    scene.wait_for_trouble(&[RULES, "is gone"]);
    scene.check_old_rules("without a file");
    scene.edit(RULES, BRING_BACK);
    scene.wait_for_no_trouble();
    assert_eq!(firewall.property("MainPID").unwrap(), pid, "it has crashed");
}

#[test]
fn the_last_good_rules_survive_a_restart_with_a_broken_file() {
    let Some(scene) = Scene::boot("last-good") else {
        return;
    };
    let firewall = &scene.firewall;
    firewall.drop_in("[Service]\nRestartSec=100ms").unwrap();
    scene.append_rule("allowed", "allow");
    scene.append_rule("denied", "deny");
    scene.wait_for_rule("denied");
    let names = firewall.rule_names().unwrap();
    scene.edit(RULES, KEEP);
    for (what, script) in [
        ("an error", "echo '[[rule]' >>$0"),
        (
            "a symbolic link",
            "mv $0 /var/tmp/elsewhere; ln -s /var/tmp/elsewhere $0",
        ),
        ("a FIFO", "rm $0; mkfifo -m 600 $0"),
        ("a file of nothing but zeros", "head -c 4096 /dev/zero >$0"),
    ] {
        scene.edit(RULES, script);
        scene.wait_for_trouble(&[RULES]);
        firewall.systemctl("restart").unwrap();
        scene.wait_for_trouble(&[RULES, "the last content that made sense is in force"]);
        assert_eq!(firewall.rule_names().unwrap(), names, "{what}");
        scene.check_old_rules(&format!("after a restart with {what}"));
        firewall.crash().unwrap();
        assert_eq!(firewall.rule_names().unwrap(), names, "{what}");
        scene.check_old_rules(&format!("after a crash with {what}"));
        scene.edit(RULES, BRING_BACK);
        scene.wait_for_no_trouble();
    }
    assert_eq!(firewall.rule_names().unwrap(), names);
}

#[test]
fn a_rule_edited_by_hand_changes_the_next_connection() {
    let Some(scene) = Scene::boot("hand-edit") else {
        return;
    };
    let pid = scene.firewall.property("MainPID").unwrap();
    scene.append_rule("edited", "allow");
    scene.wait_for_rule("edited");
    assert!(scene.send("edited").passed());
    // Written in place, then as editors do that write a new file and rename it; both with the
    // comment of somebody's that stays.
    let turns = [
        ("s/action = \"allow\"$/action = \"deny\" # mine/", false),
        (
            "s/action = \"deny\" # mine$/action = \"allow\" # mine/",
            true,
        ),
    ];
    for (number, (turn, passes)) in turns.into_iter().enumerate() {
        let write = ["cat /var/tmp/edited >$0", "mv /var/tmp/edited $0"];
        let name = format!("edited {number}");
        let script = format!(
            "awk '/name = \"edited/ {{ mine = 1 }} mine' $0 >/var/tmp/mine
             head -n -$(wc -l </var/tmp/mine) $0 >/var/tmp/edited
             sed -e '{turn}' -e 's/name = .*/name = \"{name}\"/' /var/tmp/mine >>/var/tmp/edited
             chmod 600 /var/tmp/edited; {}",
            write[number]
        );
        scene.edit(RULES, &script);
        scene.wait_for_rule(&name);
        assert_eq!(scene.send("edited").passed(), passes, "{turn}");
    }
    // A change by Bastion itself keeps the comment.
    let program = scene.firewall.program("other").unwrap();
    let added = scene.firewall.add_rule("allow", &["--program", &program]);
    let shown = ["grep", "-c", &added.unwrap(), RULES].map(str::to_owned);
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    scene.firewall.sandbox().run(As::Root, &shown).unwrap();
    scene.edit(RULES, "grep -q 'action = \"allow\" # mine' $0");
    assert_eq!(scene.firewall.property("MainPID").unwrap(), pid);
}

/// Settings that make no sense, and what the complaint must say.
const BROKEN_SETTINGS: [(&str, &str); 8] = [
    ("prompt_timeout = 4", "prompt_timeout"),
    ("prompt_timeout = 3601", "prompt_timeout"),
    ("prompt_timeout = -1", "-1"),
    ("log_days = 0", "log_days"),
    ("log_events = 99999999999999999999", "line 2"),
    ("mode = \"whatever\"", "mode"),
    ("when_down = \"maybe\"", "when_down"),
    ("surprise = 1", "surprise"),
];

#[test]
fn settings_out_of_range_change_nothing_and_good_ones_take_effect_at_once() {
    let Some(scene) = Scene::boot("settings-file") else {
        return;
    };
    let firewall = &scene.firewall;
    let pid = firewall.property("MainPID").unwrap();
    let mode = || firewall.status().map(|status| status["mode"].clone());
    scene.edit(SETTINGS, "printf 'version = 1\\nmode = \"learn\"\\n' >$0");
    eventually_equal("the mode learn", PATIENCE, &"learn".into(), mode).unwrap();
    // In this mode a program without a rule passes unasked.
    assert!(scene.send("learned").passed());
    scene.edit(SETTINGS, KEEP);

    for (line, says) in BROKEN_SETTINGS {
        scene.edit(
            SETTINGS,
            &format!("printf 'version = 1\\n%s\\n' '{line}' >$0"),
        );
        let trouble = scene.wait_for_trouble(&[SETTINGS, "line 2, column ", says]);
        let journal = firewall.journal().unwrap();
        assert!(journal.contains(&trouble), "{line}: {journal}");
        assert_eq!(mode().unwrap(), "learn", "{line}");
        assert!(scene.send("learned").passed(), "{line}");
        scene.edit(SETTINGS, BRING_BACK);
        scene.wait_for_no_trouble();
    }

    // The last word of the queue's rule is the setting's, while the helper runs.
    let bypassing = || {
        let rules = Family::ALL.map(|family| firewall.traces(family).unwrap().join("\n"));
        rules.map(|rules| rules.contains("--queue-bypass"))
    };
    assert_eq!(bypassing(), [true, true]);
    scene.edit(
        SETTINGS,
        "printf 'version = 1\\nmode = \"ask\"\\nwhen_down = \"closed\"\\nprompt_timeout = 5\\n' >$0",
    );
    eventually_equal("the mode ask", PATIENCE, &"ask".into(), mode).unwrap();
    let closed = || (bypassing() == [false, false]).then_some(());
    eventually("rules without --queue-bypass", PATIENCE, closed).unwrap();
    for family in Family::ALL {
        assert!(firewall.standing(family).unwrap().is_right(), "{family:?}");
    }
    // Nobody answers, so it is denied once its time is over.
    let asked = scene.send("not-learned");
    assert!(!asked.passed(), "{asked:?}");
    assert_eq!(firewall.counter("asked").unwrap(), 1);
    assert_eq!(firewall.property("MainPID").unwrap(), pid);
}
