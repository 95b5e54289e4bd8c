//! The netlink socket that the `nfq` crate opens and does not show.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use netlink_packet_core::{Emitable, NLM_F_REQUEST, NetlinkHeader};
use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use nfq::Queue;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::stat::fstat;
use procfs::process::{FDInfo, FDTarget, Process};
use tracing::{debug, warn};

/// Receive buffer in bytes. The default (208 KiB) loses more than half of a burst of 5,000
/// packets; each takes about 1 KiB in the kernel's accounting.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Netlink port and groups of the kernel, to which requests go.
const KERNEL: (u32, u32) = (0, 0);

/// Size in bytes of a netlink header, and of what follows it in each message of netfilter
/// (`struct nfgenmsg`).
const HEADERS: (usize, usize) = (16, 4);

/// Held while a socket is opened and found, so that a second one can't be taken for it.
static OPENING: Mutex<()> = Mutex::new(());

/// Opens a socket of the `nfq` crate, and a second descriptor of the same socket, which can be
/// waited on. Children of this process inherit neither, but for those that are started on another
/// thread while this runs.
pub(super) fn open() -> io::Result<(Queue, Socket)> {
    let _alone = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    let _first = occupy_first_port()?;
    let mut queue = Queue::open()?;
    let socket = find(&mut queue)?;
    // From now on the socket hears the kernel alone: the crate's parser trusts what it reads.
    socket.connect(&SocketAddr::new(KERNEL.0, KERNEL.1))?;
    queue.set_nonblocking(true);
    Ok((queue, socket))
}

/// A process's first socket gets the process id for a port; while that is taken, ports are new
/// ones. Were a queue closed and opened again with the same port, a packet on its way to the old
/// one, on another processor, would arrive as one of the new.
fn occupy_first_port() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    Ok(socket)
}

/// Comparing the process's files before and after opening would be fooled by other threads. So
/// the socket is made to show itself: an option that nothing else in this process touches is
/// switched through the crate, and the socket that follows is the one. It ends as the crate sets
/// it: lost packets are not reported, because the kernel would, after one loss, refuse all
/// packets until the buffer has been emptied.
fn find(queue: &mut Queue) -> io::Result<Socket> {
    queue.set_recv_enobufs(true)?;
    // Listed before the first copy is made, or the copies would be among them.
    let files: Vec<_> = Process::myself()
        .and_then(|process| process.fd())
        .map_err(io::Error::other)?
        .flatten()
        .collect();
    let mut candidates: Vec<_> = files
        .iter()
        .filter_map(Candidate::new)
        .filter(|candidate| candidate.is_silent_about_losses(false))
        .collect();
    queue.set_recv_enobufs(false)?;
    candidates.retain(|candidate| candidate.is_silent_about_losses(true));
    match <[Candidate; 1]>::try_from(candidates) {
        Ok([found]) => {
            fcntl(found.original, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
            Ok(found.copy)
        }
        Err(candidates) => Err(io::Error::other(format!(
            "{} sockets of this process could be the queue's",
            candidates.len()
        ))),
    }
}

/// A socket that may be the queue's.
struct Candidate {
    original: BorrowedFd<'static>,
    copy: Socket,
}

impl Candidate {
    fn new(file: &FDInfo) -> Option<Self> {
        let FDTarget::Socket(inode) = file.target else {
            return None;
        };
        // SAFETY: the descriptor is used twice. Here it is copied, which fails if its owner has
        // closed it meanwhile. The second use is after the copy proved to be the queue's socket:
        // then this is the crate's descriptor of it, which stays open as long as the queue lives.
        let original = unsafe { BorrowedFd::borrow_raw(file.fd) };
        let copy = original.try_clone_to_owned().ok()?;
        // The number may stand for another socket by now, even for a copy made here.
        let same = fstat(&copy).is_ok_and(|file| file.st_ino == inode);
        same.then(|| Self {
            original,
            copy: netlink(copy),
        })
    }

    /// Only netlink sockets know the option.
    fn is_silent_about_losses(&self, expected: bool) -> bool {
        self.copy
            .get_no_enobufs()
            .is_ok_and(|silent| silent == expected)
    }
}

fn netlink(socket: OwnedFd) -> Socket {
    // SAFETY: the descriptor is open, and nobody else owns it.
    unsafe { Socket::from_raw_fd(socket.into_raw_fd()) }
}

/// Makes the kernel put a refusal (EINVAL; EPERM without CAP_NET_ADMIN) into the receive buffer,
/// by a request of a kind that packet queues don't have.
pub(super) fn provoke_refusal(socket: &Socket) -> io::Result<()> {
    let mut message = [0; HEADERS.0 + HEADERS.1];
    let mut header = NetlinkHeader::default();
    header.length = u32::try_from(message.len()).map_err(io::Error::other)?;
    header.message_type = u16::from_be_bytes([libc::NFNL_SUBSYS_QUEUE.to_le_bytes()[0], u8::MAX]);
    header.flags = NLM_F_REQUEST;
    header.emit(&mut message);
    socket.send(&message, 0).map(drop)
}

/// Gives bursts room in the socket's receive buffer.
pub(super) fn enlarge_buffer(socket: &Socket) {
    let Err(forced) = setsockopt(&socket.as_fd(), sockopt::RcvBufForce, &RECEIVE_BUFFER) else {
        return;
    };
    let limited = setsockopt(&socket.as_fd(), sockopt::RcvBuf, &RECEIVE_BUFFER);
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
