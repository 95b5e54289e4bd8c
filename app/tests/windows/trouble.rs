//! What stands in for the pages while there is no helper to work with: what it says, how it looks,
//! what can be done about it, and that it goes by itself.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::desktop::{Desktop, WINDOW};
use crate::common::pictures::{self, SIZES, STYLES};
use crate::common::{Bus, eventually};

/// What the stand-in for the helper is told to be, the page's title, what else it says, and its
/// button.
const TROUBLES: [(&str, &str, &str, &str); 8] = [
    (
        "--stopped",
        "Firewall Is Not Running",
        "This window connects by itself",
        "Start Firewall",
    ),
    (
        "--not-installed",
        "Firewall Is Not Installed",
        "Install the package “bastion-firewall”",
        "Try Again",
    ),
    (
        "--shut-out",
        "Not Permitted",
        "Log in at this computer itself",
        "Try Again",
    ),
    (
        "--broken",
        "Firewall Does Not Answer",
        "polkit could not be asked",
        "Try Again",
    ),
    (
        "--older",
        "Firewall Is Older Than This Window",
        "of version 2.9.0",
        "Restart Firewall",
    ),
    (
        "--newer",
        "Firewall Is Newer Than This Window",
        "of version 99.0.0",
        "Restart Bastion",
    ),
    (
        FAILING,
        "Firewall Is Not Running",
        "it said: iptables could not be run: No such file or directory. Install the package iptables.",
        "Start Firewall",
    ),
    (NO_BUS, "No System Bus", "can’t be reached", "Try Again"),
];

/// No option of the stand-in, which is then stopped and said why.
const FAILING: &str = "failing";
/// Likewise: there is no bus.
const NO_BUS: &str = "no-bus";
/// What a helper leaves that fails.
const WHY: &str =
    "iptables could not be run: No such file or directory. Install the package iptables.\n";

fn label(text: &str) -> Value {
    json!({ "role": "label", "contains": text })
}

fn button(name: &str) -> Value {
    json!({ "role": "button", "name": name })
}

/// Says why the helper failed, as it does itself.
fn leave(why: &str) {
    let file = std::path::Path::new(bastion_ipc::failure::PATH);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, why).unwrap();
}

/// The page, in a window of each size: that it is as wide as it may be, and a picture.
fn look(desktop: &mut Desktop, picture: &str, title: &str, said: &str, remedy: &str) {
    for (width, height) in SIZES {
        pictures::resize(desktop, (width, height));
        for find in [label(title), label(said), button(remedy)] {
            pictures::fits(desktop, &find, width);
        }
        pictures::take(desktop, WINDOW, &format!("{picture}-{width}"));
    }
}

#[test]
fn every_trouble_says_what_it_is_fits_and_goes_by_itself() {
    let bus = Bus::start();
    for style in STYLES {
        let mut desktop = Desktop::start(&bus);
        for (option, title, said, remedy) in TROUBLES {
            let helper = match option {
                NO_BUS => None,
                FAILING => {
                    leave(WHY);
                    Some(bus.helper(&["--stopped"]))
                }
                option => Some(bus.helper(&[option])),
            };
            let mut variables = vec![pictures::styled(style)];
            if option == NO_BUS {
                variables.push("DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent/bus".into());
            }
            let app = desktop.start_app_with(&variables, &[]);
            let name = format!("trouble-{}-{style}", option.trim_start_matches('-'));
            look(&mut desktop, &name, title, said, remedy);
            if let Some(helper) = helper {
                drop(helper);
                let _fit = bus.helper(&[]);
                desktop.shows("Protection Is On");
            }
            if option == FAILING {
                std::fs::remove_file(bastion_ipc::failure::PATH).unwrap();
            }
            desktop.end_app(app);
        }
    }
}

#[test]
fn the_firewall_is_started_and_restarted_from_the_window() {
    let bus = Bus::start();
    let mut desktop = Desktop::start(&bus);
    desktop.start_app(&[]);
    for (option, remedy) in [
        ("--stopped", "Start Firewall"),
        ("--older", "Restart Firewall"),
    ] {
        let _helper = bus.helper(&[option]);
        desktop.press(remedy);
        desktop.shows("Protection Is On");
    }
}

#[test]
fn who_is_refused_does_not_have_to_authenticate_again_and_again() {
    let bus = Bus::start();
    let _helper = bus.helper(&["--shut-out", "--unprivileged"]);
    let mut desktop = Desktop::start(&bus);
    desktop.start_app(&[]);
    desktop.shows("Not Permitted");
    let asked = || bus.call("org.bastionfirewall.FakeHelper1.Asked", &[]);
    assert_eq!(asked(), "(uint32 1,)");
    // Longer than the app waits otherwise, before it tries again.
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(asked(), "(uint32 1,)");
    desktop.press("Try Again");
    eventually("another try", || (asked() == "(uint32 2,)").then_some(()));
    desktop.shows("Not Permitted");
}

#[test]
fn a_window_that_is_too_old_starts_anew() {
    let bus = Bus::start();
    let helper = bus.helper(&["--newer"]);
    let mut desktop = Desktop::start(&bus);
    // An argument that means nothing tells the process from what it becomes.
    let app = desktop.start_app(&["--"]);
    desktop.shows("Firewall Is Newer Than This Window");
    let arguments = || {
        let line = std::fs::read_to_string(format!("/proc/{app}/cmdline")).unwrap();
        line.split_terminator('\0').count()
    };
    assert_eq!(arguments(), 2);
    desktop.press("Restart Bastion");
    eventually("the same process as a new window", || {
        (arguments() == 1).then_some(())
    });
    desktop.shows("Firewall Is Newer Than This Window");
    drop(helper);
    let _helper = bus.helper(&[]);
    desktop.shows("Protection Is On");
}
