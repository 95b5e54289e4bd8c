//! Suggestions from learn mode, reviewed through accessibility and by keyboard.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::desktop::{Desktop, WINDOW};
use crate::common::{Bus, eventually};

const RULES: &str = "org.bastionfirewall.Helper1.Rules";

/// The app, up to its overview.
fn started(bus: &Bus) -> Desktop {
    let mut desktop = Desktop::start(bus);
    desktop.start_app(&[]);
    desktop.shows("Protection Is On");
    desktop
}

fn check(name: &str) -> Value {
    json!({ "role": "check box", "name": name })
}

fn press(desktop: &mut Desktop, find: &Value) {
    desktop.perform("press", json!({ "find": find }));
}

/// Gets there by keyboard, which scrolls as far as it has to, and changes the check box.
fn toggle(desktop: &mut Desktop, find: &Value) {
    desktop.perform("focus", json!({ "find": find }));
    desktop.keys(&["space"]);
}

/// Opens the dialog from the page of rules.
fn review(desktop: &mut Desktop) {
    desktop.keys(&["alt+3"]);
    desktop.shows("10 suggestions from learn mode");
    desktop.press("Review");
    desktop.shows("0 of 10 selected");
}

/// The rules that were made of suggestions, as `gdbus` prints them.
fn learned(bus: &Bus) -> Vec<String> {
    let rules = bus.call(&format!("{RULES}.List"), &[]);
    let rules = rules.split("}, {").map(str::to_owned);
    rules.filter(|rule| rule.contains("'learned'")).collect()
}

fn has_state(desktop: &mut Desktop, find: &Value, state: &str) -> bool {
    let found = desktop.wait(find.clone());
    let states = found["states"].as_array().unwrap();
    states.contains(&json!(state))
}

#[test]
fn programs_and_destinations_are_accepted_and_dropped_and_that_is_undone() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--suggestions"]);
    let mut desktop = started(&bus);
    review(&mut desktop);
    let (accept, drop) = (
        json!({ "role": "button", "name": "Accept" }),
        json!({ "role": "button", "name": "Drop" }),
    );
    assert!(!has_state(&mut desktop, &accept, "sensitive"));
    assert!(!has_state(&mut desktop, &drop, "sensitive"));

    // A whole program.
    press(&mut desktop, &check("All of git"));
    desktop.shows("2 of 10 selected");
    press(&mut desktop, &accept);
    desktop.shows("2 rules added");
    desktop.shows("0 of 8 selected");
    desktop.wait_gone(check("All of git"));
    let made = learned(&bus);
    assert_eq!(made.len(), 2, "{made:?}");
    assert!(made[0].contains("git.example.net"), "{made:?}");
    assert!(made[0].contains("'note': <'flow'>"), "{made:?}");

    // One destination of a program, of which then some are chosen.
    let launcher = json!({ "role": "list item", "name": "launcher" });
    desktop.perform("click", json!({ "find": launcher }));
    let one = check("198.51.100.200, Port 27015 · UDP · 2204 times");
    toggle(&mut desktop, &one);
    desktop.shows("1 of 8 selected");
    press(&mut desktop, &drop);
    desktop.shows("0 of 7 selected");
    desktop.wait_gone(one.clone());
    desktop.shows("1 suggestion dropped");
    desktop.press("Undo");
    desktop.shows("0 of 8 selected");
    // The program is open still.
    desktop.wait(one.clone());

    press(&mut desktop, &check("Select All"));
    desktop.shows("8 of 8 selected");
    toggle(&mut desktop, &one);
    desktop.shows("7 of 8 selected");
    press(&mut desktop, &drop);
    desktop.shows("7 suggestions dropped");
    toggle(&mut desktop, &one);
    press(&mut desktop, &accept);
    desktop.shows("No Suggestions");
    assert_eq!(learned(&bus).len(), 3);
    desktop.keys(&["Escape"]);
    desktop.wait_gone(json!({ "role": "button", "name": "Review" }));
    desktop.wait(json!({ "role": "table row", "contains": "Learned: 198.51.100.200" }));
}

#[test]
fn it_is_all_done_by_keyboard() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--suggestions"]);
    let mut desktop = started(&bus);
    // The search's key leads into the page.
    desktop.keys(&["alt+3", "ctrl+f"]);
    let review = json!({ "role": "button", "name": "Review" });
    desktop.perform("focus", json!({ "find": review }));
    desktop.keys(&["Return"]);
    desktop.shows("0 of 10 selected");
    toggle(&mut desktop, &check("All of curl"));
    desktop.shows("1 of 10 selected");
    let launcher = json!({ "role": "list item", "name": "launcher" });
    desktop.perform("focus", json!({ "find": launcher }));
    desktop.keys(&["Return"]);
    let first = check("a.cdn.example.com, Port 443 (https) · TCP · 9 times");
    toggle(&mut desktop, &first);
    desktop.shows("2 of 10 selected");
    let accept = json!({ "role": "button", "name": "Accept" });
    desktop.perform("focus", json!({ "find": accept }));
    desktop.keys(&["Return"]);
    desktop.shows("2 rules added");
    desktop.shows("0 of 8 selected");
    // The buttons can't have the focus any more, and it is not lost.
    toggle(&mut desktop, &check("Select All"));
    desktop.shows("8 of 8 selected");
    assert_eq!(learned(&bus).len(), 2);
}

#[test]
fn an_administrator_reviews_those_of_everybody_in_a_scope_of_choice() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--suggestions"]);
    let mut desktop = started(&bus);
    review(&mut desktop);
    press(&mut desktop, &check("All Users and the System"));
    desktop.shows("0 of 11 selected");
    let scope = json!({ "role": "combo box", "name": "Rules Allow" });
    let program = "Everything the program does";
    desktop.perform("choose", json!({ "find": scope, "item": program }));
    press(&mut desktop, &check("All of fwupd"));
    desktop.shows("1 of 11 selected");
    desktop.press("Accept");
    desktop.shows("1 rule added");
    let made = learned(&bus);
    assert_eq!(made.len(), 1, "{made:?}");
    assert!(made[0].contains("'note': <'program'>"), "{made:?}");
    assert!(!made[0].contains("'user'"), "{made:?}");
    press(&mut desktop, &check("All Users and the System"));
    desktop.shows("0 of 10 selected");
}

#[test]
fn who_is_no_administrator_keeps_their_own() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--suggestions", "--refuse"]);
    let mut desktop = started(&bus);
    review(&mut desktop);
    let everybody = check("All Users and the System");
    press(&mut desktop, &everybody);
    desktop.shows("Not permitted: Only an administrator may do that.");
    desktop.perform(
        "wait_state",
        json!({ "find": everybody, "state": "checked", "value": false }),
    );
    press(&mut desktop, &check("All of curl"));
    desktop.shows("1 of 10 selected");
}

#[test]
fn where_nothing_was_learned_nothing_is_offered_but_in_learn_mode() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = started(&bus);
    desktop.keys(&["alt+3"]);
    desktop.wait(json!({ "role": "table row", "contains": "Firefox may browse" }));
    desktop.wait_gone(json!({ "role": "button", "name": "Review" }));
    let settings = bus.call("org.bastionfirewall.Helper1.Control.GetSettings", &[]);
    let learning = settings.replace("'mode': <'ask'>", "'mode': <'learn'>");
    assert_ne!(learning, settings);
    let settings = learning
        .trim()
        .trim_matches(['(', ')'])
        .trim_end_matches(',');
    bus.call(
        "org.bastionfirewall.Helper1.Control.SetSettings",
        &[settings],
    );
    desktop.keys(&["alt+1"]);
    let row = json!({ "role": "list item", "name": "No Suggestions" });
    desktop.wait(row.clone());
    desktop.perform("click", json!({ "find": row }));
    desktop.wait(
        json!({ "contains": "connections that no rule decides are allowed and suggested here" }),
    );
    desktop.wait_gone(json!({ "role": "button", "name": "Accept" }));
}

/// Pictures, light and dark, wide and narrow; and that it fits.
#[test]
fn it_fits_in_each_style_and_width() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--suggestions"]);
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let pictures = project.join("target/screenshots");
    std::fs::create_dir_all(&pictures).unwrap();
    for style in ["light", "dark"] {
        let mut desktop = Desktop::start(&bus);
        let variable = format!("ADW_DEBUG_COLOR_SCHEME=prefer-{style}");
        desktop.start_app_with(&[variable], &[]);
        desktop.shows("Protection Is On");
        for (width, height) in [(1280, 800), (360, 720)] {
            let size = json!({ "window": WINDOW, "width": width, "height": height });
            desktop.perform("resize", size);
            desktop.keys(&["alt+1"]);
            let picture = |desktop: &mut Desktop, what: &str| {
                let name = format!("suggestions-{style}-{width}-{what}.png");
                let picture = json!({ "path": pictures.join(name), "window": WINDOW });
                desktop.perform("screenshot", picture);
            };
            desktop.wait(json!({ "role": "list item", "name": "10 suggestions" }));
            picture(&mut desktop, "overview");
            desktop.keys(&["alt+3"]);
            desktop.wait(json!({ "role": "button", "name": "Review" }));
            picture(&mut desktop, "rules");
            desktop.press("Review");
            desktop.shows("0 of 10 selected");
            press(&mut desktop, &check("All of git"));
            let launcher = json!({ "role": "list item", "name": "launcher" });
            desktop.perform("focus", json!({ "find": launcher }));
            desktop.keys(&["Return"]);
            let one = check("b.cdn.example.com, Port 443 (https) · TCP · 7 times");
            toggle(&mut desktop, &one);
            desktop.shows("3 of 10 selected");
            let accept = json!({ "role": "button", "name": "Accept" });
            eventually("a dialog within the window", || {
                let [left, _, wide, _] = [0, 1, 2, 3].map(|at| {
                    desktop.wait(accept.clone())["extents"][at]
                        .as_i64()
                        .unwrap()
                });
                (left >= 0 && left + wide <= width).then_some(())
            });
            picture(&mut desktop, "dialog");
            desktop.keys(&["Escape"]);
            desktop.wait_gone(accept);
        }
    }
}
