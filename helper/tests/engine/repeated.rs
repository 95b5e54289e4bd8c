//! Packets that are sent again: they belong to the connection they were sent for.

use bastion_helper::queue::PacketVerdict::{Accept, Drop};
use bastion_policy::rule::Action;
use bastion_policy::ruleset::{Reason, RuleSet};

use super::world::World;
use super::{ELSEWHERE, THERE, told};

/// Longer than a SYN is sent again and again: `tcp_syn_retries`, tcp(7).
const LATER: u64 = 128_000;

#[test]
fn packets_of_a_connection_that_was_answered_are_not_asked_about_again() {
    for (action, verdict) in [(Action::Allow, Accept), (Action::Drop, Drop)] {
        let mut world = World::new(RuleSet::default());
        let program = world.program("/usr/bin/new", 1000);
        world.send(program, 1, THERE);
        world.round();
        let question = world.opened();
        assert!(world.answer(question.id, action));
        for millis in [1_000, 2_000, 4_000] {
            world.pass(millis);
            let again = world.send(program, 1, THERE);
            world.round();
            assert_eq!(world.verdicts().last(), Some(&(again, verdict)));
        }
        assert_eq!(world.report().questions, 0);
        let reasons = told(&mut world);
        assert!(
            reasons
                .iter()
                .all(|made| *made == (action, Reason::Answer(1000)))
        );
        assert!(world.stop().is_ok());
    }
}

#[test]
fn that_holds_for_the_same_process_and_tuple_alone_and_not_for_ever() {
    let mut world = World::new(RuleSet::default());
    let program = world.program("/usr/bin/new", 1000);
    world.send(program, 1, THERE);
    world.round();
    let question = world.opened();
    assert!(world.answer(question.id, Action::Allow));
    let answered = world.verdicts().len();

    // Another connection, another destination, and another process that got the same port.
    world.send(program, 2, THERE);
    world.send(program, 1, ELSEWHERE);
    world.round();
    let other = world.program("/usr/bin/new", 1000);
    world.send(other, 1, THERE);
    world.round();
    assert_eq!(world.verdicts().len(), answered, "all of them wait");
    assert_eq!(world.report().questions, 2, "one for each destination");
    world.stop().unwrap();

    let mut world = World::new(RuleSet::default());
    let program = world.program("/usr/bin/new", 1000);
    world.send(program, 1, THERE);
    world.round();
    let question = world.opened();
    assert!(world.answer(question.id, Action::Allow));
    world.pass(LATER);
    world.send(program, 1, THERE);
    world.round();
    assert_eq!(world.report().questions, 1);
    assert!(world.stop().is_ok());
}

#[test]
fn packets_of_one_connection_are_one_decision() {
    let mut world = World::new(RuleSet::default());
    let program = world.program("/usr/bin/new", 1000);
    for port in [1, 1, 2, 1] {
        world.send(program, port, THERE);
    }
    world.round();
    let question = world.opened();
    assert!(world.answer(question.id, Action::Deny));
    assert_eq!(world.verdicts().len(), 4, "each packet has its verdict");
    assert_eq!(told(&mut world).len(), 2);
    assert!(world.stop().is_ok());
}
