//! Decisions as events, and the connections they let through.

use std::collections::{HashMap, VecDeque};

use bastion_ipc::wire::{Connection, Event};
use bastion_policy::flow::{Flow, Tuple};
use bastion_policy::process::Identity;
use bastion_policy::ruleset::RuleSet;

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

/// Which decision let a flow through, for as many of the latest as there is room for.
#[derive(Debug, Default)]
pub struct Passed {
    events: HashMap<Tuple, Event>,
    order: VecDeque<Tuple>,
}

impl Passed {
    /// More than a desktop has open; a server with more shows its latest.
    const ROOM: usize = 8_192;

    /// Remembers the decision.
    pub fn add(&mut self, tuple: Tuple, event: Event) {
        if self.events.insert(tuple, event).is_none() {
            self.order.push_back(tuple);
        }
        while self.order.len() > Self::ROOM {
            if let Some(oldest) = self.order.pop_front() {
                self.events.remove(&oldest);
            }
        }
    }

    /// The connections of these sockets, as far as they are known; forgets all others.
    pub fn open(&mut self, sockets: impl IntoIterator<Item = Tuple>) -> Vec<Connection> {
        let open: HashMap<Tuple, Event> = sockets
            .into_iter()
            .filter_map(|tuple| self.events.remove(&tuple).map(|event| (tuple, event)))
            .collect();
        self.order.retain(|tuple| open.contains_key(tuple));
        self.events = open;
        self.order
            .iter()
            .filter_map(|tuple| self.events.get(tuple))
            .map(|event| Connection {
                event: event.clone(),
                state: "open".into(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bastion_policy::flow::Protocol;
    use std::net::SocketAddr;

    fn tuple(port: u16) -> Tuple {
        let at = |port| SocketAddr::new("192.0.2.1".parse().unwrap(), port);
        Tuple {
            protocol: Protocol::Tcp,
            source: at(port),
            destination: at(443),
        }
    }

    #[test]
    fn closed_sockets_are_forgotten_and_open_ones_stay_in_order() {
        let mut passed = Passed::default();
        for port in 1..=3 {
            let event = Event {
                source_port: port,
                ..Event::default()
            };
            passed.add(tuple(port), event);
        }
        let ports = |connections: Vec<Connection>| -> Vec<u16> {
            connections.iter().map(|c| c.event.source_port).collect()
        };
        assert_eq!(ports(passed.open([tuple(3), tuple(9), tuple(1)])), [1, 3]);
        assert_eq!(ports(passed.open([tuple(2), tuple(3)])), [3]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut passed = Passed::default();
        for port in 0..=u16::MAX {
            passed.add(tuple(port), Event::default());
        }
        assert_eq!(passed.events.len(), Passed::ROOM);
        assert_eq!(passed.order.len(), Passed::ROOM);
    }
}
