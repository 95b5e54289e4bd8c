//! The connections page at work, on a desktop with the helper's stand-in.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::desktop::{Desktop, WINDOW};
use crate::common::home::Home;
use crate::common::{Bus, Running, eventually};

const EVENTS: &str = "org.bastionfirewall.Helper1.Events";
const BUTTON: &str = "End connection of firefox to www.wikipedia.org";
const MENU: &str = "Group and sort connections";

/// The page, on a desktop with the helper's stand-in.
fn page(helper: &[&str]) -> (Bus, Running, Desktop) {
    let bus = Bus::start();
    let helper = bus.helper(helper);
    let mut desktop = Desktop::start(&bus);
    desktop.start_app(&[]);
    go_there(&mut desktop);
    (bus, helper, desktop)
}

/// Shows the page, by its key.
fn go_there(desktop: &mut Desktop) {
    desktop.shows("Protection Is On");
    desktop.keys(&["alt+2"]);
    desktop.wait(json!({ "role": "tree table", "name": "Connections" }));
}

/// What the rows are called that are on screen, from the top.
fn rows(desktop: &mut Desktop) -> Vec<String> {
    let rows = desktop.perform("all", json!({ "find": { "role": "table row" } }));
    let names = rows.as_array().unwrap().iter();
    let names = names.map(|row| row["name"].as_str().unwrap().to_owned());
    // The headers are a row, too.
    names.filter(|name| name.contains(" to ")).collect()
}

/// The program and the destination of each row.
fn flows(desktop: &mut Desktop) -> Vec<String> {
    let flow = |row: String| {
        let end = row.find(", port ").or_else(|| row.rfind(": "));
        row[..end.unwrap()].to_owned()
    };
    rows(desktop).into_iter().map(flow).collect()
}

/// Waits until the rows are these.
fn has_flows(desktop: &mut Desktop, wanted: &[&str]) {
    let mut seen = Vec::new();
    for _ in 0..100 {
        seen = flows(desktop);
        if seen == wanted {
            return;
        }
    }
    panic!("there are {seen:#?} in place of {wanted:#?}");
}

/// The lines of the menu of the page, from the top.
const LINES: [&str; 10] = [
    "Group by Program",
    "Newest First",
    "Age",
    "Program",
    "Destination",
    "Port",
    "Protocol",
    "User",
    "State",
    "Reversed",
];

/// Chooses something in the menu of the page, by keys: GTK gives the lines of its menus no names.
fn choose_in_menu(desktop: &mut Desktop, line: &str) {
    let menu = json!({ "role": "menu", "name": MENU });
    desktop.perform(
        "click",
        json!({ "find": { "role": "toggle button", "name": MENU } }),
    );
    desktop.wait(menu.clone());
    let at = LINES.iter().position(|it| *it == line).unwrap();
    let mut keys = vec!["Home"];
    keys.extend(std::iter::repeat_n("Down", at));
    keys.push("space");
    desktop.keys(&keys);
    desktop.keys(&["Escape"]);
    desktop.wait_gone(menu);
}

#[test]
fn a_connection_is_ended_with_the_button_of_its_row() {
    let (bus, _helper, mut desktop) = page(&[]);
    desktop.select_row("firefox to www.wikipedia.org");
    let before = bus.call(&format!("{EVENTS}.GetConnections"), &["false"]);
    // From the row on without a mouse.
    let button = json!({ "role": "button", "name": BUTTON });
    desktop.perform("focus", json!({ "find": button }));
    desktop.keys(&["Return"]);
    desktop.shows("Connection of firefox ended");
    let after = bus.call(&format!("{EVENTS}.GetConnections"), &["false"]);
    assert!(after.len() < before.len(), "{after}");
    // Another with a key alone.
    desktop.select_row("ping to gnome.org");
    desktop.keys(&["Delete"]);
    desktop.shows("Connection of ping ended");
    desktop.wait_gone(json!({ "role": "table row", "contains": "ping to gnome.org" }));
    let last = bus.call(&format!("{EVENTS}.GetConnections"), &["false"]);
    assert!(last.len() < after.len(), "{last}");
}

#[test]
fn connections_are_grouped_and_sorted_and_remain_so() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let home = Home::used();
    let variables = home.variables();
    let mut desktop = Desktop::start(&bus);
    let app = desktop.start_app_with(&variables, &[]);
    go_there(&mut desktop);
    let size = json!({ "window": WINDOW, "width": 1280, "height": 1100 });
    desktop.perform("resize", size);
    let newest_first = [
        "firefox to www.wikipedia.org",
        "curl to example.org",
        "thunderbird to imap.fastmail.com",
        "systemd-resolved to 192.0.2.53",
        "ping to gnome.org",
        "The system kernel to 198.51.100.200",
        "git to git.example.net",
        "firefox to www.wikipedia.org",
        "curl to example.org",
        "thunderbird to imap.fastmail.com",
        "git to git.example.net",
        "firefox to www.wikipedia.org",
    ];
    has_flows(&mut desktop, &newest_first);
    // What waits, and what is newest, comes first in each group; groups have the order of names.
    choose_in_menu(&mut desktop, "Group by Program");
    let grouped = [
        "curl to example.org",
        "curl to example.org",
        "firefox to www.wikipedia.org",
        "firefox to www.wikipedia.org",
        "firefox to www.wikipedia.org",
        "git to git.example.net",
        "git to git.example.net",
        "ping to gnome.org",
        "systemd-resolved to 192.0.2.53",
        "The system kernel to 198.51.100.200",
        "thunderbird to imap.fastmail.com",
        "thunderbird to imap.fastmail.com",
    ];
    has_flows(&mut desktop, &grouped);
    desktop.shows("3 connections");
    desktop.shows("1 connection");
    choose_in_menu(&mut desktop, "Group by Program");
    has_flows(&mut desktop, &newest_first);
    desktop.wait_gone(json!({ "role": "label", "name": "3 connections" }));

    // Names by their letters, then addresses by their numbers: 192.0.2.53 before 198.51.100.200.
    choose_in_menu(&mut desktop, "Destination");
    choose_in_menu(&mut desktop, "Reversed");
    let by_destination = [
        "The system kernel to 198.51.100.200",
        "systemd-resolved to 192.0.2.53",
        "firefox to www.wikipedia.org",
        "firefox to www.wikipedia.org",
        "firefox to www.wikipedia.org",
        "thunderbird to imap.fastmail.com",
        "thunderbird to imap.fastmail.com",
        "ping to gnome.org",
        "git to git.example.net",
        "git to git.example.net",
        "curl to example.org",
        "curl to example.org",
    ];
    has_flows(&mut desktop, &by_destination);
    choose_in_menu(&mut desktop, "Group by Program");
    has_flows(&mut desktop, &grouped);
    desktop.end_app(app);

    let app = desktop.start_app_with(&variables, &[]);
    go_there(&mut desktop);
    desktop.shows("3 connections");
    has_flows(&mut desktop, &grouped);
    choose_in_menu(&mut desktop, "Group by Program");
    has_flows(&mut desktop, &by_destination);
    desktop.end_app(app);
}

#[test]
fn filters_say_what_is_shown_and_end_with_the_search() {
    let (_bus, _helper, mut desktop) = page(&[]);
    eventually("all", || (rows(&mut desktop).len() > 9).then_some(()));
    desktop.keys(&["ctrl+f"]);
    let protocol = json!({ "role": "combo box", "name": "Protocol" });
    desktop.perform("choose", json!({ "find": protocol, "item": "UDP" }));
    let udp = [
        "systemd-resolved to 192.0.2.53",
        "The system kernel to 198.51.100.200",
    ];
    has_flows(&mut desktop, &udp);
    desktop.wait(json!({ "role": "label", "name": "UDP", "within": protocol }));
    let user = json!({ "role": "combo box", "name": "User" });
    desktop.perform("choose", json!({ "find": user, "item": "root" }));
    has_flows(&mut desktop, &udp[..1]);
    // All of them are open.
    let state = json!({ "role": "combo box", "name": "State" });
    desktop.wait_gone(state);
    desktop.keys(&["ctrl+f"]);
    desktop.perform("type", json!({ "text": "firefox" }));
    desktop.shows("No Results Found");
    desktop.keys(&["Escape"]);
    desktop.wait_gone(protocol.clone());
    eventually("all", || (rows(&mut desktop).len() > 9).then_some(()));
    desktop.keys(&["ctrl+f"]);
    desktop.wait(json!({ "role": "label", "name": "All Protocols", "within": protocol }));
}

#[test]
fn the_question_about_what_waits_is_brought_forward() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--ask"]);
    let mut desktop = Desktop::start(&bus);
    desktop.start_app(&[]);
    let prompt = "Connection Request";
    desktop.wait(json!({ "role": "frame", "name": prompt }));
    desktop.perform("activate", json!({ "window": WINDOW }));
    go_there(&mut desktop);
    desktop.press("Answer for curl to downloads.example.org");
    eventually("the question", || {
        let windows = desktop.perform("windows", json!({}));
        let is_it = |it: &&Value| it["name"] == prompt && it["active"] == true;
        windows.as_array().unwrap().iter().find(is_it).map(|_| ())
    });
}

#[test]
fn while_500_come_each_second_the_page_can_be_used() {
    let (bus, _helper, mut desktop) = page(&["--busy"]);
    desktop.wait(json!({ "role": "label", "contains": "The newest 1\u{202f}000 of " }));
    choose_in_menu(&mut desktop, "Group by Program");
    desktop.wait(json!({ "role": "label", "contains": " connections" }));
    choose_in_menu(&mut desktop, "Group by Program");

    // Of some a second there is room for all.
    desktop.keys(&["ctrl+f"]);
    let protocol = json!({ "role": "combo box", "name": "Protocol" });
    desktop.perform("choose", json!({ "find": protocol, "item": "ICMP" }));
    desktop.wait_gone(json!({ "role": "label", "contains": "The newest " }));
    // The oldest goes on, and is selected, while others come and go.
    choose_in_menu(&mut desktop, "Age");
    choose_in_menu(&mut desktop, "Reversed");
    desktop.select_row("ping to gnome.org");
    let oldest = json!({ "role": "table row", "contains": "ping to gnome.org" });
    let selected = json!({ "find": oldest, "state": "selected" });
    let listed = || bus.call(&format!("{EVENTS}.GetConnections"), &["false"]);
    let newest = newest_id(&listed());
    eventually("the end of all others that there are", || {
        desktop.perform("wait_state", selected.clone());
        let gone = !listed().contains(&format!("'id': <uint64 {newest}>"));
        gone.then_some(())
    });
    desktop.perform("wait_state", selected);
}

/// The highest number of an event in a list that the bus gave.
fn newest_id(listed: &str) -> u64 {
    let ids = listed.split("'id': <uint64 ").skip(1);
    let ids = ids.map(|rest| rest.split('>').next().unwrap().parse().unwrap());
    ids.max().unwrap()
}

#[test]
fn grouped_and_filtered_it_fits_light_and_dark_wide_and_narrow() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--ask"]);
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    std::fs::create_dir_all(&pictures).unwrap();
    for style in ["light", "dark"] {
        let mut desktop = Desktop::start(&bus);
        let variables = [format!("ADW_DEBUG_COLOR_SCHEME=prefer-{style}")];
        let app = desktop.start_app_with(&variables, &[]);
        desktop.wait(json!({ "role": "frame", "name": "Connection Request" }));
        desktop.perform("activate", json!({ "window": WINDOW }));
        go_there(&mut desktop);
        desktop.keys(&["ctrl+f"]);
        let protocol = json!({ "role": "combo box", "name": "Protocol" });
        desktop.perform("choose", json!({ "find": protocol, "item": "TCP" }));
        for grouped in [false, true] {
            if grouped {
                let size = json!({ "window": WINDOW, "width": 1280, "height": 800 });
                desktop.perform("resize", size);
                choose_in_menu(&mut desktop, "Group by Program");
                desktop.shows("3 connections");
            }
            for width in [1280, 800, 360] {
                let size = json!({ "window": WINDOW, "width": width, "height": 800 });
                desktop.perform("resize", size);
                let page = json!({ "role": "tree table", "name": "Connections" });
                eventually("a page within a window of the size asked for", || {
                    let frame = desktop.wait(json!({ "role": "frame", "name": WINDOW }));
                    let page = desktop.wait(page.clone());
                    let at = |widget: &Value, n: usize| widget["extents"][n].as_i64().unwrap();
                    let fits = at(&page, 0) >= 0 && at(&page, 0) + at(&page, 2) <= width;
                    (at(&frame, 2) == width && fits).then_some(())
                });
                let kind = if grouped { "grouped" } else { "filtered" };
                let name = format!("connections-{kind}-{style}-{width}.png");
                let picture = json!({ "path": pictures.join(name), "window": WINDOW });
                desktop.perform("screenshot", picture);
            }
        }
        desktop.end_app(app);
    }
}
