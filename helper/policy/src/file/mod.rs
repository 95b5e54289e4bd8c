//! Rules as texts in files: the rules file, what is exported for other computers, and what other
//! firewalls write. Nothing here opens a file.

mod exchange;
mod json;
mod opensnitch;
pub mod record;
pub mod toml;

pub use exchange::{Entry, ImportError, export, import};
