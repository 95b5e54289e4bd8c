//! The prompt with large text and high contrast, on a narrow screen: that it fits, and a picture of
//! each in `target/screenshots`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::scene::{CURL, PROMPT, Scene};
use crate::common::eventually;

const NARROW: i64 = 360;
/// What a prompt is made of that must not be cut off.
const PARTS: [(&str, &str); 6] = [
    ("frame", PROMPT),
    ("button", "Allow"),
    ("button", "Deny"),
    ("combo box", "Applies To"),
    ("list item", "Details"),
    ("list item", "Why Am I Asked?"),
];

struct Look {
    name: &'static str,
    dark: bool,
    contrast: bool,
    /// Times the usual size.
    text: u32,
}

const LOOKS: [Look; 4] = [
    Look {
        name: "light",
        dark: false,
        contrast: false,
        text: 1,
    },
    Look {
        name: "dark-large",
        dark: true,
        contrast: false,
        text: 2,
    },
    Look {
        name: "light-large-contrast",
        dark: false,
        contrast: true,
        text: 2,
    },
    Look {
        name: "dark-contrast",
        dark: true,
        contrast: true,
        text: 1,
    },
];

fn pictures() -> PathBuf {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    std::fs::create_dir_all(&pictures).unwrap();
    pictures
}

fn fits(widget: &Value) -> bool {
    let at = |at: usize| widget["extents"][at].as_i64().unwrap();
    at(0) >= 0 && at(0) + at(2) <= NARROW
}

#[test]
fn it_fits_with_large_text_and_high_contrast() {
    let mut scene = Scene::set();
    let _helper = scene.helper("helper", &["--ask"]);
    let mut usual = 0;
    for look in LOOKS {
        scene.desktop.scale_text(100 * look.text);
        let style = if look.dark { "dark" } else { "light" };
        let contrast = u8::from(look.contrast);
        let app = scene.app_with(&[
            format!("ADW_DEBUG_COLOR_SCHEME=prefer-{style}"),
            format!("ADW_DEBUG_HIGH_CONTRAST={contrast}"),
        ]);
        scene.open(CURL);
        let heading = json!({ "role": "label", "name": CURL });
        let height = scene.desktop.wait(heading)["extents"][3].as_i64().unwrap();
        if look.text == 1 {
            usual = height;
        }
        // Some more where it takes more lines.
        assert!(height >= usual * i64::from(look.text) * 9 / 10, "{height}");
        let size = json!({ "window": PROMPT, "width": NARROW, "height": 720 });
        scene.desktop.perform("resize", size);
        for (role, name) in PARTS {
            eventually(&format!("{name} that fits ({})", look.name), || {
                let part = json!({ "role": role, "name": name });
                fits(&scene.desktop.wait(part)).then_some(())
            });
        }
        let picture = |scene: &mut Scene, what: &str| {
            let path = pictures().join(format!("prompt-{}{what}.png", look.name));
            let picture = json!({ "path": path, "window": PROMPT });
            scene.desktop.perform("screenshot", picture);
        };
        picture(&mut scene, "");
        let why = json!({ "role": "list item", "name": "Why Am I Asked?" });
        scene.go_there();
        scene.desktop.perform("focus", json!({ "find": why }));
        scene.desktop.keys(&["Return"]);
        scene.desktop.wait(json!({ "contains": "Does not fit" }));
        picture(&mut scene, "-why");
        scene.desktop.end_app(app);
    }
}
