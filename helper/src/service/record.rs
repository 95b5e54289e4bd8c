//! Decisions and mended rules as events, and what Safeguard does, as the bus has them.

use bastion_ipc::wire::{Event, Guard, LoudProgram};
use bastion_policy::flow::Flow;
use bastion_policy::process::Identity;
use bastion_policy::ruleset::RuleSet;
use bastion_policy::safeguard::{Episode, Loud};
use bastion_policy::time::Timestamp;

use crate::engine::Decided;
use crate::netfilter::{Fault, Place};

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

/// A fault of the iptables rules that was mended.
#[must_use]
pub fn mended(fault: &Fault, time: Timestamp) -> Event {
    let (reason, times) = match fault {
        Fault::Missing { .. } => ("missing", 1),
        Fault::Doubled { times, .. } => ("doubled", *times),
        Fault::Misplaced { .. } => ("misplaced", 1),
        Fault::KernelChain { .. } => ("changed", 1),
        Fault::Stray { .. } => ("stray", 1),
        Fault::OtherBackend { rules, .. } => ("elsewhere", *rules),
    };
    let Place { family, rule, at } = fault.place();
    let name = [family.to_string()].into_iter().chain(rule);
    Event {
        time: time.as_millis(),
        verdict: Event::MENDED.into(),
        reason: reason.into(),
        rule_name: name.collect::<Vec<_>>().join(" "),
        program: Event::BASTION.into(),
        destination: at,
        count: u32::try_from(times).unwrap_or(u32::MAX),
        ..Event::default()
    }
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
pub fn guards(episodes: Vec<Episode>) -> impl Iterator<Item = Guard> {
    episodes.into_iter().map(guard)
}

fn guard(episode: Episode) -> Guard {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netfilter::{Backend, Family, Role};

    #[test]
    fn a_mended_fault_is_an_event_that_names_it() {
        let (family, role) = (Family::Ipv4, Role::Loopback);
        let times = 51;
        let doubled = Fault::Doubled {
            family,
            role,
            times,
        };
        let elsewhere = Fault::OtherBackend {
            family: Family::Ipv6,
            backend: Backend::Legacy,
            rules: 3,
        };
        let stray = Fault::Stray {
            family,
            table: "raw".into(),
            rule: "-A OUTPUT".into(),
        };
        for (fault, reason, name, at, count) in [
            (
                doubled,
                "doubled",
                "IPv4 BASTION_BYPASS (loopback)",
                "mangle OUTPUT",
                51,
            ),
            (elsewhere, "elsewhere", "IPv6", "legacy iptables", 3),
            (stray, "stray", "IPv4", "raw", 1),
        ] {
            let event = mended(&fault, Timestamp::from_millis(7));
            assert!(event.is_mending());
            let said = (event.reason.as_str(), event.rule_name.as_str());
            assert_eq!(said, (reason, name));
            assert_eq!((event.destination.as_str(), event.count), (at, count));
            assert_eq!((event.time, event.program.as_str()), (7, Event::BASTION));
        }
    }
}
