//! Anything that can happen, in any order: no packet is lost, settled twice, or let through
//! without a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use bastion_helper::engine::QuestionNotice;
use bastion_helper::queue::PacketVerdict;
use bastion_policy::pending::{PacketId, QuestionId};
use bastion_policy::rule::Action;
use bastion_policy::ruleset::{Reason, RuleSet};
use bastion_policy::settings::ModeState;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::world::{Program, World, learning};

const PATHS: [&str; 3] = ["/usr/bin/a", "/usr/bin/b", "/usr/bin/c"];

#[derive(Clone, Debug)]
enum Step {
    /// A packet of some program to some place.
    Send(usize, u8),
    /// Bytes that are no packet.
    Garbage(Vec<u8>),
    /// Several packets before the engine wakes.
    Burst(Vec<(usize, u8)>),
    Answer(Index, Action),
    Rules(Vec<(usize, Action)>, bool),
    Pass(u64),
    /// A program's process ends, and another begins.
    Restart(usize),
}

fn action() -> impl Strategy<Value = Action> {
    prop::sample::select(vec![Action::Allow, Action::Deny, Action::Drop])
}

fn step() -> impl Strategy<Value = Step> {
    let packet = || (0..PATHS.len(), 0_u8..4);
    prop_oneof![
        4 => packet().prop_map(|(program, to)| Step::Send(program, to)),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Step::Garbage),
        1 => prop::collection::vec(packet(), 0..20).prop_map(Step::Burst),
        3 => (any::<Index>(), action()).prop_map(|(which, action)| Step::Answer(which, action)),
        1 => (prop::collection::vec((0..PATHS.len(), action()), 0..3), any::<bool>())
            .prop_map(|(rules, learn)| Step::Rules(rules, learn)),
        2 => prop_oneof![Just(250), 1_000..70_000_u64].prop_map(Step::Pass),
        1 => (0..PATHS.len()).prop_map(Step::Restart),
    ]
}

/// What must be true of the world, kept beside it.
struct Witness {
    world: World,
    programs: Vec<Program>,
    sent: BTreeSet<PacketId>,
    open: BTreeSet<QuestionId>,
    next_port: u16,
}

impl Witness {
    fn new() -> Self {
        let world = World::new(RuleSet::default());
        let programs = PATHS.map(|path| world.program(path, 1000)).to_vec();
        Self {
            world,
            programs,
            sent: BTreeSet::new(),
            open: BTreeSet::new(),
            next_port: 1,
        }
    }

    fn send(&mut self, program: usize, to: u8) {
        let to = (Ipv4Addr::new(192, 0, 2, to), 443);
        let id = self.world.send(self.programs[program], self.next_port, to);
        self.next_port += 1;
        self.sent.insert(id);
    }

    fn carry_out(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Send(program, to) => self.send(program, to),
            Step::Garbage(bytes) => {
                let id = self.world.send_bytes(bytes, None);
                self.sent.insert(id);
            }
            Step::Burst(packets) => {
                for (program, to) in packets {
                    self.send(program, to);
                }
            }
            Step::Answer(which, action) => {
                let open: Vec<_> = self.open.iter().copied().collect();
                // Also of questions that never were.
                let id = match open.len() {
                    0 => QuestionId(u64::MAX),
                    many => open[which.index(many)],
                };
                let before = self.world.verdicts().len();
                let was_open = self.world.answer(id, action);
                prop_assert_eq!(was_open, !open.is_empty());
                let settled = self.world.verdicts().split_off(before);
                prop_assert_eq!(was_open, !settled.is_empty(), "a question has packets");
                let expected = match action.allows() {
                    true => PacketVerdict::Accept,
                    false => PacketVerdict::Drop,
                };
                prop_assert!(settled.iter().all(|(_, verdict)| *verdict == expected));
            }
            Step::Rules(mut programs, learn) => {
                programs.sort_by_key(|(program, _)| *program);
                programs.dedup_by_key(|(program, _)| *program);
                let programs: Vec<_> = programs.iter().map(|(p, a)| (PATHS[*p], *a)).collect();
                let mode = match learn {
                    true => learning(),
                    false => ModeState::default(),
                };
                self.world.apply(crate::rules(&programs), mode);
            }
            Step::Pass(millis) => self.world.pass(millis),
            Step::Restart(program) => {
                let old = self.programs[program];
                self.world.end(old);
                self.programs[program] = self.world.program(old.path, old.uid);
            }
        }
        self.world.round();
        self.check()
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        for notice in self.world.notices() {
            match notice {
                QuestionNotice::Opened(question) => prop_assert!(self.open.insert(question.id)),
                QuestionNotice::Changed(question) => {
                    prop_assert!(self.open.contains(&question.id));
                }
                QuestionNotice::Closed(id, _) => prop_assert!(self.open.remove(&id)),
            }
        }
        let verdicts = self.verdicts()?;
        let report = self.world.report();
        prop_assert_eq!(report.questions, self.open.len());
        prop_assert_eq!(report.waiting_packets, self.sent.len() - verdicts.len());
        prop_assert_eq!(report.unreported, 0);
        for made in self.world.decided() {
            let by_whom = match made.reason {
                Reason::Rule(_) | Reason::Answer(_) => None,
                Reason::Learn | Reason::Paused => Some(Action::Allow),
                Reason::TimedOut | Reason::Exited => Some(made.action).filter(|a| !a.allows()),
                other => return Err(TestCaseError::fail(format!("{other} can't be"))),
            };
            prop_assert!(by_whom.is_none_or(|action| action == made.action));
        }
        Ok(())
    }

    /// Each packet's verdict.
    fn verdicts(&self) -> Result<BTreeMap<PacketId, PacketVerdict>, TestCaseError> {
        let mut verdicts = BTreeMap::new();
        for (id, verdict) in self.world.verdicts() {
            prop_assert!(self.sent.contains(&id));
            prop_assert_eq!(verdicts.insert(id, verdict), None, "{:?} twice", id);
        }
        Ok(verdicts)
    }
}

proptest! {
    #[test]
    fn every_packet_is_settled_once_for_a_reason(steps in prop::collection::vec(step(), 0..40)) {
        let mut witness = Witness::new();
        for step in steps {
            witness.carry_out(step)?;
        }
        let settled: BTreeSet<_> = witness.verdicts()?.keys().copied().collect();
        let waiting: Vec<_> = witness.sent.difference(&settled).copied().collect();
        prop_assert!(witness.world.stop().is_ok());
        let verdicts = witness.verdicts()?;
        prop_assert_eq!(verdicts.len(), witness.sent.len());
        for id in waiting {
            prop_assert_eq!(verdicts[&id], PacketVerdict::Drop, "stopped, not let through");
        }
    }
}
