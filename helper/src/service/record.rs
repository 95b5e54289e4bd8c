//! Decisions as events, and what Safeguard does, as the bus has them.

use bastion_ipc::wire::{Event, Guard, LoudProgram};
use bastion_policy::flow::Flow;
use bastion_policy::process::Identity;
use bastion_policy::ruleset::RuleSet;
use bastion_policy::safeguard::{Episode, Loud};

use crate::engine::Decided;

/// The user of an event whose user is not known; see [`Event::uid`].
pub const NO_UID: u32 = u32::MAX;

/// A decision in the form in which it is logged and shown.
#[must_use]
pub fn event(decided: &Decided, rules: &RuleSet) -> Event {
    let rule = decided.reason.rule().and_then(|id| rules.get(id));
    let mut event = describe(&decided.flow, &decided.identity);
    event.time = decided.time.as_millis();
    event.verdict = decided.action.to_string();
    event.reason = decided.reason.to_string();
    event.rule_name = rule.map(|r| r.spec().name.clone()).unwrap_or_default();
    event
}

/// The flow and its sender, without a decision.
#[must_use]
pub fn describe(flow: &Flow, identity: &Identity) -> Event {
    let process = identity.process();
    Event {
        program: match identity {
            Identity::Process(process) => process.executable.path.to_string(),
            other => other.to_string(),
        },
        pid: process.map_or(0, |p| p.key.pid),
        uid: identity.uid().unwrap_or(NO_UID),
        protocol: flow.protocol.to_string(),
        source: flow.source.to_string(),
        source_port: flow.source_port,
        destination: flow.destination.to_string(),
        destination_port: flow.destination_port,
        host: flow
            .hosts
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
        count: 1,
        ..Event::default()
    }
}

/// Where Safeguard is on, in the form in which it is shown.
#[must_use]
pub fn guard(episode: Episode) -> Guard {
    let loud = |loud: Loud| LoudProgram {
        program: loud.program,
        undecided: loud.undecided,
        dropped: loud.dropped,
    };
    Guard {
        user: episode.user.unwrap_or(NO_UID),
        since: episode.since.as_millis(),
        cause: episode.cause.to_string(),
        dropped: episode.dropped,
        programs: episode.programs.into_iter().map(loud).collect(),
    }
}

/// What everybody may see of it.
#[must_use]
pub fn public(guard: Guard) -> Guard {
    Guard {
        programs: Vec::new(),
        ..guard
    }
}
