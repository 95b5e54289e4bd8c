//! The engine: what becomes of packets, whoever answers, however long it takes.

#![expect(clippy::unwrap_used, reason = "what the tests share fails like tests")]

#[cfg(test)]
mod lessons;
#[cfg(test)]
mod random;
#[cfg(test)]
mod repeated;
#[cfg(test)]
mod safeguard;
#[cfg(test)]
mod world;

use std::net::Ipv4Addr;
use std::time::Duration;

use bastion_helper::engine::QuestionNotice;
use bastion_helper::queue::PacketVerdict::{Accept, Drop};
use bastion_policy::matcher::{
    DestinationMatcher, PortMatcher, ProgramMatcher, ProtocolMatcher, UserMatcher,
};
use bastion_policy::pending::Limits;
use bastion_policy::rule::{Action, Creator, Lifetime, Priority, Rule, RuleSpec};
use bastion_policy::ruleset::{Reason, RuleSet};
use bastion_policy::settings::{Mode, ModeState};
use bastion_policy::time::Timestamp;
use world::{DECISIONS, TIMEOUT, WALL, World, goes_to, learning};

const THERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 443);
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 2), 443);

/// One rule for each of these programs, forever.
fn rules(programs: &[(&str, Action)]) -> RuleSet {
    rules_for(programs, &Lifetime::Forever)
}

fn rules_for(programs: &[(&str, Action)], lifetime: &Lifetime) -> RuleSet {
    let rule = |(path, action): &(&str, Action)| {
        let spec = RuleSpec {
            name: "a rule".into(),
            enabled: true,
            action: *action,
            program: ProgramMatcher::Path(path.parse().unwrap()),
            started_by: None,
            user: UserMatcher::Any,
            destination: DestinationMatcher::Any,
            ports: PortMatcher::Any,
            protocol: ProtocolMatcher::Any,
            lifetime: lifetime.clone(),
            priority: Priority::Normal,
            note: String::new(),
            creator: Creator::Hand,
            created: Timestamp::default(),
        };
        let id = path.replace('/', "-");
        Rule::new(id.parse().unwrap(), spec).unwrap()
    };
    RuleSet::new(programs.iter().map(rule).collect()).unwrap()
}

fn rule(path: &str) -> Reason {
    Reason::Rule(path.replace('/', "-").parse().unwrap())
}

fn told(world: &mut World) -> Vec<(Action, Reason)> {
    let decided = world.decided().into_iter();
    decided.map(|made| (made.action, made.reason)).collect()
}

#[test]
fn a_question_delays_nobody_else() {
    let known = rules(&[("/usr/bin/known", Action::Allow)]);
    let mut world = World::new(known);
    let asks = world.program("/usr/bin/new", 1000);
    let other = world.program("/usr/bin/other", 1000);
    let known = world.program("/usr/bin/known", 1000);
    world.send(asks, 1, THERE);
    world.round();
    let first = world.opened();
    let passes = world.send(known, 2, THERE);
    world.send(other, 3, THERE);
    world.round();
    assert_eq!(world.verdicts(), [(passes, Accept)]);
    assert_eq!(told(&mut world), [(Action::Allow, rule("/usr/bin/known"))]);
    let second = world.opened();
    assert_ne!(first.id, second.id, "each has a question of its own");
    let report = world.report();
    assert_eq!((report.questions, report.waiting_packets), (2, 2));
    assert!(world.stop().is_ok());
}

#[test]
fn an_answer_settles_all_that_waits_for_it_once_and_nothing_else() {
    let mut world = World::new(RuleSet::default());
    let program = world.program("/usr/bin/new", 1000);
    let waits = [1, 2, 1].map(|port| world.send(program, port, THERE));
    world.round();
    let question = world.opened();
    let elsewhere = world.send(program, 3, ELSEWHERE);
    world.round();
    let other = world.opened();
    assert!(world.verdicts().is_empty(), "nothing leaves unanswered");

    assert!(world.answer(question.id, Action::Allow));
    assert_eq!(world.verdicts(), waits.map(|id| (id, Accept)));
    let allowed = (Action::Allow, Reason::Answer(1000));
    assert!(told(&mut world).iter().all(|made| *made == allowed));
    let closed = QuestionNotice::Closed(question.id, Reason::Answer(1000));
    assert_eq!(world.notices(), [closed]);
    assert!(!world.answer(question.id, Action::Deny), "it was open once");
    assert_eq!(world.verdicts().len(), 3);

    assert!(world.answer(other.id, Action::Deny));
    assert_eq!(world.verdicts().last(), Some(&(elsewhere, Drop)));
    // What is asked after an answer that held once is asked again.
    world.send(program, 4, THERE);
    world.round();
    assert_eq!(world.report().questions, 1);
    assert!(world.stop().is_ok());
}

#[test]
fn a_program_learns_of_a_denial_but_not_of_a_drop() {
    let mut world = World::new(rules(&[
        ("/usr/bin/denied", Action::Deny),
        ("/usr/bin/dropped", Action::Drop),
        ("/usr/bin/allowed", Action::Allow),
    ]));
    let paths = ["/usr/bin/denied", "/usr/bin/dropped", "/usr/bin/allowed"];
    for (port, path) in (1..).zip(paths) {
        let program = world.program(path, 1000);
        world.send(program, port, THERE);
    }
    world.round();
    let verdicts: Vec<_> = world.verdicts().into_iter().map(|(_, v)| v).collect();
    assert_eq!(verdicts, [Drop, Drop, Accept]);
    assert!(world.stop().is_ok());
    let ended = world.ended_sockets();
    let ports: Vec<_> = ended.iter().map(|flow| flow.source_port).collect();
    assert_eq!(ports, [1]);
}

#[test]
fn new_rules_and_modes_settle_what_waits_and_only_that() {
    let mut world = World::new(RuleSet::default());
    let paths = ["/usr/bin/a", "/usr/bin/b", "/usr/bin/c", "/usr/bin/d"];
    let mut questions = Vec::new();
    let mut packets = Vec::new();
    for (port, path) in (1..).zip(paths) {
        let program = world.program(path, 1000);
        packets.push(world.send(program, port, THERE));
        world.round();
        questions.push(world.opened().id);
    }
    let both = [("/usr/bin/a", Action::Allow), ("/usr/bin/b", Action::Drop)];
    world.apply(rules(&both), ModeState::default());
    assert_eq!(world.verdicts(), [(packets[0], Accept), (packets[1], Drop)]);
    let expected = [
        (Action::Allow, rule("/usr/bin/a")),
        (Action::Drop, rule("/usr/bin/b")),
    ];
    assert_eq!(told(&mut world), expected);
    let closed = |n: usize, reason| QuestionNotice::Closed(questions[n], reason);
    let expected = [closed(0, rule("/usr/bin/a")), closed(1, rule("/usr/bin/b"))];
    assert_eq!(world.notices(), expected);

    let c_denied = rules(&[("/usr/bin/c", Action::Deny)]);
    world.apply(c_denied, learning());
    assert_eq!(
        world.verdicts()[2..],
        [(packets[2], Drop), (packets[3], Accept)]
    );
    let expected = [
        (Action::Deny, rule("/usr/bin/c")),
        (Action::Allow, Reason::Learn),
    ];
    assert_eq!(told(&mut world), expected);
    assert_eq!(world.report().questions, 0);
    assert!(world.stop().is_ok());
}

#[test]
fn a_pause_lets_through_what_waits_and_ends_by_itself() {
    let mut world = World::new(RuleSet::default());
    let program = world.program("/usr/bin/new", 1000);
    let first = world.send(program, 1, THERE);
    world.round();
    let pause = ModeState {
        mode: Mode::Ask,
        paused_until: Some(Timestamp::from_millis(WALL + 10_000)),
    };
    world.apply(rules(&[("/usr/bin/new", Action::Deny)]), pause);
    assert_eq!(world.verdicts(), [(first, Accept)]);
    world.pass(9_999);
    let second = world.send(program, 2, THERE);
    world.round();
    world.pass(1);
    let third = world.send(program, 3, THERE);
    world.round();
    assert_eq!(world.verdicts()[1..], [(second, Accept), (third, Drop)]);
    let expected = [
        (Action::Allow, Reason::Paused),
        (Action::Allow, Reason::Paused),
        (Action::Deny, rule("/usr/bin/new")),
    ];
    assert_eq!(told(&mut world), expected);
    assert!(world.stop().is_ok());
}

#[test]
fn no_answer_is_a_denial_at_the_deadline_whatever_the_wall_clock_says() {
    let mut world = World::new(RuleSet::default());
    assert_eq!(world.sleep, None, "nothing to wake for");
    let program = world.program("/usr/bin/new", 1000);
    let first = world.send(program, 1, THERE);
    world.round();
    let question = world.opened();
    assert_eq!(question.opened.as_millis(), WALL);
    assert_eq!(question.deadline.as_millis(), WALL + TIMEOUT);
    world.pass(TIMEOUT - 1);
    world.set_wall(WALL + 1_000 * TIMEOUT);
    let second = world.send(program, 2, THERE);
    world.round();
    assert!(world.verdicts().is_empty());
    assert_eq!(world.sleep, Some(Duration::from_millis(1)));
    world.set_wall(0);
    world.pass(1);
    world.round();
    assert_eq!(world.verdicts(), [(first, Drop), (second, Drop)]);
    let timed_out = (Action::Deny, Reason::TimedOut);
    assert!(told(&mut world).iter().all(|made| *made == timed_out));
    let closed = QuestionNotice::Closed(question.id, Reason::TimedOut);
    assert_eq!(world.notices(), [closed]);
    assert!(world.stop().is_ok());
    assert!(!world.ended_sockets().is_empty(), "the program is told");
}

#[test]
fn without_an_answer_becomes_of_it_what_the_question_said() {
    for (action, verdict) in [(Action::Allow, Accept), (Action::Drop, Drop)] {
        let mut world = World::new(RuleSet::default());
        world.otherwise(action);
        let program = world.program("/usr/bin/new", 1000);
        let packet = world.send(program, 1, THERE);
        world.round();
        assert_eq!(world.opened().otherwise, action);
        // Whoever sees the question was told what becomes of it.
        world.otherwise(Action::Deny);
        world.pass(TIMEOUT);
        world.round();
        assert_eq!(world.verdicts(), [(packet, verdict)]);
        assert_eq!(told(&mut world), [(action, Reason::TimedOut)]);
        assert_eq!(world.notices().len(), 1, "it is closed");
        let again = world.send(program, 2, THERE);
        world.round();
        assert_eq!(world.opened().otherwise, Action::Deny);
        world.pass(TIMEOUT);
        world.round();
        assert_eq!(world.verdicts(), [(packet, verdict), (again, Drop)]);
        assert!(world.stop().is_ok());
        assert_eq!(world.ended_sockets().len(), 1, "dropped ones are not told");
    }
}

#[test]
fn a_question_ends_with_its_process_and_lives_on_for_another() {
    let mut world = World::new(RuleSet::default());
    let one = world.program("/usr/bin/new", 1000);
    let two = world.program("/usr/bin/new", 1000);
    let alone = world.program("/usr/bin/other", 1000);
    let of_one = world.send(one, 1, THERE);
    world.round();
    let shared = world.opened();
    let of_alone = world.send(alone, 2, THERE);
    world.round();
    let single = world.opened();
    let of_two = world.send(two, 3, THERE);
    world.round();
    assert!(world.notices().is_empty(), "it joins");

    world.end(one);
    world.end(alone);
    let nap = world.sleep.unwrap();
    assert!(nap <= Duration::from_secs(1), "it looks soon: {nap:?}");
    world.pass(u64::try_from(nap.as_millis()).unwrap());
    world.round();
    let mut dropped = world.verdicts();
    dropped.sort_by_key(|(id, _)| *id);
    assert_eq!(dropped, [(of_one, Drop), (of_alone, Drop)]);
    assert!(
        told(&mut world)
            .iter()
            .all(|(_, why)| *why == Reason::Exited)
    );
    let notices = world.notices();
    assert!(notices.contains(&QuestionNotice::Closed(single.id, Reason::Exited)));
    let shows_two = |notice: &QuestionNotice| match notice {
        QuestionNotice::Changed(question) => {
            question.id == shared.id
                && question.identity.process().unwrap().key.pid == two.pid
                && question.deadline == shared.deadline
        }
        _ => false,
    };
    assert!(notices.iter().any(shows_two), "{notices:?}");
    assert_eq!(notices.len(), 2);

    assert!(world.answer(shared.id, Action::Allow));
    assert_eq!(world.verdicts().last(), Some(&(of_two, Accept)));
    assert!(world.stop().is_ok());
}

#[test]
fn what_there_is_no_room_for_is_dropped_while_the_rest_goes_on() {
    let mut world = World::new(rules(&[("/usr/bin/known", Action::Allow)]));
    let full = Limits::default().questions;
    // Each of another user, so that no user's share is the limit.
    for number in 0..u16::try_from(full).unwrap() {
        let program = world.program("/usr/bin/new", 10_000 + u32::from(number));
        world.send(program, 1_000 + number, THERE);
    }
    world.round();
    assert_eq!(world.report().questions, full);
    assert!(world.verdicts().is_empty());
    let late = world.program("/usr/bin/late", 1000);
    let known = world.program("/usr/bin/known", 1000);
    let dropped = world.send(late, 1, THERE);
    let passed = world.send(known, 2, THERE);
    world.round();
    assert_eq!(world.verdicts(), [(dropped, Drop), (passed, Accept)]);
    let expected = [
        (Action::Drop, Reason::Overload),
        (Action::Allow, rule("/usr/bin/known")),
    ];
    assert_eq!(told(&mut world), expected);
    assert_eq!(world.report().waiting_packets, full);
    assert!(world.stop().is_ok());
    assert_eq!(world.verdicts().len(), full + 2);
}

#[test]
fn what_cannot_be_read_is_dropped_and_counted() {
    let mut world = World::new(RuleSet::default());
    world.apply(RuleSet::default(), learning());
    let mut cut = world::syn(1, THERE);
    cut.truncate(25);
    let bad = [Vec::new(), vec![0xff; 100], cut].map(|bytes| world.send_bytes(bytes, Some(1000)));
    let good = world.send_bytes(world::syn(2, THERE), None);
    world.round();
    let expected: Vec<_> = bad.map(|id| (id, Drop)).into_iter().collect();
    assert_eq!(world.verdicts()[..3], expected);
    assert_eq!(world.verdicts()[3..], [(good, Accept)]);
    assert_eq!(world.report().malformed, 3);
    assert_eq!(told(&mut world), [(Action::Allow, Reason::Learn)]);
    assert!(world.stop().is_ok());
}

#[test]
fn verdicts_do_not_wait_for_whoever_reads_decisions() {
    let mut world = World::new(rules(&[("/usr/bin/known", Action::Allow)]));
    let known = world.program("/usr/bin/known", 1000);
    let more = DECISIONS + 10;
    for port in 1..=u16::try_from(more).unwrap() {
        world.send(known, port, THERE);
    }
    world.round();
    assert_eq!(world.verdicts().len(), more);
    assert_eq!(world.report().unreported, 10);
    assert_eq!(world.decided().len(), DECISIONS);
    assert!(world.stop().is_ok());
}

#[test]
fn when_it_stops_or_nobody_is_left_to_tell_it_anything_all_that_waits_is_dropped() {
    for ends in [World::stop, World::forsake] {
        let mut world = World::new(RuleSet::default());
        let program = world.program("/usr/bin/new", 1000);
        let packets = [THERE, ELSEWHERE].map(|to| world.send(program, 1, to));
        world.round();
        assert_eq!(world.notices().len(), 2);
        // What comes with the stop is left to the kernel, which drops it with the queue.
        let late = world.send(program, 2, THERE);
        assert!(ends(&mut world).is_ok());
        assert_eq!(world.verdicts(), packets.map(|id| (id, Drop)));
        assert!(world.verdicts().iter().all(|(id, _)| *id != late));
        let decided = world.decided();
        let both = [THERE, ELSEWHERE];
        assert!(
            both.iter()
                .all(|to| decided.iter().any(|d| goes_to(&d.flow, *to)))
        );
        assert!(decided.iter().all(|d| d.reason == Reason::Shutdown));
        assert_eq!(world.notices().len(), 2, "both questions are closed");
    }
}

#[test]
fn a_broken_queue_ends_it_with_an_error() {
    let mut world = World::new(RuleSet::default());
    world.break_queue();
    assert!(world.join().is_err());
}
