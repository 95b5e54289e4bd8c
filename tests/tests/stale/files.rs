//! Executables that are exchanged while they run. Rules know a program by the path from which it
//! was executed.

use bastion_tests::{As, Peer, Running};
use serde_json::{Value, json};

use crate::scene::{PATIENCE, Scene, connections};

/// Times a file is exchanged.
const ROUNDS: usize = 25;

/// A program that stays, and tries to come through whenever it is told.
struct Staying(Running);

impl Staying {
    fn start(scene: &Scene, program: &str, letter: &str) -> Self {
        let mut running = scene.start(program, "note-each", &[letter]);
        running.line_with("pid", PATIENCE).unwrap();
        Self(running)
    }

    fn begin(&mut self) {
        self.0.send("now").unwrap();
    }

    fn came_through(&mut self) -> bool {
        self.begin();
        self.outcome()
    }

    fn outcome(&mut self) -> bool {
        let line = self.0.line_with("made", PATIENCE).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        said["made"] == 1
    }
}

/// Has a new process of a program try once.
fn comes_through(scene: &Scene, program: &str, letter: &str) -> bool {
    let mut running = scene.start(program, "note-once", &[letter]);
    let line = running.line_with("made", PATIENCE).unwrap();
    line.contains("1")
}

/// Puts another file in the place of a program, at once.
fn exchange(scene: &Scene, program: &str) {
    let script = format!("cp {program} {program}.new; mv {program}.new {program}");
    scene.firewall.sandbox().shell(&script).unwrap();
}

#[test]
fn an_exchanged_executable_is_known_by_the_path_from_which_it_was_executed() {
    let Some(mut scene) = Scene::set("exchanged") else {
        return;
    };
    let allowed = scene.program("allowed", "allow");
    let denied = scene.program("denied", "deny");
    for round in 0..ROUNDS {
        let mut old = Staying::start(&scene, &allowed, "o");
        let mut old_denied = Staying::start(&scene, &denied, "x");
        assert!(old.came_through() && !old_denied.came_through(), "{round}");
        for program in [&allowed, &denied] {
            exchange(&scene, program);
        }
        // What runs is what was executed, wherever its file is now.
        assert!(old.came_through() && !old_denied.came_through(), "{round}");
        // What is executed now is judged by where it lies.
        assert!(comes_through(&scene, &allowed, "n"), "{round}");
        assert!(!comes_through(&scene, &denied, "x"), "{round}");
    }
    let arrived = scene.arrivals();
    assert_eq!(connections(&arrived, 'o'), 2 * ROUNDS);
    assert_eq!(connections(&arrived, 'n'), ROUNDS);
    assert_eq!(arrived.iter().filter(|it| it.letter == 'x').count(), 0);
}

#[test]
fn a_program_that_is_renamed_when_it_runs_does_not_become_the_one_that_a_rule_names() {
    let Some(mut scene) = Scene::set("renamed") else {
        return;
    };
    let allowed = scene.program("allowed", "allow");
    let other = scene.program_without_rule("other");
    for round in 0..ROUNDS {
        let mut running = Staying::start(&scene, &other, "x");
        assert!(!running.came_through(), "{round}");
        let script = format!("mv {allowed} {allowed}.kept; mv {other} {allowed}");
        scene.firewall.sandbox().shell(&script).unwrap();
        assert!(
            !running.came_through(),
            "{round}: it was taken for what it replaced"
        );
        let back = format!("mv {allowed} {other}; mv {allowed}.kept {allowed}");
        scene.firewall.sandbox().shell(&back).unwrap();
        assert!(!running.came_through(), "{round}");
        assert!(comes_through(&scene, &allowed, "a"), "{round}");
    }
    let arrived = scene.arrivals();
    assert_eq!(connections(&arrived, 'a'), ROUNDS);
    assert_eq!(arrived.iter().filter(|it| it.letter == 'x').count(), 0);
}

#[test]
fn a_question_says_that_the_executable_was_exchanged() {
    let Some(scene) = Scene::set_without_rules("asked") else {
        return;
    };
    let mut alice = Peer::start(scene.firewall.sandbox(), As::Active("alice")).unwrap();
    assert!(alice.register_agent("main").unwrap().is_done());
    let program = scene.program_without_rule("program");
    let mut running = Staying::start(&scene, &program, "p");
    for replaced in [false, true] {
        if replaced {
            exchange(&scene, &program);
        }
        running.begin();
        let question = json!({ "program": program, "protocol": "tcp" });
        let question = alice.asked("main", &question).unwrap();
        assert_eq!(question["replaced"], replaced, "{question}");
        let rule = ["--name", "answer", "--program", &program, "--for", "2h"];
        let id = scene.firewall.add_rule("deny", &rule).unwrap();
        assert!(!running.outcome());
        scene.firewall.ask(&["rules", "remove", &id]).unwrap();
    }
}
