//! Suggestions: what learn mode allowed and no rule decides yet, to be accepted or dropped.

use bastion_ipc::Error;
use bastion_ipc::wire::{AnswerScope, Suggestion};
use bastion_policy::flow::Flow;
use bastion_policy::matcher::UserMatcher;
use bastion_policy::process::Identity;
use bastion_policy::rule::{RuleId, RuleSpec};
use bastion_policy::ruleset::{Reason, RuleSet};

use super::core::Core;
use super::record::{self, NO_UID};
use super::{answer, imagined, made};
use crate::engine::{Decided, now};
use crate::store::log::LogError;

/// Longest path in its escaped form of a program that is suggested, in bytes: Linux's `PATH_MAX`.
/// So the longest list fits into one message of the bus.
const MAX_PATH: usize = 4_096;

/// What a decision suggests, which stands for so many: nothing if another than learn mode made it,
/// or if no rule could mean this program and no other.
pub(super) fn suggested(decided: &Decided, count: u32) -> Option<Suggestion> {
    if decided.reason != Reason::Learn {
        return None;
    }
    let app = match &decided.identity {
        Identity::Process(process) if process.is_lasting() => process.app.as_ref(),
        Identity::Kernel => None,
        Identity::Process(_) | Identity::Unknown { .. } => return None,
    };
    let event = record::describe(&decided.flow, &decided.identity);
    let time = decided.time.as_millis();
    (event.program.len() <= MAX_PATH).then(|| Suggestion {
        id: 0,
        program: event.program,
        app: app.map(ToString::to_string).unwrap_or_default(),
        uid: event.uid,
        protocol: event.protocol,
        host: event.host,
        destination: event.destination,
        destination_port: event.destination_port,
        count: count.into(),
        first: time,
        last: time,
    })
}

/// The flow and the sender that a suggestion is about, as rules are asked about them. `None` for
/// what nobody but a meddler writes into the store.
fn subject(suggestion: &Suggestion) -> Option<(Flow, Identity)> {
    let app = match suggestion.app.as_str() {
        "" => None,
        app => Some(app.parse().ok()?),
    };
    let identity = match suggestion.program.as_str() {
        "kernel" => Identity::Kernel,
        path => imagined::process(path.parse().ok()?, app, suggestion.uid),
    };
    let hosts = match suggestion.host.as_str() {
        "" => Vec::new(),
        host => vec![host.parse().ok()?],
    };
    let destination = suggestion.destination.parse().ok()?;
    let flow = Flow {
        protocol: suggestion.protocol.parse().ok()?,
        // No rule regards where a flow comes from.
        source: destination,
        source_port: 0,
        destination,
        destination_port: suggestion.destination_port,
        hosts,
    };
    Some((flow, identity))
}

fn is_undecided(suggestion: &Suggestion, rules: &RuleSet) -> bool {
    subject(suggestion)
        .is_some_and(|(flow, identity)| rules.winner(&flow, &identity, now()).is_none())
}

/// The rule that accepting makes: for the user whose connections they were, or for all users.
fn rule(suggestion: &Suggestion, scope: AnswerScope, for_all: bool) -> Result<RuleSpec, Error> {
    let (flow, identity) = subject(suggestion).ok_or_else(|| missing(suggestion.id))?;
    // The whole of a top-level domain is nothing anybody should allow in passing.
    let top = flow.hosts.first().is_some_and(|host| host.labels() < 2);
    if scope == AnswerScope::Domain && top {
        return Err(Error::InvalidArgument(format!(
            "scope: “{}” is a top-level domain",
            suggestion.host
        )));
    }
    let spec = answer::allowing(&flow, &identity, scope, now())?;
    Ok(match for_all || suggestion.uid == NO_UID {
        true => RuleSpec {
            user: UserMatcher::Any,
            ..spec
        },
        false => spec,
    })
}

fn missing(id: u64) -> Error {
    Error::NotFound(format!(
        "There is no suggestion {id} any more; nothing was changed."
    ))
}

/// What a call is told when the log can't be read.
pub(super) fn unreadable(error: LogError) -> Error {
    Error::Unavailable(format!("{error}."))
}

impl Core {
    /// The suggestions that no rule in force decides, the latest first.
    pub(super) fn undecided(&self, seen_by: Option<u32>) -> Result<Vec<Suggestion>, Error> {
        let mut open = self.ledger.suggestions(seen_by).map_err(unreadable)?;
        let rules = self.in_force();
        open.retain(|suggestion| is_undecided(suggestion, &rules));
        Ok(open)
    }

    /// Makes rules of suggestions: of this user's for this user, or of anybody's for all users.
    pub(super) fn accept(
        &self,
        ids: &[u64],
        scope: AnswerScope,
        whose: Option<u32>,
    ) -> Result<Vec<RuleId>, Error> {
        let open = self.ledger.suggestions(whose).map_err(unreadable)?;
        let find = |id: &u64| open.iter().find(|suggestion| suggestion.id == *id);
        let chosen = ids.iter().map(|id| find(id).ok_or_else(|| missing(*id)));
        let chosen = chosen.collect::<Result<Vec<_>, _>>()?;
        let rules = chosen
            .iter()
            .map(|suggestion| rule(suggestion, scope, whose.is_none()))
            .collect::<Result<Vec<_>, _>>()?;
        let made = self.change(|stored| {
            // What a rule decides by now is no suggestion any more, and no way round that rule.
            let mut chosen = chosen.iter();
            match chosen.find(|suggestion| !is_undecided(suggestion, &stored.in_force)) {
                Some(decided) => Err(missing(decided.id)),
                None => made::add_learned(stored, rules, whose),
            }
        })?;
        // They have done their work, and with them those that the new rules decide, too.
        let rules = self.in_force();
        let done = |suggestion: &&Suggestion| {
            ids.contains(&suggestion.id) || !is_undecided(suggestion, &rules)
        };
        let done: Vec<u64> = open.iter().filter(done).map(|found| found.id).collect();
        self.ledger.forget_suggestions(&done);
        Ok(made)
    }

    /// Drops suggestions, or takes that back.
    pub(super) fn drop_or_restore(
        &self,
        ids: &[u64],
        whose: Option<u32>,
        dropped: bool,
    ) -> Result<(), Error> {
        match self.ledger.set_dropped(ids, whose, dropped) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::NotFound(
                "One of these suggestions does not exist any more; nothing was changed.".into(),
            )),
            Err(error) => Err(made::not_stored(error)),
        }
    }
}

#[cfg(test)]
#[path = "suggestions_tests.rs"]
mod tests;
