//! Every page in each language, light and dark, wide and narrow, with large text and high contrast:
//! that it fits, and a picture of it in `target/screenshots`.

use std::fmt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::common::Bus;
use crate::common::desktop::{Desktop, WINDOW};
use crate::common::pictures::{self, SIZES, project};

const ENGLISH: [&str; 4] = ["Overview", "Connections", "Rules", "Log"];
const GERMAN: [&str; 4] = ["Übersicht", "Verbindungen", "Regeln", "Protokoll"];
const DUTCH: [&str; 4] = ["Overzicht", "Verbindingen", "Regels", "Logboek"];

/// How the window looks.
#[derive(Clone, Copy)]
struct Look {
    language: &'static str,
    style: &'static str,
    contrast: bool,
    /// The size of text, in percent of the usual one.
    text: u32,
    /// What the language calls the pages.
    pages: [&'static str; 4],
}

impl Look {
    const fn of(language: &'static str, style: &'static str, pages: [&'static str; 4]) -> Self {
        Self {
            language,
            style,
            contrast: false,
            text: 100,
            pages,
        }
    }

    /// As who does not see well sets it up.
    const fn easy(self, text: u32) -> Self {
        Self {
            contrast: true,
            text,
            ..self
        }
    }

    /// Text of twice the size takes more than a telephone.
    fn is_for(self, (width, _): (i64, i64)) -> bool {
        self.text <= 125 || width > 360
    }
}

/// What pictures of it are called after.
impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.language, self.style)?;
        if self.contrast {
            write!(f, "-contrast-{}", self.text)?;
        }
        Ok(())
    }
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

/// Shows every page in these looks, wide and narrow.
fn fits(looks: &[Look]) {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let compiled = tempfile::tempdir().unwrap();
    std::fs::create_dir(compiled.path().join("locales")).unwrap();
    for look in looks {
        let mut desktop = Desktop::start(&bus);
        desktop.scale_text(look.text);
        let mut variables = speaking(look.language, compiled.path());
        let contrast = u8::from(look.contrast);
        variables.push(format!("ADW_DEBUG_HIGH_CONTRAST={contrast}"));
        variables.push(pictures::styled(look.style));
        let app = desktop.start_app_with(&variables, &[]);
        let [overview, ..] = look.pages;
        desktop.wait(json!({ "role": "grouping", "name": overview }));
        for size in SIZES.into_iter().filter(|size| look.is_for(*size)) {
            let (width, _) = size;
            pictures::resize(&mut desktop, size);
            for (number, page) in (1..).zip(look.pages) {
                desktop.keys(&[&format!("alt+{number}")]);
                let page = json!({ "role": "grouping", "name": page });
                pictures::fits(&mut desktop, &page, width);
                pictures::take(&mut desktop, WINDOW, &format!("{look}-{width}-{number}"));
            }
        }
        desktop.end_app(app);
    }
}

#[test]
fn every_page_fits_in_english() {
    fits(&[
        Look::of("en", "light", ENGLISH),
        Look::of("en", "dark", ENGLISH),
    ]);
}

#[test]
fn every_page_fits_in_languages_with_longer_words() {
    fits(&[
        Look::of("de", "light", GERMAN),
        Look::of("de", "dark", GERMAN),
        Look::of("nl", "light", DUTCH),
    ]);
}

/// There is no Arabic translation: it is there for its direction.
#[test]
fn every_page_fits_from_right_to_left() {
    fits(&[
        Look::of("ar", "light", ENGLISH),
        Look::of("ar", "dark", ENGLISH),
    ]);
}

/// With what GNOME calls large text, and with text of twice the usual size.
#[test]
fn every_page_fits_with_large_text_and_high_contrast() {
    fits(&[
        Look::of("de", "light", GERMAN).easy(125),
        Look::of("en", "dark", ENGLISH).easy(125),
        Look::of("en", "light", ENGLISH).easy(200),
    ]);
}
