//! Who may do what over the bus, with the real bus, polkit and sessions; and what nonsense gets.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

mod bus;
mod calls;
mod methods;
mod nonsense;
mod sight;
