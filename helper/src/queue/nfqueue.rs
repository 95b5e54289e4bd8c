//! The real queue: a netlink socket bound to one NFQUEUE number.
//!
//! The `nfq` crate is not used, for three reasons. It keeps the whole receive buffer, 4.5 KiB
//! and more, of each packet until its verdict; thousands may wait, and an id of four bytes is
//! enough. While it sets a queue up it throws away packets that come at the same time, which the
//! kernel then holds for ever. And it hides the socket, which must be waited on together with a
//! [`Waker`] and given a bigger buffer. What remains to be done by hand are four messages
//! (`message.rs`), over the netlink crates that the socket tables need anyway.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use bastion_policy::pending::PacketId;
use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};
use tracing::{debug, warn};

use super::message::{Event, Request};
use super::{HeldPacket, PacketQueue, PacketVerdict, QueueError, QueueStats, Waker};
use super::{message, stats};

/// Bytes of each packet that the kernel copies: an IP header with all options and the longest
/// TCP header take 120, and IPv6 extension headers that honest senders use a few dozen more. A
/// packet whose headers are longer is cut, can't be read, and is denied.
pub const COPY_RANGE: u16 = 512;

/// Packets that may wait for a verdict at a time; more are dropped, and counted in
/// [`QueueStats::queue_dropped`].
pub const MAX_LENGTH: u32 = 16_384;

/// Receive buffer in bytes. The default (208 KiB) loses more than half of a burst of 5,000
/// packets; each takes about 1 KiB in the kernel's accounting.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Room for one message: its headers and attributes take less than 256 bytes besides the copy.
const MESSAGE_BYTES: usize = COPY_RANGE as usize + 1024;

/// The kernel's answer goes to port 0, the kernel itself.
const KERNEL: (u32, u32) = (0, 0);

/// A queue of the kernel, held until dropped; what waits in it is dropped with it.
pub struct NfQueue {
    socket: Socket,
    number: u16,
    waker: Waker,
    buffer: Vec<u8>,
    /// A packet that came during set-up.
    early: Option<HeldPacket>,
}

impl NfQueue {
    /// Takes a queue in the calling thread's network namespace.
    ///
    /// # Errors
    /// [`QueueError::Taken`] when somebody else holds it, [`QueueError::NotPermitted`] without
    /// CAP_NET_ADMIN, [`QueueError::Setup`] for all else.
    pub fn open(number: u16) -> Result<(Self, Waker), QueueError> {
        let (socket, port) = open_socket().map_err(setup("opened"))?;
        enlarge_buffer(&socket);
        let waker = Waker::new().map_err(setup("opened"))?;
        let mut queue = Self {
            socket,
            number,
            waker: waker.clone(),
            buffer: Vec::with_capacity(MESSAGE_BYTES),
            early: None,
        };
        queue.configure(port)?;
        Ok((queue, waker))
    }

    /// What the kernel counts about this queue. Reads a file; not for every packet.
    ///
    /// # Errors
    /// When the kernel's table of queues can't be read.
    pub fn stats(&self) -> Result<QueueStats, QueueError> {
        stats::stats(self.number)
    }

    /// Packets come only once the last request is carried out, all settings made: a packet
    /// without its owner would be taken for the kernel's own. Before that, binding makes the
    /// kernel drop packets, as it does while nobody holds the queue.
    fn configure(&mut self, port: u32) -> Result<(), QueueError> {
        for request in [
            Request::bind(self.number, MAX_LENGTH),
            Request::deliver(self.number, COPY_RANGE.into()),
        ] {
            self.send(request).map_err(setup("configured"))?;
            match self.next_event()? {
                None | Some(Event::Other) => {}
                Some(Event::Packet(packet)) => self.early = Some(packet),
                Some(Event::Failed(libc::EPERM)) => return Err(self.refused(port)),
                Some(Event::Failed(errno)) => {
                    return Err(setup("configured")(io::Error::from_raw_os_error(errno)));
                }
            }
        }
        Ok(())
    }

    /// The kernel says EPERM both when somebody else holds the queue and when we may hold none.
    fn refused(&self, port: u32) -> QueueError {
        match stats::entry(self.number) {
            Ok(Some(entry)) if entry.port != port => QueueError::Taken(self.number),
            _ => QueueError::NotPermitted(self.number),
        }
    }

    fn send(&self, request: Request) -> io::Result<()> {
        let bytes = request.into_bytes();
        let kernel = SocketAddr::new(KERNEL.0, KERNEL.1);
        loop {
            match self.socket.send_to(&bytes, &kernel, 0) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The next message from the kernel, if one is there.
    fn next_event(&mut self) -> Result<Option<Event>, QueueError> {
        loop {
            self.buffer.clear();
            match self.socket.recv(&mut self.buffer, libc::MSG_DONTWAIT) {
                Ok(_) => {}
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => return Ok(None),
                    // ENOBUFS: packets were lost, which the kernel has counted. It is asked not
                    // to report that; a kernel that does all the same has broken nothing.
                    Some(libc::EINTR | libc::ENOBUFS) => continue,
                    _ => return Err(error.into()),
                },
            }
            match message::parse(&self.buffer) {
                Ok(event) => return Ok(Some(event)),
                Err(error) => warn!(%error, "the kernel sent an unreadable queue message"),
            }
        }
    }
}

impl PacketQueue for NfQueue {
    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), QueueError> {
        if self.early.is_some() {
            return Ok(());
        }
        let mut waits = [
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.waker.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut waits, poll_timeout(timeout)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(QueueError::Io(errno.into())),
        }
        Ok(self.waker.reset()?)
    }

    fn receive(&mut self) -> Result<Option<HeldPacket>, QueueError> {
        if let Some(packet) = self.early.take() {
            return Ok(Some(packet));
        }
        loop {
            match self.next_event()? {
                None => return Ok(None),
                Some(Event::Packet(packet)) => return Ok(Some(packet)),
                Some(Event::Other) => {}
                // The answer to a verdict on a packet the kernel no longer holds, as after its
                // interface went away.
                Some(Event::Failed(libc::ENOENT)) => debug!("a verdict came too late"),
                Some(Event::Failed(errno)) => {
                    return Err(QueueError::Io(io::Error::from_raw_os_error(errno)));
                }
            }
        }
    }

    fn verdict(&mut self, id: PacketId, verdict: PacketVerdict) -> Result<(), QueueError> {
        Ok(self.send(Request::verdict(self.number, id, verdict))?)
    }
}

impl Drop for NfQueue {
    /// Closing the socket would do, were it certain that no child process holds a copy of it
    /// for the moment between fork and exec.
    fn drop(&mut self) {
        if let Err(error) = self.send(Request::unbind(self.number)) {
            warn!(%error, queue = self.number, "the packet queue was not given back");
        }
    }
}

fn setup(what: &'static str) -> impl Fn(io::Error) -> QueueError {
    move |source| QueueError::Setup { what, source }
}

/// A socket and its netlink port. It never reports lost packets: the kernel would, after one
/// loss, refuse all packets until the buffer has been emptied.
fn open_socket() -> io::Result<(Socket, u32)> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    let address = socket.bind_auto()?;
    socket.set_no_enobufs(true)?;
    Ok((socket, address.port_number()))
}

fn enlarge_buffer(socket: &Socket) {
    let Err(forced) = setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER) else {
        return;
    };
    let limited = setsockopt(socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
    warn!(
        %forced,
        bytes = socket.get_rx_buf_sz().unwrap_or(0),
        "the queue's receive buffer stays small, so bursts of connections may lose packets; \
         it takes CAP_NET_ADMIN, or a higher sysctl net.core.rmem_max"
    );
    if let Err(error) = limited {
        debug!(%error, "the receive buffer can't be changed at all");
    }
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
