//! The engine itself.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use bastion_policy::flow::Flow;
use bastion_policy::matcher::HostName;
use bastion_policy::pending::{Pending, Settled, Waiter};
use bastion_policy::process::{Identity, ProcessKey};
use bastion_policy::rule::Action;
use bastion_policy::ruleset::{Decision, Outcome, Reason};
use bastion_policy::safeguard::Safeguard;
use bastion_policy::time::Timestamp;

use super::once::Once;
use super::{
    Clock, Command, EngineError, NameSource, Notices, Passes, Policy, QuestionNotice, Report,
    SocketEnder,
};
use crate::identify::Identifier;
use crate::packet;
use crate::queue::{HeldPacket, PacketQueue, PacketVerdict};

/// Packets read before commands and deadlines get their turn again.
const ROUND: usize = 512;

/// Milliseconds after which they get their turn in any case: a sender can make itself costly to
/// identify.
const ROUND_MILLIS: u64 = 50;

/// Milliseconds between two looks, while questions are open, whether their processes still live.
pub(super) const LIVENESS: u64 = 250;

/// Shortest time between two looks at what the kernel let pass, in milliseconds.
const HITS: u64 = 1_000;

/// What an engine is made of.
pub struct EngineParts<Q, I, C> {
    /// Where packets come from.
    pub queue: Q,
    /// Who tells who sent them.
    pub identifier: I,
    /// What lets pass without asking again.
    pub passes: Box<dyn Passes>,
    /// Under which names destinations were looked up.
    pub names: Box<dyn NameSource>,
    /// Tells the time.
    pub clock: C,
    /// True while the process lives.
    pub alive: fn(ProcessKey) -> bool,
    /// Ends sockets of denied flows.
    pub ender: SocketEnder,
    /// Where to report.
    pub notices: Notices,
    /// Where commands come from.
    pub commands: Receiver<Command>,
    /// What to work by.
    pub policy: Policy,
}

/// See the module's documentation.
pub struct Engine<Q, I, C> {
    pub(super) parts: EngineParts<Q, I, C>,
    pub(super) pending: Pending,
    pub(super) once: Once,
    pub(super) safeguard: Safeguard,
    /// What Safeguard has dropped: it is not new when it is sent again.
    pub(super) dropped: Once,
    pub(super) next_liveness: Option<Timestamp>,
    next_hits: Timestamp,
    malformed: u64,
    pub(super) unreported: u64,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Next {
    Round,
    Stop,
}

impl<Q: PacketQueue, I: Identifier, C: Clock> Engine<Q, I, C> {
    /// An engine with nothing waiting.
    #[must_use]
    pub fn new(parts: EngineParts<Q, I, C>) -> Self {
        Self {
            parts,
            pending: Pending::default(),
            once: Once::default(),
            safeguard: Safeguard::default(),
            dropped: Once::default(),
            next_liveness: None,
            next_hits: Timestamp::default(),
            malformed: 0,
            unreported: 0,
        }
    }

    /// Works until told to stop, or until nobody can tell it any more.
    ///
    /// # Errors
    /// When the queue breaks, or the kernel can't be made to forget. Packets that wait are dropped
    /// by the kernel then.
    pub fn run(mut self) -> Result<(), EngineError> {
        loop {
            let timeout = self.sleep();
            self.parts.queue.wait(timeout)?;
            // Also when there is nothing to judge: look-ups may be told faster than connections.
            self.parts.names.read(self.parts.clock.steady());
            if self.commands()? == Next::Stop {
                return self.stop();
            }
            self.packets()?;
            self.deadlines()?;
        }
    }

    /// How long nothing has to be done unless something happens.
    fn sleep(&self) -> Option<Duration> {
        let now = self.parts.clock.steady();
        let next = self.pending.next_deadline().into_iter();
        let next = next.chain(self.safeguard.next_deadline());
        let next = next.chain(self.next_liveness).min()?;
        Some(Duration::from_millis(
            next.as_millis().saturating_sub(now.as_millis()),
        ))
    }

    fn commands(&mut self) -> Result<Next, EngineError> {
        loop {
            use std::sync::mpsc::TryRecvError;
            match self.parts.commands.try_recv() {
                Ok(Command::Apply { policy, done }) => {
                    self.apply(policy)?;
                    // Whoever asked may have gone meanwhile.
                    let _ = done.map(|done| done.send(()));
                }
                Ok(Command::Answer {
                    question,
                    action,
                    reason,
                    done,
                }) => {
                    let settled = self.pending.answer(question);
                    self.keep(settled.as_ref(), action, &reason);
                    // Whoever asked may have gone meanwhile.
                    let _ = done.send(settled.is_some());
                    self.settle(settled, action, &reason)?;
                }
                Ok(Command::IsOpen(question, done)) => {
                    let _ = done.send(self.pending.get(question).is_some());
                }
                Ok(Command::Report(done)) => {
                    self.collect_hits();
                    let _ = done.send(self.report());
                }
                Ok(Command::LeaveSafeguard(whose, done)) => {
                    let _ = done.send(self.leave_safeguard(whose));
                }
                Ok(Command::Names(addresses, done)) => {
                    let now = self.parts.clock.steady();
                    let names = |&address| self.parts.names.of(address, now);
                    let _ = done.send(addresses.iter().map(names).collect());
                }
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return Ok(Next::Stop),
                Err(TryRecvError::Empty) => return Ok(Next::Round),
            }
        }
    }

    fn report(&self) -> Report {
        Report {
            questions: self.pending.len(),
            waiting_packets: self.pending.waiting_packets(),
            malformed: self.malformed,
            unreported: self.unreported,
            safeguard: self.guarded(),
        }
    }

    /// Takes note of what the kernel let pass, but no more often than now and then: whoever may ask
    /// for reports must not hold up packets.
    fn collect_hits(&mut self) {
        let now = self.parts.clock.steady();
        if self.next_hits <= now {
            self.next_hits = now.after_millis(HITS);
            let hits = self.parts.passes.hits();
            self.tell_hits(hits);
        }
    }

    fn packets(&mut self) -> Result<(), EngineError> {
        let end = self.parts.clock.steady().after_millis(ROUND_MILLIS);
        for _ in 0..ROUND {
            match self.parts.queue.receive()? {
                Some(packet) => self.packet(&packet)?,
                None => return Ok(()),
            }
            if self.parts.clock.steady() >= end {
                break;
            }
        }
        // There may be more than can be read in time.
        self.look_at_queue();
        Ok(())
    }

    fn packet(&mut self, packet: &HeldPacket) -> Result<(), EngineError> {
        let flow = match packet::parse(&packet.bytes) {
            Ok(parsed) => Flow {
                hosts: self.hosts(&parsed.flow),
                ..parsed.flow
            },
            Err(error) => {
                self.malformed = self.malformed.saturating_add(1);
                tracing::debug!(%error, "dropped a packet that can't be understood");
                return Ok(self.parts.queue.verdict(packet.id, PacketVerdict::Drop)?);
            }
        };
        let identity = self.parts.identifier.identify(&flow, packet);
        let decision = self.decide(&flow, &identity);
        let waiter = Waiter {
            packet: packet.id,
            flow,
            identity,
        };
        match decision.outcome {
            Outcome::Decided(action) => self.conclude(waiter, action, decision.reason),
            Outcome::Ask => self.undecided(waiter),
        }
    }

    /// The names of the flow's destination. A program that looked one up a moment ago did so
    /// before it sent this packet.
    fn hosts(&mut self, flow: &Flow) -> Vec<HostName> {
        let now = self.parts.clock.steady();
        self.parts.names.read(now);
        self.parts.names.of(flow.destination, now)
    }

    fn keep(&mut self, settled: Option<&Settled>, action: Action, reason: &Reason) {
        let now = self.parts.clock.steady();
        for waiter in settled.into_iter().flat_map(|settled| &settled.waiters) {
            self.once.keep(waiter, action, reason, now);
        }
    }

    fn decide(&self, flow: &Flow, identity: &Identity) -> Decision {
        let policy = &self.parts.policy;
        let now = self.parts.clock.wall();
        policy.rules.decide(flow, identity, policy.mode, now)
    }

    fn settle(
        &mut self,
        settled: impl IntoIterator<Item = Settled>,
        action: Action,
        reason: &Reason,
    ) -> Result<(), EngineError> {
        for settled in settled {
            self.tell(QuestionNotice::Closed(settled.question.id, reason.clone()));
            let packets = settled.waiters.into_iter();
            self.conclude_all(packets.map(|waiter| (waiter, action, reason.clone())))?;
        }
        Ok(())
    }

    fn apply(&mut self, policy: Policy) -> Result<(), EngineError> {
        // First, so that nothing is taught by the rules that go.
        let hits = self.parts.passes.forget()?;
        self.tell_hits(hits);
        let now = self.parts.clock.wall();
        let reconsidered = self.pending.reconsider(|flow, identity| {
            let decision = policy.rules.decide(flow, identity, policy.mode, now);
            decision.action().map(|action| (action, decision.reason))
        });
        let ended = self.safeguard.set(policy.safeguard);
        self.parts.policy = policy;
        self.guards_ended(ended, "it was switched off");
        for question in reconsidered {
            let id = question.question.id;
            if question.closed {
                let reason = question.decided.first().map(|(_, (_, r))| r.clone());
                let reason = reason.unwrap_or(Reason::NoRule);
                self.tell(QuestionNotice::Closed(id, reason));
            } else if question.changed {
                self.announce(id, QuestionNotice::Changed);
            }
            let packets = question.decided.into_iter();
            self.conclude_all(packets.map(|(waiter, (action, reason))| (waiter, action, reason)))?;
        }
        Ok(())
    }

    fn deadlines(&mut self) -> Result<(), EngineError> {
        let now = self.parts.clock.steady();
        for expired in self.pending.expire(now) {
            let otherwise = expired.question.otherwise;
            self.settle([expired], otherwise, &Reason::TimedOut)?;
        }
        let ended = self.safeguard.calm(now);
        self.guards_ended(ended, "all is calm");
        if self.next_liveness.is_some_and(|check| check <= now) {
            self.next_liveness = None;
            let processes: Vec<_> = self.pending.processes().collect();
            for process in processes {
                if !(self.parts.alive)(process) {
                    self.exited(process)?;
                }
            }
            if !self.pending.is_empty() {
                self.next_liveness = Some(now.after_millis(LIVENESS));
            }
        }
        Ok(())
    }

    fn exited(&mut self, process: ProcessKey) -> Result<(), EngineError> {
        let effect = self.pending.process_exited(process);
        for question in effect.closed {
            self.tell(QuestionNotice::Closed(question.id, Reason::Exited));
        }
        for id in effect.changed {
            self.announce(id, QuestionNotice::Changed);
        }
        let packets = effect.released.into_iter();
        self.conclude_all(packets.map(|(_, waiter)| (waiter, Action::Deny, Reason::Exited)))
    }

    fn stop(mut self) -> Result<(), EngineError> {
        let hits = self.parts.passes.hits();
        self.tell_hits(hits);
        let ended = self.safeguard.leave(None);
        self.guards_ended(ended, "the service stops");
        let open = self.pending.drain();
        self.settle(open, Action::Drop, &Reason::Shutdown)
    }
}
