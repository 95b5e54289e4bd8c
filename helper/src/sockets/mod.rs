//! The kernel's socket tables, read and changed through sock_diag(7).
//!
//! Reading others' sockets needs no privilege; ending them needs `CAP_NET_ADMIN`. Everything
//! here is about the network namespace of the thread that opened the [`SocketTables`].

use std::collections::HashSet;
use std::io;

use bastion_policy::flow::{Flow, Protocol};
use netlink_packet_sock_diag::inet::StateFlags;
use nix::net::if_::if_nameindex;

pub mod destroyer;
mod diag;
mod entry;
mod own;
mod text;

pub use destroyer::{Destroyer, Destroying};
use diag::{Diag, Family, Key};
pub use entry::{SocketEntry, SocketState};
pub use own::own_addresses;

/// Most sockets [`SocketTables::list`] gives; what lies beyond is left out.
pub const MAX_LISTED: usize = 16_384;

/// Protocol number of raw sockets that write any IP header themselves (`IPPROTO_RAW`, raw(7)).
const ANY_PROTOCOL: u16 = 255;

/// Why the socket tables could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// No netlink socket.
    #[error("the kernel's socket tables can't be opened")]
    Open(#[source] io::Error),
    /// A request or its answer was lost or refused.
    #[error("the kernel's socket tables can't be read")]
    Read(#[source] io::Error),
    /// The kernel was built without `CONFIG_INET_DIAG_DESTROY`.
    #[error("this kernel can't end the connections of other programs")]
    Unsupported(#[source] io::Error),
    /// Ending a socket failed.
    #[error("a connection could not be ended")]
    Destroy(#[source] io::Error),
    /// A program holds the socket's lock, or the kernel is very busy.
    #[error("a connection could not be ended in time; its program may hold its socket on purpose")]
    Held,
}

/// What became of a socket that was to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Destroyed {
    /// It is ended. Its program's waiting call, or else its next one, fails with `ECONNABORTED`
    /// ("Software caused connection abort").
    Ended,
    /// There is no such socket any more.
    Gone,
    /// It has no fixed remote end, or its protocol knows no connections; it may serve other
    /// flows and was left alone. Its program learns nothing.
    Connectionless,
    /// Several sockets have these same two ends (`SO_REUSEPORT`); none was ended.
    Ambiguous,
}

/// The kernel's socket tables.
#[derive(Debug)]
pub struct SocketTables {
    diag: Diag,
}

impl SocketTables {
    /// Opens the tables of the network namespace this thread is in.
    ///
    /// # Errors
    /// [`SocketError::Open`].
    pub fn open() -> Result<Self, SocketError> {
        Ok(Self {
            diag: Diag::open()?,
        })
    }

    /// The sockets that can have sent a packet of this flow: none, one, or, where the kernel
    /// lets several share a port, several.
    ///
    /// - TCP (and MPTCP, whose subflows carry the inode of the program's socket): the one with
    ///   exactly these two ends. Never a listening one.
    /// - UDP, UDP-Lite: all with this local port. What else they are bound or connected to
    ///   proves nothing, as `sendto` and `IP_PKTINFO` (ip(7)) let a program choose both
    ///   addresses for each datagram.
    /// - ICMP echo requests: ping sockets (icmp(7)) with this identifier.
    /// - SCTP: associations with these ports and addresses.
    /// - Else, and where none of these exists: raw sockets of this protocol and those that
    ///   write IP headers themselves.
    ///
    /// A raw socket can forge any packet, but who may open one (`CAP_NET_RAW`) can pass by
    /// netfilter altogether (packet(7)); so it is no candidate where an ordinary socket is.
    ///
    /// # Errors
    /// [`SocketError::Read`].
    pub fn lookup(&mut self, flow: &Flow) -> Result<Vec<SocketEntry>, SocketError> {
        let found = match flow.protocol {
            Protocol::Tcp => self.tcp(flow)?.into_iter().collect(),
            Protocol::Udp | Protocol::UdpLite => self.by_port(flow)?,
            Protocol::Icmp => ping("icmp", flow)?,
            Protocol::IcmpV6 => ping("icmp6", flow)?,
            Protocol::Sctp => sctp(flow)?,
            Protocol::Other(_) => Vec::new(),
        };
        if found.is_empty() {
            raw(flow)
        } else {
            Ok(found)
        }
    }

    /// TCP connections that are open or being made, and UDP sockets with a fixed remote end;
    /// at most [`MAX_LISTED`].
    ///
    /// # Errors
    /// [`SocketError::Read`].
    pub fn list(&mut self) -> Result<Vec<SocketEntry>, SocketError> {
        let unlisted = StateFlags::LISTEN | StateFlags::CLOSE | StateFlags::TIME_WAIT;
        let wanted = [
            (Protocol::Tcp, StateFlags::all().difference(unlisted)),
            (Protocol::Udp, StateFlags::ESTABLISHED),
        ];
        let mut list = Vec::new();
        for (protocol, states) in wanted {
            for family in [Family::V4, Family::V6] {
                self.diag
                    .all(family, protocol, states.clone(), 0, |entry| {
                        if list.len() < MAX_LISTED {
                            list.push(entry);
                        }
                    })?;
            }
        }
        Ok(list)
    }

    /// The ports at which TCP connections are waited for.
    ///
    /// # Errors
    /// [`SocketError::Read`].
    pub fn listening_ports(&mut self) -> Result<HashSet<u16>, SocketError> {
        let mut ports = HashSet::new();
        for family in [Family::V4, Family::V6] {
            self.diag
                .all(family, Protocol::Tcp, StateFlags::LISTEN, 0, |entry| {
                    ports.insert(entry.local.port());
                })?;
        }
        Ok(ports)
    }

    /// The UDP and UDP-Lite sockets that are wanted.
    ///
    /// # Errors
    /// [`SocketError::Read`].
    pub fn datagram_sockets(
        &mut self,
        wanted: impl Fn(&SocketEntry) -> bool,
    ) -> Result<Vec<SocketEntry>, SocketError> {
        let mut sockets = Vec::new();
        for protocol in [Protocol::Udp, Protocol::UdpLite] {
            for family in [Family::V4, Family::V6] {
                self.diag
                    .all(family, protocol, StateFlags::all(), 0, |entry| {
                        if wanted(&entry) {
                            sockets.push(entry);
                        }
                    })?;
            }
        }
        Ok(sockets)
    }

    /// The one socket that has exactly the two ends of this flow, or why none can be ended.
    fn only_one(&mut self, flow: &Flow) -> Result<Result<SocketEntry, Destroyed>, SocketError> {
        let found = match flow.protocol {
            Protocol::Tcp => self.tcp(flow)?.into_iter().collect(),
            Protocol::Udp | Protocol::UdpLite => self.by_port(flow)?,
            _ => return Ok(Err(Destroyed::Connectionless)),
        };
        let none = found.is_empty();
        let mut exact = found.into_iter().filter(|entry| entry.has_tuple_of(flow));
        Ok(match (exact.next(), exact.next()) {
            (Some(_), Some(_)) => Err(Destroyed::Ambiguous),
            (Some(entry), None) => Ok(entry),
            (None, _) if none => Err(Destroyed::Gone),
            (None, _) => Err(Destroyed::Connectionless),
        })
    }

    /// One request, as the kernel finds TCP sockets by their two ends whatever their family. It
    /// passes over sockets that are bound to an interface unless asked for that interface, so
    /// the rare miss is tried with each.
    fn tcp(&mut self, flow: &Flow) -> Result<Option<SocketEntry>, SocketError> {
        let mut key = Key {
            protocol: Protocol::Tcp,
            family: Family::of(flow.source),
            local: (flow.source, flow.source_port).into(),
            remote: (flow.destination, flow.destination_port).into(),
            interface: 0,
            cookie: None,
        };
        let same = |entry: &SocketEntry| entry.has_tuple_of(flow);
        if let Some(entry) = self.diag.one(&key)?.filter(same) {
            return Ok(Some(entry));
        }
        let interfaces = if_nameindex().map_err(|errno| SocketError::Read(errno.into()))?;
        for interface in &interfaces {
            key.interface = interface.index();
            if let Some(entry) = self.diag.one(&key)?.filter(same) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Asks for all of a port: for one tuple the kernel would name a single socket, even where
    /// several may have sent, and a hash would choose which.
    fn by_port(&mut self, flow: &Flow) -> Result<Vec<SocketEntry>, SocketError> {
        if flow.source_port == 0 {
            return Ok(Vec::new());
        }
        let states = StateFlags::ESTABLISHED | StateFlags::CLOSE;
        let ipv4 = flow.source.is_ipv4();
        let mut found = Vec::new();
        for family in [Family::V4, Family::V6] {
            if family == Family::V4 && !ipv4 {
                continue;
            }
            let port = flow.source_port;
            self.diag
                .all(family, flow.protocol, states.clone(), port, |entry| {
                    if !(ipv4 && entry.ipv6_only) {
                        found.push(entry);
                    }
                })?;
        }
        Ok(found)
    }
}

fn ping(table: &str, flow: &Flow) -> Result<Vec<SocketEntry>, SocketError> {
    let table = text::read(table).map_err(SocketError::Read)?;
    Ok(text::lines(&table)
        .filter(|line| line.number == flow.source_port)
        .map(|line| line.entry(flow.protocol))
        .collect())
}

fn raw(flow: &Flow) -> Result<Vec<SocketEntry>, SocketError> {
    let table = if flow.source.is_ipv4() { "raw" } else { "raw6" };
    let table = text::read(table).map_err(SocketError::Read)?;
    let own = u16::from(flow.protocol.number());
    Ok(text::lines(&table)
        .filter(|line| line.number == own || line.number == ANY_PROTOCOL)
        .map(|line| line.entry(flow.protocol))
        .collect())
}

fn sctp(flow: &Flow) -> Result<Vec<SocketEntry>, SocketError> {
    let table = text::read("sctp/assocs").map_err(SocketError::Read)?;
    let remote = (flow.destination, flow.destination_port).into();
    Ok(text::associations(&table)
        .filter(|a| (a.local_port, a.remote_port) == (flow.source_port, flow.destination_port))
        .filter(|a| a.locals.contains(&flow.source) && a.remotes.contains(&flow.destination))
        .map(|a| SocketEntry {
            protocol: Protocol::Sctp,
            local: (flow.source, flow.source_port).into(),
            remote: Some(remote),
            state: SocketState::Established,
            inode: a.inode,
            uid: a.uid,
            cookie: None,
            interface: 0,
            ipv6: flow.source.is_ipv6(),
            ipv6_only: false,
        })
        .collect())
}
