//! What a screen reader is told to say of its own accord.

use serde_json::json;

use super::scene::{CURL, Scene};
use crate::common::eventually;

/// Waits until this is announced.
fn hears(scene: &mut Scene, text: &str) {
    eventually(text, || {
        let all = scene.desktop.perform("announcements", json!({}));
        let mut all = all.as_array().unwrap().iter();
        all.any(|said| said["text"] == text && said["assertive"] == true)
            .then_some(())
    });
}

#[test]
fn each_new_question_is_announced() {
    let mut scene = Scene::set();
    scene.desktop.perform("listen", json!({}));
    let _helper = scene.helper("helper", &["--ask"]);
    scene.app();
    hears(
        &mut scene,
        "curl wants to connect to downloads.example.org, TCP, port 443 (https).",
    );
    scene.open(CURL);
    scene.desktop.press("Deny");
    hears(
        &mut scene,
        "launcher wants to connect to 203.0.113.20, TCP, port 27015.",
    );
}

#[test]
fn safeguard_is_announced_when_it_begins_and_when_it_ends() {
    let mut scene = Scene::set();
    scene.desktop.perform("listen", json!({}));
    let _helper = scene.helper("helper", &[]);
    scene.desktop.start_app(&[]);
    scene.desktop.shows("Protection Is On");
    let user = nix::unistd::getuid().to_string();
    let storm = "org.bastionfirewall.FakeHelper1";
    let rage = [user.as_str(), "questions", "3", "false"];
    scene.bus.call(&format!("{storm}.Rage"), &rage);
    hears(
        &mut scene,
        "Safeguard. Bastion Firewall detected abnormal network activity and has temporarily paused connections to protect your system.",
    );
    scene.bus.call(&format!("{storm}.Calm"), &[&user, "false"]);
    hears(
        &mut scene,
        "Safeguard Has Ended. You are asked about connections again. 3 connections were dropped meanwhile.",
    );
}
