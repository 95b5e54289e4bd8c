//! What the kernel is taught to let pass, and when it has to forget.

use bastion_policy::rule::{Action, Lifetime};
use bastion_policy::ruleset::{Reason, RuleSet};
use bastion_policy::settings::{Mode, ModeState};
use bastion_policy::time::Timestamp;

use super::world::{WALL, World, learning};
use super::{THERE, rule, rules, rules_for, told};

const CURL: &str = "/usr/bin/curl";

/// What is learned, `true` for what lasts, when a program sends a SYN and a datagram.
fn learned(rules: RuleSet, mode: ModeState) -> (Vec<bool>, Vec<bool>) {
    let mut world = World::new(RuleSet::default());
    world.apply(rules, mode);
    let program = world.program(CURL, 1000);
    let lasting = |world: &World| {
        let lessons = world.lessons().into_iter();
        lessons.map(|lesson| lesson.lasting).collect::<Vec<_>>()
    };
    world.send(program, 1, THERE);
    world.round();
    let tcp = lasting(&world);
    world.send_datagram(program, 2, THERE);
    world.round();
    let udp = lasting(&world).split_off(tcp.len());
    world.stop().unwrap();
    (tcp, udp)
}

#[test]
fn only_what_the_rules_allow_for_good_lasts() {
    let allow = [(CURL, Action::Allow)];
    let ask = ModeState::default();
    let later = Lifetime::Until(Timestamp::from_millis(WALL + 60_000));
    let paused = ModeState {
        mode: Mode::Ask,
        paused_until: Some(Timestamp::from_millis(WALL + 60_000)),
    };
    for (rules, mode, tcp, udp) in [
        (rules(&allow), ask, vec![true], vec![true]),
        (
            rules_for(&allow, &Lifetime::Restart),
            ask,
            vec![true],
            vec![true],
        ),
        (rules_for(&allow, &later), ask, vec![], vec![false]),
        (RuleSet::default(), learning(), vec![], vec![false]),
        (rules(&allow), paused, vec![], vec![]),
        (rules(&[(CURL, Action::Deny)]), ask, vec![], vec![]),
        (RuleSet::default(), ask, vec![], vec![]),
    ] {
        assert_eq!(
            learned(rules.clone(), mode),
            (tcp, udp),
            "{rules:?} {mode:?}"
        );
    }
}

#[test]
fn an_answer_lets_the_datagrams_of_its_socket_go_on() {
    let mut world = World::new(RuleSet::default());
    let program = world.program(CURL, 1000);
    world.send_datagram(program, 1, THERE);
    world.round();
    assert_eq!(world.lessons(), []);
    let question = world.opened();
    assert!(world.answer(question.id, Action::Allow));
    let lessons = world.lessons();
    assert_eq!(lessons.len(), 1);
    assert!(!lessons[0].lasting);
    assert_eq!(lessons[0].reason, Reason::Answer(1000));
    world.stop().unwrap();
}

#[test]
fn a_change_of_rules_forgets_first_and_loses_no_hit() {
    let mut world = World::new(rules(&[(CURL, Action::Allow)]));
    let program = world.program(CURL, 1000);
    world.send(program, 1, THERE);
    world.round();
    let lesson = world.lessons().remove(0);
    let counts = |world: &mut World| {
        let decided = world.decided().into_iter();
        decided.map(|made| made.count).collect::<Vec<_>>()
    };
    assert_eq!(counts(&mut world), [1]);

    world.hit(lesson.clone(), 7);
    world.report();
    assert_eq!(counts(&mut world), [7]);

    world.hit(lesson, 5);
    world.apply(rules(&[(CURL, Action::Deny)]), ModeState::default());
    assert_eq!(world.lessons(), []);
    let decided = world.decided();
    assert_eq!(
        decided.iter().map(|made| made.count).collect::<Vec<_>>(),
        [5]
    );
    assert_eq!(decided[0].reason, rule(CURL));

    world.send(program, 2, THERE);
    world.round();
    assert_eq!(told(&mut world), [(Action::Deny, rule(CURL))]);
    assert_eq!(world.lessons(), []);
    world.stop().unwrap();
}
