//! The real queue: one NFQUEUE number, over IPv4 and IPv6, through the `nfq` crate.
//!
//! The crate asks for some care:
//!
//! * It wants the message itself for a verdict, and a message keeps its receive buffer: a page
//!   and [`COPY_RANGE`], whatever the packet's size. With the table of messages a held packet takes
//!   4,980 bytes (measured, 4,096 packets of 1,400 bytes). How many are held at a time is limited
//!   by [`Limits`](bastion_policy::pending::Limits), whose defaults come to 15 MiB.
//! * It hides its socket, which must be waited on together with a [`Waker`] and given a bigger
//!   buffer; `socket.rs` finds it.
//! * Each of its settings is a request, sent at once, and a wait for the answer that throws away
//!   packets that come before it. The kernel would hold those until the queue closes. And
//!   [`Queue::bind`] lets packets come before the kernel is told to name their owners; a packet
//!   without its owner would be taken for the kernel's own. `configure` prevents both.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use bastion_policy::pending::PacketId;
use netlink_sys::Socket;
use nfq::{Message, Queue, Verdict};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::{debug, warn};

use super::{HeldPacket, PacketQueue, PacketVerdict, QueueError, QueueStats, Waker};
use super::{socket, stats};

/// Bytes of each packet that the kernel copies: an IP header with all options and the longest
/// TCP header take 120, and IPv6 extension headers that honest senders use a few dozen more. A
/// packet whose headers are longer is cut, can't be read, and is denied.
pub const COPY_RANGE: u16 = 512;

/// Packets that may wait for a verdict at a time; more are dropped, and counted in
/// [`QueueStats::queue_dropped`].
pub const MAX_LENGTH: u32 = 16_384;

/// So many that the queue is nearly full.
const NEARLY: u32 = MAX_LENGTH / 4 * 3;

/// A queue of the kernel, held until dropped; what waits in it is dropped with it.
pub struct NfQueue {
    queue: Queue,
    number: u16,
    /// The queue's own socket.
    socket: Socket,
    waker: Waker,
    /// What was received and has no verdict yet.
    held: HashMap<PacketId, Message>,
    /// Packets that were lost when that was looked at last.
    lost: u64,
}

impl NfQueue {
    /// Takes a queue in the calling thread's network namespace.
    ///
    /// # Errors
    /// [`QueueError::Taken`] when somebody else holds it, [`QueueError::NotPermitted`] without
    /// CAP_NET_ADMIN, [`QueueError::Setup`] for all else.
    pub fn open(number: u16) -> Result<(Self, Waker), QueueError> {
        let (mut queue, socket) = socket::open().map_err(setup("opened"))?;
        socket::enlarge_buffer(&socket);
        let waker = Waker::new().map_err(setup("opened"))?;
        configure(&mut queue, &socket, number)?;
        let queue = Self {
            queue,
            number,
            socket,
            waker: waker.clone(),
            held: HashMap::new(),
            lost: 0,
        };
        Ok((queue, waker))
    }

    /// What the kernel counts about this queue. Reads a file; not for every packet.
    ///
    /// # Errors
    /// When the kernel's table of queues can't be read.
    pub fn stats(&self) -> Result<QueueStats, QueueError> {
        stats::stats(self.number)
    }

    /// Keeps a message until its verdict.
    fn hold(&mut self, message: Message) -> HeldPacket {
        let packet = HeldPacket {
            id: PacketId(message.get_packet_id()),
            bytes: message.get_payload().to_vec(),
            owner: message.get_uid(),
        };
        // A message with the same number is of a packet that the kernel dropped by itself long
        // ago, as it does when an interface goes away.
        self.held.insert(packet.id, message);
        packet
    }
}

/// Binds the queue and makes all its settings before the first packet comes.
///
/// The kernel carries each request out and answers it before the send returns, and delivers no
/// packets, but drops them as if nobody held the queue, until a copy range is set. Because a
/// refusal waits in the socket from the start, each call reads the answer to the one before:
///
/// * [`Queue::bind`] reads the refusal, and so ends after it has bound and before it sets a copy
///   range of its own;
/// * each setting reads the answer to the request before it;
/// * [`Queue::set_copy_range`], the last, returns without looking at what comes after that
///   answer. Its own answer and the first packets are left to [`NfQueue::receive`].
///
/// So no packet is seen without its owner, and none is thrown away. Fail-open stays off.
fn configure(queue: &mut Queue, socket: &Socket, number: u16) -> Result<(), QueueError> {
    let failed = setup("configured");
    socket::provoke_refusal(socket).map_err(&failed)?;
    match queue.bind(number) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            return Err(QueueError::NotPermitted(number));
        }
        Err(error) => return Err(failed(error)),
        Ok(()) => return Err(failed(io::Error::other("a senseless request was accepted"))),
    }
    queue
        .set_recv_uid_gid(number, true)
        // Big packets come whole.
        .and_then(|()| queue.set_recv_gso(number, true))
        .and_then(|()| queue.set_queue_max_len(number, MAX_LENGTH))
        .and_then(|()| queue.set_copy_range(number, COPY_RANGE))
        .map_err(|error| match error.raw_os_error() {
            // It was not for want of privilege, or the first refusal had said so.
            Some(libc::EPERM) => QueueError::Taken(number),
            _ => failed(error),
        })
}

impl PacketQueue for NfQueue {
    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), QueueError> {
        let mut waits = [
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.waker.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut waits, poll_timeout(timeout)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(QueueError::Io(errno.into())),
        }
        let [_, woken] = &waits;
        if woken.revents().is_some_and(|events| !events.is_empty()) {
            self.waker.reset()?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<Option<HeldPacket>, QueueError> {
        loop {
            let error = match self.queue.recv() {
                Ok(message) => return Ok(Some(self.hold(message))),
                Err(error) => error,
            };
            match error.raw_os_error() {
                Some(libc::EAGAIN) => return Ok(None),
                // ENOBUFS: packets were lost, which the kernel has counted. It is asked not to
                // report that; a kernel that does all the same has broken nothing.
                Some(libc::EINTR | libc::ENOBUFS) => {}
                // The answer to a verdict on a packet the kernel no longer holds, as after its
                // interface went away.
                Some(libc::ENOENT) => debug!("a verdict came too late"),
                // The crate's buffer has a page of room besides the copy.
                Some(libc::ENOSPC) => warn!("the kernel sent a queue message that is too long"),
                _ => return Err(error.into()),
            }
        }
    }

    fn is_nearly_full(&mut self) -> bool {
        let Ok(stats) = self.stats() else {
            return false;
        };
        let before = std::mem::replace(&mut self.lost, stats.lost());
        stats.waiting >= NEARLY || stats.lost() > before
    }

    fn verdict(&mut self, id: PacketId, verdict: PacketVerdict) -> Result<(), QueueError> {
        let Some(mut message) = self.held.remove(&id) else {
            return Ok(());
        };
        message.set_verdict(match verdict {
            PacketVerdict::Accept => Verdict::Accept,
            PacketVerdict::Drop => Verdict::Drop,
        });
        Ok(self.queue.verdict(message)?)
    }
}

impl Drop for NfQueue {
    /// Closing the socket would do, were it certain that no child process holds a copy of it
    /// for the moment between fork and exec.
    fn drop(&mut self) {
        match self.queue.unbind(self.number) {
            // The request is carried out; its answer found no room among unread packets.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                warn!(%error, queue = self.number, "the packet queue was not given back: {error}")
            }
            Ok(()) => {}
        }
    }
}

fn setup(what: &'static str) -> impl Fn(io::Error) -> QueueError {
    move |source| QueueError::Setup { what, source }
}

/// Rounded up to milliseconds, so that a wait never ends early; the longest one takes 24 days.
fn poll_timeout(timeout: Option<Duration>) -> PollTimeout {
    let Some(timeout) = timeout else {
        return PollTimeout::NONE;
    };
    let millis = timeout.as_nanos().div_ceil(1_000_000);
    i32::try_from(millis)
        .ok()
        .and_then(|millis| PollTimeout::try_from(millis).ok())
        .unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_never_shorter_than_asked() {
        assert_eq!(poll_timeout(None), PollTimeout::NONE);
        assert_eq!(poll_timeout(Some(Duration::ZERO)), PollTimeout::ZERO);
        assert_eq!(
            poll_timeout(Some(Duration::from_nanos(1_000_001))),
            PollTimeout::from(2u8)
        );
        assert_eq!(poll_timeout(Some(Duration::MAX)), PollTimeout::MAX);
    }
}
