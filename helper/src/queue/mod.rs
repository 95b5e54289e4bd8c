//! The kernel's packet queue (NFQUEUE) behind a narrow door.
//!
//! The kernel holds each queued packet until it gets a verdict for its id. When the queue's
//! socket closes, the kernel drops the packets it holds, so nothing is let through by accident.

pub mod nfqueue;

mod socket;
pub(crate) mod stats;
mod waker;

use std::time::Duration;

use bastion_policy::pending::PacketId;

pub use nfqueue::NfQueue;
pub use stats::QueueStats;
pub use waker::Waker;

/// A packet the kernel holds for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPacket {
    /// Names the packet in [`PacketQueue::verdict`].
    pub id: PacketId,
    /// The packet from its IP header on, possibly cut after the headers.
    pub bytes: Vec<u8>,
    /// Owner of the sending socket; `None` when the packet belongs to no process's socket.
    pub owner: Option<u32>,
}

/// What the kernel shall do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketVerdict {
    /// Let it go on its way.
    Accept,
    /// Drop it.
    Drop,
}

/// Why the queue failed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Another program holds the queue.
    #[error(
        "queue {0} is taken by another program; is another firewall or a second helper running?"
    )]
    Taken(u16),
    /// The process may not use packet queues.
    #[error(
        "queue {0} can't be used without the capability CAP_NET_ADMIN; run the helper as root, \
         best by its systemd unit"
    )]
    NotPermitted(u16),
    /// The kernel refused to open or configure the queue.
    #[error("the kernel's packet queue can't be {what}")]
    Setup {
        /// What was tried, as "opened" or "configured".
        what: &'static str,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },
    /// Reading packets or sending verdicts failed.
    #[error("the kernel's packet queue failed")]
    Io(#[from] std::io::Error),
    /// The kernel's table of queues can't be read, or does not list this queue.
    #[error("the counters of queue {number} can't be read from {path}")]
    Stats {
        /// The queue.
        number: u16,
        /// The kernel's table.
        path: &'static str,
        /// Why it can't be read.
        #[source]
        source: std::io::Error,
    },
}

/// A queue of packets that wait for verdicts.
pub trait PacketQueue {
    /// Blocks until packets may be there, the queue's waker fired, or `timeout` has passed.
    ///
    /// # Errors
    /// When the queue is broken for good.
    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), QueueError>;

    /// The next packet, if one is there; never blocks.
    ///
    /// # Errors
    /// When the queue is broken for good; losing packets is no error.
    fn receive(&mut self) -> Result<Option<HeldPacket>, QueueError>;

    /// True if there is little room left for packets, or some were lost since this was asked last.
    /// It reads a file: not for every packet.
    fn is_nearly_full(&mut self) -> bool;

    /// Ends the wait of a packet. Unknown ids are ignored.
    ///
    /// # Errors
    /// When the queue is broken for good.
    fn verdict(&mut self, id: PacketId, verdict: PacketVerdict) -> Result<(), QueueError>;
}
