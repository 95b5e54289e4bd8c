//! What a user sees of Safeguard, on a desktop with a real notification daemon.

use serde_json::{Value, json};

use crate::common::desktop::{Desktop, WINDOW};
use crate::common::{Bus, eventually};

const STORM: &str = "org.bastionfirewall.FakeHelper1";
const CONTROL: &str = "org.bastionfirewall.Helper1.Control";
const NOBODY: &str = "4294967295";

const ON: &str = "Safeguard is on. Too many undecided connections came at once. Loudest: launcher, curl, python3.13 and 2 more.";
const ENTERED: [&str; 3] = [
    "Safeguard",
    "Bastion Firewall detected abnormal network activity and has temporarily paused connections to protect your system.",
    "NORMAL",
];

fn own() -> String {
    nix::unistd::getuid().to_string()
}

/// Drops so many connections of a user.
fn rage(bus: &Bus, user: &str, dropped: u64, quietly: bool) {
    let (dropped, quietly) = (dropped.to_string(), quietly.to_string());
    bus.call(
        &format!("{STORM}.Rage"),
        &[user, "questions", &dropped, &quietly],
    );
}

fn calm(bus: &Bus, user: &str, quietly: bool) {
    bus.call(&format!("{STORM}.Calm"), &[user, &quietly.to_string()]);
}

fn left(dropped: u64) -> [String; 3] {
    [
        "Safeguard Has Ended".into(),
        format!(
            "You are asked about connections again. {dropped} connections were dropped meanwhile."
        ),
        "NORMAL".into(),
    ]
}

fn resume() -> Value {
    json!({ "role": "button", "name": "Resume" })
}

#[test]
fn it_is_seen_and_ended_from_the_window_and_notified_of_once() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = Desktop::start(&bus);
    desktop.start_app(&[]);
    desktop.shows("Protection Is On");

    rage(&bus, &own(), 3, false);
    desktop.shows(ON);
    desktop.shows("Safeguard Is On");
    assert_eq!(desktop.notifications(1), [ENTERED.map(str::to_owned)]);
    desktop.wait(json!({ "contains": "3 connections were dropped.\n/home/alice/.local/share/game/bin/launcher: 11 undecided, 1 dropped\n" }));

    // Nothing but its own asking tells the app of these.
    rage(&bus, &own(), 40, true);
    desktop.wait(json!({ "contains": "43 connections were dropped." }));
    desktop.press("Resume");
    desktop.shows("Protection Is On");
    desktop.wait_gone(resume());
    assert_eq!(
        bus.call(&format!("{CONTROL}.GetSafeguard"), &["true"]),
        "(@aa{sv} [],)"
    );
    assert_eq!(
        desktop.notifications(2),
        [ENTERED.map(str::to_owned), left(43)]
    );
}

#[test]
fn what_is_on_for_others_is_told_of_and_ended_without_a_notification() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = Desktop::start(&bus);
    desktop.start_app(&[]);
    desktop.shows("Protection Is On");

    rage(&bus, NOBODY, 3, false);
    desktop.shows(
        "Safeguard is on for connections of no known user. Too many undecided connections came at once.",
    );
    desktop.shows("Safeguard for No Known User");
    desktop.shows("Protection Is On");
    desktop.press("Resume");
    desktop.wait_gone(resume());
    assert_eq!(
        bus.call(&format!("{CONTROL}.GetSafeguard"), &["true"]),
        "(@aa{sv} [],)"
    );
    rage(&bus, &own(), 3, false);
    assert_eq!(
        desktop.notifications(1),
        [ENTERED.map(str::to_owned)],
        "the first notification is of the user's own"
    );
}

#[test]
fn who_may_not_end_what_is_on_for_others_is_told_so() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--refuse"]);
    let mut desktop = Desktop::start(&bus);
    desktop.start_app(&[]);
    desktop.shows("Protection Is On");
    rage(&bus, NOBODY, 3, false);
    desktop.press("Resume");
    desktop.shows("Not permitted: Only an administrator may do that.");
    desktop.wait(resume());
}

#[test]
fn restarts_notify_of_nothing_and_a_notification_opens_the_window() {
    let bus = Bus::start();
    let helper = bus.helper(&["--safeguard"]);
    let mut desktop = Desktop::start(&bus);
    let app = desktop.start_app(&[]);
    desktop.shows(ON);
    // The helper restarts, then the app, while it is on.
    drop(helper);
    desktop.shows("Firewall Is Not Running");
    desktop.wait_gone(resume());
    let helper = bus.helper(&["--safeguard"]);
    desktop.shows(ON);
    desktop.end_app(app);
    let app = desktop.start_app(&[]);
    desktop.shows(ON);
    // A helper that comes without it has ended it.
    drop(helper);
    desktop.shows("Firewall Is Not Running");
    let _helper = bus.helper(&[]);
    desktop.shows("Protection Is On");
    assert_eq!(desktop.notifications(1), [left(43)]);
    desktop.end_app(app);
    // That one belongs to an app that is gone.
    desktop.perform("run", json!({ "command": ["dunstctl", "close-all"] }));

    desktop.start_app(&["--background"]);
    eventually("the app", || {
        // Nothing but what it notifies of tells that it listens by now.
        rage(&bus, &own(), 5, false);
        calm(&bus, &own(), false);
        let all = desktop.perform("notifications", json!({}));
        (all.as_array().unwrap().len() > 2).then_some(())
    });
    assert_eq!(desktop.windows(), [] as [String; 0]);
    desktop.perform("notification_action", json!({}));
    desktop.shows("Protection Is On");
    assert_eq!(desktop.windows(), [WINDOW]);
}

#[test]
fn preferences_change_what_they_show_and_nothing_else() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = Desktop::start(&bus);
    desktop.start_app(&[]);
    desktop.shows("Protection Is On");
    let settings = || bus.call(&format!("{CONTROL}.GetSettings"), &[]);
    let before = settings();
    let changed = |wanted: &str| {
        eventually(wanted, || settings().contains(wanted).then_some(()));
    };

    let preferences = json!({ "role": "list item", "name": "Preferences" });
    desktop.perform("click", json!({ "find": preferences }));
    let page = json!({ "role": "page tab", "name": "Safeguard" });
    desktop.perform("click", json!({ "find": page }));
    let questions = json!({ "role": "spin button", "name": "Most Questions" });
    assert_eq!(desktop.wait(questions.clone())["value"], 40.0);
    desktop.perform("focus", json!({ "find": questions }));
    desktop.keys(&["ctrl+a", "5", "5", "Return"]);
    changed("'safeguard_questions': <uint32 55>");
    let switch = json!({ "role": "check box", "name": "Stop Asking When There Is Too Much" });
    desktop.perform("press", json!({ "find": switch }));
    changed("'safeguard': <false>");
    desktop.perform(
        "wait_state",
        json!({ "find": questions, "state": "sensitive", "value": false }),
    );
    let back = settings()
        .replace("<uint32 55>", "<uint32 40>")
        .replace("'safeguard': <false>", "'safeguard': <true>");
    assert_eq!(back, before);
}
