//! Questions and answers, from a program's first packet to what reaches the internet: real
//! programs, kernel queue, bus, polkit and sessions.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

mod agents;
mod lasting;
mod modes;
mod once;
mod scene;
mod suggestions;
mod terminal;
mod users;
