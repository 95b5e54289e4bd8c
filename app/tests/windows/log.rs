//! The log at work: a long one, its filters, and why something was decided.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::Bus;
use crate::common::desktop::{Desktop, WINDOW};

const DECIDE: &str = "org.bastionfirewall.FakeHelper1.Log.Decide";
/// The host of the oldest event that the stand-in has.
const FIRST: &str = "first.example.org";

fn open(bus: &Bus, variables: &[String]) -> Desktop {
    let mut desktop = Desktop::start(bus);
    desktop.start_app_with(variables, &[]);
    desktop.shows("Protection Is On");
    desktop.keys(&["alt+4"]);
    desktop.wait(json!({ "role": "tree table", "name": "Log" }));
    desktop
}

fn row(text: &str) -> Value {
    json!({ "role": "table row", "contains": text })
}

fn button(name: &str) -> Value {
    json!({ "role": "button", "name": name })
}

#[test]
fn a_million_rows_are_there_from_the_newest_to_the_oldest() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--log", "1000000"]);
    let mut desktop = open(&bus, &[]);
    desktop.shows("1\u{202f}000\u{202f}000 decisions");
    desktop.select_row("gnome.org");
    desktop.keys(&["End"]);
    desktop.wait(row(FIRST));
    desktop.keys(&["Home"]);
    desktop.wait_gone(row(FIRST));
    desktop.wait(row("gnome.org"));
}

#[test]
fn new_decisions_come_on_top_or_are_announced() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--log", "1000"]);
    let mut desktop = open(&bus, &[]);
    desktop.shows("1\u{202f}000 decisions");
    bus.call(DECIDE, &["5"]);
    desktop.shows("1\u{202f}005 decisions");
    desktop.select_row("gnome.org");
    desktop.keys(&["End"]);
    desktop.wait(row(FIRST));
    bus.call(DECIDE, &["3"]);
    desktop.press("3 new decisions");
    desktop.shows("1\u{202f}008 decisions");
    desktop.wait_gone(button("3 new decisions"));
}

#[test]
fn the_log_is_filtered_and_each_filter_can_be_removed() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = open(&bus, &[]);
    desktop.shows("450 decisions");
    desktop.perform("press", json!({ "find": { "name": "Filter" } }));
    let entry = |name: &str| json!({ "role": "text", "name": name });
    let set = |desktop: &mut Desktop, name: &str, text: &str| {
        desktop.perform("set_text", json!({ "find": entry(name), "text": text }));
    };
    set(&mut desktop, "Program", "curl");
    desktop.shows("45 decisions");
    set(&mut desktop, "Destination", "no such place");
    desktop.shows("A destination is an address, or a name like example.org.");
    set(&mut desktop, "Destination", "192.0.2.11");
    desktop.shows("No Results Found");
    set(&mut desktop, "Destination", "example.org");
    desktop.shows("45 decisions");
    desktop.keys(&["Escape"]);
    desktop.press("Remove filter: curl");
    desktop.wait_gone(button("Remove filter: curl"));
    // firefox, git, thunderbird and so on have been elsewhere.
    desktop.shows("45 decisions");
    desktop.press("Remove filter: example.org");
    desktop.shows("450 decisions");
}

#[test]
fn what_is_typed_into_the_filter_stays_while_decisions_come() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--log", "1000"]);
    let mut desktop = open(&bus, &[]);
    desktop.shows("1\u{202f}000 decisions");
    desktop.perform(
        "click",
        json!({ "find": { "role": "toggle button", "name": "Filter" } }),
    );
    let program = json!({ "role": "text", "name": "Program" });
    desktop.perform("focus", json!({ "find": program }));
    for part in ["c", "u", "r", "l"] {
        desktop.perform("type", json!({ "text": part }));
        bus.call(DECIDE, &["3"]);
    }
    desktop.wait(button("Remove filter: curl"));
    assert_eq!(desktop.wait(program)["text"], "curl");
}

/// What is exported to a file of this name, by the menu and the file dialog.
fn exported(desktop: &mut Desktop, directory: &Path, name: &str) -> String {
    let menu = json!({ "role": "toggle button", "name": "More" });
    desktop.perform("click", json!({ "find": menu }));
    desktop.keys(&["Return"]);
    let dialog = json!({ "role": "dialog", "name": "Export Log" });
    desktop.wait(dialog.clone());
    let path = directory.join(name);
    let entry = json!({ "role": "text", "within": dialog });
    desktop.perform("set_text", json!({ "find": entry, "text": path }));
    let accept = json!({ "role": "button", "name": "Export", "within": dialog });
    let ready = json!({ "find": accept, "state": "sensitive" });
    desktop.perform("wait_state", ready);
    desktop.perform("press", json!({ "find": accept }));
    desktop.shows(&format!("Log exported to “{name}”"));
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_log_is_exported_as_the_name_of_the_file_says() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--log", "600"]);
    let mut desktop = open(&bus, &[]);
    desktop.shows("600 decisions");
    let directory = tempfile::tempdir().unwrap();
    let table = exported(&mut desktop, directory.path(), "log.csv");
    // A line for each, and one for the names of the columns.
    assert_eq!(table.lines().count(), 601);
    assert!(table.lines().nth(1).unwrap().contains(FIRST));
    let json = exported(&mut desktop, directory.path(), "log.json");
    let events: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(events.len(), 600);
    assert_eq!(events[0]["host"], FIRST);
}

#[test]
fn why_something_was_decided_is_told_and_the_rule_opens() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = open(&bus, &[]);
    desktop.select_row("example.org");
    desktop.keys(&["Return"]);
    desktop.shows("The rule “curl to example.org” allows it.");
    desktop.shows("Today’s rules would allow it: Rule “curl to example.org”");
    let why = json!({ "role": "list item", "contains": "The rule “curl to example.org”" });
    desktop.perform("focus", json!({ "find": why }));
    desktop.keys(&["Return"]);
    let name = json!({ "role": "text", "name": "Name" });
    let name = desktop.perform("wait", json!({ "find": name }));
    assert_eq!(name["text"], "curl to example.org");
    desktop.keys(&["Escape"]);

    // Nobody made a rule of this one.
    desktop.keys(&["alt+4"]);
    desktop.select_row("git.example.net");
    desktop.keys(&["Return"]);
    desktop.shows("No rule decided it; alice was asked, and allowed it.");
    desktop.shows("Today’s rules would have you asked.");
}

/// The log, its form and a decision, light and dark, wide and narrow, in `target/screenshots`.
#[test]
fn the_log_fits_in_each_style_and_width() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    std::fs::create_dir_all(&pictures).unwrap();
    for style in ["light", "dark"] {
        let scheme = format!("ADW_DEBUG_COLOR_SCHEME=prefer-{style}");
        let mut desktop = open(&bus, &[scheme]);
        for (width, height) in [(1280, 800), (360, 720)] {
            let size = json!({ "window": WINDOW, "width": width, "height": height });
            desktop.perform("resize", size);
            let picture = |desktop: &mut Desktop, what: &str| {
                let frame = desktop.wait(json!({ "role": "frame", "name": WINDOW }));
                assert_eq!(frame["extents"][2], width);
                let path = pictures.join(format!("log-{style}-{width}-{what}.png"));
                desktop.perform("screenshot", json!({ "path": path }));
            };
            desktop.perform("press", json!({ "find": { "name": "Filter" } }));
            let program = json!({ "role": "text", "name": "Program" });
            desktop.perform("set_text", json!({ "find": program, "text": "curl" }));
            desktop.shows("45 decisions");
            picture(&mut desktop, "filter");
            desktop.keys(&["Escape"]);
            desktop.wait(button("Remove filter: curl"));
            picture(&mut desktop, "filtered");
            desktop.select_row("example.org");
            desktop.keys(&["Return"]);
            desktop.shows("Today’s rules would allow it: Rule “curl to example.org”");
            picture(&mut desktop, "why");
            desktop.keys(&["Escape"]);
            desktop.press("Remove filter: curl");
        }
    }
}
