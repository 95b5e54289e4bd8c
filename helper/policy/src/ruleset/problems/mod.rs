//! Rules that do nothing, or not what they seem to do.
//!
//! What is reported is certain to be so. Not reported is what can't be told from the rules alone:
//! a rule that only several others together leave nothing to decide, patterns that happen to mean
//! the same paths, a name and an address that belong together.

mod conflicts;
mod sample;

use std::collections::HashMap;

use super::precedence::Precedence;
use super::{Criterion, RuleSet};
use crate::matcher::{DestinationMatcher, PortMatcher};
use crate::rule::{Action, Lifetime, Rule, RuleId, RuleSpec};
use crate::time::Timestamp;

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It never decides anything: another rule means everything that it means, for at least as
    /// long, and always wins.
    Shadowed {
        /// That rule; of several the first.
        by: RuleId,
        /// Why it wins.
        criterion: Criterion,
    },
    /// Another rule says the same, for at least as long; this one could be deleted.
    Double {
        /// That rule.
        of: RuleId,
    },
    /// Another rule with the opposite action means some of the same connections just as closely,
    /// so that nothing but its action decides which of them wins.
    Conflict {
        /// That rule; of several the first.
        with: RuleId,
        /// True if this rule blocks, and so wins where both match.
        wins: bool,
    },
}

impl Problem {
    /// The other rule.
    #[must_use]
    pub const fn other(&self) -> &RuleId {
        match self {
            Self::Shadowed { by: other, .. }
            | Self::Double { of: other }
            | Self::Conflict { with: other, .. } => other,
        }
    }
}

impl RuleSet {
    /// What is wrong with which of the rules that are enabled and hold at `now`: of each the worst.
    /// Costs about as much as a decision for each rule.
    #[must_use]
    pub fn problems(&self, now: Timestamp) -> HashMap<RuleId, Problem> {
        let counts = |rule: &&Rule| rule.spec().enabled && rule.spec().lifetime.holds_at(now);
        let mut found = HashMap::new();
        let mut sound = Vec::new();
        let ranked =
            (0..self.ranked.len()).filter_map(|rank| Some((rank, self.ranked_rule(rank)?)));
        let mut last_of_kind: HashMap<Said<'_>, &Rule> = HashMap::new();
        for (rank, rule) in ranked.filter(|(_, rule)| counts(rule)) {
            if let Some(problem) = self.shadowed(rank, rule) {
                found.insert(rule.id().clone(), problem);
                continue;
            }
            sound.push(rule);
            let before = last_of_kind.insert(Said::by(rule), rule);
            if let Some(shorter) = before.filter(|before| is_double(before, rule)) {
                let of = rule.id().clone();
                found.insert(shorter.id().clone(), Problem::Double { of });
            }
        }
        sound.retain(|rule| !found.contains_key(rule.id()));
        for (rule, problem) in conflicts::among(&sound) {
            found.entry(rule.id().clone()).or_insert(problem);
        }
        found
    }

    /// Whether a rule with a lower rank leaves this one nothing to decide.
    fn shadowed(&self, rank: usize, rule: &Rule) -> Option<Problem> {
        let (flow, identity) = sample::of(rule)?;
        let over = self.index.winner_above(rank, &flow, &identity, |above| {
            let above = self.ranked_rule(above);
            above.is_some_and(|above| covers(above.spec(), rule.spec()))
        });
        let over = self.ranked_rule(over?)?;
        Some(match Said::by(over) == Said::by(rule) {
            true => Problem::Double {
                of: over.id().clone(),
            },
            false => Problem::Shadowed {
                by: over.id().clone(),
                criterion: Precedence::of(over).compare(&Precedence::of(rule)).1,
            },
        })
    }
}

/// Everything that makes two rules do the same, but how long they hold.
#[derive(PartialEq, Eq, Hash)]
struct Said<'a> {
    action: Action,
    kind: conflicts::Kind,
    started_by: Option<String>,
    destination: &'a DestinationMatcher,
    ports: &'a PortMatcher,
}

impl<'a> Said<'a> {
    fn by(rule: &'a Rule) -> Self {
        let spec = rule.spec();
        Self {
            action: spec.action,
            kind: conflicts::Kind::of(spec),
            started_by: spec.started_by.as_ref().map(ToString::to_string),
            destination: &spec.destination,
            ports: &spec.ports,
        }
    }
}

/// True if the first of two rules that say the same wins now, but need not be there, because the
/// other holds longer.
fn is_double(first: &Rule, other: &Rule) -> bool {
    outlasts(&other.spec().lifetime, &first.spec().lifetime)
}

/// True if `a` is certain to match whatever `b` matches, whenever `b` does.
fn covers(a: &RuleSpec, b: &RuleSpec) -> bool {
    let started_by = match (&a.started_by, &b.started_by) {
        (None, _) => true,
        (Some(a), Some(b)) => a.covers(b),
        (Some(_), None) => false,
    };
    started_by
        && a.enabled
        && outlasts(&a.lifetime, &b.lifetime)
        && a.protocol.covers(b.protocol)
        && a.user.covers(b.user)
        && a.ports.covers(&b.ports)
        && a.program.covers(&b.program)
        && a.destination.covers(&b.destination)
}

/// True if a rule of the first lifetime is certain to hold as long as one of the other, and for
/// each process that the other is for.
fn outlasts(a: &Lifetime, b: &Lifetime) -> bool {
    match (a, b) {
        (Lifetime::Forever, _)
        | (Lifetime::Restart, Lifetime::Restart | Lifetime::Session(_) | Lifetime::Process(_)) => {
            true
        }
        (Lifetime::Until(a), Lifetime::Until(b)) => a >= b,
        _ => a == b,
    }
}
