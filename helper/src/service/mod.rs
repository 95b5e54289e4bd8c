//! Puts the parts together and keeps them alive.

mod acquaint;
mod answer;
mod asked;
mod backend;
mod connections;
mod core;
mod failure;
mod imagined;
mod inspection;
mod judge;
mod kernel;
mod ledger;
mod live;
mod made;
mod names;
mod questions;
mod record;
mod run;
mod shutdown;
mod suggestions;
mod tasks;
mod watchdog;

pub use self::core::Core;
pub use failure::leave as leave_failure;
pub use run::{QUEUE, RunError, run};
pub use shutdown::cleanup;

/// Sends log records to the journal where there is one, else to standard error. `BASTION_LOG`
/// chooses what is logged, in the syntax of tracing's `EnvFilter`; by default `info` and above.
pub fn start_logging() {
    use tracing_subscriber::prelude::*;
    let filter = tracing_subscriber::EnvFilter::try_from_env("BASTION_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    // systemd sets JOURNAL_STREAM for services whose output goes to the journal: systemd.exec(5).
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    match journal {
        Some(journal) => registry.with(journal.with_field_prefix(None)).init(),
        None => registry
            .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
            .init(),
    }
}
