//! Every page in each language, light and dark, wide and narrow: that it fits, and a picture of it in
//! `target/screenshots`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use common::desktop::{Desktop, WINDOW};
use common::{Bus, eventually};

const ENGLISH: [&str; 4] = ["Overview", "Connections", "Rules", "Log"];
const GERMAN: [&str; 4] = ["Übersicht", "Verbindungen", "Regeln", "Protokoll"];
const DUTCH: [&str; 4] = ["Overzicht", "Verbindingen", "Regels", "Logboek"];
/// Language, whether dark, and what it calls the pages. There is no Arabic translation: it is there
/// for its direction.
const LOOKS: [(&str, bool, [&str; 4]); 7] = [
    ("en", false, ENGLISH),
    ("en", true, ENGLISH),
    ("de", false, GERMAN),
    ("de", true, GERMAN),
    ("nl", false, DUTCH),
    ("ar", false, ENGLISH),
    ("ar", true, ENGLISH),
];
const SIZES: [(i64, i64); 2] = [(1280, 800), (360, 720)];

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The variables that make the app speak a language, whose catalogue, if it has one, is compiled to
/// there.
fn speaking(language: &str, to: &Path) -> Vec<String> {
    if language == "en" {
        return Vec::new();
    }
    let source = project().join(format!("po/{language}.po"));
    if source.exists() {
        let catalogue = to.join(language).join("LC_MESSAGES");
        std::fs::create_dir_all(&catalogue).unwrap();
        let compiled = Command::new("msgfmt")
            .arg("-o")
            .arg(catalogue.join("bastion.mo"))
            .arg(source)
            .status()
            .expect("gettext is installed");
        assert!(compiled.success());
    }
    // With the locale C nothing is translated; another that is C but for its name will do.
    let locales = to.join("locales");
    let copied = Command::new("cp")
        .args(["-rT", "/usr/lib/locale/C.utf8"])
        .arg(locales.join(format!("{language}.utf8")))
        .status()
        .unwrap();
    assert!(copied.success());
    vec![
        format!("LOCPATH={}", locales.display()),
        format!("LC_ALL={language}.UTF-8"),
        format!("LANGUAGE={language}"),
        format!("TEXTDOMAINDIR={}", to.display()),
    ]
}

/// Left, top, width and height of a widget, within its window.
fn extents(widget: &Value) -> [i64; 4] {
    [0, 1, 2, 3].map(|at| widget["extents"][at].as_i64().unwrap())
}

fn pictures() -> PathBuf {
    let pictures = project().join("target/screenshots");
    std::fs::create_dir_all(&pictures).unwrap();
    pictures
}

#[test]
fn every_page_fits_in_each_language_style_and_width() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let compiled = tempfile::tempdir().unwrap();
    std::fs::create_dir(compiled.path().join("locales")).unwrap();
    for (language, dark, pages) in LOOKS {
        let mut desktop = Desktop::start(&bus);
        let mut variables = speaking(language, compiled.path());
        let style = if dark { "dark" } else { "light" };
        variables.push(format!("ADW_DEBUG_COLOR_SCHEME=prefer-{style}"));
        let app = desktop.start_app_with(&variables, &[]);
        desktop.wait(json!({ "role": "grouping", "name": pages[0] }));
        for (width, height) in SIZES {
            let size = json!({ "window": WINDOW, "width": width, "height": height });
            desktop.perform("resize", size);
            for (number, page) in (1..).zip(pages) {
                desktop.keys(&[&format!("alt+{number}")]);
                let page = json!({ "role": "grouping", "name": page });
                eventually("a page within a window of the size asked for", || {
                    let frame = desktop.wait(json!({ "role": "frame", "name": WINDOW }));
                    let page = desktop.wait(page.clone());
                    let [left, _, wide, _] = extents(&page);
                    let fits = left >= 0 && left + wide <= width;
                    (extents(&frame)[2] == width && fits).then_some(())
                });
                let name = format!("{language}-{style}-{width}-{number}.png");
                let picture = json!({ "path": pictures().join(name), "window": WINDOW });
                desktop.perform("screenshot", picture);
            }
        }
        desktop.end_app(app);
    }
}
