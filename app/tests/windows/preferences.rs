//! The preferences: those of the user alone, and how all of them look.

use serde_json::{Value, json};

use crate::common::desktop::{Desktop, WINDOW};
use crate::common::home::Home;
use crate::common::pictures::{self, SIZES, STYLES};
use crate::common::{Bus, eventually};

/// The pages, and what stands on each.
const PAGES: [(&str, &str); 4] = [
    ("General", "Mode"),
    ("Questions", "Time to Answer"),
    ("Log", "Keep Log"),
    ("Safeguard", "Stop Asking When There Is Too Much"),
];

fn tab(page: &str) -> Value {
    json!({ "role": "page tab", "name": page })
}

fn switch(name: &str) -> Value {
    json!({ "role": "check box", "name": name })
}

/// The app with the preferences open.
fn open(desktop: &mut Desktop, variables: &[String]) -> u64 {
    let app = desktop.start_app_with(variables, &[]);
    desktop.shows("Protection Is On");
    desktop.keys(&["ctrl+comma"]);
    desktop.wait(switch("Start When I Log In"));
    app
}

#[test]
fn what_is_a_users_own_is_remembered_without_the_helper() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--refuse"]);
    let home = Home::used();
    let mut desktop = Desktop::start(&bus);
    open(&mut desktop, &home.variables());
    let start = switch("Start When I Log In");
    desktop.perform("wait_state", json!({ "find": start, "state": "checked" }));
    desktop.perform("press", json!({ "find": start }));
    eventually("the override", || {
        home.autostart()
            .filter(|entry| entry.contains("Hidden=true"))
    });
    desktop.perform("press", json!({ "find": start }));
    eventually("the entry of the system again", || {
        home.autostart().is_none().then_some(())
    });
}

#[test]
fn what_happens_during_an_outage_is_sent_once_it_is_chosen() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let home = Home::used();
    let mut desktop = Desktop::start(&bus);
    open(&mut desktop, &home.variables());
    block(&mut desktop);
    has(&bus, &["'when_down': <'closed'>"]);
}

const ADMINISTRATOR: &str = "org.bastionfirewall.FakeAdministrator1";

/// Waits until an administrator is asked, once.
fn asked(bus: &Bus) {
    eventually("an administrator to be asked", || {
        let waiting = bus.call(&format!("{ADMINISTRATOR}.Waiting"), &[]);
        (waiting == "(uint32 1,)").then_some(())
    });
}

fn decide(bus: &Bus, word: &str) {
    bus.call(&format!("{ADMINISTRATOR}.Decide"), &[word]);
}

fn wait_chosen(desktop: &mut Desktop, radio: &str) {
    let find = json!({ "role": "radio button", "name": radio });
    desktop.perform("wait_state", json!({ "find": find, "state": "checked" }));
}

/// Chooses that nothing passes while the firewall does not run.
fn block(desktop: &mut Desktop) {
    let block = json!({ "role": "radio button", "name": "Block Connections" });
    desktop.perform("press", json!({ "find": block }));
}

fn switch_safeguard_off(desktop: &mut Desktop) {
    desktop.perform("click", json!({ "find": tab("Safeguard") }));
    let safeguard = switch("Stop Asking When There Is Too Much");
    desktop.perform("press", json!({ "find": safeguard }));
}

fn has(bus: &Bus, wanted: &[&str]) {
    eventually("the settings", || {
        let settings = bus.call("org.bastionfirewall.Helper1.Control.GetSettings", &[]);
        wanted.iter().all(|w| settings.contains(w)).then_some(())
    });
}

#[test]
fn a_refusal_takes_back_what_was_refused_and_no_later_change() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--slow"]);
    let home = Home::used();
    let mut desktop = Desktop::start(&bus);
    open(&mut desktop, &home.variables());
    block(&mut desktop);
    asked(&bus);
    // The administrator takes their time, and the user goes on.
    switch_safeguard_off(&mut desktop);
    decide(&bus, "false");
    desktop.wait(json!({ "role": "label", "contains": "Not permitted" }));
    // The rest is sent, without what was refused.
    asked(&bus);
    decide(&bus, "true");
    has(&bus, &["'when_down': <'open'>", "'safeguard': <false>"]);
    desktop.perform("click", json!({ "find": tab("General") }));
    wait_chosen(&mut desktop, "Allow Connections");
}

#[test]
fn what_is_on_its_way_outlives_the_dialog() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--slow"]);
    let home = Home::used();
    let mut desktop = Desktop::start(&bus);
    open(&mut desktop, &home.variables());
    block(&mut desktop);
    asked(&bus);
    switch_safeguard_off(&mut desktop);
    desktop.keys(&["Escape"]);
    desktop.wait_gone(tab("Safeguard"));
    desktop.keys(&["ctrl+comma"]);
    // It shows what is wanted, and not only what is stored.
    desktop.perform("click", json!({ "find": tab("General") }));
    wait_chosen(&mut desktop, "Block Connections");
    desktop.keys(&["Escape"]);
    desktop.wait_gone(tab("Safeguard"));
    decide(&bus, "true");
    asked(&bus);
    has(&bus, &["'when_down': <'closed'>", "'safeguard': <true>"]);
    // What fails now is said where the user is.
    decide(&bus, "false");
    desktop.wait(json!({ "role": "label", "contains": "Not permitted" }));
}

#[test]
fn every_page_fits() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let home = Home::used();
    for style in STYLES {
        for size in SIZES {
            let mut desktop = Desktop::start(&bus);
            let mut variables = home.variables();
            variables.push(pictures::styled(style));
            let app = open(&mut desktop, &variables);
            pictures::resize(&mut desktop, size);
            for (page, row) in PAGES {
                desktop.perform("click", json!({ "find": tab(page) }));
                pictures::fits(&mut desktop, &json!({ "contains": row }), size.0);
                let name = format!("preferences-{style}-{}-{}", size.0, page.to_lowercase());
                pictures::take(&mut desktop, WINDOW, &name);
            }
            desktop.end_app(app);
        }
    }
}
