//! The log: what is shown of it, and how its pages become rows.

pub mod cache;
pub mod export;
mod filter;
pub mod pages;

pub(crate) use filter::fresh;
pub use filter::{Day, Filter, Part, Period, Pill};
