//! The Rules page at work: narrowing down, sorting, what is wrong with rules, and rules from files
//! and to files.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::desktop::{Desktop, WINDOW};
use crate::common::home::Home;
use crate::common::{Bus, Running, eventually};

const RULES: &str = "org.bastionfirewall.Helper1.Rules";
const SHADOWED: &str = "Never decides: “No telemetry” covers all of it and has a higher priority.";

const FILE: &str = "version = 1\n\
    [[rule]]\nname = \"Mail again\"\naction = \"allow\"\nprogram = \"/usr/bin/thunderbird\"\n\
    destination = \"domain:fastmail.com\"\nports = \"465,993\"\nprotocol = \"tcp\"\n\
    [[rule]]\nname = \"DHCP\"\naction = \"deny\"\nports = 68\n\
    [[rule]]\nname = \"Chat\"\naction = \"allow\"\nports = 6697\n\
    [[rule]]\nname = \"Odd\"\naction = \"perhaps\"\n";

/// A window that shows the rules, and the stand-in for the helper.
fn rules_page(bus: &Bus) -> (Desktop, Running) {
    let helper = bus.helper(&[]);
    let mut desktop = Desktop::start(bus);
    desktop.start_app(&[]);
    show_rules(&mut desktop);
    (desktop, helper)
}

fn show_rules(desktop: &mut Desktop) {
    desktop.shows("Protection Is On");
    let size = json!({ "window": WINDOW, "width": 1280, "height": 800 });
    desktop.perform("resize", size);
    desktop.keys(&["alt+3"]);
    desktop.wait(row("Firefox may browse"));
}

fn row(name: &str) -> Value {
    json!({ "role": "table row", "contains": name })
}

fn click(desktop: &mut Desktop, find: Value) {
    desktop.perform("click", json!({ "find": find }));
}

/// Chooses from what the filter offers, by keyboard: so many places below the first.
fn choose(desktop: &mut Desktop, combo: &str, place: usize) {
    let combo = json!({ "role": "combo box", "name": combo });
    desktop.perform("focus", json!({ "find": combo }));
    let keys = [&["Return"][..], &vec!["Down"; place], &["Return"]].concat();
    desktop.keys(&keys);
}

fn open_menu(desktop: &mut Desktop, button: &str) {
    click(desktop, json!({ "role": "toggle button", "name": button }));
}

/// The place of *Imported* among those who make rules, after *All*.
const IMPORTED: usize = 5;

/// The items of the page's menu by their places.
const IMPORT: usize = 0;
const EXPORT_ALL: usize = 1;
const EXPORT_SHOWN: usize = 2;

/// Chooses from the menu of the page, and then a file, by its path.
fn choose_file(desktop: &mut Desktop, item: usize, path: &Path) {
    open_menu(desktop, "More Actions");
    let keys = [&vec!["Down"; item][..], &["Return"]].concat();
    desktop.keys(&keys);
    let title = match item {
        IMPORT => "Import Rules",
        _ => "Export Rules",
    };
    let dialog = json!({ "role": "dialog", "name": title });
    desktop.wait(dialog.clone());
    if item == IMPORT {
        // Only who asks for it can type where the file is.
        desktop.keys(&["ctrl+l"]);
    }
    let entry = json!({ "role": "text", "within": dialog });
    desktop.perform("set_text", json!({ "find": entry, "text": path }));
    let accept = if item == IMPORT { "Open" } else { "Export" };
    let accept = json!({ "role": "button", "name": accept, "within": dialog });
    let ready = json!({ "find": accept, "state": "sensitive" });
    desktop.perform("wait_state", ready);
    desktop.perform("press", json!({ "find": accept }));
}

/// How far down a row is.
fn height_of(desktop: &mut Desktop, name: &str) -> i64 {
    desktop.wait(row(name))["extents"][1].as_i64().unwrap()
}

#[test]
fn the_list_is_narrowed_down_to_rules_with_problems() {
    let bus = Bus::start();
    let (mut desktop, _helper) = rules_page(&bus);
    desktop.shows(SHADOWED);
    open_menu(&mut desktop, "Filter");
    choose(&mut desktop, "State", 4);
    desktop.wait_gone(row("Firefox may browse"));
    desktop.wait(row("Calendar statistics"));
    choose(&mut desktop, "Action", 2);
    desktop.shows("No Results Found");
    desktop.press("Show All Rules");
    desktop.wait(row("Firefox may browse"));
    choose(&mut desktop, "Made by", 3);
    desktop.wait_gone(row("Firefox may browse"));
    desktop.wait(row("Clock over NTP"));
}

#[test]
fn a_column_sorts_the_list_and_the_order_is_remembered() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = Desktop::start(&bus);
    let home = Home::used();
    let variables = home.variables();
    let app = desktop.start_app_with(&variables, &[]);
    show_rules(&mut desktop);
    let busiest_first = |desktop: &mut Desktop| {
        let most = height_of(desktop, "DNS lookups by the system");
        let more = height_of(desktop, "Firefox may browse");
        let less = height_of(desktop, "Thunderbird mail");
        (most < more && more < less).then_some(())
    };
    assert_eq!(busiest_first(&mut desktop), None);
    click(&mut desktop, json!({ "role": "label", "name": "Hits" }));
    eventually("the rule with the most hits on top", || {
        busiest_first(&mut desktop)
    });
    desktop.end_app(app);
    desktop.start_app_with(&variables, &[]);
    show_rules(&mut desktop);
    eventually("the same order", || busiest_first(&mut desktop));
}

#[test]
fn the_time_that_a_rule_has_left_is_counted_down() {
    let bus = Bus::start();
    let (mut desktop, _helper) = rules_page(&bus);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = u64::try_from(now.unwrap().as_millis()).unwrap();
    let end = bastion_policy::time::Timestamp::from_millis(now + 90_000);
    let rule = format!("{{'name': <'Brief'>, 'action': <'allow'>, 'lifetime': <'until:{end}'>}}");
    bus.call(&format!("{RULES}.Add"), &[&rule]);
    desktop.wait(row("Brief"));
    let left = json!({ "role": "label", "contains": "seconds left" });
    let text = |desktop: &mut Desktop| desktop.wait(left.clone())["name"].clone();
    let first = text(&mut desktop);
    eventually("another number of seconds", || {
        (text(&mut desktop) != first).then_some(())
    });
}

#[test]
fn rules_of_a_file_are_shown_before_they_are_added() {
    let bus = Bus::start();
    let (mut desktop, _helper) = rules_page(&bus);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("other.toml");
    std::fs::write(&file, FILE).unwrap();
    let before = bus.call(&format!("{RULES}.List"), &[]);
    choose_file(&mut desktop, IMPORT, &file);
    desktop.shows("2 of 4 chosen");
    desktop.shows("Already there");
    desktop.shows("Differs from the one of the same name");
    desktop.shows("Can’t be imported");
    desktop.shows("Allow every program to connect to everywhere, on port 6697.");
    assert_eq!(bus.call(&format!("{RULES}.List"), &[]), before);
    click(
        &mut desktop,
        json!({ "role": "check box", "name": "Import rule “DHCP”" }),
    );
    desktop.shows("1 of 4 chosen");
    desktop.press("Import");
    desktop.shows("1 rule imported");
    desktop.wait(row("Chat"));
    let after = bus.call(&format!("{RULES}.List"), &[]);
    assert!(after.contains("'Chat'"), "{after}");
    assert!(after.contains("'creator': <'import'>"), "{after}");
    assert!(!after.contains("'Mail again'"), "{after}");
    open_menu(&mut desktop, "Filter");
    choose(&mut desktop, "Made by", IMPORTED);
    desktop.wait_gone(row("Firefox may browse"));
    desktop.keys(&["Escape"]);
    desktop.wait(row("Chat"));

    std::fs::write(&file, "nonsense").unwrap();
    choose_file(&mut desktop, IMPORT, &file);
    desktop.shows("Rules Can’t Be Imported");
    assert_eq!(bus.call(&format!("{RULES}.List"), &[]), after);
}

#[test]
fn what_is_shown_is_exported_as_a_rules_file() {
    let bus = Bus::start();
    let (mut desktop, _helper) = rules_page(&bus);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kept.toml");
    choose_file(&mut desktop, EXPORT_ALL, &file);
    desktop.wait(json!({ "role": "label", "contains": "rules exported" }));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("version = 1\n\n[[rule]]\n"), "{text}");
    assert!(text.contains("name = \"Old updater\""), "{text}");

    open_menu(&mut desktop, "Filter");
    choose(&mut desktop, "State", 3);
    desktop.wait_gone(row("Old updater"));
    desktop.keys(&["Escape"]);
    choose_file(&mut desktop, EXPORT_SHOWN, &file);
    // The file is there already.
    desktop.press("Replace");
    desktop.shows("2 rules exported");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("name = \"Video call\""), "{text}");
    assert!(!text.contains("name = \"Old updater\""), "{text}");
}

/// A picture of the window, for people to look at.
fn picture(desktop: &mut Desktop, name: &str) {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    std::fs::create_dir_all(&pictures).unwrap();
    let path = pictures.join(format!("rules-{name}.png"));
    desktop.perform("screenshot", json!({ "path": path, "window": WINDOW }));
}

#[test]
fn what_opens_fits_wide_and_narrow_windows() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("other.toml");
    std::fs::write(&file, FILE).unwrap();
    for style in ["light", "dark"] {
        let mut desktop = Desktop::start(&bus);
        let variables = [format!("ADW_DEBUG_COLOR_SCHEME=prefer-{style}")];
        desktop.start_app_with(&variables, &[]);
        show_rules(&mut desktop);
        for (width, height) in [(1280, 800), (360, 720)] {
            let size = json!({ "window": WINDOW, "width": width, "height": height });
            desktop.perform("resize", size);
            eventually("a window of the size asked for", || {
                let frame = desktop.wait(json!({ "role": "frame", "name": WINDOW }));
                (frame["extents"][2] == width).then_some(())
            });
            picture(&mut desktop, &format!("list-{style}-{width}"));
            open_menu(&mut desktop, "Filter");
            desktop.wait(json!({ "role": "button", "name": "Show All Rules" }));
            picture(&mut desktop, &format!("filter-{style}-{width}"));
            desktop.keys(&["Escape"]);
            choose_file(&mut desktop, IMPORT, &file);
            desktop.shows("2 of 4 chosen");
            let button = desktop.wait(json!({ "role": "button", "name": "Import" }));
            let [left, wide] = [0, 2].map(|at| button["extents"][at].as_i64().unwrap());
            assert!(left >= 0 && left + wide <= width, "{button}");
            picture(&mut desktop, &format!("preview-{style}-{width}"));
            desktop.press("Cancel");
            desktop.wait_gone(json!({ "role": "label", "name": "2 of 4 chosen" }));
        }
    }
}
