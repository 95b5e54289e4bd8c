//! D-Bus: interfaces, authorisation, agents and subscriptions.

mod backend;

pub use backend::{Backend, Caller, OpenQuestion};
