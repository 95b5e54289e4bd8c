//! What passes without being asked about, because the same was decided before.

use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::pending::Waiter;
use bastion_policy::process::Identity;
use bastion_policy::rule::Action;
use bastion_policy::ruleset::{Decision, Reason};
use bastion_policy::time::Timestamp;

use super::Policy;
use crate::kernel::KernelError;

/// What the kernel is taught: that this sender may go on to this place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// The flow that was allowed.
    pub flow: Flow,
    /// Who sent it.
    pub identity: Identity,
    /// Why it was allowed.
    pub reason: Reason,
    /// True if every connection of this program's process to this place is allowed as long as the
    /// rules stay; false if no more than the datagrams of this very socket are.
    pub lasting: bool,
}

/// What is to be learned from an allowed packet, if anything.
///
/// Every connection of a program to a place is allowed from now on if the rules say so and nothing
/// but a change of theirs can make them say otherwise. Of whatever else was allowed, the datagrams
/// that follow from the same socket may go on, as a connection of TCP does: to a peer that is
/// silent, each of them is new to connection tracking. A pause teaches nothing.
pub(super) fn lesson(
    policy: &Policy,
    waiter: &Waiter,
    action: Action,
    reason: &Reason,
    now: Timestamp,
) -> Option<Lesson> {
    let (flow, identity) = (&waiter.flow, &waiter.identity);
    if !action.allows() || *reason == Reason::Paused || identity.process().is_none() {
        return None;
    }
    let datagrams = matches!(flow.protocol, Protocol::Udp | Protocol::UdpLite);
    let decision = Decision::decided(action, reason.clone());
    let lasting = flow.protocol.has_ports() && policy.rules.lasts(&decision, flow, identity, now);
    (lasting || datagrams).then(|| Lesson {
        flow: flow.clone(),
        identity: identity.clone(),
        reason: reason.clone(),
        lasting,
    })
}

/// Connections that passed by a lesson since it was last told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The lesson.
    pub lesson: Lesson,
    /// How many connections, or datagrams to silent peers.
    pub count: u64,
}

/// The kernel goes on letting pass what it was taught before.
#[derive(Debug, thiserror::Error)]
#[error("the kernel can't be made to forget what it was taught")]
pub struct PassesError(#[from] pub(crate) KernelError);

/// Lets pass in the kernel what was decided before.
pub trait Passes: Send {
    /// Takes note that this flow is about to be allowed: its socket's further datagrams may go on,
    /// and those of another socket on the same tuple are judged.
    fn judged(&mut self, flow: &Flow, identity: &Identity);

    /// Teaches the kernel; does nothing where the sender is not proven. Gives hits that would
    /// otherwise be forgotten.
    ///
    /// # Errors
    /// When something had to be forgotten and could not be.
    fn teach(&mut self, lesson: Lesson) -> Result<Vec<Hit>, PassesError>;

    /// Forgets all lessons; from when it returns, nothing passes by them. Gives the last hits.
    ///
    /// # Errors
    /// When it could not be done.
    fn forget(&mut self) -> Result<Vec<Hit>, PassesError>;

    /// Hits since they were last told.
    fn hits(&mut self) -> Vec<Hit>;
}

/// Where the kernel can't be taught: everything is asked about.
#[derive(Clone, Copy, Debug)]
pub struct NoPasses;

impl Passes for NoPasses {
    fn judged(&mut self, _flow: &Flow, _identity: &Identity) {}

    fn teach(&mut self, _lesson: Lesson) -> Result<Vec<Hit>, PassesError> {
        Ok(Vec::new())
    }

    fn forget(&mut self) -> Result<Vec<Hit>, PassesError> {
        Ok(Vec::new())
    }

    fn hits(&mut self) -> Vec<Hit> {
        Vec::new()
    }
}
