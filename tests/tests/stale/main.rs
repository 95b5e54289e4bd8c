//! A verdict never outlives what it rests on: programs that become others, processes that get
//! others' numbers, files that are exchanged for others, and rules that are taken away while
//! connections are being made.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

mod files;
mod processes;
mod rules;
mod scene;
