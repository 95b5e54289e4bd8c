//! Identification by the kernel's socket tables and `/proc`, for where the kernel-side program
//! can't run.
//!
//! What it proves: at the time of looking, while the packet is held, there was a socket that can
//! have sent it, and the process it names held that socket, as did no process of another
//! program that can be seen. What it can't: that the process had not executed another program
//! since it sent. A process that ends right after sending is not found at all. That is why such
//! identities carry [`Evidence::SocketTable`].

use std::sync::Arc;
use std::time::Instant;

use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::process::{Evidence, Identity, Process, UnknownReason};

use super::holders::{Holder, Holders};
use super::proc_dir::ProcFs;
use super::{Identifier, process};
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
            Err(UnknownReason::NoProcess) => self.holders.older_than(asked),
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
        let mut inodes: Vec<u64> = sockets.iter().map(|socket| socket.inode).collect();
        inodes.sort_unstable();
        inodes.dedup();
        if inodes.contains(&0) {
            // Closed by its process; nothing is left that could tell by which.
            return Err(UnknownReason::NoProcess);
        }
        let found = self.holders.of(&self.proc, &inodes, Instant::now())?;
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
    /// Only TCP can have such packets on behalf of a process: MPTCP's further subflows, which
    /// carry the inode of the program's socket; and what is sent again, or sent late, from a
    /// socket that its process closed. The latter has no inode, so there is nobody to name; but
    /// it is not called the kernel's own. A connection that was closed so long ago that its
    /// socket is gone too is: it sends nothing but resets. Sockets that the kernel opened for
    /// itself have an inode that nobody holds.
    fn without_owner(&mut self, flow: &Flow) -> Identity {
        if flow.protocol != Protocol::Tcp {
            return Identity::Kernel;
        }
        let mut sockets = match self.lookup(flow) {
            Ok(sockets) => sockets,
            Err(reason) => return Identity::Unknown { uid: None, reason },
        };
        sockets.retain(|socket| socket.has_tuple_of(flow));
        let Some(socket) = sockets.first() else {
            return Identity::Kernel;
        };
        // Before Linux 6.17 a closed socket is told to be root's.
        let uid = Some(socket.uid).filter(|&uid| uid != 0 || socket.inode != 0);
        match self.holder(&sockets, socket.uid) {
            Err(UnknownReason::NoProcess) if socket.inode != 0 => Identity::Kernel,
            other => known(other, uid),
        }
    }
}

fn known(found: Result<Process, UnknownReason>, uid: Option<u32>) -> Identity {
    match found {
        Ok(process) => Identity::Process(Arc::new(process)),
        Err(reason) => Identity::Unknown { uid, reason },
    }
}

impl Identifier for SocketTableIdentifier {
    fn identify(&mut self, flow: &Flow, owner: Option<u32>) -> Identity {
        match owner {
            Some(uid) => known(self.sender(flow, uid), Some(uid)),
            None => self.without_owner(flow),
        }
    }

    fn evidence(&self) -> Evidence {
        Evidence::SocketTable
    }
}
