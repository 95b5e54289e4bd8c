//! The rule editor at work: a rule is made with the program picker and the preview, nonsense is
//! named and can't be saved, and nothing is lost without a question.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::desktop::{Desktop, WINDOW};
use crate::common::{Bus, eventually};

const RULES: &str = "org.bastionfirewall.Helper1.Rules.List";

fn title(name: &str) -> Value {
    json!({ "role": "label", "name": name })
}

fn text(name: &str) -> Value {
    json!({ "role": "text", "name": name })
}

fn write(desktop: &mut Desktop, name: &str, value: &str) {
    desktop.perform("set_text", json!({ "find": text(name), "text": value }));
}

fn choose(desktop: &mut Desktop, name: &str, item: &str) {
    let find = json!({ "role": "combo box", "name": name });
    // What has the focus is scrolled to.
    desktop.perform("focus", json!({ "find": find }));
    desktop.perform("choose", json!({ "find": find, "item": item }));
}

fn click(desktop: &mut Desktop, find: &Value) {
    desktop.perform("click", json!({ "find": find }));
}

/// Waits until programs can be searched.
fn picker(desktop: &mut Desktop) {
    let search = json!({ "role": "entry", "name": "Search programs" });
    desktop.wait(search.clone());
    desktop.perform("wait_state", json!({ "find": search, "state": "focused" }));
}

/// Opens the editor for a new rule.
fn open(desktop: &mut Desktop, variables: &[String]) {
    desktop.start_app_with(variables, &[]);
    desktop.shows("Protection Is On");
    desktop.keys(&["alt+3"]);
    desktop.press("Add Rule");
    desktop.wait(title("New Rule"));
}

fn can_save(desktop: &mut Desktop, can: bool) {
    let save = json!({ "role": "button", "name": "Save" });
    desktop.perform(
        "wait_state",
        json!({ "find": save, "state": "sensitive", "value": can }),
    );
}

#[test]
fn a_rule_is_made_with_picker_and_preview() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = Desktop::start(&bus);
    open(&mut desktop, &[]);

    // By keyboard alone: the mnemonic, the search, and down to what is found.
    desktop.keys(&["alt+h"]);
    picker(&mut desktop);
    desktop.perform("type", json!({ "text": "curl" }));
    desktop.wait_gone(json!({ "role": "list item", "name": "thunderbird" }));
    let found = json!({ "role": "list item", "contains": "curl" });
    desktop.perform("focus", json!({ "find": found }));
    desktop.keys(&["Return"]);
    let path = desktop.wait(text("Program Path"));
    assert_eq!(path["text"], "/usr/bin/curl");

    choose(&mut desktop, "Destination", "A host or network");
    write(
        &mut desktop,
        "Host, Address, Network or Range",
        "example.org",
    );
    // Of ten kinds of connections one is meant; the log has 450, and twelve are open.
    let count = "Would have matched 46 of the last 462 connections";
    desktop.shows(count);
    desktop.shows("2 of them are open now. The log keeps one name of each destination. The newest 20 are shown.");
    let preview = json!({ "role": "list item", "contains": count });
    desktop.perform("focus", json!({ "find": preview }));
    desktop.keys(&["space"]);
    let listed = json!({ "role": "list item", "name": "curl to example.org" });
    desktop.wait(listed.clone());
    write(
        &mut desktop,
        "Host, Address, Network or Range",
        "example.or",
    );
    desktop.shows("Would have matched none of the last 462 connections");
    desktop.wait_gone(listed);
    write(
        &mut desktop,
        "Host, Address, Network or Range",
        "example.org",
    );
    desktop.shows("Allow curl to connect to example.org.");

    desktop.press("Save");
    desktop.wait_gone(title("New Rule"));
    desktop.wait(json!({
        "role": "table row", "contains": "Allow curl to connect to example.org"
    }));
    assert!(bus.call(RULES, &[]).contains("'/usr/bin/curl'"));
}

#[test]
fn a_script_is_explained_before_its_interpreter_is_named() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let files = tempfile::tempdir().unwrap();
    let script = files.path().join("backup.sh");
    std::fs::write(&script, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let entries = files.path().join("applications");
    std::fs::create_dir(&entries).unwrap();
    let entry = format!(
        "[Desktop Entry]\nType=Application\nName=Firefox\nExec={} --now\n",
        script.display()
    );
    std::fs::write(entries.join("org.example.Backup.desktop"), entry).unwrap();
    let shell = std::fs::canonicalize("/bin/sh").unwrap();

    let mut desktop = Desktop::start(&bus);
    let dirs = format!("XDG_DATA_DIRS={}:/usr/share", files.path().display());
    open(&mut desktop, &[dirs]);
    desktop.press("Choose a Program…");
    picker(&mut desktop);
    desktop.keys(&["alt+i"]);
    // It is no entry of the system's, so what it calls itself is not shown.
    let application = json!({ "role": "list item", "contains": "backup.sh" });
    desktop.wait(application.clone());
    desktop.wait_gone(title("Firefox"));
    click(&mut desktop, &application);
    desktop.wait(title("Not a Program Itself"));
    desktop.wait(json!({ "role": "label", "contains": "“backup.sh” is a script" }));
    desktop.press("Use It All the Same");
    let path = desktop.wait(text("Program Path"));
    assert_eq!(path["text"], shell.to_str().unwrap());

    // What is written down is looked at, too.
    write(&mut desktop, "Program Path", script.to_str().unwrap());
    let known = format!(
        "Connections of this program are known by {}.",
        shell.display()
    );
    desktop.shows(&known);
    write(&mut desktop, "Program Path", "/usr/bin/not-there");
    desktop.shows("There is no such file at the moment.");
    can_save(&mut desktop, true);
}

#[test]
fn nonsense_is_named_and_enter_does_not_save_it() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = Desktop::start(&bus);
    open(&mut desktop, &[]);
    let before = bus.call(RULES, &[]);
    can_save(&mut desktop, true);

    write(&mut desktop, "Ports (Empty for All)", "70000");
    let said = "Write ports from 1 to 65535, like 443 or 80, 8000-8100.";
    desktop.shows(said);
    desktop.shows("This is not a complete rule yet.");
    can_save(&mut desktop, false);
    let ports = text("Ports (Empty for All)");
    assert_eq!(desktop.wait(ports.clone())["description"], said);
    desktop.perform("focus", json!({ "find": ports }));
    desktop.keys(&["Return"]);
    desktop.wait(title("New Rule"));
    assert_eq!(bus.call(RULES, &[]), before);

    write(&mut desktop, "Ports (Empty for All)", "443");
    desktop.wait_gone(title(said));
    can_save(&mut desktop, true);
    // What is said of a field instead, such as a port's service, is not in the keyboard's way.
    desktop.perform("focus", json!({ "find": ports }));
    let protocol = json!({ "role": "combo box", "name": "Protocol" });
    desktop.perform("focus", json!({ "find": protocol }));
    choose(&mut desktop, "Lifetime", "Until a certain time");
    write(&mut desktop, "Date and Time", "2001-01-01 10:00");
    desktop.shows("This time is over already.");
    can_save(&mut desktop, false);
    choose(&mut desktop, "Lifetime", "For some hours");
    can_save(&mut desktop, true);

    desktop.perform("focus", json!({ "find": ports }));
    desktop.keys(&["Return"]);
    desktop.wait_gone(title("New Rule"));
    assert!(bus.call(RULES, &[]).contains("'until:"));
}

#[test]
fn changes_are_not_lost_without_a_question() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = Desktop::start(&bus);
    open(&mut desktop, &[]);
    desktop.keys(&["Escape"]);
    desktop.wait_gone(title("New Rule"));

    desktop.press("Add Rule");
    desktop.wait(title("New Rule"));
    write(&mut desktop, "Name", "Mine");
    desktop.perform("focus", json!({ "find": text("Name") }));
    desktop.keys(&["Escape"]);
    desktop.wait(title("Discard Changes?"));
    desktop.press("Keep Editing");
    desktop.wait_gone(title("Discard Changes?"));
    assert_eq!(desktop.wait(text("Name"))["text"], "Mine");
    desktop.press("Cancel");
    desktop.wait(title("Discard Changes?"));
    desktop.press("Discard");
    desktop.wait_gone(title("New Rule"));

    desktop.press("Add Rule");
    desktop.wait(title("New Rule"));
    write(&mut desktop, "Name", "Mine");
    write(&mut desktop, "Name", "");
    desktop.perform("focus", json!({ "find": text("Name") }));
    desktop.keys(&["Escape"]);
    desktop.wait_gone(title("New Rule"));
    desktop.wait_gone(title("Discard Changes?"));
}

/// Waits until all from one button to the right end of another fits in a window of this width.
fn within(desktop: &mut Desktop, first: &str, last: &str, width: i64) {
    let mut across = |button: &str| {
        let found = desktop.wait(json!({ "role": "button", "name": button }));
        let at = |index: usize| found["extents"][index].as_i64().unwrap();
        (at(0), at(0) + at(2))
    };
    eventually("a dialog that fits", || {
        let wide = across(last).1 - across(first).0;
        (0 < wide && wide <= width).then_some(())
    });
}

#[test]
fn form_and_picker_fit_wide_and_narrow() {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    std::fs::create_dir_all(&pictures).unwrap();
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    for style in ["light", "dark"] {
        let mut desktop = Desktop::start(&bus);
        open(
            &mut desktop,
            &[format!("ADW_DEBUG_COLOR_SCHEME=prefer-{style}")],
        );
        choose(&mut desktop, "Program", "A program file");
        write(&mut desktop, "Program Path", "/usr/bin/thunderbird");
        write(&mut desktop, "Ports (Empty for All)", "993,x");
        for (width, height) in [(1280, 800), (360, 720)] {
            let size = json!({ "window": WINDOW, "width": width, "height": height });
            desktop.perform("resize", size);
            let picture = |desktop: &mut Desktop, name: &str| {
                let path = pictures.join(format!("editor-{style}-{width}-{name}.png"));
                desktop.perform("screenshot", json!({ "path": path, "window": WINDOW }));
            };
            picture(&mut desktop, "form");
            within(&mut desktop, "Cancel", "Save", width);
            desktop.press("Choose a Program…");
            picker(&mut desktop);
            within(&mut desktop, "Back", "Choose a File…", width);
            picture(&mut desktop, "picker");
            desktop.keys(&["Escape"]);
            desktop.wait(title("New Rule"));
        }
    }
}
