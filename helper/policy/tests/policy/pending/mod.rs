//! Random operations on the table of open questions, next to a plain model of it. After every step
//! both must agree; that no packet is lost, answered twice, or released while its question is
//! open follows from the model, which holds each packet exactly until it was returned once.

mod model;

use std::collections::HashSet;

use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::pending::{
    Asked, End, Limits, PacketId, Pending, QuestionId, QuestionKey, Waiter,
};
use bastion_policy::process::{Identity, ProcessKey, UnknownReason};
use bastion_policy::rule::Action;
use bastion_policy::time::Timestamp;
use proptest::prelude::*;

use crate::given;
use model::{Model, ModelQuestion};

const LIMITS: Limits = Limits {
    questions: 6,
    packets: 20,
    packets_per_question: 5,
    questions_per_user: 3,
    packets_per_user: 9,
};
const PROCESSES: u32 = 6;
/// Users of the processes and of unknown senders; the kernel's and some unknown ones have none.
const UIDS: [u32; 3] = [1000, 1001, 1002];

#[derive(Clone, Debug)]
enum Op {
    /// A packet of this sender to this port asks, with this many milliseconds to answer.
    Ask {
        sender: u32,
        port: u16,
        patience: u64,
    },
    /// A packet that waits already asks once more, the same or something else.
    AskAgain { which: usize, same: bool },
    /// An open question is answered.
    Answer { which: usize },
    /// A question that is not open is answered.
    AnswerLate { id: u64 },
    /// Time passes.
    Expire { passed: u64 },
    /// A process ends.
    Exit { number: u32 },
    /// Rules now decide flows from these source ports.
    Reconsider { decided: HashSet<u16> },
    /// The helper stops.
    Drain,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        16 => (0..PROCESSES + 3, 80u16..84, 1u64..100)
            .prop_map(|(sender, port, patience)| Op::Ask { sender, port, patience }),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, same)| Op::AskAgain { which, same }),
        3 => any::<usize>().prop_map(|which| Op::Answer { which }),
        1 => (0u64..50).prop_map(|id| Op::AnswerLate { id }),
        3 => (0u64..40).prop_map(|passed| Op::Expire { passed }),
        3 => (0..PROCESSES).prop_map(|number| Op::Exit { number }),
        2 => proptest::collection::hash_set(0u16..8, 0..4)
            .prop_map(|decided| Op::Reconsider { decided }),
        1 => Just(Op::Drain),
    ]
}

fn flow(source_port: u16, port: u16) -> Flow {
    Flow {
        protocol: Protocol::Tcp,
        source: "192.0.2.200".parse().unwrap(),
        source_port,
        destination: "192.0.2.1".parse().unwrap(),
        destination_port: port,
        hosts: Vec::new(),
    }
}

fn sender(number: u32) -> Identity {
    match number.checked_sub(PROCESSES) {
        None => {
            let identity = given::numbered_process(number);
            let mut process = identity.process().unwrap().as_ref().clone();
            process.uid = UIDS[number as usize / 2];
            Identity::Process(process.into())
        }
        Some(0) => Identity::Kernel,
        Some(which) => Identity::Unknown {
            uid: (which == 1).then_some(UIDS[0]),
            reason: UnknownReason::NoProcess,
        },
    }
}

struct Run {
    table: Pending,
    model: Model,
}

impl Run {
    fn step(&mut self, op: Op) -> Result<(), TestCaseError> {
        match op {
            Op::Ask {
                sender: number,
                port,
                patience,
            } => {
                let packet = PacketId(self.model.packets);
                self.model.packets += 1;
                let source_port = u16::try_from(packet.0 % 8).unwrap();
                self.ask(packet, flow(source_port, port), sender(number), patience)
            }
            Op::AskAgain { which, same } => self.ask_again(which, same),
            Op::Answer { which } => self.answer(which),
            Op::AnswerLate { id } => {
                let open = self.model.open.iter().any(|question| question.id.0 == id);
                prop_assert!(open || self.table.answer(QuestionId(id)).is_none());
                Ok(())
            }
            Op::Expire { passed } => self.expire(passed),
            Op::Exit { number } => self.exit(number),
            Op::Reconsider { decided } => self.reconsider(&decided),
            Op::Drain => {
                let drained = self.table.drain();
                prop_assert_eq!(drained.len(), self.model.open.len());
                drained
                    .iter()
                    .try_for_each(|settled| self.model.settle(settled))
            }
        }
    }

    fn ask(
        &mut self,
        packet: PacketId,
        flow: Flow,
        identity: Identity,
        patience: u64,
    ) -> Result<(), TestCaseError> {
        let (now, key) = (self.model.now, QuestionKey::new(&flow, &identity));
        let end = End {
            deadline: now.after_millis(patience),
            otherwise: match patience % 2 {
                0 => Action::Deny,
                _ => Action::Allow,
            },
        };
        let (questions, packets) = self.model.share(key.uid);
        let room = self.model.waiting() < LIMITS.packets && packets < LIMITS.packets_per_user;
        let opens =
            self.model.open.len() < LIMITS.questions && questions < LIMITS.questions_per_user;
        let asked = self
            .table
            .ask(packet, flow.clone(), identity.clone(), now, end);
        let waiter = Waiter {
            packet,
            flow,
            identity,
        };
        let same = self
            .model
            .open
            .iter_mut()
            .find(|question| question.key == key);
        match (asked, same) {
            (Asked::Joined(id), Some(question)) => {
                prop_assert!(room && question.waiters.len() < LIMITS.packets_per_question);
                prop_assert_eq!(id, question.id);
                question.waiters.push(waiter);
            }
            (Asked::Full, Some(question)) => {
                prop_assert!(!room || question.waiters.len() == LIMITS.packets_per_question);
            }
            (Asked::Opened(id), None) => {
                prop_assert!(room && opens);
                prop_assert!(self.model.used.last().is_none_or(|last| *last < id));
                self.model.used.insert(id);
                self.model.open.push(ModelQuestion {
                    id,
                    key,
                    opened: now,
                    deadline: end.deadline,
                    otherwise: end.otherwise,
                    waiters: vec![waiter],
                });
            }
            (Asked::Full, None) => prop_assert!(!room || !opens),
            (asked, _) => prop_assert!(false, "{asked:?} does not fit the open questions"),
        }
        Ok(())
    }

    fn ask_again(&mut self, which: usize, same: bool) -> Result<(), TestCaseError> {
        let waiters: Vec<_> = self
            .model
            .open
            .iter()
            .flat_map(|question| {
                question
                    .waiters
                    .iter()
                    .map(|waiter| (question.id, waiter.clone()))
            })
            .collect();
        let Some((id, waiter)) = waiters.get(which % waiters.len().max(1)) else {
            return Ok(());
        };
        let mut flow = waiter.flow.clone();
        flow.destination_port += u16::from(!same);
        let (now, later) = (self.model.now, self.model.now.after_millis(1_000));
        let asked = self.table.ask(
            waiter.packet,
            flow,
            waiter.identity.clone(),
            now,
            end(later),
        );
        prop_assert_eq!(
            asked,
            if same {
                Asked::Joined(*id)
            } else {
                Asked::Full
            }
        );
        Ok(())
    }

    fn answer(&mut self, which: usize) -> Result<(), TestCaseError> {
        let open = &self.model.open;
        let Some(id) = open
            .get(which % open.len().max(1))
            .map(|question| question.id)
        else {
            return Ok(());
        };
        let settled = self.table.answer(id);
        prop_assert!(settled.is_some());
        prop_assert!(self.table.answer(id).is_none(), "answered twice");
        settled
            .iter()
            .try_for_each(|settled| self.model.settle(settled))
    }

    fn expire(&mut self, passed: u64) -> Result<(), TestCaseError> {
        self.model.now = self.model.now.after_millis(passed);
        let now = self.model.now;
        let due = self
            .model
            .open
            .iter()
            .filter(|question| question.deadline <= now)
            .count();
        let over = self.table.expire(now);
        prop_assert_eq!(over.len(), due);
        prop_assert!(over.is_sorted_by_key(|settled| settled.question.deadline));
        for settled in &over {
            prop_assert!(settled.question.deadline <= now, "too early");
            self.model.settle(settled)?;
        }
        Ok(())
    }

    fn exit(&mut self, number: u32) -> Result<(), TestCaseError> {
        let key = sender(number).process().unwrap().key;
        let mut effect = self.table.process_exited(key);
        let ids: Vec<_> = self.model.open.iter().map(|question| question.id).collect();
        for id in ids {
            let (gone, changed) = self.model.take(id, |waiter| waiter.process() == Some(key));
            let released: Vec<_> = effect
                .released
                .extract_if(.., |(of, _)| *of == id)
                .collect();
            prop_assert!(released.iter().map(|(_, waiter)| waiter).eq(&gone));
            let closed: Vec<_> = effect
                .closed
                .extract_if(.., |question| question.id == id)
                .collect();
            if self.model.open[self.model.position(id)].waiters.is_empty() {
                prop_assert_eq!(closed.len(), 1);
                self.model.without_waiters(id).agrees(&closed[0])?;
            } else {
                prop_assert!(closed.is_empty());
            }
            prop_assert_eq!(effect.changed.contains(&id), changed);
            effect.changed.retain(|of| *of != id);
        }
        let nothing = bastion_policy::pending::ExitEffect::default();
        prop_assert_eq!(effect, nothing, "something was returned that did not wait");
        Ok(())
    }

    fn reconsider(&mut self, decided: &HashSet<u16>) -> Result<(), TestCaseError> {
        let verdict = |flow: &Flow| match flow.source_port % 2 {
            0 => Action::Allow,
            _ => Action::Deny,
        };
        let judged = |flow: &Flow| decided.contains(&flow.source_port).then(|| verdict(flow));
        let mut results = self.table.reconsider(|flow, _| judged(flow));
        prop_assert!(results.is_sorted_by_key(|result| result.question.id));
        let ids: Vec<_> = self.model.open.iter().map(|question| question.id).collect();
        for id in ids {
            let (gone, changed) = self.model.take(id, |waiter| judged(&waiter.flow).is_some());
            let result: Vec<_> = results
                .extract_if(.., |result| result.question.id == id)
                .collect();
            prop_assert_eq!(result.len(), usize::from(!gone.is_empty()));
            let Some(result) = result.first() else {
                continue;
            };
            let expected = gone
                .into_iter()
                .map(|waiter| (verdict(&waiter.flow), waiter));
            prop_assert!(
                expected.eq(result
                    .decided
                    .iter()
                    .map(|(waiter, action)| (*action, waiter.clone())))
            );
            prop_assert_eq!(result.changed, changed);
            let at = self.model.position(id);
            prop_assert_eq!(result.closed, self.model.open[at].waiters.is_empty());
            if result.closed {
                self.model.without_waiters(id).agrees(&result.question)?;
            } else {
                self.model.open[at].shows(&result.question)?;
            }
        }
        prop_assert!(
            results.is_empty(),
            "something was decided that did not wait"
        );
        Ok(())
    }

    fn agree(&self) -> Result<(), TestCaseError> {
        let (table, model) = (&self.table, &self.model);
        prop_assert_eq!(table.len(), model.open.len());
        prop_assert_eq!(table.is_empty(), model.open.is_empty());
        prop_assert_eq!(table.waiting_packets(), model.waiting());
        prop_assert!(table.len() <= LIMITS.questions && model.waiting() <= LIMITS.packets);
        prop_assert_eq!(table.questions().count(), model.open.len());
        for (question, expected) in table.questions().zip(&model.open) {
            expected.shows(question)?;
            prop_assert_eq!(table.get(expected.id), Some(question));
            prop_assert_eq!(table.waiting(expected.id), expected.waiters.len());
            prop_assert!((1..=LIMITS.packets_per_question).contains(&expected.waiters.len()));
        }
        for closed in model
            .used
            .iter()
            .filter(|id| model.open.iter().all(|q| q.id != **id))
        {
            prop_assert!(table.get(*closed).is_none() && table.waiting(*closed) == 0);
        }
        let keys: HashSet<_> = model.open.iter().map(|question| &question.key).collect();
        prop_assert_eq!(keys.len(), model.open.len(), "one question is open twice");
        let deadline = model.open.iter().map(|question| question.deadline).min();
        prop_assert_eq!(table.next_deadline(), deadline);
        let waiters = model.open.iter().flat_map(|question| &question.waiters);
        let waiting: HashSet<ProcessKey> = waiters.filter_map(Waiter::process).collect();
        prop_assert_eq!(table.processes().count(), waiting.len());
        prop_assert!(table.processes().all(|key| waiting.contains(&key)));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_table_does_what_the_model_does(ops in proptest::collection::vec(op(), 1..120)) {
        let mut run = Run { table: Pending::new(LIMITS), model: Model::default() };
        for op in ops {
            run.step(op)?;
            run.agree()?;
        }
        run.step(Op::Drain)?;
        run.agree()?;
        prop_assert_eq!(run.model.waiting(), 0, "packets were lost");
    }
}

#[test]
fn programs_at_the_same_path_ask_apart_unless_they_are_the_same_file_and_application() {
    let identity = given::numbered_process(0);
    let key = |change: &dyn Fn(&mut bastion_policy::process::Process)| {
        let mut process = identity.process().unwrap().as_ref().clone();
        change(&mut process);
        QuestionKey::new(&flow(1, 80), &Identity::Process(process.into()))
    };
    let same = key(&|process| process.key.pid += 1);
    assert_eq!(same, QuestionKey::new(&flow(2, 80), &identity));
    for other in [
        key(&|process| process.uid += 1),
        key(&|process| process.executable.file = None),
        key(&|process| process.app = Some("snap:app".parse().unwrap())),
        key(&|process| process.executable.path = given::PATHS[1].parse().unwrap()),
        QuestionKey::new(&flow(1, 81), &identity),
        QuestionKey::new(&flow(1, 80), &Identity::Kernel),
    ] {
        assert_ne!(other, same);
    }
}

#[test]
fn without_room_for_packets_no_question_opens() {
    for limits in [
        Limits {
            questions: 0,
            ..LIMITS
        },
        Limits {
            packets: 0,
            ..LIMITS
        },
        Limits {
            packets_per_question: 0,
            ..LIMITS
        },
        Limits {
            questions_per_user: 0,
            ..LIMITS
        },
        Limits {
            packets_per_user: 0,
            ..LIMITS
        },
    ] {
        let mut table = Pending::new(limits);
        let now = Timestamp::default();
        assert_eq!(
            table.ask(PacketId(1), flow(1, 80), Identity::Kernel, now, end(now)),
            Asked::Full
        );
        assert!(table.is_empty() && table.drain().is_empty());
    }
}

#[test]
fn one_user_leaves_room_for_the_others() {
    let limits = Limits::default();
    let now = Timestamp::default();
    let unknown = |uid| Identity::Unknown {
        uid,
        reason: UnknownReason::NoProcess,
    };
    let mut table = Pending::new(limits);
    let mut packets = (0..).map(PacketId);
    let mut ask = |table: &mut Pending, uid, port| {
        let packet = packets.next().unwrap();
        table.ask(packet, flow(1, port), unknown(uid), now, end(now))
    };
    // As many questions as alice can have open, then as many packets as can wait for her.
    for port in 1..=1_000 {
        ask(&mut table, Some(UIDS[0]), port);
    }
    assert_eq!(table.len(), limits.questions_per_user);
    for _ in 0..limits.packets {
        ask(&mut table, Some(UIDS[0]), 1);
    }
    assert_eq!(table.waiting_packets(), limits.packets_per_user);
    assert_eq!(ask(&mut table, Some(UIDS[0]), 1), Asked::Full);
    for uid in [Some(0), Some(UIDS[1]), None] {
        assert!(matches!(ask(&mut table, uid, 1), Asked::Opened(_)));
    }
    // What is settled gives its room back.
    let settled = table.answer(QuestionId(0)).unwrap();
    assert!(settled.waiters.len() > 1);
    assert!(matches!(
        ask(&mut table, Some(UIDS[0]), 1),
        Asked::Opened(_)
    ));
}

fn end(deadline: Timestamp) -> End {
    End {
        deadline,
        otherwise: Action::Deny,
    }
}
