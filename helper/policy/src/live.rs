//! Which open connections the rules deny by now.
//!
//! Whatever is not proven keeps a connection open: it is one that exists, and ending it wrongly
//! can't be made good.

use crate::flow::Flow;
use crate::process::Identity;
use crate::rule::{Action, Rule};
use crate::ruleset::RuleSet;
use crate::settings::ModeState;
use crate::time::Timestamp;

/// Where the first packet of an open connection came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From this computer, as far as is known for sure.
    Here,
    /// From elsewhere, or nobody knows.
    Elsewhere,
}

/// A connection that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its ends, seen from this computer, with the names of the other one: those known when it
    /// began, and those known now.
    pub flow: Flow,
    /// Who began it; or, if nobody saw that, who has it.
    pub identity: Identity,
    /// Who sent first.
    pub origin: Origin,
}

impl Live {
    /// True if it never leaves this computer, as far as its ends alone tell: which addresses are
    /// this computer's own is for whoever lists connections to know.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let Flow {
            source,
            destination,
            ..
        } = self.flow;
        destination.is_loopback() || source.is_loopback() || source == destination
    }

    /// The rule for which it has to end: the one that would deny the same program the same
    /// connection if it began now.
    ///
    /// None for connections that came from elsewhere or stay on this computer, for those whose
    /// process is not proven, while everything is allowed, and where no rule decides: what a mode,
    /// an answer or Safeguard makes of new connections says nothing about those that are open.
    /// Neither where no name of the other end is known, and a rule would allow it under some name:
    /// names are forgotten in time, and that is no change of the rules.
    #[must_use]
    pub fn denied_by<'a>(
        &self,
        rules: &'a RuleSet,
        mode: ModeState,
        now: Timestamp,
    ) -> Option<&'a Rule> {
        let judged = self.origin == Origin::Here && !self.is_local();
        if !judged || self.identity.process().is_none() || mode.is_paused(now) {
            return None;
        }
        let winner = rules.winner(&self.flow, &self.identity, now)?;
        let named = !self.flow.hosts.is_empty()
            || !rules.may_be_allowed_by_name(winner, &self.flow, &self.identity, now);
        (named && !winner.spec().action.allows()).then_some(winner)
    }
}

/// True if some rule may deny something: if none does, no connection has to be looked at.
#[must_use]
pub fn any_denies(rules: &RuleSet) -> bool {
    rules
        .rules()
        .map(Rule::spec)
        .any(|spec| spec.enabled && matches!(spec.action, Action::Deny | Action::Drop))
}
