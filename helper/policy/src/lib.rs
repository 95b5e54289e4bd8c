//! What Bastion decides, without how it learns or enforces it.
//!
//! This crate is pure: no I/O, no clock (time is always a parameter), no threads, no D-Bus,
//! no kernel. Everything in it can be run, and is tested, without privileges.
//!
//! - [`flow`]: a new outbound connection as the packet shows it.
//! - [`process`]: who sent it, as far as that is proven.
//! - [`matcher`]: the parts of a rule and their one text form, shared by the rules file, D-Bus,
//!   the command line and the editor.
//! - [`rule`]: a rule; contradictory ones can't be built.
//! - [`text`]: rules as plain records of strings, for files and the bus.
//! - [`file`]: rules in the texts of files, Bastion's own and other firewalls'.
//! - [`ruleset`]: precedence, the index, and [`ruleset::RuleSet::decide`].
//! - [`pending`]: the state machine of open questions.
//! - [`safeguard`]: what happens when more is undecided than anybody could answer.
//! - [`live`]: which open connections the rules deny by now.
//! - [`settings`]: modes and the ranges of settings.

pub mod escape;
pub mod file;
pub mod flow;
pub mod live;
pub mod matcher;
pub mod pending;
pub mod process;
pub mod rule;
pub mod ruleset;
pub mod safeguard;
pub mod settings;
pub mod text;
pub mod time;
mod words;
