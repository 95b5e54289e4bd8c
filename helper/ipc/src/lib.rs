//! The D-Bus contract between the helper and its clients: names, wire types, errors, proxies.
//!
//! Everything that arrives over the bus is untrusted. Wire types are plain records of strings and
//! numbers; their `TryFrom` conversions into `bastion-policy` types are the one place where such
//! input is validated.

pub mod error;
pub mod failure;
pub mod names;
pub mod proxy;
pub mod wire;

pub use error::Error;
