//! What becomes of a packet once it is decided: its verdict first, then those who should know.

use std::collections::HashSet;

use bastion_policy::flow::Tuple;
use bastion_policy::pending::{PacketId, Question, QuestionId, Waiter};
use bastion_policy::rule::Action;
use bastion_policy::ruleset::Reason;
use bastion_policy::time::Timestamp;

use super::core::Engine;
use super::passes::lesson;
use super::{Clock, Decided, EngineError, Hit, QuestionNotice};
use crate::identify::Identifier;
use crate::queue::{PacketQueue, PacketVerdict};

impl<Q: PacketQueue, I: Identifier, C: Clock> Engine<Q, I, C> {
    /// Reports a question with its times on the wall clock.
    pub(super) fn announce(&self, id: QuestionId, notice: fn(Question) -> QuestionNotice) {
        let Some(question) = self.pending.get(id) else {
            return;
        };
        let shown = Question {
            opened: self.on_the_wall(question.opened),
            deadline: self.on_the_wall(question.deadline),
            ..question.clone()
        };
        self.tell(notice(shown));
    }

    /// A point in time of the steady clock on the wall clock.
    pub(super) fn on_the_wall(&self, time: Timestamp) -> Timestamp {
        let (wall, steady) = (self.parts.clock.wall(), self.parts.clock.steady());
        let left = time.as_millis().saturating_sub(steady.as_millis());
        let past = steady.as_millis().saturating_sub(time.as_millis());
        Timestamp::from_millis((wall.as_millis() + left).saturating_sub(past))
    }

    pub(super) fn tell(&self, notice: QuestionNotice) {
        // Nobody listens any more only while the helper shuts down.
        let _ = self.parts.notices.questions.send(notice);
    }

    /// Gives packets their verdicts. Several packets of one flow, such as a SYN that was sent
    /// again while it waited, are one decision.
    pub(super) fn conclude_all(
        &mut self,
        waiters: impl IntoIterator<Item = (Waiter, Action, Reason)>,
    ) -> Result<(), EngineError> {
        let mut told = HashSet::new();
        for (waiter, action, reason) in waiters {
            if told.insert(Tuple::from(&waiter.flow)) {
                self.conclude(waiter, action, reason)?;
            } else {
                self.verdict(waiter.packet, action)?;
            }
        }
        Ok(())
    }

    pub(super) fn verdict(&mut self, packet: PacketId, action: Action) -> Result<(), EngineError> {
        let verdict = if action.allows() {
            PacketVerdict::Accept
        } else {
            PacketVerdict::Drop
        };
        Ok(self.parts.queue.verdict(packet, verdict)?)
    }

    /// Gives one packet its verdict, and everybody who should know the decision.
    pub(super) fn conclude(
        &mut self,
        waiter: Waiter,
        action: Action,
        reason: Reason,
    ) -> Result<(), EngineError> {
        if action.allows() {
            self.parts.passes.judged(&waiter.flow, &waiter.identity);
        }
        self.verdict(waiter.packet, action)?;
        if action == Action::Deny {
            self.parts.ender.end(&waiter.flow);
        }
        let time = self.parts.clock.wall();
        let lesson = lesson(&self.parts.policy, &waiter, action, &reason, time);
        self.report_decided(Decided {
            time,
            flow: waiter.flow,
            identity: waiter.identity,
            action,
            reason,
            count: 1,
        });
        if let Some(lesson) = lesson {
            let hits = self.parts.passes.teach(lesson)?;
            self.tell_hits(hits);
        }
        Ok(())
    }

    pub(super) fn report_decided(&mut self, decided: Decided) {
        if self.parts.notices.decisions.try_send(decided).is_err() {
            self.unreported = self.unreported.saturating_add(1);
        }
    }

    /// Reports what the kernel let pass.
    pub(super) fn tell_hits(&mut self, hits: Vec<Hit>) {
        let time = self.parts.clock.wall();
        for Hit { lesson, count } in hits {
            self.report_decided(Decided {
                time,
                flow: lesson.flow,
                identity: lesson.identity,
                action: Action::Allow,
                reason: lesson.reason,
                count,
            });
        }
    }
}
