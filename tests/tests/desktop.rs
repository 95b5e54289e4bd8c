//! The driver of windows, against a small window with one widget of each kind.

use std::time::Duration;

use bastion_tests::{As, Desktop, Find, Internet, boot_or_skip};

const SAMPLE: [&str; 2] = ["python3", "/opt/bastion-tests/gui/sample.py"];

#[test]
fn widgets_are_found_and_worked() {
    let Some(sandbox) = boot_or_skip("gui") else {
        return;
    };
    let mut desktop = Desktop::start(&sandbox, "alice").unwrap();
    let program = desktop.spawn(&SAMPLE, "/tmp/sample.log").unwrap();
    let button = Find::button("Press me").in_window("Sample");

    desktop.press(&button).unwrap();
    desktop.press(&button).unwrap();
    desktop
        .wait(&Find::role("label").named("pressed 2 times"))
        .unwrap();
    desktop.focus(&button).unwrap();
    desktop.key(&["Return"]).unwrap();
    desktop
        .wait(&Find::role("label").named("pressed 3 times"))
        .unwrap();

    let switch = Find::role("check box").named("A switch");
    assert!(!desktop.wait(&switch).unwrap().is("checked"));
    desktop.press(&switch).unwrap();
    desktop.wait_state(&switch, "checked", true).unwrap();

    let entry = Find::role("text").named("An entry");
    desktop.set_text(&entry, "typed").unwrap();
    assert_eq!(desktop.wait(&entry).unwrap().text.as_deref(), Some("typed"));

    let combo = Find::role("combo box").named("A choice");
    desktop.choose(&combo, "three").unwrap();
    desktop
        .wait(&Find::name("three").within(combo.clone()))
        .unwrap();
    let error = desktop.choose(&combo, "four").unwrap_err().to_string();
    assert!(error.contains("there is no 'four'"), "{error}");

    let hidden = Find::name("Hidden at first");
    assert_eq!(desktop.all(&hidden).unwrap(), []);
    desktop
        .press(&Find::role("list item").named("Details"))
        .unwrap();
    desktop.wait(&hidden).unwrap();

    assert_eq!(desktop.windows().unwrap(), ["Sample"]);
    assert_eq!(desktop.status(program).unwrap(), None);
    desktop.press(&Find::button("Close")).unwrap();
    desktop.wait_gone(&button, Duration::from_secs(5)).unwrap();
}

#[test]
fn frames_of_a_program_are_recorded() {
    let Some(sandbox) = boot_or_skip("frames") else {
        return;
    };
    let mut desktop = Desktop::start(&sandbox, "alice").unwrap();
    let program = desktop.record(&SAMPLE, "/tmp/sample.log").unwrap();
    let (quiet, timeout) = (Duration::from_millis(500), Duration::from_secs(20));
    let first = desktop.settled(program, quiet, timeout).unwrap();
    assert!(
        first
            .iter()
            .all(|frame| 0.0 < frame.start && frame.start < frame.end)
    );
    assert!(first.is_sorted_by(|a, b| a.end <= b.start), "{first:?}");
    desktop.frames(program).unwrap();

    desktop.press(&Find::button("Press me")).unwrap();
    let pressed = desktop.settled(program, quiet, timeout).unwrap();
    let (last, next) = (first.last().unwrap(), pressed.first().unwrap());
    assert!(last.end < next.start, "{last:?} {next:?}");
    // An interpreter and a toolkit, and none of the megabytes set aside for recording.
    let memory = desktop.memory_kib(program).unwrap();
    assert!((20_000.0..1_000_000.0).contains(&memory), "{memory}");
    assert_ne!(desktop.kill(program, "SIGKILL").unwrap(), 0);
}

#[test]
fn windows_have_pictures_and_the_desktop_is_notified() {
    let Some(sandbox) = boot_or_skip("screen") else {
        return;
    };
    let mut desktop = Desktop::start(&sandbox, "alice").unwrap();
    desktop.spawn(&SAMPLE, "/tmp/sample.log").unwrap();
    desktop.press(&Find::button("Notify")).unwrap();
    let notified = bastion_tests::eventually("a notification", Duration::from_secs(5), || {
        desktop.notifications().unwrap().pop()
    });
    let notified = notified.unwrap();
    assert_eq!(
        (notified.summary.as_str(), notified.body.as_str()),
        ("Sample says", "hello")
    );

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sample.png");
    desktop.resize("Sample", 600, 700).unwrap();
    desktop.screenshot(Some("Sample"), &file).unwrap();
    let picture = std::fs::read(&file).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    // The header's width and height: the window and 24 pixels around it.
    let size = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
    assert_eq!((size(16), size(20)), (648, 748));
}

#[test]
fn authentication_is_real() {
    let Some(sandbox) = boot_or_skip("polkit") else {
        return;
    };
    let mut desktop = Desktop::start(&sandbox, "bob").unwrap();
    let whoami = ["pkexec", "id", "-u"];
    assert!(
        !desktop.output(&whoami).unwrap().success(),
        "a dismissed dialog let the command through"
    );
    desktop.authenticate_as("bob", "bob").unwrap();
    assert!(
        !desktop.output(&whoami).unwrap().success(),
        "an ordinary user authenticated as an administrator"
    );
    desktop.authenticate_as("alice", "wrong").unwrap();
    assert!(
        !desktop.output(&whoami).unwrap().success(),
        "a wrong password was taken"
    );
    desktop.authenticate_as("alice", "alice").unwrap();
    assert_eq!(desktop.output(&whoami).unwrap().stdout.trim(), "0");
    let asked = desktop.authentications().unwrap();
    assert_eq!(asked.len(), 4);
    assert!(
        asked
            .iter()
            .all(|a| a.action == "org.freedesktop.policykit.exec")
    );
    assert_eq!(asked[0].outcome, "dismissed");
    assert_eq!(asked[3].outcome, "succeeded");
}

#[test]
fn the_desktop_keeps_the_screen_beside_background_sessions() {
    let Some(sandbox) = boot_or_skip("seat") else {
        return;
    };
    let _internet = Internet::boot(&sandbox).unwrap();
    let desktop = Desktop::start(&sandbox, "alice").unwrap();
    let active = || {
        let show = [
            "loginctl",
            "show-session",
            desktop.session(),
            "-P",
            "Active",
        ];
        sandbox.run(As::Root, &show).unwrap().trim() == "yes"
    };
    assert!(active());
    sandbox.run(As::Background("bob"), &["true"]).unwrap();
    assert!(active(), "a background session took the screen");
    let _other = sandbox
        .spawn(As::Active("bob"), &["sleep", "infinity"])
        .unwrap();
    bastion_tests::eventually("bob's session", Duration::from_secs(5), || {
        (!active()).then_some(())
    })
    .unwrap();
    desktop.activate().unwrap();
    assert!(active());
}
