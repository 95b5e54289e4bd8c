use super::*;
use crate::identify::details::machine::testing::Made;
use crate::identify::details::tests::process;

fn entry(made: &Made, path: &str, name: &str, exec: &str, more: &str) {
    made.put(
        path,
        format!(
            "[Desktop Entry]\nType=Application\nName={name}\nIcon=i-{name}\nExec={exec}\n{more}\n"
        ),
    );
}

fn at(made: &Made, path: &str) -> Process {
    let mut process = process(path);
    process.executable.file = made.machine().file(path.as_bytes());
    process
}

fn of_app(path: &str, app: &str) -> Process {
    Process {
        app: Some(app.parse().unwrap()),
        ..process(path)
    }
}

fn name(made: &Made, process: &Process, owned: &[&str], unit: Option<&str>) -> Option<String> {
    let owned: Vec<String> = owned.iter().map(|name| (*name).to_owned()).collect();
    Applications::default()
        .of(&made.machine(), process, &owned, unit)
        .map(|application| application.name)
}

const APPS: &str = "/usr/share/applications";

#[test]
fn an_entry_that_starts_the_file_names_it() {
    let made = Made::new();
    made.put("/usr/lib/web/web-bin", "x");
    made.put("/usr/bin/other", "x");
    made.link("/usr/bin/web", "../lib/web/web-bin");
    entry(&made, &format!("{APPS}/web.desktop"), "Web", "web %u", "");
    let web = at(&made, "/usr/lib/web/web-bin");
    let found = Applications::default().of(&made.machine(), &web, &[], None);
    let expected = Application {
        desktop_entry: "web.desktop".into(),
        name: "Web".into(),
        icon: "i-Web".into(),
    };
    assert_eq!(found, Some(expected));
    assert_eq!(
        name(&made, &at(&made, "/usr/bin/other"), &[], Some("web")),
        None
    );
    // Another file of the same name, or none any more.
    let mut replaced = web.clone();
    replaced.executable.replaced = true;
    assert_eq!(name(&made, &replaced, &[], Some("web")), None);
    assert_eq!(
        name(&made, &process("/usr/bin/web"), &[], Some("web")),
        None
    );
}

#[test]
fn only_entries_that_root_installed_count() {
    let made = Made::new();
    made.put("/home/u/web", "x");
    entry(
        &made,
        "/home/u/.local/share/applications/web.desktop",
        "Web",
        "/home/u/web",
        "",
    );
    let web = at(&made, "/home/u/web");
    assert_eq!(name(&made, &web, &[], Some("web")), None);
}

#[test]
fn an_interpreter_is_no_application_of_its_scripts() {
    let made = Made::new();
    made.put("/usr/bin/python3.13", "x");
    entry(
        &made,
        &format!("{APPS}/tool.desktop"),
        "Tool",
        "/usr/bin/python3.13 /usr/share/tool/main.py",
        "",
    );
    let python = at(&made, "/usr/bin/python3.13");
    assert_eq!(name(&made, &python, &["tool.desktop"], Some("tool")), None);
}

#[test]
fn a_package_names_what_it_has_in_a_directory_of_its_own() {
    let made = Made::new();
    made.put("/opt/g/chrome/chrome", "x");
    made.put("/usr/bin/web-tool", "x");
    entry(
        &made,
        &format!("{APPS}/chrome.desktop"),
        "Chrome",
        "/usr/bin/chrome",
        "",
    );
    let own = at(&made, "/opt/g/chrome/chrome");
    assert_eq!(
        name(&made, &own, &["chrome.desktop"], None).as_deref(),
        Some("Chrome")
    );
    assert_eq!(name(&made, &own, &[], Some("chrome")), None);
    let tool = at(&made, "/usr/bin/web-tool");
    assert_eq!(name(&made, &tool, &["chrome.desktop"], None), None);
}

#[test]
fn of_several_entries_none_is_guessed() {
    let made = Made::new();
    made.put("/usr/lib/office/office.bin", "x");
    for (stem, name) in [("office-calc", "Calc"), ("office-draw", "Draw")] {
        entry(&made, &format!("{APPS}/{stem}.desktop"), name, "office", "");
    }
    let owned = ["office-calc.desktop", "office-draw.desktop"];
    let office = at(&made, "/usr/lib/office/office.bin");
    let named = |unit| name(&made, &office, &owned, unit);
    assert_eq!(named(None), None);
    assert_eq!(named(Some("office-draw")).as_deref(), Some("Draw"));
    assert_eq!(named(Some("web")), None);
    // One that is seen in menus comes before those that are not.
    entry(
        &made,
        &format!("{APPS}/office-calc.desktop"),
        "Calc",
        "office",
        "NoDisplay=true",
    );
    assert_eq!(named(None).as_deref(), Some("Draw"));
}

#[test]
fn applications_of_flatpak_and_snap_are_named_by_their_ids() {
    let made = Made::new();
    let source = "/var/lib/flatpak/app/org.example.Web/current/org.example.Web.desktop";
    entry(
        &made,
        source,
        "Web",
        "/usr/bin/flatpak run org.example.Web",
        "X-Flatpak=org.example.Web",
    );
    made.link(
        "/var/lib/flatpak/exports/share/applications/org.example.Web.desktop",
        "../../../app/org.example.Web/current/org.example.Web.desktop",
    );
    for (stem, hidden) in [("web_web", "false"), ("web_handler", "true")] {
        entry(
            &made,
            &format!("/var/lib/snapd/desktop/applications/{stem}.desktop"),
            stem,
            "/snap/bin/web",
            &format!("X-SnapInstanceName=web\nNoDisplay={hidden}"),
        );
    }
    let flatpak = of_app(
        "/var/lib/flatpak/app/x/files/web",
        "flatpak:org.example.Web",
    );
    assert_eq!(name(&made, &flatpak, &[], None).as_deref(), Some("Web"));
    let other = of_app(
        "/var/lib/flatpak/app/x/files/web",
        "flatpak:org.example.Other",
    );
    assert_eq!(name(&made, &other, &[], Some("org.example.Web")), None);
    let snap = of_app("/snap/web/1/web", "snap:web");
    assert_eq!(name(&made, &snap, &[], None).as_deref(), Some("web_web"));
}

#[test]
fn what_is_installed_later_is_noticed() {
    let made = Made::new();
    made.put("/usr/bin/web", "x");
    let web = at(&made, "/usr/bin/web");
    let mut applications = Applications::default();
    let mut named = || applications.of(&made.machine(), &web, &[], None).is_some();
    assert!(!named());
    entry(&made, &format!("{APPS}/web.desktop"), "Web", "web", "");
    assert!(named());
    std::fs::remove_file(made.path(&format!("{APPS}/web.desktop"))).unwrap();
    assert!(!named());
}
