//! What each command does.

mod connections;
mod explain;
mod generate;
mod log;
mod mode;
mod rules;
mod safeguard;
mod status;
mod suggestions;
mod watch;

use crate::cli::{Cli, Command};
use crate::client::Client;
use crate::error::Error;
use crate::output::Output;

/// Does what was typed.
///
/// # Errors
/// Whatever keeps it from being done.
pub(crate) async fn run(cli: &Cli) -> Result<(), Error> {
    let output = Output::new(cli.json);
    let client = Client::default();
    match &cli.command {
        Command::Status => status::run(&client, &output).await,
        Command::Rules(command) => rules::run(command, &client, &output).await,
        Command::Suggestions(command) => suggestions::run(command, &client, &output).await,
        Command::Log(args) => log::run(args, &client, &output).await,
        Command::Watch(args) => watch::run(args, &client, &output).await,
        Command::Connections(command) => connections::run(command, &client, &output).await,
        Command::Explain(args) => explain::run(args, &client, &output).await,
        Command::Prompt => crate::prompt::run(&client, &output).await,
        Command::Mode(args) => mode::set(args, &client, &output).await,
        Command::Pause(args) => mode::pause(args, &client, &output).await,
        Command::Resume => mode::resume(&client, &output).await,
        Command::Safeguard(command) => safeguard::run(command, &client, &output).await,
        Command::Completions { shell } => generate::completions(*shell, &output),
        Command::Man { directory } => generate::man(directory),
    }
}
