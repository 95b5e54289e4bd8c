//! The command line of Bastion Firewall.

mod authentication;
mod cli;
mod client;
mod commands;
mod error;
mod input;
mod output;
mod prompt;
mod users;

use std::process::ExitCode;

use clap::Parser as _;

use cli::Cli;
use error::Error;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("bastionctl: {error}"));
            if matches!(error, Error::Unreachable(_))
                && let Some(why) = bastion_ipc::failure::read()
            {
                output::note(&format!("When it last failed it said: {why}."));
            }
            ExitCode::from(error.code())
        }
    }
}

/// One thread is enough: everything waits for the bus or for a person.
fn run(cli: &Cli) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Refused(format!("No event loop can be made: {error}")))?;
    runtime.block_on(commands::run(cli))
}
