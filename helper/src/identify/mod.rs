//! Who sent a packet.
//!
//! [`process::read`] tells all about a process whose pid is known; [`SocketTableIdentifier`] finds
//! that pid without help from within the kernel. [`details`] has what people are told besides.

use bastion_policy::flow::Flow;
use bastion_policy::process::{Evidence, Identity};

mod app;
pub mod details;
mod executable;
mod holders;
mod look;
mod mounts;
pub mod proc_dir;
pub mod process;
mod socket_table;
#[cfg(test)]
mod tests;

pub use socket_table::SocketTableIdentifier;

/// Finds the sender of a held packet.
pub trait Identifier: Send {
    /// Who sent the packet of this flow. `owner` is the owner of the sending socket as the queue
    /// reported it; `None` means that no process's open file sent it. Never guesses: what is not
    /// proven is [`Identity::Unknown`].
    fn identify(&mut self, flow: &Flow, owner: Option<u32>) -> Identity;

    /// What its answers rest on.
    fn evidence(&self) -> Evidence;
}
