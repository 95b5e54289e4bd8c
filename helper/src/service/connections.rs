//! Which decisions let the connections through that are open now.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bastion_ipc::wire::{Connection, Event};
use bastion_policy::flow::Tuple;

/// Which decision let a flow through, for as many of the latest as there is room for.
#[derive(Debug, Default)]
pub(super) struct Passed {
    events: HashMap<Tuple, (Event, Instant)>,
    order: VecDeque<Tuple>,
}

impl Passed {
    /// More than a desktop has open; a server with more shows its latest.
    const ROOM: usize = 8_192;

    /// Remembers the decision.
    pub fn add(&mut self, tuple: Tuple, event: Event) {
        if self.events.insert(tuple, (event, Instant::now())).is_none() {
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
                .retain(|tuple, (_, added)| *added >= listed || open.contains(tuple));
            self.order.retain(|tuple| self.events.contains_key(tuple));
        }
        self.order
            .iter()
            .filter(|tuple| open.contains(tuple))
            .filter_map(|tuple| self.events.get(tuple))
            .map(|(event, _)| Connection {
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
    use std::time::Duration;

    fn tuple(port: u16) -> Tuple {
        let at = |port| SocketAddr::new("192.0.2.1".parse().unwrap(), port);
        Tuple {
            protocol: Protocol::Tcp,
            source: at(port),
            destination: at(443),
        }
    }

    fn three() -> Passed {
        let mut passed = Passed::default();
        for port in 1..=3 {
            let event = Event {
                source_port: port,
                ..Event::default()
            };
            passed.add(tuple(port), event);
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
    fn memory_is_bounded() {
        let mut passed = Passed::default();
        for port in 0..=u16::MAX {
            assert_eq!(passed.is_crowded(), usize::from(port) >= Passed::ROOM / 2);
            passed.add(tuple(port), Event::default());
        }
        assert_eq!(passed.events.len(), Passed::ROOM);
        assert_eq!(passed.order.len(), Passed::ROOM);
    }
}
