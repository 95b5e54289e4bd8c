//! `bastion-floor QUEUE`: accepts every packet of a queue of the kernel, and does nothing else.
//!
//! What this costs is what it costs to ask user space at all. It works with the library, the
//! receive buffer and the settings the helper uses.

use std::collections::HashSet;
use std::os::fd::{BorrowedFd, RawFd};

use anyhow::{Context as _, bail};
use nfq::{Queue, Verdict};
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

/// Receive buffer in bytes.
const RECEIVE_BUFFER: usize = 8 << 20;
/// Bytes of each packet that the kernel copies.
const COPY_RANGE: u16 = 512;
/// Packets that may wait.
const MAX_LENGTH: u32 = 16_384;

fn main() -> anyhow::Result<()> {
    let number = std::env::args()
        .nth(1)
        .context("usage: bastion-floor QUEUE")?;
    let number = number.parse().context("QUEUE is no number")?;
    let mut queue = open()?;
    queue.bind(number).context("the queue is taken")?;
    queue.set_queue_max_len(number, MAX_LENGTH)?;
    queue.set_copy_range(number, COPY_RANGE)?;
    loop {
        match queue.recv() {
            Ok(mut message) => {
                message.set_verdict(Verdict::Accept);
                queue.verdict(message)?;
            }
            // The answer to a verdict that came too late.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
            Err(error) => return Err(error).context("the queue failed"),
        }
    }
}

/// The library does not show its socket; it is the one that was not there before.
fn open() -> anyhow::Result<Queue> {
    let before = descriptors()?;
    let queue = Queue::open().context("no queue can be opened")?;
    let after = descriptors()?;
    let new: Vec<_> = after.difference(&before).collect();
    let [socket] = new.as_slice() else {
        bail!("{} descriptors could be the queue's", new.len());
    };
    // SAFETY: the descriptor is the queue's own, and the queue outlives this.
    let socket = unsafe { BorrowedFd::borrow_raw(**socket) };
    setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
        .context("the receive buffer can't be made large")?;
    Ok(queue)
}

/// The descriptors that are open. The one by which they are listed is closed again by then.
fn descriptors() -> anyhow::Result<HashSet<RawFd>> {
    let listed: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    let open = |fd: &RawFd| std::fs::exists(format!("/proc/self/fd/{fd}")).unwrap_or(false);
    Ok(listed.into_iter().filter(open).collect())
}
