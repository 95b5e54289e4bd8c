//! The connection to the helper: one long-lived task ([`Task`]) keeps it and forwards what the
//! helper says as [`Message`]s; [`Client`] makes calls over it.

mod agent;
mod calls;
mod failure;
mod helper;
mod rights;
mod service;
mod task;

pub use calls::Client;
pub use failure::Failure;
pub use task::Task;

use bastion_ipc::wire::{Event, Question, Status};

use crate::model::link::Link;

/// What the helper says of its own accord, and how the connection to it stands.
#[derive(Clone, Debug)]
pub enum Message {
    /// The connection changed.
    Link(Link),
    /// The state of the helper.
    Status(Box<Status>),
    /// New decisions.
    Decided(Vec<Event>),
    /// Rules were added, changed or removed.
    RulesChanged,
    /// The user has to be asked. The number of the question is the app's own, never used twice.
    Ask(Box<Question>),
    /// A question needs no answer any more.
    Withdraw(u64),
}
