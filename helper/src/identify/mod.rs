//! Who sent a packet.
//!
//! [`PacketPathIdentifier`] asks what the kernel programs recorded when the packet was sent, and
//! completes it from `/proc`; what they could not tell, and everything where they can't run,
//! [`SocketTableIdentifier`] finds through the socket tables. [`process::read`] tells all about a
//! process whose pid is known; [`details`] has what people are told besides.

use bastion_policy::flow::Flow;
use bastion_policy::process::Identity;

use crate::queue::HeldPacket;

pub mod details;
mod executable;
mod gone;
mod holders;
mod look;
mod mounts;
mod packet_path;
pub mod proc_dir;
pub mod process;
mod socket_table;
#[cfg(test)]
mod tests;

pub use packet_path::{PacketPathIdentifier, flow_of};
pub use socket_table::SocketTableIdentifier;

/// Finds the sender of a held packet.
pub trait Identifier: Send {
    /// Who sent this packet of this flow. Never guesses: what is not proven is
    /// [`Identity::Unknown`].
    fn identify(&mut self, flow: &Flow, packet: &HeldPacket) -> Identity;

    /// The same sender as it is now, before somebody is asked about it: its file may have been
    /// exchanged since it was first seen.
    fn refresh(&self, identity: Identity) -> Identity {
        identity
    }
}

impl<I: Identifier + ?Sized> Identifier for Box<I> {
    fn identify(&mut self, flow: &Flow, packet: &HeldPacket) -> Identity {
        (**self).identify(flow, packet)
    }

    fn refresh(&self, identity: Identity) -> Identity {
        (**self).refresh(identity)
    }
}
