//! Which decisions let the connections through that are open now.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bastion_ipc::wire::{Connection, Event};
use bastion_policy::flow::Tuple;
use bastion_policy::matcher::HostName;

#[derive(Debug)]
struct Entry {
    event: Event,
    /// Names of the destination that were known then.
    hosts: Vec<HostName>,
    added: Instant,
}

/// Which decision let a flow through, for as many of the latest as there is room for.
#[derive(Debug, Default)]
pub(super) struct Passed {
    events: HashMap<Tuple, Entry>,
    order: VecDeque<Tuple>,
}

impl Passed {
    /// More than a desktop has open; a server with more shows its latest.
    const ROOM: usize = 8_192;

    /// Remembers the decision, and the names of the destination by which it was made.
    pub fn add(&mut self, tuple: Tuple, event: Event, hosts: Vec<HostName>) {
        let added = Instant::now();
        let entry = Entry {
            event,
            hosts,
            added,
        };
        if self.events.insert(tuple, entry).is_none() {
            self.order.push_back(tuple);
        }
        while self.order.len() > Self::ROOM {
            if let Some(oldest) = self.order.pop_front() {
                self.events.remove(&oldest);
            }
        }
    }

    /// True if the decision about this connection is remembered.
    pub fn knows(&self, tuple: &Tuple) -> bool {
        self.events.contains_key(tuple)
    }

    /// When this connection was let through, if that is remembered.
    pub fn time(&self, tuple: &Tuple) -> Option<u64> {
        self.events.get(tuple).map(|entry| entry.event.time)
    }

    /// The names of the destination that were known when it was decided.
    pub fn hosts(&self, tuple: &Tuple) -> &[HostName] {
        self.events.get(tuple).map_or(&[], |entry| &entry.hosts)
    }

    /// True if there is little room left.
    pub fn is_crowded(&self) -> bool {
        self.order.len() >= Self::ROOM / 2
    }

    /// The connections of these sockets, which were listed at `listed`, as far as they are known.
    /// If the list is `complete`, those known before that are not in it are closed and forgotten.
    pub fn open(
        &mut self,
        sockets: impl IntoIterator<Item = Tuple>,
        listed: Instant,
        complete: bool,
    ) -> Vec<Connection> {
        let open: std::collections::HashSet<Tuple> = sockets.into_iter().collect();
        if complete {
            self.events
                .retain(|tuple, entry| entry.added >= listed || open.contains(tuple));
            self.order.retain(|tuple| self.events.contains_key(tuple));
        }
        self.order
            .iter()
            .filter(|tuple| open.contains(tuple))
            .filter_map(|tuple| self.events.get(tuple))
            .map(|entry| Connection {
                event: entry.event.clone(),
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
    use std::time::Duration;

    fn tuple(port: u16) -> Tuple {
        let at = |port| SocketAddr::new("192.0.2.1".parse().unwrap(), port);
        Tuple {
            protocol: Protocol::Tcp,
            source: at(port),
            destination: at(443),
        }
    }

    fn host(number: u16) -> HostName {
        format!("h{number}.example.org").parse().unwrap()
    }

    fn three() -> Passed {
        let mut passed = Passed::default();
        for port in 1..=3 {
            let event = Event {
                source_port: port,
                ..Event::default()
            };
            passed.add(tuple(port), event, vec![host(port)]);
        }
        passed
    }

    fn ports(connections: Vec<Connection>) -> Vec<u16> {
        connections.iter().map(|c| c.event.source_port).collect()
    }

    #[test]
    fn closed_sockets_are_forgotten_and_open_ones_stay_in_order() {
        let mut passed = three();
        let later = Instant::now() + Duration::from_secs(1);
        assert_eq!(
            ports(passed.open([tuple(3), tuple(9), tuple(1)], later, true)),
            [1, 3]
        );
        assert_eq!(ports(passed.open([tuple(2), tuple(3)], later, true)), [3]);
    }

    #[test]
    fn what_the_list_cannot_have_is_not_forgotten() {
        let listed = Instant::now();
        let mut passed = three();
        assert_eq!(ports(passed.open([], listed, true)), [0u16; 0]);
        let later = Instant::now() + Duration::from_secs(1);
        assert_eq!(ports(passed.open([], later, false)), [0u16; 0]);
        assert_eq!(
            ports(passed.open([1, 2, 3].map(tuple), later, true)),
            [1, 2, 3]
        );
    }

    #[test]
    fn ends_that_are_used_again_are_another_connection() {
        let mut passed = Passed::default();
        for time in [5, 6] {
            let event = Event {
                time,
                ..Event::default()
            };
            passed.add(tuple(1), event, vec![]);
            assert_eq!(passed.time(&tuple(1)), Some(time));
        }
        assert_eq!(passed.time(&tuple(2)), None);
    }

    #[test]
    fn names_are_those_of_the_decision() {
        let mut passed = three();
        assert_eq!(passed.hosts(&tuple(2)), [host(2)]);
        assert!(passed.hosts(&tuple(4)).is_empty());
        passed.add(tuple(2), Event::default(), vec![]);
        assert!(passed.hosts(&tuple(2)).is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut passed = Passed::default();
        for port in 0..=u16::MAX {
            assert_eq!(passed.is_crowded(), usize::from(port) >= Passed::ROOM / 2);
            passed.add(tuple(port), Event::default(), vec![]);
        }
        assert_eq!(passed.events.len(), Passed::ROOM);
        assert_eq!(passed.order.len(), Passed::ROOM);
    }
}
