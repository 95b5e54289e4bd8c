//! What is killed or replaced under an open question: nothing hangs, and nobody gets an answer that
//! was not meant for them.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::scene::{CURL, LAUNCHER, PROMPT, Scene, allow};

fn send(app: u64, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(app).unwrap()), signal).unwrap();
}

#[test]
fn a_helper_that_is_killed_takes_its_questions_along_and_the_next_one_asks_anew() {
    let mut scene = Scene::set();
    let helper = scene.helper("first", &["--ask"]);
    scene.app();
    scene.open(CURL);
    drop(helper);
    scene.closed();
    let _helper = scene.helper("second", &["--ask"]);
    scene.open(CURL);
    scene.nobody_was_answered(&["first", "second"]);
    scene.desktop.press("Deny");
    scene.desktop.shows(LAUNCHER);
    assert_eq!(scene.answers("second"), ["1 deny"]);
}

#[test]
fn an_app_that_is_killed_answers_nothing_and_the_next_one_is_asked() {
    let mut scene = Scene::set();
    let _helper = scene.helper("helper", &["--ask"]);
    for signal in ["SIGKILL", "SIGTERM"] {
        let app = scene.app();
        scene.open(CURL);
        let end = json!({ "pid": app, "signal_name": signal });
        scene.desktop.perform("kill", end);
        scene.closed();
    }
    scene.app();
    scene.open(CURL);
    scene.nobody_was_answered(&["helper"]);
    scene.desktop.press("Deny");
    scene.desktop.shows(LAUNCHER);
    assert_eq!(scene.answers("helper"), ["1 deny"]);
}

#[test]
fn whoever_takes_the_name_gets_no_answer_to_what_another_has_asked() {
    let mut scene = Scene::set();
    let _first = scene.helper("first", &["--ask"]);
    scene.app();
    scene.open(CURL);
    // One that has nothing to ask: what is still shown would be the first one's.
    let _second = scene.helper("second", &[]);
    scene.closed();
    scene.ask(2);
    scene.open(LAUNCHER);
    scene.nobody_was_answered(&["first", "second"]);
    scene.desktop.press("Allow");
    scene.closed();
    scene.nobody_was_answered(&["first"]);
    assert_eq!(scene.answers("second"), ["2 allow"]);
}

#[test]
fn a_click_that_comes_late_is_no_answer_to_the_next_helper() {
    let mut scene = Scene::set();
    let first = scene.helper("first", &["--ask"]);
    let app = scene.app();
    let extents = scene.open(CURL)["extents"].clone();
    let middle = |at: usize| extents[at].as_i64().unwrap() + extents[at + 2].as_i64().unwrap() / 2;
    let click = json!({ "window": PROMPT, "x": middle(0), "y": middle(1) });
    // While the app does nothing, the helper is replaced by one that will ask something else
    // under the same number, and somebody allows what is still on the screen.
    send(app, Signal::SIGSTOP);
    drop(first);
    let _second = scene.helper("second", &["--ask"]);
    scene.desktop.perform("click_at", click);
    send(app, Signal::SIGCONT);
    scene.open(CURL);
    // What the app hears of last: by then the click has come to whatever it comes to.
    let _third = scene.helper("third", &[]);
    scene.closed();
    scene.nobody_was_answered(&["first", "second", "third"]);
}

#[test]
fn a_bus_that_ends_takes_the_question_along_and_the_app_comes_back() {
    let mut scene = Scene::set();
    let helper = scene.helper("first", &["--ask"]);
    scene.app();
    scene.open(CURL);
    scene.bus.restart();
    drop(helper);
    scene.closed();
    let _helper = scene.helper("second", &["--ask"]);
    scene.open(CURL);
    scene.nobody_was_answered(&["first", "second"]);
    scene.desktop.wait(allow());
}
