//! The table of open questions and of the packets that wait for their answers.
//!
//! Packets that ask the same question, as [`QuestionKey`] defines it, wait for one answer. A
//! packet that [`Pending::ask`] took in is in the table until exactly one call returns it:
//! [`answer`](Pending::answer), [`expire`](Pending::expire),
//! [`process_exited`](Pending::process_exited), [`reconsider`](Pending::reconsider) or
//! [`drain`](Pending::drain). Whoever gets it back gives it its verdict; nothing is released
//! otherwise. A question is open exactly as long as a packet waits for it.

mod question;

pub use question::{
    Asked, End, ExitEffect, Limits, PacketId, Question, QuestionId, QuestionKey, Reconsidered,
    Settled, Subject, Waiter,
};

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::flow::Flow;
use crate::process::{Identity, ProcessKey};
use crate::time::Timestamp;

/// Counts packets in the order in which they came.
type Arrival = u64;

/// An open question and its packets.
#[derive(Clone, Debug)]
struct Open {
    question: Question,
    /// Never empty while it is in the table.
    waiters: BTreeMap<Arrival, Waiter>,
}

impl Open {
    /// Shows the packet that has waited longest; true if that is another than before.
    fn show_first(&mut self, gone: &BTreeSet<Arrival>) -> bool {
        match self.waiters.first_key_value() {
            Some((first, waiter)) if gone.first().is_some_and(|gone| gone < first) => {
                self.question.flow = waiter.flow.clone();
                self.question.identity = waiter.identity.clone();
                true
            }
            _ => false,
        }
    }
}

/// What waits for one user. Never empty while it is in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    questions: usize,
    packets: usize,
}

/// The open questions.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    limits: Limits,
    next_question: u64,
    next_arrival: Arrival,
    questions: BTreeMap<QuestionId, Open>,
    by_key: HashMap<QuestionKey, QuestionId>,
    by_packet: HashMap<PacketId, QuestionId>,
    by_process: HashMap<ProcessKey, BTreeSet<(QuestionId, Arrival)>>,
    by_deadline: BTreeSet<(Timestamp, QuestionId)>,
    by_user: HashMap<Option<u32>, Share>,
}

impl Pending {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Lets a packet wait. If no question with its key is open, it opens one that ends at
    /// `end`; else it joins, and `end` has no effect.
    ///
    /// A packet that waits already keeps its place if it asks the same again, and is refused as
    /// [`Asked::Full`] if it asks something else: one number can't stand for two packets.
    pub fn ask(
        &mut self,
        packet: PacketId,
        flow: Flow,
        identity: Identity,
        now: Timestamp,
        end: End,
    ) -> Asked {
        let key = QuestionKey::new(&flow, &identity);
        let open = self.by_key.get(&key).copied();
        if let Some(waits_for) = self.by_packet.get(&packet) {
            return match open {
                Some(id) if id == *waits_for => Asked::Joined(id),
                _ => Asked::Full,
            };
        }
        let share = self.by_user.get(&key.uid).copied().unwrap_or_default();
        if self.by_packet.len() >= self.limits.packets
            || share.packets >= self.limits.packets_per_user
        {
            return Asked::Full;
        }
        let waiter = Waiter {
            packet,
            flow,
            identity,
        };
        match open {
            Some(id) if self.waiting(id) < self.limits.packets_per_question => {
                self.admit(id, waiter);
                Asked::Joined(id)
            }
            None if self.questions.len() < self.limits.questions
                && share.questions < self.limits.questions_per_user
                && self.limits.packets_per_question > 0 =>
            {
                let id = self.open(key, &waiter, now, end);
                self.admit(id, waiter);
                Asked::Opened(id)
            }
            _ => Asked::Full,
        }
    }

    fn open(
        &mut self,
        key: QuestionKey,
        first: &Waiter,
        now: Timestamp,
        End {
            deadline,
            otherwise,
        }: End,
    ) -> QuestionId {
        let id = QuestionId(self.next_question);
        self.next_question += 1;
        self.by_key.insert(key.clone(), id);
        self.by_user.entry(key.uid).or_default().questions += 1;
        self.by_deadline.insert((deadline, id));
        let question = Question {
            id,
            key,
            flow: first.flow.clone(),
            identity: first.identity.clone(),
            opened: now,
            deadline,
            otherwise,
        };
        self.questions.insert(
            id,
            Open {
                question,
                waiters: BTreeMap::new(),
            },
        );
        id
    }

    fn admit(&mut self, id: QuestionId, waiter: Waiter) {
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        self.by_packet.insert(waiter.packet, id);
        // Part of the question's key, so the same for all that wait for it.
        let uid = waiter.identity.uid();
        self.by_user.entry(uid).or_default().packets += 1;
        if let Some(process) = waiter.process() {
            self.by_process
                .entry(process)
                .or_default()
                .insert((id, arrival));
        }
        if let Some(open) = self.questions.get_mut(&id) {
            open.waiters.insert(arrival, waiter);
        }
    }

    /// Takes the question out, because it was answered; the caller applies the verdict to every
    /// packet in it. `None` if it is not open: it was answered, closed or never asked.
    pub fn answer(&mut self, id: QuestionId) -> Option<Settled> {
        let open = self.questions.remove(&id)?;
        self.forget_question(&open.question);
        for (arrival, waiter) in &open.waiters {
            self.forget_waiter(id, *arrival, waiter);
        }
        Some(Settled {
            question: open.question,
            waiters: open.waiters.into_values().collect(),
        })
    }

    /// Takes out every question whose deadline is `now` or earlier, earliest deadline first.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Settled> {
        let mut over = Vec::new();
        while let Some((deadline, id)) = self.by_deadline.first().copied()
            && deadline <= now
        {
            self.by_deadline.pop_first();
            over.extend(self.answer(id));
        }
        over
    }

    /// Takes out every packet of a process that has ended, and closes the questions for which
    /// nothing else waits. A question for which packets of other processes wait stays open and
    /// shows the next of them.
    pub fn process_exited(&mut self, key: ProcessKey) -> ExitEffect {
        let mut gone: BTreeMap<QuestionId, BTreeSet<Arrival>> = BTreeMap::new();
        for (id, arrival) in self.by_process.get(&key).into_iter().flatten() {
            gone.entry(*id).or_default().insert(*arrival);
        }
        let mut effect = ExitEffect::default();
        for (id, arrivals) in gone {
            let Some(taken) = self.take(id, &arrivals) else {
                continue;
            };
            effect
                .released
                .extend(taken.waiters.into_iter().map(|waiter| (id, waiter)));
            if taken.closed {
                effect.closed.push(taken.question);
            } else if taken.changed {
                effect.changed.push(id);
            }
        }
        effect
    }

    /// Judges every packet anew, because rules or the mode changed: those for which `decide` gives
    /// something are taken out with it, the others go on waiting. Only questions that lost a
    /// packet are returned, in order of opening.
    pub fn reconsider<T>(
        &mut self,
        mut decide: impl FnMut(&Flow, &Identity) -> Option<T>,
    ) -> Vec<Reconsidered<T>> {
        let mut verdicts: BTreeMap<QuestionId, BTreeMap<Arrival, T>> = BTreeMap::new();
        for (id, open) in &self.questions {
            for (arrival, waiter) in &open.waiters {
                if let Some(verdict) = decide(&waiter.flow, &waiter.identity) {
                    verdicts.entry(*id).or_default().insert(*arrival, verdict);
                }
            }
        }
        verdicts
            .into_iter()
            .filter_map(|(id, verdicts)| {
                let taken = self.take(id, &verdicts.keys().copied().collect())?;
                Some(Reconsidered {
                    question: taken.question,
                    // Both are in order of arrival and have the same arrivals.
                    decided: taken
                        .waiters
                        .into_iter()
                        .zip(verdicts.into_values())
                        .collect(),
                    closed: taken.closed,
                    changed: taken.changed,
                })
            })
            .collect()
    }

    /// Takes out everything, in order of opening.
    pub fn drain(&mut self) -> Vec<Settled> {
        let ids: Vec<_> = self.questions.keys().copied().collect();
        ids.into_iter().filter_map(|id| self.answer(id)).collect()
    }

    /// True if a question with this key is open.
    #[must_use]
    pub fn is_asked(&self, key: &QuestionKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// Packets of this user that wait.
    #[must_use]
    pub fn packets_of(&self, uid: Option<u32>) -> usize {
        self.by_user.get(&uid).map_or(0, |share| share.packets)
    }

    /// The open question of that name.
    #[must_use]
    pub fn get(&self, id: QuestionId) -> Option<&Question> {
        self.questions.get(&id).map(|open| &open.question)
    }

    /// The open questions in order of opening.
    pub fn questions(&self) -> impl Iterator<Item = &Question> {
        self.questions.values().map(|open| &open.question)
    }

    /// How many questions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.questions.len()
    }

    /// True if no question is open; then no packet waits either.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    /// How many packets wait over all questions.
    #[must_use]
    pub fn waiting_packets(&self) -> usize {
        self.by_packet.len()
    }

    /// How many packets wait for this question; 0 if it is not open.
    #[must_use]
    pub fn waiting(&self, id: QuestionId) -> usize {
        self.questions.get(&id).map_or(0, |open| open.waiters.len())
    }

    /// When the next question ends without an answer.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    /// The processes of which packets wait, each once, in no particular order.
    pub fn processes(&self) -> impl Iterator<Item = ProcessKey> {
        self.by_process.keys().copied()
    }

    /// Takes some packets out of a question, and closes it if none is left.
    fn take(&mut self, id: QuestionId, arrivals: &BTreeSet<Arrival>) -> Option<Taken> {
        let open = self.questions.get_mut(&id)?;
        let removed: Vec<_> = arrivals
            .iter()
            .filter_map(|arrival| Some((*arrival, open.waiters.remove(arrival)?)))
            .collect();
        let closed = open.waiters.is_empty();
        let changed = open.show_first(arrivals);
        let question = open.question.clone();
        if closed {
            self.questions.remove(&id);
            self.forget_question(&question);
        }
        for (arrival, waiter) in &removed {
            self.forget_waiter(id, *arrival, waiter);
        }
        Some(Taken {
            question,
            waiters: removed.into_iter().map(|(_, waiter)| waiter).collect(),
            closed,
            changed,
        })
    }

    fn forget_question(&mut self, question: &Question) {
        self.by_key.remove(&question.key);
        self.by_deadline.remove(&(question.deadline, question.id));
        self.lessen(question.key.uid, |share| &mut share.questions);
    }

    fn forget_waiter(&mut self, id: QuestionId, arrival: Arrival, waiter: &Waiter) {
        self.by_packet.remove(&waiter.packet);
        self.lessen(waiter.identity.uid(), |share| &mut share.packets);
        if let Some(process) = waiter.process()
            && let Some(open) = self.by_process.get_mut(&process)
        {
            open.remove(&(id, arrival));
            if open.is_empty() {
                self.by_process.remove(&process);
            }
        }
    }

    /// Takes one from what waits for a user.
    fn lessen(&mut self, uid: Option<u32>, part: impl Fn(&mut Share) -> &mut usize) {
        if let Some(share) = self.by_user.get_mut(&uid) {
            let part = part(share);
            *part = part.saturating_sub(1);
            if *share == Share::default() {
                self.by_user.remove(&uid);
            }
        }
    }
}

/// Packets taken out of a question.
struct Taken {
    /// As it is now; if it is closed, as it was.
    question: Question,
    waiters: Vec<Waiter>,
    closed: bool,
    changed: bool,
}
