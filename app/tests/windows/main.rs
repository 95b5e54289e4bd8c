//! The app's windows at work, on a desktop of each test's own, before a stand-in for the helper. They
//! are one program, because most of what each test does is wait: more of them run at once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

mod connections;
mod editor;
mod first_run;
mod help;
mod log;
mod looks;
mod pages;
mod preferences;
mod prompt;
mod rules;
mod safeguard;
mod suggestions;
mod tray;
mod trouble;
