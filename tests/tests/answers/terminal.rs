//! `bastionctl prompt`, worked through a terminal of its own.

use bastion_tests::{As, Firewall, Running, Talker, eventually};

use super::scene::{PATIENCE, Scene, allowed, denied};

/// Runs a command in a terminal of its own, whose keys and text are its input and output.
const TERMINAL: &str =
    "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

/// Presses a key until something happens: in its first half second a question takes none.
fn press_until<T>(
    terminal: &mut Running,
    key: &str,
    what: &str,
    mut happened: impl FnMut(&mut Running) -> Option<T>,
) -> T {
    eventually(what, PATIENCE, || {
        terminal.send(key).unwrap();
        happened(terminal)
    })
    .unwrap()
}

fn prompt(firewall: &Firewall) -> Running {
    let command = ["python3", "-c", TERMINAL, "bastionctl", "prompt"];
    let sandbox = firewall.sandbox();
    let mut terminal = sandbox.spawn(As::Active("alice"), &command).unwrap();
    terminal
        .line_with("Waiting for questions", PATIENCE)
        .unwrap();
    terminal
}

#[test]
fn questions_are_answered_with_single_keys() {
    let Some(mut scene) = Scene::set_without_agent("terminal") else {
        return;
    };
    let mut terminal = prompt(&scene.firewall);
    let mut talker: Talker = scene.talker(As::Background("alice"), "keys");
    for (port, key, outcome) in [(7001, "a", allowed()), (7002, "d", denied())] {
        talker.begin(scene.to(port), PATIENCE).unwrap();
        let headline = terminal.line_with("wants to connect to", PATIENCE).unwrap();
        assert!(headline.contains(&port.to_string()), "{headline}");
        assert!(
            headline.contains("/opt/bastion-programs/keys"),
            "{headline}"
        );
        talker.waits().unwrap();
        assert_eq!(scene.packets(port), 0);
        press_until(&mut terminal, key, "an answer", |terminal| {
            terminal
                .line_with("Answered", std::time::Duration::from_millis(200))
                .ok()
        });
        assert_eq!(talker.outcome(PATIENCE).unwrap(), outcome);
    }
    assert_eq!(scene.packets(7002), 0);

    talker.begin(scene.to(7003), PATIENCE).unwrap();
    terminal.line_with("wants to connect to", PATIENCE).unwrap();
    press_until(&mut terminal, "l", "the choice of forever", |terminal| {
        let moment = std::time::Duration::from_millis(200);
        let line = terminal.line_with("lasting: ", moment).ok()?;
        line.contains("lasting: forever").then_some(())
    });
    terminal.send("a").unwrap();
    assert_eq!(talker.outcome(PATIENCE).unwrap(), allowed());
    let rules = scene.answered_rules();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0]["lifetime"], "forever");
    assert_eq!(talker.send(scene.to(7003), PATIENCE).unwrap(), allowed());

    // Who leaves is asked no more, and what waits goes on waiting.
    talker.begin(scene.to(7004), PATIENCE).unwrap();
    terminal.line_with("wants to connect to", PATIENCE).unwrap();
    terminal.send("q").unwrap();
    terminal.line_with("No more questions", PATIENCE).unwrap();
    assert!(terminal.finish(PATIENCE).unwrap().success());
    talker.waits().unwrap();
    assert_eq!(scene.packets(7004), 0);
    assert_eq!(scene.firewall.counter("questions").unwrap(), 1);
    assert_eq!(scene.firewall.counter("agents").unwrap(), 0);
}
