//! What the pages show, without how: view models free of GTK, so that they are tested as plain
//! values.

pub mod asked;
pub mod connections;
pub mod details;
pub mod first_run;
pub mod form;
pub mod guard;
pub mod link;
pub mod log;
pub mod names;
pub mod notice;
pub mod picker;
pub mod preferences;
pub mod preview;
pub mod question;
pub mod rules;
pub mod safeguard;
pub mod sentence;
pub mod stack;
pub mod status;
pub mod suggestions;
pub mod time;
pub mod traffic;
pub mod tray;
pub mod verdict;
pub mod why;
