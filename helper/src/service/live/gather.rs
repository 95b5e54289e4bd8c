//! What is open, and whose it is.
//!
//! A connection is known by its socket's cookie, which no other socket has, and never by its ends
//! alone: others may have them by now. Whose it is tells the kernel programs' record of its
//! beginning. Where there is none any more, or never was, it is the process that holds the socket;
//! then that it was begun here shows by its having been decided about, or been open when the
//! helper started, and by nobody waiting for connections at its port.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bastion_policy::flow::{Flow, Protocol, Tuple};
use bastion_policy::live::{Live, Origin};
use bastion_policy::process::{Identity, UnknownReason};

use super::Open;
use super::failing::Faults;
use crate::engine::EngineGone;
use crate::identify::{PacketPathIdentifier, SocketTableIdentifier, flow_of};
use crate::kernel::JudgedFlow;
use crate::service::core::Core;
use crate::sockets::{SocketEntry, SocketError, SocketState, SocketTables, own_addresses};

/// Addresses whose names the engine is asked for in one go: it takes microseconds.
const NAMES: usize = 128;

/// How long it may take to look for those who hold sockets. A program can make its own costly to
/// find; those that are not reached are left alone.
const SEARCH: Duration = Duration::from_secs(10);

/// Tells whose sockets are.
pub(super) struct Owners {
    recorded: Option<PacketPathIdentifier>,
    holders: SocketTableIdentifier,
    listening: HashSet<u16>,
    /// What is left of [`SEARCH`].
    left: Duration,
}

impl Owners {
    pub fn new(core: &Core, tables: &mut SocketTables) -> Result<Self, SocketError> {
        Ok(Self {
            recorded: core.kernel.openers(),
            holders: SocketTableIdentifier::new()?,
            listening: tables.listening_ports()?,
            left: SEARCH,
        })
    }

    /// Who began this flow by this socket; or, if that was not recorded, who has the socket.
    pub fn of(&mut self, flow: &Flow, socket: &SocketEntry) -> Identity {
        let recorded = self.recorded(flow, socket);
        recorded.unwrap_or_else(|| self.holder(socket))
    }

    fn holder(&mut self, socket: &SocketEntry) -> Identity {
        if self.left.is_zero() {
            return unknown(socket, UnknownReason::Unreadable);
        }
        let begun = Instant::now();
        let identity = self.holders.identify_socket(socket);
        self.left = self.left.saturating_sub(begun.elapsed());
        if self.left.is_zero() {
            tracing::warn!("so many sockets are hard to find that open ones may go on");
        }
        identity
    }

    fn recorded(&mut self, flow: &Flow, socket: &SocketEntry) -> Option<Identity> {
        self.recorded.as_mut()?.beginner(flow, socket.cookie?)
    }

    /// This socket's connection; `known` if it was decided about, or open before the helper.
    fn live(&mut self, flow: Flow, socket: &SocketEntry, known: bool) -> Live {
        let (identity, origin) = match self.recorded(&flow, socket) {
            Some(identity) => (identity, Origin::Here),
            None if known && !self.listening.contains(&flow.source_port) => {
                (self.holder(socket), Origin::Here)
            }
            // Most of them have come from elsewhere: who has them need not be looked up.
            None => (unknown(socket, UnknownReason::NoRecord), Origin::Elsewhere),
        };
        Live {
            flow,
            identity,
            origin,
        }
    }
}

fn unknown(socket: &SocketEntry, reason: UnknownReason) -> Identity {
    let uid = Some(socket.uid);
    Identity::Unknown { uid, reason }
}

impl Core {
    /// Connections that may have to end, by their sockets. `judged` has the cookies of those whose
    /// datagrams go on without being judged again.
    pub(super) fn open_connections(
        &self,
        judged: &HashSet<u64>,
        tables: &mut SocketTables,
        faults: &mut Faults,
    ) -> Result<Vec<Open>, SocketError> {
        let mut owners = Owners::new(self, tables)?;
        let own = own_addresses()?;
        let mut open = Vec::new();
        for socket in tables.list()? {
            let Some(flow) = flow_of(&socket) else {
                continue;
            };
            let known = self.ledger.knows(&Tuple::from(&flow));
            let let_through = known || socket.cookie.is_some_and(|it| judged.contains(&it));
            if !may_end(&socket, let_through) || own.contains(&flow.destination) {
                continue;
            }
            let live = owners.live(flow, &socket, known);
            open.push(Open { socket, live });
        }
        open.retain(|open| open.live.origin == Origin::Here);
        let named = self.name(&mut open, |open| &mut open.live);
        named.unwrap_or_else(|error| faults.note(error));
        Ok(open)
    }

    /// Flows whose datagrams go on without being judged again, of sockets that are there.
    pub(super) fn judged_flows(
        &self,
        judged: Vec<JudgedFlow>,
        tables: &mut SocketTables,
        faults: &mut Faults,
    ) -> Result<Vec<(JudgedFlow, Live)>, SocketError> {
        if judged.is_empty() {
            return Ok(Vec::new());
        }
        // There may be many sockets more than those.
        let cookies: HashSet<u64> = judged.iter().map(|judged| judged.cookie).collect();
        let sockets = tables.datagram_sockets(|socket| {
            let cookie = socket.cookie;
            cookie.is_some_and(|cookie| cookies.contains(&cookie))
        })?;
        let sockets: HashMap<_, _> = sockets
            .into_iter()
            .filter_map(|socket| Some((socket.cookie?, socket)))
            .collect();
        let mut owners = Owners::new(self, tables)?;
        let mut flows = Vec::new();
        for judged in judged {
            // The kernel keeps those of sockets that are gone until it needs their room.
            if let Some(socket) = sockets.get(&judged.cookie) {
                let live = Live {
                    identity: owners.of(&judged.flow, socket),
                    flow: judged.flow.clone(),
                    // Only what goes out in a connection's own direction is judged.
                    origin: Origin::Here,
                };
                flows.push((judged, live));
            }
        }
        let named = self.name(&mut flows, |(_, live)| live);
        named.unwrap_or_else(|error| faults.note(error));
        Ok(flows)
    }

    /// Adds the names of the destinations: those known when they were let through, and those that
    /// new connections to them would have. Leaves out those of which the engine can't tell now.
    fn name<T>(
        &self,
        connections: &mut Vec<T>,
        live: impl Fn(&mut T) -> &mut Live,
    ) -> Result<(), EngineGone> {
        let mut named = 0;
        let mut outcome = Ok(());
        for part in connections.chunks_mut(NAMES) {
            let mut part: Vec<&mut Live> = part.iter_mut().map(&live).collect();
            let addresses = part.iter().map(|live| live.flow.destination).collect();
            match self.engine.names(addresses) {
                Ok(names) => {
                    for (live, now) in part.iter_mut().zip(names) {
                        let mut hosts = self.ledger.hosts(&Tuple::from(&live.flow));
                        hosts.extend(now);
                        live.flow.hosts = hosts;
                    }
                    named += part.len();
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        connections.truncate(named);
        outcome
    }
}

/// True if this socket has a connection to end. Unless something was let through, there is none while
/// it is being made, or where nothing is made, as with UDP: what it has sent waits or was dropped, and
/// all that it sends from now on is judged anew.
fn may_end(socket: &SocketEntry, let_through: bool) -> bool {
    let made = socket.protocol == Protocol::Tcp && socket.state != SocketState::Connecting;
    let_through || made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_while_it_was_made_is_no_connection_to_end() {
        let socket = |state| SocketEntry {
            protocol: Protocol::Tcp,
            local: "192.0.2.1:40000".parse().unwrap(),
            remote: Some("192.0.2.2:443".parse().unwrap()),
            state,
            inode: 1,
            uid: 1000,
            cookie: Some(1),
            interface: 0,
            ipv6: false,
            ipv6_only: false,
        };
        for number in [2, 3, 12] {
            let making = socket(SocketState::from_number(number));
            assert!(!may_end(&making, false));
            assert!(may_end(&making, true));
        }
        for state in [SocketState::Established, SocketState::Closing] {
            assert!(may_end(&socket(state), false), "{state:?}");
            let datagrams = SocketEntry {
                protocol: Protocol::Udp,
                ..socket(state)
            };
            assert!(!may_end(&datagrams, false), "{state:?}");
            assert!(may_end(&datagrams, true), "{state:?}");
        }
    }
}
