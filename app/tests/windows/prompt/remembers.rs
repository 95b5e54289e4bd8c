//! The choices of the last answer come first the next time, also to another run of the app.

use serde_json::json;

use super::scene::{CURL, LAUNCHER, Scene};
use crate::common::eventually;

#[test]
fn the_last_choices_are_kept_with_the_users_settings() {
    let mut scene = Scene::set();
    let _helper = scene.helper("helper", &["--ask"]);
    let app = scene.app();
    scene.open(CURL);
    let choices = [
        ("Applies To", "downloads.example.org, every port"),
        ("Remember", "Until I log out"),
    ];
    for (row, item) in choices {
        let choose = json!({ "find": { "role": "combo box", "name": row }, "item": item });
        scene.desktop.perform("choose", choose);
    }
    scene.open(CURL);
    scene.desktop.press("Deny");
    scene.desktop.shows(LAUNCHER);
    scene.desktop.end_app(app);

    scene.app();
    scene.open(LAUNCHER);
    for text in ["203.0.113.20, every port", "Until I log out"] {
        eventually(text, || {
            let all = json!({ "find": { "contains": text } });
            let found = scene.desktop.perform("all", all);
            (!found.as_array().unwrap().is_empty()).then_some(())
        });
    }
}
