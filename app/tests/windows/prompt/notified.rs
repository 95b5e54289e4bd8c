//! Questions as notifications, with a real notification daemon: their buttons answer what they tell
//! of, and nothing else.

use serde_json::json;

use super::scene::{CURL, LAUNCHER, PROMPT, Scene};
use crate::common::eventually;

const NOTHING: &str = "Nothing Was Answered";

/// What a notification of a run before would activate, or one that somebody made up.
fn activate(scene: &mut Scene, id: u64, number: u64) {
    let parameter = format!("[<(uint64 {id}, uint64 {number}, 'allow')>]");
    let command = [
        "gdbus",
        "call",
        "--session",
        "--dest",
        bastion_ipc::names::APP_ID,
        "--object-path",
        "/org/bastionfirewall/Bastion",
        "--method",
        "org.freedesktop.Application.ActivateAction",
        "answer-question",
        &parameter,
        "{}",
    ];
    scene.desktop.perform("run", json!({ "command": command }));
}

/// Waits until such an answer counted for nothing, for this reason.
fn nothing(scene: &mut Scene, number: u64, why: &str) {
    eventually(why, || {
        // There may be no app yet.
        activate(scene, 1, number);
        let all = scene.desktop.notifications(0);
        let mut said = all.iter().filter(|said| said[0] == NOTHING);
        said.any(|said| said[1] == why).then_some(())
    });
}

#[test]
fn each_question_is_answered_from_its_own_notification() {
    let mut scene = Scene::set();
    let _helper = scene.helper("helper", &["--ask"]);
    scene.app();
    assert_eq!(
        scene.notified(LAUNCHER),
        "To 203.0.113.20, TCP, port 27015.\n/home/alice/.local/share/game/bin/launcher"
    );
    // The one that waits behind the one in the window.
    scene.choose("Allow Once", LAUNCHER);
    scene.answered("helper", &["2 allow"]);
    scene.desktop.shows(CURL);
    scene.choose("Deny Once", CURL);
    scene.answered("helper", &["2 allow", "1 deny"]);
    // Of a program of the system it takes an administrator, and so the window.
    scene.desktop.shows("cupsd Wants to Connect");
    scene.notified("cupsd Wants to Connect");
    let none = json!({ "texts": ["nothing"] });
    let actions = scene.desktop.perform("choose_in_notification", none);
    let of_cups = |line: &&serde_json::Value| line.as_str().unwrap().contains("cupsd");
    for action in actions.as_array().unwrap().iter().filter(of_cups) {
        assert!(!action.as_str().unwrap().contains("Once"), "{action}");
    }
    assert_eq!(scene.answers("helper"), ["2 allow", "1 deny"]);
}

#[test]
fn what_no_notification_tells_of_is_not_answered_and_that_is_said() {
    let mut scene = Scene::set();
    let _helper = scene.helper("helper", &[]);
    scene.app();
    nothing(&mut scene, 7, "This question needs no answer any more.");
    scene.ask(1);
    scene.notified(CURL);
    scene.open(CURL);
    nothing(
        &mut scene,
        7,
        "The question has changed since the notification was shown. It is still open.",
    );
    scene.withdraw(1);
    scene.closed();
    scene.nobody_was_answered(&["helper"]);
}

#[test]
fn a_notification_opens_the_window_and_goes_once_that_was_seen() {
    let mut scene = Scene::set();
    let _helper = scene.helper("helper", &[]);
    scene.app();
    scene.ask(1);
    scene.notified(CURL);
    scene.desktop.perform("notification_action", json!({}));
    let active = json!({ "find": { "role": "frame", "name": PROMPT }, "state": "active" });
    scene.desktop.perform("wait_state", active);
    scene.nobody_was_answered(&["helper"]);
}

#[test]
fn who_wants_no_notifications_gets_none() {
    let mut scene = Scene::set();
    scene.configure("question-notifications", "never");
    let _helper = scene.helper("helper", &["--ask"]);
    scene.app();
    scene.open(CURL);
    scene.desktop.press("Deny");
    scene.open(LAUNCHER);
    assert!(scene.desktop.notifications(0).is_empty());
}
