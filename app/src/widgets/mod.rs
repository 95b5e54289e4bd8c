//! Widgets and helpers that several pages share.

pub mod cells;
pub mod chart;
pub mod choice;
pub mod program;
pub mod sorted;
pub mod sync;
