//! The prompt without a mouse, and typing elsewhere while it comes.

use serde_json::json;

use super::scene::{CURL, LAUNCHER, Scene, allow};
use crate::common::Running;
use crate::common::desktop::WINDOW;

fn key(scene: &mut Scene, key: &str) {
    scene.desktop.keys(&[key]);
}

/// A question is asked, and somebody goes to it, as with Alt+Tab.
fn asked() -> (Scene, Running) {
    let mut scene = Scene::set();
    let helper = scene.helper("helper", &["--ask"]);
    scene.app();
    scene.desktop.shows(CURL);
    scene.go_there();
    (scene, helper)
}

#[test]
fn every_control_is_reached_and_the_answers_have_keys() {
    let (mut scene, _helper) = asked();
    // Keys that mean something elsewhere.
    for harmless in ["Return", "space", "Escape"] {
        scene.open(CURL);
        key(&mut scene, harmless);
    }
    let named = |role: &str, name: &str| json!({ "role": role, "name": name });
    let reached = [
        named("list item", "Details"),
        named("list item", "Why Am I Asked?"),
        named("combo box", "Applies To"),
        named("combo box", "Remember"),
        named("button", "Deny"),
        allow(),
    ];
    for find in reached {
        scene.desktop.perform("focus", json!({ "find": find }));
    }
    let described = scene.desktop.wait(allow());
    assert_eq!(described["description"], "Alt+A");
    scene.open(CURL);
    key(&mut scene, "alt+a");
    scene.answered("helper", &["1 allow"]);
    scene.open(LAUNCHER);
    key(&mut scene, "alt+d");
    scene.answered("helper", &["1 allow", "2 deny"]);
}

#[test]
fn why_it_is_asked_can_be_read() {
    let (mut scene, _helper) = asked();
    let why = json!({ "role": "list item", "name": "Why Am I Asked?" });
    scene.desktop.perform("focus", json!({ "find": why }));
    key(&mut scene, "Return");
    scene
        .desktop
        .wait(json!({ "contains": "No rule decides about this connection" }));
    scene
        .desktop
        .wait(json!({ "contains": "The connection is denied when the time is over" }));
    scene.desktop.wait(json!({
        "contains": "Allow curl to connect to example.org, on port 443, over TCP, until the computer restarts. Does not fit: the destination."
    }));
    scene.nobody_was_answered(&["helper"]);
}

#[test]
fn whoever_types_elsewhere_goes_on_typing() {
    let mut scene = Scene::set();
    let _helper = scene.helper("helper", &[]);
    scene.desktop.start_app(&[]);
    scene.desktop.shows("Protection Is On");
    scene
        .desktop
        .perform("activate", json!({ "window": WINDOW }));
    key(&mut scene, "alt+3");
    key(&mut scene, "ctrl+f");
    let entry = json!({ "contains": "Search ", "role": "entry" });
    scene.desktop.wait(entry.clone());
    scene
        .desktop
        .perform("type", json!({ "text": "printer aa" }));
    scene.ask(1);
    scene.open(CURL);
    scene.desktop.perform("type", json!({ "text": "dd" }));
    let typed = scene.desktop.wait(entry);
    assert_eq!(typed["text"], "printer aadd", "{typed}");
    scene.nobody_was_answered(&["helper"]);
}
