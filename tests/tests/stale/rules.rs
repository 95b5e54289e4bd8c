//! Rules that are taken away while four threads make connections and send datagrams as fast as they
//! can, in both families: once the firewall has said that a rule is gone, nothing that begins later
//! comes through.

use std::thread::sleep;
use std::time::Duration;

use bastion_tests::Arrival;

use crate::scene::{HOST6, PATIENCE, PORT, Scene, Span, last_word};

/// For how long a rule holds, and for how long it does not: long enough for hundreds of
/// connections.
const WHILE: Duration = Duration::from_millis(100);
const RULES: &str = "/etc/bastion/rules.toml";

/// A way to let a program through, and a way to end that. In its scripts `$PROGRAM` is the
/// program, and `$RULES` the file of rules.
struct Way {
    purpose: &'static str,
    rounds: usize,
    /// What is done once, before anything else.
    first: &'static str,
    allow: &'static str,
    end: &'static str,
}

/// Adds the rule that lets the program through, and keeps its id.
const ADD: &str = r#"bastionctl --json rules add allow --name flood --program $PROGRAM |
    sed -n 's/.*"id": *"\([^"]*\)".*/\1/p' >/run/rule"#;
/// Adds a rule that beats it, and keeps its id.
const BEAT: &str = r#"bastionctl --json rules add deny --program any --priority pinned |
    sed -n 's/.*"id": *"\([^"]*\)".*/\1/p' >/run/rule"#;

/// When the program could come through, and when it could not.
#[derive(Debug)]
struct Round {
    allow: Span,
    end: Span,
    /// When the next round began, or all was over.
    next: u64,
}

impl Round {
    fn came(&self, arrivals: &[Arrival]) -> usize {
        let may = |it: &&Arrival| self.allow.ended < it.stamp && it.stamp < self.end.began;
        arrivals.iter().filter(may).count()
    }

    /// By how many nanoseconds after the end each of those had begun that should not have come. What
    /// came in the next round may have waited in the queue until then, where the computer is busy, and
    /// was judged by the rules of that time.
    fn late(&self, arrivals: &[Arrival]) -> Vec<u64> {
        let late = |it: &&Arrival| self.end.ended < it.stamp && it.came < self.next;
        let late = arrivals.iter().filter(late);
        late.map(|it| it.stamp - self.end.ended).collect()
    }
}

fn check(way: &Way) {
    let Some(mut scene) = Scene::set(way.purpose) else {
        return;
    };
    let program = scene.program_without_rule("flood");
    let run = |scene: &Scene, script: &str| {
        let script = format!("PROGRAM={program} RULES={RULES}\n{script}");
        scene.timed(&script).1
    };
    run(&scene, way.first);
    run(&scene, way.end);
    let mut flood = scene.start(&program, "flood", &[HOST6, PORT]);
    flood.line_with("pid", PATIENCE).unwrap();
    let mut rounds: Vec<Round> = Vec::new();
    for _ in 0..way.rounds {
        let allow = run(&scene, way.allow);
        if let Some(last) = rounds.last_mut() {
            last.next = allow.began;
        }
        sleep(WHILE);
        let end = run(&scene, way.end);
        sleep(WHILE);
        rounds.push(Round {
            allow,
            end,
            next: u64::MAX,
        });
    }
    flood.close_input();
    let said = last_word(&mut flood);
    let arrived = scene.arrivals();

    let late: Vec<u64> = rounds
        .iter()
        .flat_map(|round| round.late(&arrived))
        .collect();
    let came: Vec<usize> = rounds.iter().map(|round| round.came(&arrived)).collect();
    let name = way.purpose;
    println!(
        "{name}: {} came in time, {} late; {said}",
        came.iter().sum::<usize>(),
        late.len()
    );
    assert!(came.iter().all(|count| *count > 0), "{name}: {came:?}");
    assert!(
        late.is_empty(),
        "{name}: {} connections came through that began later, by up to {} ns, first {:?}",
        late.len(),
        late.iter().max().unwrap(),
        &late[..late.len().min(10)]
    );
    // Most of what was tried was denied, so there were attempts to be late.
    let tried = said["attempts"].as_u64().unwrap();
    assert!(
        tried > said["connections"].as_u64().unwrap() + 100,
        "{said}"
    );
}

#[test]
fn nothing_comes_through_once_the_rule_is_removed() {
    check(&Way {
        purpose: "removed",
        rounds: 30,
        first: ADD,
        allow: ADD,
        end: "bastionctl rules remove $(cat /run/rule)",
    });
}

#[test]
fn nothing_comes_through_once_the_rule_is_switched_off() {
    check(&Way {
        purpose: "switched-off",
        rounds: 10,
        first: ADD,
        allow: "bastionctl rules enable $(cat /run/rule)",
        end: "bastionctl rules disable $(cat /run/rule)",
    });
}

#[test]
fn nothing_comes_through_once_the_rule_denies() {
    check(&Way {
        purpose: "denying",
        rounds: 10,
        first: ADD,
        allow: "bastionctl rules edit $(cat /run/rule) --action allow",
        end: "bastionctl rules edit $(cat /run/rule) --action deny",
    });
}

#[test]
fn nothing_comes_through_once_another_rule_beats_it() {
    check(&Way {
        purpose: "beaten",
        rounds: 10,
        first: ADD,
        allow: "bastionctl rules remove $(cat /run/rule)",
        end: BEAT,
    });
}

#[test]
fn nothing_comes_through_once_a_pause_is_over() {
    check(&Way {
        purpose: "paused",
        rounds: 10,
        first: "",
        allow: "bastionctl pause 10m",
        end: "bastionctl resume",
    });
}

#[test]
fn nothing_comes_through_once_the_time_of_the_rule_is_over() {
    check(&Way {
        purpose: "over",
        rounds: 5,
        first: "",
        allow: "bastionctl rules add allow --name flood --program $PROGRAM --lifetime 1s",
        end: "sleep 1",
    });
}

#[test]
fn nothing_comes_through_once_the_rule_is_edited_away() {
    check(&Way {
        purpose: "edited",
        rounds: 10,
        first: r#"cp -p $RULES /run/without; cp -p $RULES /run/with
            printf '\n[[rule]]\nname = "flood"\naction = "allow"\nprogram = "%s"\n' $PROGRAM >>/run/with"#,
        allow: r#"cp -p /run/with $RULES.new; mv $RULES.new $RULES
            until bastionctl --json rules list | grep -q '"flood"'; do :; done"#,
        end: r#"cp -p /run/without $RULES.new; mv $RULES.new $RULES
            while bastionctl --json rules list | grep -q '"flood"'; do :; done"#,
    });
}
