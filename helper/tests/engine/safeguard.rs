//! Safeguard: what becomes of connections while more is undecided than anybody could answer.

use std::net::Ipv4Addr;

use bastion_helper::engine::QuestionNotice;
use bastion_helper::queue::PacketVerdict::{Accept, Drop};
use bastion_policy::rule::Action;
use bastion_policy::ruleset::{Reason, RuleSet};
use bastion_policy::safeguard::{Cause, Thresholds};

use super::world::{Program, WALL, World};
use super::{THERE, rules};

const BY: Thresholds = Thresholds {
    questions: 8,
    packets: 512,
    calm: 15,
};
const CURL: &str = "/usr/bin/curl";
const PATHS: [&str; 8] = ["/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h"];

/// A place that is nobody else's.
fn place(number: u16) -> (Ipv4Addr, u16) {
    (Ipv4Addr::new(198, 51, 100, 1), number)
}

/// A world with a rule for curl, in which as many programs have just asked as it takes.
fn stormy() -> (World, Vec<Program>) {
    let mut world = World::new(RuleSet::default());
    world.guard_by(rules(&[(CURL, Action::Allow)]), Some(BY));
    let programs: Vec<_> = PATHS.iter().map(|path| world.program(path, 1000)).collect();
    for (number, program) in (1..).zip(&programs) {
        world.send(*program, number, place(number));
    }
    world.round();
    assert_eq!(world.notices().len(), programs.len());
    (world, programs)
}

/// What became of the packets since as many verdicts had been given.
fn since(world: &World, before: usize) -> Vec<bastion_helper::queue::PacketVerdict> {
    let verdicts = world.verdicts();
    verdicts[before..].iter().map(|(_, what)| *what).collect()
}

#[test]
fn what_is_undecided_is_dropped_and_what_a_rule_decides_goes_on() {
    let (mut world, programs) = stormy();
    let [episode] = &world.guarded()[..] else {
        panic!("it is on for one user");
    };
    assert_eq!(
        (episode.user, episode.cause),
        (Some(1000), Cause::Questions)
    );
    assert_eq!(episode.since.as_millis(), WALL);

    let curl = world.program(CURL, 1000);
    world.send(programs[0], 100, place(100));
    world.send(curl, 101, THERE);
    world.round();
    assert_eq!(since(&world, 0), [Drop, Accept]);
    // Nobody is asked, and the log is not filled.
    assert_eq!(world.notices(), []);
    let decided: Vec<_> = world.decided().into_iter().map(|it| it.action).collect();
    assert_eq!(decided, [Action::Allow]);
    assert_eq!(world.guarded()[0].dropped, 1);
    world.stop().unwrap();
}

#[test]
fn questions_that_are_open_can_still_be_answered_and_joined() {
    let (mut world, programs) = stormy();
    // The same program to the same place: it asks the same.
    world.send(programs[0], 100, place(1));
    world.round();
    assert_eq!(since(&world, 0), []);
    world.pass(1_000);
    world.end(programs[0]);
    world.round();
    assert_eq!(world.guarded()[0].dropped, 0);
    world.stop().unwrap();
}

#[test]
fn another_user_is_asked_as_ever() {
    let (mut world, _) = stormy();
    let other = world.program("/usr/bin/other", 1001);
    world.send(other, 100, THERE);
    world.round();
    assert_eq!(world.opened().identity.uid(), Some(1001));
    world.stop().unwrap();
}

#[test]
fn it_ends_by_itself_and_the_log_tells_how_many() {
    let (mut world, programs) = stormy();
    for number in 100..103 {
        world.send(programs[0], number, place(number));
    }
    world.round();
    world.decided();
    assert!(world.sleep.is_some(), "it has to be looked after");
    world.pass(u64::from(BY.calm) * 1_000);
    world.round();
    assert_eq!(world.guarded(), []);
    let [told] = &world.decided()[..] else {
        panic!("one program has dropped connections");
    };
    assert_eq!((told.action, told.count), (Action::Drop, 3));
    assert_eq!(told.reason, Reason::Overload);
    assert_eq!(told.identity.process().unwrap().key.pid, programs[0].pid);
    // A new connection asks again; what was dropped stays so, as it is the same connection.
    world.notices();
    world.send(programs[0], 200, place(200));
    world.round();
    assert!(matches!(world.notices()[..], [QuestionNotice::Opened(_)]));
    world.stop().unwrap();
}

#[test]
fn what_is_sent_again_is_not_counted_again_and_does_not_keep_it_on() {
    let (mut world, programs) = stormy();
    for _ in 0..20 {
        for number in 100..108 {
            world.send(programs[0], number, place(number));
        }
        world.round();
    }
    assert_eq!(world.guarded()[0].dropped, 8);
    world.pass(u64::from(BY.calm) * 1_000);
    world.send(programs[0], 100, place(100));
    world.round();
    assert_eq!(world.guarded(), []);
    world.stop().unwrap();
}

#[test]
fn whoever_leaves_it_is_asked_again() {
    let (mut world, programs) = stormy();
    world.send(programs[0], 100, place(100));
    world.round();
    assert_eq!(world.leave(Some(Some(1001))), 0);
    assert_eq!(world.leave(Some(Some(1000))), 1);
    assert_eq!(world.guarded(), []);
    world.notices();
    // Also about the connection that was dropped.
    world.send(programs[0], 100, place(100));
    world.round();
    assert!(matches!(world.notices()[..], [QuestionNotice::Opened(_)]));
    world.stop().unwrap();
}

#[test]
fn switching_it_off_ends_it() {
    let (mut world, _) = stormy();
    world.guard_by(RuleSet::default(), None);
    assert_eq!(world.guarded(), []);
    world.stop().unwrap();
}

#[test]
fn a_queue_that_is_nearly_full_begins_it() {
    let mut world = World::new(RuleSet::default());
    world.guard_by(rules(&[(CURL, Action::Allow)]), Some(BY));
    let (curl, other) = (world.program(CURL, 1000), world.program("/a", 1000));
    world.send(other, 1, THERE);
    world.round();
    world.fill_queue();
    // More than one round can read.
    for number in 0..600 {
        world.send(curl, number + 10, THERE);
    }
    world.round();
    assert_eq!(world.guarded()[0].cause, Cause::Queue);
    world.stop().unwrap();
}
