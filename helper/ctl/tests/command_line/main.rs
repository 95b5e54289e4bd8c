//! The program as it is run, against a real bus daemon of its own. At the other end stands a
//! helper made for the purpose, so that every refusal can be seen; the real one is met in the
//! tests of the whole system.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod commands;
mod fake;
mod prompt;
mod world;
