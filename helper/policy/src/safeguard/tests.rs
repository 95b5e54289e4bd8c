use std::sync::Arc;

use super::*;
use crate::flow::Protocol;
use crate::process::{Evidence, Executable, Process, ProcessKey};
use proptest::prelude::*;

const BY: Thresholds = Thresholds {
    questions: 40,
    packets: 512,
    calm: 15,
};

/// Guards, and a clock that stands still unless it is moved.
struct World {
    safeguard: Safeguard,
    now: u64,
}

impl World {
    fn new() -> Self {
        let mut safeguard = Safeguard::default();
        assert!(safeguard.set(Some(BY)).is_empty());
        Self { safeguard, now: 0 }
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    /// A connection of this user's program of this number is undecided; true if that begins a
    /// guard.
    fn undecided(&mut self, user: u32, program: u32) -> bool {
        self.with(user, program, false, 1)
    }

    fn with(&mut self, user: u32, program: u32, refused: bool, waiting: usize) -> bool {
        let flow = flow();
        let identity = sender(user, program);
        let it = Undecided {
            flow: &flow,
            identity: &identity,
        };
        let now = self.at();
        if self.safeguard.is_on(Some(user)) {
            self.safeguard.dropped(it, now);
            return false;
        }
        self.safeguard.asked(it, refused, waiting, now)
    }

    fn calm(&mut self) -> Vec<Episode> {
        let now = self.at();
        self.safeguard.calm(now)
    }

    /// Undecided connections of many programs, until a guard begins.
    fn storm(&mut self, user: u32) -> u32 {
        (0..1_000).find(|n| self.undecided(user, *n)).unwrap() + 1
    }
}

fn flow() -> Flow {
    Flow {
        protocol: Protocol::Tcp,
        source: "192.0.2.1".parse().unwrap(),
        source_port: 40_000,
        destination: "192.0.2.2".parse().unwrap(),
        destination_port: 443,
        hosts: vec![],
    }
}

fn sender(user: u32, program: u32) -> Identity {
    Identity::Process(Arc::new(Process {
        key: ProcessKey {
            pid: program,
            start_time: 1,
        },
        uid: user,
        executable: Executable {
            path: format!("/usr/bin/program-{program}").parse().unwrap(),
            file: None,
            replaced: false,
        },
        arguments: Vec::new(),
        working_directory: String::new(),
        cgroup: String::new(),
        app: None,
        parents: Vec::new(),
        evidence: Evidence::SocketTable,
        execs: None,
    }))
}

#[test]
fn many_programs_begin_it_and_one_program_alone_does_not() {
    let mut world = World::new();
    assert_eq!(world.storm(1000), BY.questions);
    let mut world = World::new();
    for _ in 0..1_000 {
        assert!(!world.undecided(1000, 7));
    }
}

#[test]
fn what_there_is_no_room_to_ask_about_counts_whoever_sends_it() {
    let mut world = World::new();
    let begins = (0..1_000).find(|_| world.with(1000, 7, true, 1));
    assert_eq!(begins, Some(BY.questions - 1));
}

#[test]
fn questions_that_come_slowly_do_not_begin_it() {
    let mut world = World::new();
    for n in 0..1_000 {
        world.now += WINDOW / u64::from(BY.questions - 1) + 1;
        assert!(!world.undecided(1000, n), "{n}");
    }
}

#[test]
fn packets_that_wait_begin_it() {
    let mut world = World::new();
    assert!(!world.with(1000, 1, false, 511));
    assert!(world.with(1000, 1, false, 512));
    let episodes = world.safeguard.episodes();
    assert_eq!(episodes[0].cause, Cause::Packets);
}

#[test]
fn each_user_has_a_guard_of_their_own() {
    let mut world = World::new();
    world.storm(1000);
    assert!(world.safeguard.is_on(Some(1000)));
    assert!(!world.safeguard.is_on(Some(1001)));
    assert!(!world.undecided(1001, 1));
}

#[test]
fn it_ends_after_a_calm_spell_and_tells_what_it_did() {
    let mut world = World::new();
    world.storm(1000);
    for n in 0..300 {
        world.undecided(1000, n % 3);
    }
    world.now += u64::from(BY.calm) * 1_000 - 1;
    assert!(world.calm().is_empty());
    assert_eq!(
        world.safeguard.next_deadline(),
        Some(Timestamp::from_millis(world.now + 1))
    );
    world.now += 1;
    let [ended] = &world.calm()[..] else {
        panic!("one guard ends");
    };
    assert_eq!(
        (ended.user, ended.since),
        (Some(1000), Timestamp::default())
    );
    assert_eq!((ended.cause, ended.dropped), (Cause::Questions, 300));
    let loudest = &ended.programs[0];
    assert_eq!(loudest.program, "/usr/bin/program-0");
    assert_eq!((loudest.undecided, loudest.dropped), (101, 100));
    assert!(loudest.sample.is_some());
    assert!(!world.safeguard.is_on(Some(1000)));
    assert_eq!(world.safeguard.next_deadline(), None);
    // Nothing of it is left.
    assert_eq!(world.storm(1000), BY.questions);
}

#[test]
fn what_goes_on_keeps_it_and_a_little_does_not() {
    let mut world = World::new();
    world.storm(1000);
    // Half of what begins it: 20 in ten seconds.
    for n in 0..60 {
        world.now += 500;
        world.undecided(1000, n);
        assert!(world.calm().is_empty());
    }
    // Less than that.
    let still = world.now;
    for n in 0..200 {
        world.now += 1_000;
        world.undecided(1000, n);
        if !world.calm().is_empty() {
            let lasted = world.now - still;
            // The window empties first, and then all has to be calm for long enough.
            assert!((15_000..=30_000).contains(&lasted), "{lasted}");
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn leaving_ends_ones_own_or_all() {
    let mut world = World::new();
    world.storm(1000);
    world.storm(1001);
    assert_eq!(world.safeguard.leave(Some(Some(1000))).len(), 1);
    assert!(!world.safeguard.is_on(Some(1000)));
    assert!(world.safeguard.is_on(Some(1001)));
    assert_eq!(world.safeguard.leave(None).len(), 1);
    assert!(world.safeguard.episodes().is_empty());
}

#[test]
fn without_thresholds_there_is_none_and_one_that_stands_ends() {
    let mut world = World::new();
    world.storm(1000);
    assert_eq!(world.safeguard.set(None).len(), 1);
    for n in 0..1_000 {
        assert!(!world.undecided(1000, n));
    }
    let now = world.at();
    assert!(!world.safeguard.queue_is_full(now));
}

#[test]
fn a_full_queue_begins_it_for_those_of_whom_something_is_undecided() {
    let mut world = World::new();
    let now = world.at();
    assert!(!world.safeguard.queue_is_full(now));
    world.undecided(1000, 1);
    assert!(world.safeguard.queue_is_full(now));
    assert!(!world.safeguard.queue_is_full(now), "it stands already");
    assert_eq!(world.safeguard.episodes()[0].cause, Cause::Queue);
}

proptest! {
    /// Whatever comes: what is kept is bounded, and what was dropped is all told.
    #[test]
    fn storms_are_counted_and_kept_in_bounds(
        steps in prop::collection::vec((0..200_u32, 0..3_000_u32, 0..400_u64), 0..2_000),
    ) {
        let mut world = World::new();
        let (mut dropped, mut told) = (0, 0);
        for (user, program, later) in steps {
            world.now += later;
            told += world.calm().iter().map(|it| it.dropped).sum::<u64>();
            let known = world.safeguard.is_on(Some(user));
            world.undecided(user, program);
            dropped += u64::from(known);
            prop_assert!(world.safeguard.guards.len() <= USERS + 1);
        }
        told += world.safeguard.leave(None).iter().map(|it| it.dropped).sum::<u64>();
        prop_assert_eq!(told, dropped);
    }
}
