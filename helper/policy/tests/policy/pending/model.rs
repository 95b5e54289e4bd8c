//! A plain model of the table of open questions: lists, and no index that could be wrong.

use std::collections::BTreeSet;

use bastion_policy::pending::{Question, QuestionId, QuestionKey, Settled, Waiter};
use bastion_policy::rule::Action;
use bastion_policy::time::Timestamp;
use proptest::prelude::*;

/// A question in the model: as the table shows it, and what waits for it, in order.
pub struct ModelQuestion {
    pub id: QuestionId,
    pub key: QuestionKey,
    pub opened: Timestamp,
    pub deadline: Timestamp,
    pub otherwise: Action,
    pub waiters: Vec<Waiter>,
}

impl ModelQuestion {
    pub fn agrees(&self, question: &Question) -> Result<(), TestCaseError> {
        prop_assert_eq!(question.id, self.id);
        prop_assert_eq!(&question.key, &self.key);
        prop_assert_eq!(question.opened, self.opened);
        prop_assert_eq!(question.deadline, self.deadline);
        prop_assert_eq!(question.otherwise, self.otherwise);
        Ok(())
    }

    /// What an open question shows is the packet that has waited longest.
    pub fn shows(&self, question: &Question) -> Result<(), TestCaseError> {
        self.agrees(question)?;
        prop_assert_eq!(&question.flow, &self.waiters[0].flow);
        prop_assert_eq!(&question.identity, &self.waiters[0].identity);
        Ok(())
    }
}

#[derive(Default)]
pub struct Model {
    pub now: Timestamp,
    pub packets: u32,
    /// In order of opening.
    pub open: Vec<ModelQuestion>,
    pub used: BTreeSet<QuestionId>,
}

impl Model {
    pub fn waiting(&self) -> usize {
        self.open
            .iter()
            .map(|question| question.waiters.len())
            .sum()
    }

    /// Questions and packets that wait for this user.
    pub fn share(&self, uid: Option<u32>) -> (usize, usize) {
        let of_user = || self.open.iter().filter(|question| question.key.uid == uid);
        let packets = of_user().map(|question| question.waiters.len()).sum();
        (of_user().count(), packets)
    }

    pub fn position(&self, id: QuestionId) -> usize {
        self.open
            .iter()
            .position(|question| question.id == id)
            .unwrap()
    }

    /// The table gave back a whole question: the model gives up the same.
    pub fn settle(&mut self, settled: &Settled) -> Result<(), TestCaseError> {
        let question = self.open.remove(self.position(settled.question.id));
        question.shows(&settled.question)?;
        prop_assert_eq!(&settled.waiters, &question.waiters);
        let packets: Vec<_> = question
            .waiters
            .iter()
            .map(|waiter| waiter.packet)
            .collect();
        prop_assert_eq!(settled.packets().collect::<Vec<_>>(), packets);
        Ok(())
    }

    /// Takes the waiters for which `leaves` is true out of one question; true if another is shown.
    pub fn take(
        &mut self,
        id: QuestionId,
        leaves: impl Fn(&Waiter) -> bool,
    ) -> (Vec<Waiter>, bool) {
        let at = self.position(id);
        let question = &mut self.open[at];
        let first = question.waiters[0].packet;
        let (gone, stay) = std::mem::take(&mut question.waiters)
            .into_iter()
            .partition(leaves);
        question.waiters = stay;
        let changed = question
            .waiters
            .first()
            .is_some_and(|waiter| waiter.packet != first);
        (gone, changed)
    }

    pub fn without_waiters(&mut self, id: QuestionId) -> ModelQuestion {
        let question = self.open.remove(self.position(id));
        assert!(question.waiters.is_empty());
        question
    }
}
