//! The assistant of the first run: what is chosen is set at once and together, it never stands in
//! the way, and it comes once.

use serde_json::{Value, json};

use crate::common::Bus;
use crate::common::desktop::{Desktop, WINDOW};
use crate::common::home::Home;
use crate::common::pictures::{self, SIZES, STYLES};

const CONTROL: &str = "org.bastionfirewall.Helper1.Control";
const CHANGES: &str = "org.bastionfirewall.FakeHelper1.Changes";

fn label(text: &str) -> Value {
    json!({ "role": "label", "contains": text })
}

fn radio(name: &str) -> Value {
    json!({ "role": "radio button", "name": name })
}

fn start_switch() -> Value {
    json!({ "role": "check box", "name": "Start When I Log In" })
}

/// From the first page to that of the last choice.
fn to_the_last_choice(desktop: &mut Desktop) {
    desktop.wait(label("Welcome to Bastion"));
    desktop.press("Next");
    desktop.wait(radio("Ask Me"));
    desktop.press("Next");
    desktop.wait(radio("Allow Connections"));
}

fn settings(bus: &Bus) -> String {
    bus.call(&format!("{CONTROL}.GetSettings"), &[])
}

#[test]
fn what_is_chosen_is_set_together_and_the_assistant_comes_once() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let home = Home::new();
    let mut desktop = Desktop::start(&bus);
    let app = desktop.start_app_with(&home.variables(), &[]);
    desktop.wait(label("Welcome to Bastion"));
    desktop.press("Next");
    desktop.perform("press", json!({ "find": radio("Learn First") }));
    desktop.press("Next");
    desktop.perform("press", json!({ "find": radio("Block Connections") }));
    desktop.perform(
        "wait_state",
        json!({ "find": start_switch(), "state": "checked" }),
    );
    desktop.perform("press", json!({ "find": start_switch() }));
    assert_eq!(bus.call(CHANGES, &[]), "(uint32 0,)", "nothing is set yet");
    desktop.press("Finish");

    desktop.wait(label("All Set"));
    desktop.wait(label("allowed and noted down"));
    desktop.wait(label("no new connection passes"));
    desktop.wait(label("does not start when you log in"));
    assert_eq!(bus.call(CHANGES, &[]), "(uint32 1,)");
    let set = settings(&bus);
    for wanted in ["'mode': <'learn'>", "'when_down': <'closed'>"] {
        assert!(set.contains(wanted), "{set}");
    }
    assert!(home.autostart().unwrap().contains("Hidden=true"));
    desktop.press("Start Using Bastion");
    desktop.wait_gone(label("All Set"));
    desktop.shows("Learning");

    desktop.end_app(app);
    desktop.start_app_with(&home.variables(), &[]);
    desktop.shows("Learning");
    desktop.wait_gone(label("Welcome to Bastion"));
}

#[test]
fn skipping_it_changes_nothing_and_is_remembered() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let home = Home::new();
    let mut desktop = Desktop::start(&bus);
    // Nobody sees a window; it comes with that.
    let app = desktop.start_app_with(&home.variables(), &["--background"]);
    let there = ["gdbus", "wait", "--session", bastion_ipc::names::APP_ID];
    desktop.perform("run", json!({ "command": there }));
    desktop.start_app_with(&home.variables(), &[]);
    desktop.wait(label("Welcome to Bastion"));
    desktop.press("Skip");
    desktop.wait_gone(label("Welcome to Bastion"));
    desktop.shows("Protection Is On");
    assert_eq!(bus.call(CHANGES, &[]), "(uint32 0,)");
    assert_eq!(home.autostart(), None);
    desktop.end_app(app);
    let app = desktop.start_app_with(&home.variables(), &[]);
    desktop.shows("Protection Is On");
    desktop.wait_gone(label("Welcome to Bastion"));
    desktop.end_app(app);
}

#[test]
fn it_makes_way_for_what_is_wrong_and_begins_anew() {
    let bus = Bus::start();
    let helper = bus.helper(&[]);
    let home = Home::new();
    let mut desktop = Desktop::start(&bus);
    desktop.start_app_with(&home.variables(), &[]);
    to_the_last_choice(&mut desktop);
    drop(helper);
    desktop.shows("Firewall Is Not Running");
    desktop.wait_gone(radio("Allow Connections"));
    let _helper = bus.helper(&["--refuse"]);
    to_the_last_choice(&mut desktop);

    // An administrator does not authenticate.
    desktop.perform("press", json!({ "find": radio("Block Connections") }));
    desktop.press("Finish");
    desktop.wait(label("The Firewall Stays as It Is"));
    desktop.wait(label("Not permitted: Only an administrator may do that."));
    desktop.wait(label("connections pass unchecked"));
    desktop.press("Try Again");
    desktop.wait(label("Not permitted: Only an administrator may do that."));
    assert_eq!(bus.call(CHANGES, &[]), "(uint32 0,)");
}

#[test]
fn who_may_change_nothing_is_told_so_and_not_bothered_once_all_is_set_up() {
    let bus = Bus::start();
    let helper = bus.helper(&["--unprivileged"]);
    let home = Home::new();
    let mut desktop = Desktop::start(&bus);
    let app = desktop.start_app_with(&home.variables(), &[]);
    desktop.wait(label("Welcome to Bastion"));
    desktop.press("Next");
    desktop.wait(label("Only an administrator may change this."));
    let insensitive = json!({ "find": radio("Learn First"), "state": "sensitive", "value": false });
    desktop.perform("wait_state", insensitive);
    desktop.press("Next");
    // What is the user's own can be changed all the same.
    desktop.perform("press", json!({ "find": start_switch() }));
    desktop.press("Finish");
    desktop.wait(label("The Firewall Stays as It Is"));
    desktop.wait(label("You are asked about connections"));
    assert_eq!(bus.call(CHANGES, &[]), "(uint32 0,)");
    assert!(home.autostart().unwrap().contains("Hidden=true"));
    desktop.end_app(app);

    drop(helper);
    let _helper = bus.helper(&["--unprivileged", "--settled"]);
    let home = Home::new();
    desktop.start_app_with(&home.variables(), &[]);
    desktop.shows("Learning");
    desktop.wait_gone(label("Welcome to Bastion"));
}

#[test]
fn its_pages_fit() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    for style in STYLES {
        for size in SIZES {
            let home = Home::new();
            let mut desktop = Desktop::start(&bus);
            let mut variables = home.variables();
            variables.push(pictures::styled(style));
            let app = desktop.start_app_with(&variables, &[]);
            pictures::resize(&mut desktop, size);
            let steps = [
                (label("Welcome to Bastion"), "Next"),
                (radio("Learn First"), "Next"),
                (radio("Block Connections"), "Finish"),
                (label("All Set"), "Start Using Bastion"),
            ];
            for (number, (find, button)) in (1..).zip(steps) {
                pictures::fits(&mut desktop, &find, size.0);
                let next = json!({ "role": "button", "name": button });
                pictures::fits(&mut desktop, &next, size.0);
                let name = format!("first-run-{style}-{}-{number}", size.0);
                pictures::take(&mut desktop, WINDOW, &name);
                desktop.press(button);
            }
            desktop.end_app(app);
        }
    }
}
