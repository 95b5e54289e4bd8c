//! The pages at work, by keyboard and through accessibility.

use serde_json::{Value, json};

use crate::common::Bus;
use crate::common::desktop::Desktop;

fn page(desktop: &mut Desktop, name: &str) {
    desktop.perform(
        "click",
        json!({ "find": { "role": "list item", "name": name } }),
    );
}

/// Chooses a row of the table and opens it.
fn open_row(desktop: &mut Desktop, text: &str) {
    desktop.select_row(text);
    desktop.keys(&["Return"]);
}

fn title(name: &str) -> Value {
    json!({ "role": "label", "name": name })
}

#[test]
fn every_page_and_its_search_have_keys() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = Desktop::start(&bus);
    desktop.start_app(&[]);
    desktop.shows("Protection Is On");
    for (number, list) in ["Connections", "Rules", "Log"].into_iter().enumerate() {
        desktop.keys(&[&format!("alt+{}", number + 2)]);
        desktop.wait(json!({ "role": "tree table", "name": list }));
        desktop.keys(&["ctrl+f"]);
        let entry = json!({ "contains": "Search ", "role": "entry" });
        desktop.wait(entry.clone());
        desktop.keys(&["Escape"]);
        desktop.wait_gone(entry);
    }
    desktop.keys(&["alt+1"]);
    desktop.shows("Protection Is On");
    desktop.keys(&["ctrl+question"]);
    desktop.wait(title("Keyboard shortcuts"));
}

#[test]
fn a_rule_is_made_of_what_the_log_and_the_connections_show() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = Desktop::start(&bus);
    desktop.start_app(&[]);
    desktop.shows("Protection Is On");

    page(&mut desktop, "Log");
    open_row(&mut desktop, "git.example.net");
    desktop.wait(title("Connection"));
    desktop.shows("Answered by alice");
    desktop.press("Make a Rule…");
    desktop.wait(title("New Rule"));
    let name = json!({ "role": "text", "name": "Name" });
    let name = desktop.perform("wait", json!({ "find": name }));
    assert_eq!(name["text"], "git to git.example.net");
    desktop.press("Save");
    desktop.wait_gone(title("New Rule"));
    page(&mut desktop, "Rules");
    desktop.wait(json!({ "role": "table row", "contains": "git to git.example.net" }));
}
