//! The icon in the tray: what it says and does, on a desktop with a tray, and without one.

use serde_json::{Value, json};

use crate::common::desktop::{Desktop, WINDOW};
use crate::common::{Bus, eventually};

const STORM: &str = "org.bastionfirewall.FakeHelper1";

/// What the icon says, once it has this title.
fn icon(desktop: &mut Desktop, title: &str) -> Value {
    eventually(title, || {
        let icon = desktop.perform("tray_icon", json!({}));
        (icon["title"] == title).then_some(icon)
    })
}

fn choose(desktop: &mut Desktop, label: &str) {
    desktop.perform("choose_in_tray", json!({ "label": label }));
}

#[test]
fn it_tells_the_state_and_its_menu_works() {
    let bus = Bus::start();
    let helper = bus.helper(&[]);
    let mut desktop = Desktop::start(&bus);
    // The app is there before the tray is, and shows no window.
    let app = desktop.start_app(&["--background"]);
    desktop.perform("open_tray", json!({}));

    let calm = icon(&mut desktop, "Protection Is On");
    assert_eq!(calm["id"], "org.bastionfirewall.Bastion");
    assert_eq!(calm["status"], "Active");
    assert_eq!(calm["icon"], "security-high-symbolic");
    let menu = [
        "Protection Is On",
        "Open Bastion",
        "Pause for 15 Minutes",
        "Preferences",
        "Quit",
    ];
    assert_eq!(calm["menu"], json!(menu));
    assert!(!desktop.windows().contains(&WINDOW.to_owned()));

    choose(&mut desktop, "Pause for 15 Minutes");
    let paused = icon(&mut desktop, "Protection Is Paused");
    assert_eq!(paused["icon"], "security-low-symbolic");
    choose(&mut desktop, "Resume Protection");
    icon(&mut desktop, "Protection Is On");

    let user = nix::unistd::getuid().to_string();
    let storm = |method: &str, rest: &[&str]| {
        let mut arguments = vec![user.as_str()];
        arguments.extend(rest);
        bus.call(&format!("{STORM}.{method}"), &arguments);
    };
    storm("Rage", &["questions", "3", "false"]);
    let guarded = icon(&mut desktop, "Safeguard Is On");
    assert_eq!(guarded["status"], "NeedsAttention");
    storm("Calm", &["false"]);
    icon(&mut desktop, "Protection Is On");

    desktop.perform("activate_in_tray", json!({}));
    desktop.shows("Protection Is On");
    assert!(desktop.windows().contains(&WINDOW.to_owned()));

    drop(helper);
    let missing = icon(&mut desktop, "Firewall Is Not Running");
    assert_eq!(missing["status"], "NeedsAttention");
    let menu = [
        "Firewall Is Not Running",
        "Open Bastion",
        "Preferences",
        "Quit",
    ];
    assert_eq!(missing["menu"], json!(menu));

    choose(&mut desktop, "Quit");
    let ended = eventually("the end of the app", || {
        let status = desktop.perform("poll", json!({ "pid": app }));
        (!status.is_null()).then_some(status)
    });
    assert_eq!(ended, 0);
}
