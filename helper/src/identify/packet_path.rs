//! Identification by what the kernel programs recorded while the packet was being sent.
//!
//! What it proves: the process whose system call sent the packet, and the program it ran then.
//! `/proc` completes that only while it agrees with the record in start, executable, and where
//! stack and arguments lie, so neither a reused pid nor another program in the same process is
//! believed. If the process is gone, the record has the path as well.
//!
//! What is known of a program of a process stays true, so it is looked up once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bastion_ebpf::{Image, Sender, kind};
use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::process::{Identity, Process, UnknownReason};

use super::proc_dir::ProcFs;
use super::{Identifier, SocketTableIdentifier, gone, process};
use crate::kernel::{History, Key, Ran, Senders};
use crate::packet;
use crate::queue::HeldPacket;
use crate::sockets::SocketEntry;

/// Programs of processes remembered; the first to come are the first to go. Each takes about as
/// much as its arguments, which are bounded.
const KNOWN: usize = 2_048;

/// See the module's documentation.
pub struct PacketPathIdentifier {
    senders: Arc<Senders>,
    history: History,
    proc: ProcFs,
    known: Known,
    fallback: SocketTableIdentifier,
    /// True while senders are recorded at all.
    recording: Arc<AtomicBool>,
}

impl PacketPathIdentifier {
    /// Identifies by these records; by `fallback` what they don't tell, and everything while none
    /// are made.
    #[must_use]
    pub fn new(
        senders: Arc<Senders>,
        history: History,
        fallback: SocketTableIdentifier,
        recording: Arc<AtomicBool>,
    ) -> Self {
        Self {
            recording,
            senders,
            history,
            proc: ProcFs::default(),
            known: Known::default(),
            fallback,
        }
    }

    /// Who began the connection of this socket, if the kernel programs saw it begin. Nobody's call
    /// is seen to begin what came in from elsewhere.
    pub fn opener(&mut self, socket: &SocketEntry) -> Option<(Flow, Identity)> {
        let flow = flow_of(socket)?;
        let identity = self.beginner(&flow, socket.cookie?)?;
        Some((flow, identity))
    }

    /// Who began this flow by the socket with this cookie, if the kernel programs saw it.
    pub fn beginner(&mut self, flow: &Flow, cookie: u64) -> Option<Identity> {
        let sender = self.senders.last(Key::from(flow)).ok().flatten()?;
        let its = sender.kind == kind::PROCESS && sender.cookie == cookie;
        its.then(|| self.recorded(&sender))
    }

    /// Who began the connection that a packet without a record is sent for, if its socket is still
    /// the one that was recorded. On a processor on which the kernel programs are interrupted
    /// recording they are not run a second time, so that what a timer sends just then has no record
    /// of its own. What a call sends always has: no call comes in between (a kprobe runs without
    /// preemption, and of the programs by fentry there are two for that).
    fn sent_again(&mut self, flow: &Flow, owner: Option<u32>) -> Option<Identity> {
        // Datagrams are sent once.
        if flow.protocol != Protocol::Tcp {
            return None;
        }
        let cookie = self.fallback.connected(flow, owner?)?;
        self.beginner(flow, cookie)
    }

    fn recorded(&mut self, sender: &Sender) -> Identity {
        if let Some(process) = self.known.get(sender) {
            return Identity::Process(process);
        }
        match self.read(sender) {
            Ok(process) => Identity::Process(self.known.add(sender, process)),
            Err(reason) => Identity::Unknown {
                uid: Some(sender.uid),
                reason,
            },
        }
    }

    fn read(&self, sender: &Sender) -> Result<Process, UnknownReason> {
        match process::read_recorded(&self.proc, sender) {
            Ok(mut process) => {
                // A parent that is gone has left the child to another.
                if self.history.parent(process.key).is_some() {
                    process.parents = gone::ancestors(&self.proc, &self.history, process.key);
                }
                Ok(process)
            }
            Err(reason) => self.remembered(sender).ok_or(reason),
        }
    }

    fn remembered(&self, sender: &Sender) -> Option<Process> {
        let file = self.senders.file(&sender.image).ok().flatten()?;
        gone::describe(&self.proc, &self.history, sender, &Ran::from(&file)).ok()
    }
}

impl Identifier for PacketPathIdentifier {
    fn identify(&mut self, flow: &Flow, packet: &HeldPacket) -> Identity {
        if !self.recording.load(Ordering::Relaxed) {
            return self.fallback.identify(flow, packet);
        }
        let unknown = |reason| Identity::Unknown {
            uid: packet.owner,
            reason,
        };
        match self.senders.of(Key::from(flow), &packet.bytes) {
            Ok(Some(sender)) if sender.kind == kind::PROCESS => self.recorded(&sender),
            Ok(Some(sender)) if sender.kind == kind::KERNEL => Identity::Kernel,
            Ok(Some(_)) if may_be_looked_up(packet) => self.fallback.identify(flow, packet),
            Ok(Some(_)) => unknown(UnknownReason::NoRecord),
            Ok(None) => {
                let again = self.sent_again(flow, packet.owner);
                again.unwrap_or_else(|| unknown(UnknownReason::NoRecord))
            }
            Err(error) => {
                tracing::warn!(%error, "the record of a packet can't be read");
                unknown(UnknownReason::Unreadable)
            }
        }
    }

    fn refresh(&self, identity: Identity) -> Identity {
        let Identity::Process(known) = &identity else {
            return identity;
        };
        let now = process::executable(&self.proc, known.key);
        let exchanged = now.is_some_and(|now| now.file == known.executable.file && now.replaced);
        if !exchanged || known.executable.replaced {
            return identity;
        }
        let mut process = Process::clone(known);
        process.executable.replaced = true;
        Identity::Process(Arc::new(process))
    }
}

/// True for packets that are not sent by a call of their program's, and whose sender can be looked
/// up all the same. Of others, whoever holds the socket by now need not be who sent: a program may
/// have handed it on, or executed another, just for that.
///
/// - what no open file sent: the kernel's own;
/// - what root's sockets send, such as those by which IPsec and tunnels wrap packets;
/// - the middle of a TCP connection, which goes on in whatever process holds its socket.
fn may_be_looked_up(packet: &HeldPacket) -> bool {
    let midstream = || packet::parse(&packet.bytes).is_ok_and(|parsed| parsed.midstream);
    packet.owner.is_none_or(|owner| owner == 0) || midstream()
}

/// The flow of a socket that has a fixed remote end.
#[must_use]
pub fn flow_of(socket: &SocketEntry) -> Option<Flow> {
    let remote = socket.remote?;
    Some(Flow {
        protocol: socket.protocol,
        source: socket.local.ip(),
        source_port: socket.local.port(),
        destination: remote.ip(),
        destination_port: remote.port(),
        hosts: Vec::new(),
    })
}

/// Processes by program and by whom they send for.
#[derive(Default)]
struct Known {
    processes: HashMap<(Image, u32), Arc<Process>>,
    order: VecDeque<(Image, u32)>,
}

impl Known {
    fn get(&self, sender: &Sender) -> Option<Arc<Process>> {
        let key = (sender.image, sender.uid);
        self.processes.get(&key).map(Arc::clone)
    }

    fn add(&mut self, sender: &Sender, process: Process) -> Arc<Process> {
        let process = Arc::new(process);
        let key = (sender.image, sender.uid);
        self.order.push_back(key);
        self.processes.insert(key, Arc::clone(&process));
        if self.order.len() > KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.processes.remove(&oldest);
        }
        process
    }
}
