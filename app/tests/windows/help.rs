//! The manual: its pages belong together, and the window opens it.

use std::collections::BTreeMap;

use crate::common::desktop::Desktop;
use crate::common::pictures::project;
use crate::common::{Bus, eventually};

/// What stands between the quotes of an attribute, wherever it occurs.
fn attributes<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let begin = format!(" {name}=\"");
    let mut parts = text.split(begin.as_str());
    parts.next();
    parts.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn every_page_is_named_as_its_file_and_every_link_leads_somewhere() {
    let pages: BTreeMap<String, String> = std::fs::read_dir(project().join("data/help/C"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    assert!(pages.contains_key("index"));
    for (name, text) in &pages {
        assert_eq!(attributes(text, "id")[0], name);
        let links = attributes(text, "xref");
        assert!(
            name == "index" || links[0].starts_with("index#"),
            "{name} hangs nowhere"
        );
        for link in links {
            let (page, section) = link.split_once('#').unwrap_or((link, ""));
            let there = pages.get(page).unwrap_or_else(|| panic!("{name}: {link}"));
            let found = section.is_empty() || attributes(there, "id").contains(&section);
            assert!(found, "{name}: {link}");
        }
    }
}

#[test]
fn f1_opens_the_manual_or_says_what_is_missing() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let home = tempfile::tempdir().unwrap();
    let variables = [
        format!("XDG_DATA_HOME={}", home.path().display()),
        format!("XDG_CONFIG_HOME={}", home.path().display()),
    ];
    let mut desktop = Desktop::start(&bus);
    let app = desktop.start_app_with(&variables, &[]);
    desktop.shows("Protection Is On");
    desktop.keys(&["F1"]);
    desktop.shows("There is no program to show help. Install the package “yelp”.");
    desktop.end_app(app);

    let programs = home.path().join("applications");
    std::fs::create_dir(&programs).unwrap();
    let opened = home.path().join("opened");
    let viewer = format!(
        "[Desktop Entry]\nType=Application\nName=Viewer\nExec=sh -c \"echo %u >{}\"\nMimeType=x-scheme-handler/help;\n",
        opened.display()
    );
    std::fs::write(programs.join("viewer.desktop"), viewer).unwrap();
    let choice = "[Default Applications]\nx-scheme-handler/help=viewer.desktop\n";
    std::fs::write(home.path().join("mimeapps.list"), choice).unwrap();
    desktop.start_app_with(&variables, &[]);
    desktop.shows("Protection Is On");
    desktop.keys(&["F1"]);
    let seen = eventually("the manual", || {
        std::fs::read_to_string(&opened)
            .ok()
            .filter(|seen| seen.ends_with('\n'))
    });
    assert_eq!(seen, "help:bastion\n");
}
