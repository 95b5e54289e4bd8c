//! Under which names programs looked up the addresses they connect to.
//!
//! Packets carry addresses; people and rules speak of names. So the helper looks at the answers
//! of DNS servers as programs receive them. Rules by name rest on this, so a program without
//! privileges must not be able to make names up. An answer counts only if
//!
//! - a socket of this machine received it from port 53 of a server that this machine itself is
//!   set up to ask ([`resolvers`]). A program's own server says what the program likes; the
//!   machine's do not, and on loopback only privileged programs can listen at that port.
//! - it was asked for: a query with the same ends, number and question was sent before, not long
//!   ago, and has had no answer yet. A message that merely looks like an answer is none.
//! - it was in the machine's own network namespace, and came in by the interface that the query
//!   left by. In a namespace of its own, a program can be any server.
//! - the names are connected to the question by aliases. Whatever else a server adds is ignored.
//! - a resolver of this machine can't have found any name on the way by asking the neighbours
//!   (mDNS, LLMNR), which any program can answer.
//!
//! What systemd-resolved tells of its answers counts as well; those need not have travelled over
//! port 53.
//!
//! [`Names`] does no I/O and asks no clock. The kernel side hands it packets ([`Captured`]), and
//! [`Sources`], which have a thread of their own, everything else ([`Update`]).

mod capture;
mod messages;
mod monitor;
mod queries;
mod recent;
mod resolution;
pub mod resolvers;
pub mod sources;
mod stream;
mod table;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use bastion_policy::escape;
use bastion_policy::flow::Protocol;
use bastion_policy::matcher::HostName;
use bastion_policy::time::Timestamp;

pub use capture::{CaptureError, Captured, DNS_PORT, Direction};
pub use messages::MessageError;
pub use resolution::{Lease, Resolution};
pub use resolvers::Resolvers;
pub use sources::{Sources, Update};
pub use stream::StreamError;
pub use table::{ADDRESSES, LONGEST, NAMES, SHORTEST};

use capture::{Content, Path, Traffic};
use messages::DnsMessage;
use queries::{Queries, Query};
use stream::Streams;
use table::Table;

/// For how many milliseconds an answer from a server that is none of the machine's own is kept:
/// right after the network has changed, programs may know the new servers before
/// [`Names::use_resolvers`] is called. None is kept while no server at all is believed: then
/// every program may be one.
const EARLY: u64 = 3_000;

/// Most answers that are kept so.
const EARLY_ANSWERS: usize = 64;

/// Why a packet or message taught nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// It is no packet of DNS.
    #[error(transparent)]
    Packet(#[from] CaptureError),
    /// Another network namespace's.
    #[error("the packet is another network namespace's")]
    Namespace,
    /// A TCP connection can't be observed.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// It is no message about addresses.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A query that was received, or a response that was sent.
    #[error("the message goes the wrong way")]
    WrongWay,
    /// Nobody asked for it, or it is late, or not the first answer.
    #[error("the answer was not asked for")]
    Unasked,
    /// The server is none of the machine's own.
    #[error("the server is none that this machine is set up to ask")]
    Server,
    /// It has no address for the name that was asked for.
    #[error("the answer has no addresses for its question")]
    NoAddresses,
    /// No name of it is a host's.
    #[error("the answer has no host name")]
    NoNames,
    /// A resolver of this machine, and not DNS alone, can have told it.
    #[error("any neighbour can have given the answer")]
    Neighbours,
}

/// How much is known, and what taught nothing since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamesStatus {
    /// Addresses that have names.
    pub addresses: usize,
    /// Queries that no answer came to yet.
    pub queries: usize,
    /// TCP connections with DNS servers.
    pub connections: usize,
    /// The servers whose answers count.
    pub resolvers: Vec<IpAddr>,
    /// True while systemd-resolved tells of what it answers.
    pub monitored: bool,
    /// Answers that counted.
    pub learned: u64,
    /// Packets and messages that did not, by reason.
    pub refused: BTreeMap<Refusal, u64>,
}

/// An answer of a server that may turn out to be the machine's own.
#[derive(Debug)]
struct Early {
    path: Path,
    resolution: Resolution,
    at: Timestamp,
}

/// The names of addresses, and how they are learned.
#[derive(Debug)]
pub struct Names {
    network_namespace: u32,
    resolvers: Resolvers,
    queries: Queries,
    streams: Streams,
    early: VecDeque<Early>,
    /// False while every program may be a server.
    keeps_early: bool,
    table: Table,
    monitored: bool,
    learned: u64,
    refused: BTreeMap<Refusal, u64>,
}

impl Names {
    /// Knows no name, and no server to believe before [`Names::use_resolvers`] names some.
    ///
    /// `network_namespace` is the machine's own: see [`Captured::network_namespace`].
    #[must_use]
    pub fn new(network_namespace: u32) -> Self {
        Self {
            network_namespace,
            resolvers: Resolvers::none(),
            queries: Queries::new(),
            streams: Streams::new(),
            early: VecDeque::new(),
            keeps_early: true,
            table: Table::new(),
            monitored: false,
            learned: 0,
            refused: BTreeMap::new(),
        }
    }

    /// Takes in a packet. Gives the addresses whose names are others than before; what was
    /// decided about them by name is no longer valid.
    pub fn observe(&mut self, captured: &Captured<'_>, now: Timestamp) -> BTreeSet<IpAddr> {
        let traffic = match Traffic::read(captured) {
            _ if captured.network_namespace != self.network_namespace => Err(Refusal::Namespace),
            Ok(traffic) => Ok(traffic),
            Err(error) => Err(error.into()),
        };
        let Traffic { path, content } = match traffic {
            Ok(traffic) => traffic,
            Err(refusal) => return self.refuse(refusal),
        };
        let direction = captured.direction;
        match content {
            Content::Datagram(bytes) => self.message(Protocol::Udp, path, direction, bytes, now),
            Content::Segment(segment) => {
                let (messages, error) = self.streams.push(path, direction, &segment, now);
                let mut changed = BTreeSet::new();
                for bytes in messages {
                    changed.extend(self.message(Protocol::Tcp, path, direction, &bytes, now));
                }
                if let Some(error) = error {
                    self.refuse(error.into());
                }
                changed
            }
        }
    }

    fn message(
        &mut self,
        protocol: Protocol,
        path: Path,
        direction: Direction,
        bytes: &[u8],
        now: Timestamp,
    ) -> BTreeSet<IpAddr> {
        let taken = DnsMessage::read(bytes)
            .map_err(Refusal::from)
            .and_then(|message| self.take(protocol, path, direction, message, now));
        match taken {
            Ok(Some(resolution)) => self.answer(path, resolution, now),
            Ok(None) => BTreeSet::new(),
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Remembers a query; gives what an answer says that was asked for.
    fn take(
        &mut self,
        protocol: Protocol,
        path: Path,
        direction: Direction,
        message: DnsMessage<'_>,
        now: Timestamp,
    ) -> Result<Option<Resolution>, Refusal> {
        let query = Query {
            protocol,
            path,
            id: message.id(),
            question: message.question()?,
        };
        match (direction, message.is_response()) {
            (Direction::Sent, false) => {
                self.queries.sent(query, now);
                Ok(None)
            }
            (Direction::Received, true) => {
                if !self.queries.answered(&query, now) {
                    return Err(Refusal::Unasked);
                }
                let records = message.records()?;
                let resolution = Resolution::new(&query.question, &records);
                resolution.map(Some).ok_or(Refusal::NoAddresses)
            }
            _ => Err(Refusal::WrongWay),
        }
    }

    /// Takes in an answer that was asked for, if the server is one to believe.
    fn answer(&mut self, path: Path, resolution: Resolution, now: Timestamp) -> BTreeSet<IpAddr> {
        if !self.resolvers.contains(path.server) {
            self.keep(Early {
                path,
                resolution,
                at: now,
            });
            return self.refuse(Refusal::Server);
        }
        // A server on this machine may have asked the neighbours.
        if path.is_within_the_machine() {
            return self.learned(&resolution, now);
        }
        self.learn(&resolution, now)
    }

    fn keep(&mut self, early: Early) {
        if !self.keeps_early {
            return;
        }
        while self.early.len() >= EARLY_ANSWERS {
            self.early.pop_front();
        }
        self.early.push_back(early);
    }

    /// Takes in what [`Sources`] report. Gives the addresses whose names are others than before.
    pub fn update(&mut self, update: Update, now: Timestamp) -> BTreeSet<IpAddr> {
        match update {
            Update::Resolvers(resolvers) => self.use_resolvers(resolvers, now),
            Update::Resolution(resolution) => self.learned(&resolution, now),
            Update::Monitored(monitored) => {
                self.monitored = monitored;
                BTreeSet::new()
            }
        }
    }

    /// Takes in what systemd-resolved tells of an answer of its own. Gives the addresses whose
    /// names are others than before.
    pub fn learned(&mut self, resolution: &Resolution, now: Timestamp) -> BTreeSet<IpAddr> {
        match resolution.by_neighbours {
            true => self.refuse(Refusal::Neighbours),
            false => self.learn(resolution, now),
        }
    }

    fn learn(&mut self, resolution: &Resolution, now: Timestamp) -> BTreeSet<IpAddr> {
        if resolution.asked.is_none() && resolution.targets.is_empty() {
            return self.refuse(Refusal::NoNames);
        }
        self.learned += 1;
        tracing::debug!(
            name = resolution.asked.as_ref().map(HostName::as_str),
            addresses = resolution.addresses.len(),
            "a name was looked up"
        );
        self.table.learn(resolution, now)
    }

    /// From now on, these are the machine's own servers. Answers of theirs that came shortly
    /// before count as well. Gives the addresses whose names are others than before.
    pub fn use_resolvers(&mut self, resolvers: Resolvers, now: Timestamp) -> BTreeSet<IpAddr> {
        self.resolvers = resolvers;
        self.keeps_early = self.resolvers != Resolvers::none();
        let mut changed = BTreeSet::new();
        for early in std::mem::take(&mut self.early) {
            let fresh = now <= early.at.after_millis(EARLY);
            if fresh && self.resolvers.contains(early.path.server) {
                changed.extend(self.answer(early.path, early.resolution, now));
            }
        }
        changed
    }

    /// The names under which an address was looked up, best first: those that programs asked for
    /// before those that are behind them as aliases, and then the one looked up last.
    #[must_use]
    pub fn of(&self, address: IpAddr, now: Timestamp) -> Vec<HostName> {
        self.table.of(address.to_canonical(), now)
    }

    /// Forgets what is over; to be called every few seconds. Gives the addresses that lost a
    /// name.
    pub fn tick(&mut self, now: Timestamp) -> BTreeSet<IpAddr> {
        self.queries.tick(now);
        self.streams.tick(now);
        self.early
            .retain(|early| now <= early.at.after_millis(EARLY));
        self.table.tick(now)
    }

    /// How much is known.
    #[must_use]
    pub fn status(&self) -> NamesStatus {
        NamesStatus {
            addresses: self.table.len(),
            queries: self.queries.len(),
            connections: self.streams.len(),
            resolvers: self.resolvers.iter().collect(),
            monitored: self.monitored,
            learned: self.learned,
            refused: self.refused.clone(),
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> BTreeSet<IpAddr> {
        *self.refused.entry(refusal).or_default() += 1;
        tracing::debug!(
            reason = escape::printable(&refusal.to_string()),
            "an answer taught no name"
        );
        BTreeSet::new()
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod testing;
