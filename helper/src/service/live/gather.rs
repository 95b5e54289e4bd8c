//! What is open, and whose it is.
//!
//! A connection is known by its socket's cookie, which no other socket has, and never by its ends
//! alone: others may have them by now. Whose it is tells the kernel programs' record of its
//! beginning. Where there is none any more, or never was, it is the process that holds the socket;
//! then that it was begun here shows by its having been decided about, or been open when the
//! helper started, and by nobody waiting for connections at its port.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bastion_policy::flow::{Flow, Tuple};
use bastion_policy::live::{Live, Origin};
use bastion_policy::process::{Identity, UnknownReason};

use super::Open;
use crate::identify::{PacketPathIdentifier, SocketTableIdentifier, flow_of};
use crate::kernel::JudgedFlow;
use crate::service::core::Core;
use crate::sockets::{SocketEntry, SocketError, SocketTables};

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
    /// Connections that may have to end, by their sockets.
    pub(super) fn open_connections(
        &self,
        tables: &mut SocketTables,
    ) -> Result<Vec<Open>, SocketError> {
        let mut owners = Owners::new(self, tables)?;
        let mut open = Vec::new();
        for socket in tables.list()? {
            let Some(flow) = flow_of(&socket) else {
                continue;
            };
            let known = self.ledger.knows(&Tuple::from(&flow));
            let live = owners.live(flow, &socket, known);
            open.push(Open { socket, live });
        }
        open.retain(|open| open.live.origin == Origin::Here);
        self.name(open.iter_mut().map(|open| &mut open.live));
        Ok(open)
    }

    /// Flows whose datagrams go on without being judged again, of sockets that are there.
    pub(super) fn judged_flows(
        &self,
        tables: &mut SocketTables,
    ) -> Result<Vec<(JudgedFlow, Live)>, SocketError> {
        let judged = self.kernel.judged();
        if judged.is_empty() {
            return Ok(Vec::new());
        }
        let sockets = tables.datagram_sockets()?.into_iter();
        let sockets: HashMap<_, _> = sockets
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
        self.name(flows.iter_mut().map(|(_, live)| live));
        Ok(flows)
    }

    /// Adds the names of the destinations, as a new connection to them would have them.
    pub(super) fn name<'a>(&self, connections: impl Iterator<Item = &'a mut Live>) {
        let mut connections: Vec<_> = connections.collect();
        for part in connections.chunks_mut(NAMES) {
            let addresses = part.iter().map(|live| live.flow.destination).collect();
            // Without the engine nothing is decided by names, and soon not at all.
            let names = self.engine.names(addresses).unwrap_or_default();
            for (live, hosts) in part.iter_mut().zip(names) {
                live.flow.hosts = hosts;
            }
        }
    }
}
