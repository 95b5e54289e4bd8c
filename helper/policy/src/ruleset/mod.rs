//! All rules together: precedence, the index, and [`RuleSet::decide`].
//!
//! # Precedence
//!
//! Of all rules that match a flow, one wins. Two rules are compared by these criteria, in this
//! order; the first in which they differ decides:
//!
//! 1. **Priority**: pinned, then normal, then factory.
//! 2. **Program**, the closer first:
//!    1. a rule for one process alone (its lifetime is that process's) beats all that are not;
//!    2. then by kind: path; app id; pattern; kernel and unknown; any;
//!    3. of two patterns, the one with more literal characters;
//!    4. then what a rule asks about what started the program: a path; a pattern, the one with
//!       more literal characters first; nothing.
//! 3. **Destination**, the closer first: an address or a host name; a domain, the one with more
//!    labels first; a network or a range, the smaller first; multicast, LAN, internet; any.
//! 4. **Ports**: the rule that means fewer.
//! 5. **Protocol**: the rule that names one.
//! 6. **User**: the rule that names one.
//! 7. **Action**: deny and drop beat allow.
//! 8. **Created**: the newer.
//! 9. **Id**: the lower in byte order, so that the result never depends on chance.
//!
//! This order is total, and depends neither on the flow nor on the order in which the rules were
//! given. Rules that are disabled or whose time is over match nothing.

mod decision;
mod explain;
mod index;
mod precedence;
mod problems;

pub use decision::{Decision, Outcome, Reason, ReasonError};
pub use explain::{Explanation, Rung};
pub use precedence::Criterion;
pub use problems::Problem;

use std::collections::HashMap;

use crate::flow::Flow;
use crate::process::Identity;
use crate::rule::{Action, Lifetime, Rule, RuleId};
use crate::settings::{Mode, ModeState};
use crate::time::Timestamp;
use index::Index;
use precedence::Precedence;

/// Why rules can't be taken together.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RuleSetError {
    /// Ids name rules for good, so no two rules may share one.
    #[error("two rules have the id “{0}”; give one of them another")]
    DuplicateId(RuleId),
    /// More rules than [`RuleSet::MAX_RULES`].
    #[error("{0} rules are too many; at most {max} can be held", max = RuleSet::MAX_RULES)]
    TooMany(usize),
}

/// Rules, indexed for [`RuleSet::decide`]. It never changes; a changed rule makes a new set.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// In the order given.
    rules: Vec<Rule>,
    /// Positions in `rules` by id.
    by_id: HashMap<RuleId, usize>,
    /// Positions in `rules` in order of precedence.
    ranked: Vec<usize>,
    /// Ranks of enabled rules that regard names, in ascending order.
    named: Vec<usize>,
    index: Index,
}

impl RuleSet {
    /// The most rules a set can hold: ten times what is known to be in use; bounds what a rules
    /// file can cost.
    pub const MAX_RULES: usize = 100_000;

    /// Indexes the rules.
    ///
    /// # Errors
    /// If two have the same id, or there are more than [`Self::MAX_RULES`].
    pub fn new(rules: Vec<Rule>) -> Result<Self, RuleSetError> {
        if rules.len() > Self::MAX_RULES {
            return Err(RuleSetError::TooMany(rules.len()));
        }
        let mut by_id = HashMap::with_capacity(rules.len());
        for (position, rule) in rules.iter().enumerate() {
            if by_id.insert(rule.id().clone(), position).is_some() {
                return Err(RuleSetError::DuplicateId(rule.id().clone()));
            }
        }
        let mut placed: Vec<_> = rules.iter().map(Precedence::of).enumerate().collect();
        placed.sort_by(|(_, a), (_, b)| b.compare(a).0);
        let ranked: Vec<_> = placed.into_iter().map(|(position, _)| position).collect();
        let in_order: Vec<_> = ranked.iter().filter_map(|p| rules.get(*p)).collect();
        let index = Index::new(&in_order);
        let named = (0..)
            .zip(&in_order)
            .filter(|(_, rule)| rule.spec().enabled && rule.spec().destination.regards_names())
            .map(|(rank, _)| rank)
            .collect();
        Ok(Self {
            rules,
            by_id,
            ranked,
            named,
            index,
        })
    }

    /// All rules, in the order in which they were given to [`Self::new`].
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// The rule with this id.
    #[must_use]
    pub fn get(&self, id: &RuleId) -> Option<&Rule> {
        self.by_id
            .get(id)
            .and_then(|position| self.rules.get(*position))
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// True if there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What becomes of this flow of this sender. While everything is allowed for a while, no rule
    /// counts, deny rules included; else the winner's action; else what the mode says.
    #[must_use]
    pub fn decide(
        &self,
        flow: &Flow,
        identity: &Identity,
        mode: ModeState,
        now: Timestamp,
    ) -> Decision {
        let counts = !mode.is_paused(now);
        let winner = counts.then(|| self.winner(flow, identity, now)).flatten();
        decided_by(winner, mode, now)
    }

    /// True if this decision about this flow of this sender stays the same until the rules change,
    /// for whatever else the sender sends to the same place: a rule made it that ends neither with
    /// a time nor with a process or session, and names of the place play no part: neither for this
    /// rule, nor for any that would win if the place had a certain name.
    #[must_use]
    pub fn lasts(
        &self,
        decision: &Decision,
        flow: &Flow,
        identity: &Identity,
        now: Timestamp,
    ) -> bool {
        let Some(rule) = decision.reason.rule().and_then(|id| self.get(id)) else {
            return false;
        };
        let spec = rule.spec();
        let lasting = matches!(spec.lifetime, Lifetime::Forever | Lifetime::Restart);
        if !lasting || spec.destination.regards_names() {
            return false;
        }
        self.named_above(rule)
            .all(|named| !named.matches_elsewhere(flow, identity, now))
    }

    /// True if a rule that allows would win over this one, if the place had a certain name.
    #[must_use]
    pub fn may_be_allowed_by_name(
        &self,
        rule: &Rule,
        flow: &Flow,
        identity: &Identity,
        now: Timestamp,
    ) -> bool {
        self.named_above(rule).any(|named| {
            named.spec().action.allows() && named.matches_elsewhere(flow, identity, now)
        })
    }

    /// The rules that regard names and take precedence of this one.
    fn named_above(&self, rule: &Rule) -> impl Iterator<Item = &Rule> {
        let own = Precedence::of(rule);
        self.named
            .iter()
            .filter_map(|rank| self.ranked_rule(*rank))
            .take_while(move |named| Precedence::of(named).compare(&own).0.is_gt())
    }

    /// The rule that decides, whatever the mode.
    #[must_use]
    pub fn winner(&self, flow: &Flow, identity: &Identity, now: Timestamp) -> Option<&Rule> {
        let matches = |rank| {
            self.ranked_rule(rank)
                .is_some_and(|rule| rule.matches(flow, identity, now))
        };
        self.ranked_rule(self.index.winner(flow, identity, matches)?)
    }

    fn ranked_rule(&self, rank: usize) -> Option<&Rule> {
        self.rules.get(*self.ranked.get(rank)?)
    }

    /// Why this flow of this sender is decided as it is. Looks at every rule.
    #[must_use]
    pub fn explain(
        &self,
        flow: &Flow,
        identity: &Identity,
        mode: ModeState,
        now: Timestamp,
    ) -> Explanation {
        let mut ladder: Vec<Rung> = Vec::new();
        let in_order = (0..self.ranked.len()).filter_map(|rank| self.ranked_rule(rank));
        for rule in in_order.filter(|rule| rule.matches(flow, identity, now)) {
            let loses_by = ladder
                .last()
                .map(|above| Precedence::of(&above.rule).compare(&Precedence::of(rule)).1);
            ladder.push(Rung {
                rule: rule.clone(),
                loses_by,
            });
        }
        let by = |rung: usize| decided_by(ladder.get(rung).map(|rung| &rung.rule), mode, now);
        Explanation {
            decision: by(0),
            without_winner: by(1),
            ladder,
        }
    }
}

/// The decision when this rule wins.
fn decided_by(winner: Option<&Rule>, mode: ModeState, now: Timestamp) -> Decision {
    match (winner, mode.mode) {
        _ if mode.is_paused(now) => Decision::decided(Action::Allow, Reason::Paused),
        (Some(rule), _) => Decision::decided(rule.spec().action, Reason::Rule(rule.id().clone())),
        (None, Mode::Learn) => Decision::decided(Action::Allow, Reason::Learn),
        (None, Mode::Ask) => Decision {
            outcome: Outcome::Ask,
            reason: Reason::NoRule,
        },
    }
}
