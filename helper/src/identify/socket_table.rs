//! Identification by the kernel's socket tables and `/proc`, for where the kernel-side program
//! can't run.
//!
//! What it proves: at the time of looking, while the packet is held, there was a socket that can
//! have sent it, and the process it names held that socket, as did no process of another
//! program that can be seen. What it can't: that the process had not executed another program
//! since it sent. A process that ends right after sending is not found at all. That is why such
//! identities carry [`Evidence::SocketTable`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::process::{Evidence, Identity, Process, UnknownReason};

use super::holders::{Holder, Holders};
use super::proc_dir::ProcFs;
use super::{Identifier, process};
use crate::queue::HeldPacket;
use crate::sockets::{SocketEntry, SocketError, SocketTables};

/// More processes than this with one socket are not compared.
const MAX_HOLDERS: usize = 256;

/// Identifies senders by the socket tables and `/proc`.
#[derive(Debug)]
pub struct SocketTableIdentifier {
    tables: SocketTables,
    proc: ProcFs,
    holders: Holders,
}

impl SocketTableIdentifier {
    /// An identifier for the network namespace of this thread.
    ///
    /// # Errors
    /// If the socket tables can't be opened.
    pub fn new() -> Result<Self, SocketError> {
        Ok(Self {
            tables: SocketTables::open()?,
            proc: ProcFs::default(),
            holders: Holders::default(),
        })
    }

    /// Who holds this socket.
    pub fn identify_socket(&mut self, socket: &SocketEntry) -> Identity {
        let uid = socket.uid;
        known(self.holder(std::slice::from_ref(socket), uid), Some(uid))
    }

    /// Who sent a packet of this flow. `owner` is the owner of the sending socket as the queue
    /// reported it; `None` means that no process's open file sent it.
    pub fn sender_of(&mut self, flow: &Flow, owner: Option<u32>) -> Identity {
        match owner {
            Some(uid) => known(self.sender(flow, uid), Some(uid)),
            None => self.without_owner(flow),
        }
    }

    /// The cookie of this user's socket with both ends of this flow.
    pub(super) fn connected(&mut self, flow: &Flow, uid: u32) -> Option<u64> {
        let ends = (
            SocketAddr::new(flow.source, flow.source_port),
            Some(SocketAddr::new(flow.destination, flow.destination_port)),
        );
        let sockets = self.lookup(flow).ok()?;
        let mut connected = sockets
            .iter()
            .filter(|socket| socket.uid == uid && (socket.local, socket.remote) == ends);
        connected.next()?.cookie
    }

    fn sender(&mut self, flow: &Flow, uid: u32) -> Result<Process, UnknownReason> {
        let mut sockets = self.lookup(flow)?;
        // What another user's socket sent, the queue would have told.
        sockets.retain(|socket| socket.uid == uid);
        if sockets.is_empty() {
            return Err(UnknownReason::NoSocket);
        }
        self.holder(&sockets, uid)
    }

    fn lookup(&mut self, flow: &Flow) -> Result<Vec<SocketEntry>, UnknownReason> {
        self.tables.lookup(flow).map_err(|error| {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "socket lookup failed"
            );
            UnknownReason::Unreadable
        })
    }

    /// The process that stands for all holders of these sockets. Tried again once if something
    /// changed meanwhile.
    fn holder(&mut self, sockets: &[SocketEntry], uid: u32) -> Result<Process, UnknownReason> {
        let asked = Instant::now();
        let found = self.holder_once(sockets, uid);
        let again = match &found {
            Err(UnknownReason::Changed) => true,
            // An older look may not know that another has the socket now.
            Err(UnknownReason::NoProcess) => {
                self.holders.older_than(asked)
                    && !self.holders.is_missing(&inodes(sockets), Instant::now())
            }
            _ => false,
        };
        if !again {
            return found;
        }
        self.holders.forget();
        self.holder_once(sockets, uid)
    }

    /// All holders must run the same file for the same user. Then the program is proven, though
    /// not which of its processes sent; the oldest stands for them, as the others have the
    /// socket from it.
    fn holder_once(&mut self, sockets: &[SocketEntry], uid: u32) -> Result<Process, UnknownReason> {
        let inodes = inodes(sockets);
        if inodes.contains(&0) {
            // Closed by its process; nothing is left that could tell by which.
            return Err(UnknownReason::NoProcess);
        }
        let found = self.holders.of(&self.proc, &inodes, uid, Instant::now())?;
        if found.len() > MAX_HOLDERS {
            return Err(UnknownReason::Ambiguous);
        }
        let (first, others) = self.same_program(&found)?;
        let chosen = found.get(first).ok_or(UnknownReason::NoProcess)?;
        let process = self.process(chosen, uid)?;
        if others {
            // Nobody may have become another program while the first was read.
            self.same_program(&found)?;
        }
        Ok(process)
    }

    fn process(&self, (inode, holder): &(u64, Holder), uid: u32) -> Result<Process, UnknownReason> {
        let evidence = Evidence::SocketTable;
        process::read(&self.proc, holder.pid, uid, evidence, &|dir| {
            holder.holds(dir, *inode)
        })
    }

    /// The index of the oldest holder, and whether there are others.
    fn same_program(&self, found: &[(u64, Holder)]) -> Result<(usize, bool), UnknownReason> {
        if found.len() == 1 {
            return Ok((0, false));
        }
        let mut programs = Vec::with_capacity(found.len());
        for (inode, holder) in found {
            programs.push(process::program(&self.proc, holder.pid, &|dir| {
                holder.holds(dir, *inode)
            })?);
        }
        if programs
            .windows(2)
            .any(|pair| !matches!(pair, [a, b] if a.same(b)))
        {
            return Err(UnknownReason::Ambiguous);
        }
        let oldest = programs
            .iter()
            .enumerate()
            .min_by_key(|(_, program)| program.age());
        let (at, _) = oldest.ok_or(UnknownReason::NoProcess)?;
        Ok((at, true))
    }

    /// Who sent a packet that belongs to no process's open file, by what the queue says.
    ///
    /// The kernel's own packets are such: resets, ICMP errors, what tunnels and network drives
    /// send from sockets that root had the kernel open. But so are these, which carry a
    /// program's words:
    /// - those of a socket that the kernel opened for a program of a user, who is its owner
    ///   (`sock_alloc`): `AF_RXRPC` sends by such a UDP socket, `AF_SMC` by such a TCP one, and
    ///   either may be opened by anybody;
    /// - MPTCP's further subflows, which carry the inode of the program's socket;
    /// - what TCP and SCTP send again, or late, from a socket that its program closed. It has
    ///   no inode, so there is nobody to name. A connection that was closed so long ago that
    ///   its socket is gone too is the kernel's: it sends nothing but resets.
    fn without_owner(&mut self, flow: &Flow) -> Identity {
        let of_port = match flow.protocol {
            Protocol::Tcp | Protocol::Sctp => false,
            Protocol::Udp | Protocol::UdpLite => true,
            // Ping and raw sockets always have an open file when they send.
            _ => return Identity::Kernel,
        };
        let sockets = match self.lookup(flow) {
            Ok(sockets) => sockets,
            Err(reason) => return Identity::Unknown { uid: None, reason },
        };
        if of_port {
            self.without_owner_by_port(flow, sockets)
        } else {
            self.without_owner_by_ends(flow, sockets)
        }
    }

    /// Any socket of the port may be the sender, but for those that a process holds: their
    /// packets have an owner. (Another's socket may well have the port a tunnel sends from, as
    /// VXLAN makes up a new one for each flow.)
    fn without_owner_by_port(&mut self, flow: &Flow, sockets: Vec<SocketEntry>) -> Identity {
        let now = Instant::now();
        let users = sockets
            .into_iter()
            .filter(|socket| socket.uid != 0 && socket.local.port() == flow.source_port);
        for socket in users {
            let held = self
                .holders
                .of(&self.proc, &[socket.inode], socket.uid, now);
            if let Err(reason) = held {
                let uid = Some(socket.uid);
                return Identity::Unknown { uid, reason };
            }
        }
        Identity::Kernel
    }

    fn without_owner_by_ends(&mut self, flow: &Flow, mut sockets: Vec<SocketEntry>) -> Identity {
        sockets.retain(|socket| socket.has_tuple_of(flow));
        let Some(socket) = sockets.first() else {
            return Identity::Kernel;
        };
        let root = socket.uid == 0;
        // Before Linux 6.17 a closed socket is told to be root's.
        let uid = Some(socket.uid).filter(|_| !root || socket.inode != 0);
        match self.holder(&sockets, socket.uid) {
            Err(UnknownReason::NoProcess) if root && socket.inode != 0 => Identity::Kernel,
            other => known(other, uid),
        }
    }
}

/// The inodes of these sockets, each once.
fn inodes(sockets: &[SocketEntry]) -> Vec<u64> {
    let mut inodes: Vec<u64> = sockets.iter().map(|socket| socket.inode).collect();
    inodes.sort_unstable();
    inodes.dedup();
    inodes
}

fn known(found: Result<Process, UnknownReason>, uid: Option<u32>) -> Identity {
    match found {
        Ok(process) => Identity::Process(Arc::new(process)),
        Err(reason) => Identity::Unknown { uid, reason },
    }
}

impl Identifier for SocketTableIdentifier {
    fn identify(&mut self, flow: &Flow, packet: &HeldPacket) -> Identity {
        self.sender_of(flow, packet.owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::SocketState;

    fn flow(protocol: Protocol) -> Flow {
        Flow {
            protocol,
            source: [192, 0, 2, 1].into(),
            source_port: 4000,
            destination: [198, 51, 100, 7].into(),
            destination_port: 80,
            hosts: Vec::new(),
        }
    }

    fn socket(flow: &Flow, uid: u32, inode: u64) -> SocketEntry {
        SocketEntry {
            protocol: flow.protocol,
            local: (flow.source, flow.source_port).into(),
            remote: Some((flow.destination, flow.destination_port).into()),
            state: SocketState::Established,
            inode,
            uid,
            cookie: None,
            interface: 0,
            ipv6: false,
            ipv6_only: false,
        }
    }

    /// One for a machine on which process 60 holds the socket 6.
    fn with_identifier(test: impl FnOnce(&mut SocketTableIdentifier)) {
        let proc = tempfile::tempdir().unwrap();
        let files = proc.path().join("60/fd");
        std::fs::create_dir_all(&files).unwrap();
        std::os::unix::fs::symlink("socket:[6]", files.join("3")).unwrap();
        test(&mut SocketTableIdentifier {
            tables: SocketTables::open().unwrap(),
            proc: ProcFs::at(proc.path()),
            holders: Holders::default(),
        });
    }

    fn no_process(uid: Option<u32>) -> Identity {
        let reason = UnknownReason::NoProcess;
        Identity::Unknown { uid, reason }
    }

    /// Who makes a socket is its owner, also if it was a call to the kernel that made it.
    #[test]
    fn of_connections_without_a_process_only_roots_are_the_kernels() {
        for protocol in [Protocol::Tcp, Protocol::Sctp] {
            let flow = flow(protocol);
            let cases = [
                (socket(&flow, 0, 5), Identity::Kernel),
                (socket(&flow, 1000, 5), no_process(Some(1000))),
                (socket(&flow, 1000, 0), no_process(Some(1000))),
                (socket(&flow, 0, 0), no_process(None)),
            ];
            for (socket, expected) in cases {
                with_identifier(|identifier| {
                    let found = identifier.without_owner_by_ends(&flow, vec![socket]);
                    assert_eq!(found, expected);
                });
            }
            with_identifier(|identifier| {
                let found = identifier.without_owner_by_ends(&flow, Vec::new());
                assert_eq!(found, Identity::Kernel);
            });
        }
    }

    #[test]
    fn of_ports_without_a_process_only_roots_are_the_kernels() {
        for protocol in [Protocol::Udp, Protocol::UdpLite] {
            let flow = flow(protocol);
            let elsewhere = SocketEntry {
                local: (flow.source, 0).into(),
                ..socket(&flow, 1000, 5)
            };
            let cases = [
                (vec![], Identity::Kernel),
                (vec![socket(&flow, 0, 5)], Identity::Kernel),
                (vec![socket(&flow, 1000, 6)], Identity::Kernel),
                (vec![elsewhere], Identity::Kernel),
                (vec![socket(&flow, 1000, 5)], no_process(Some(1000))),
                (
                    vec![
                        socket(&flow, 0, 4),
                        socket(&flow, 2000, 6),
                        socket(&flow, 1000, 5),
                    ],
                    no_process(Some(1000)),
                ),
            ];
            for (sockets, expected) in cases {
                with_identifier(|identifier| {
                    let found = identifier.without_owner_by_port(&flow, sockets);
                    assert_eq!(found, expected);
                });
            }
        }
    }
}
