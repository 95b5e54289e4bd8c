//! The root service of Bastion Firewall.

use anyhow::Context as _;
use bastion_helper::service;
use bastion_helper::sockets::destroyer;
use bastion_helper::store::Paths;
use clap::{Parser, Subcommand};

/// The root service of Bastion Firewall. systemd starts it; see bastion-helper(8).
#[derive(Parser)]
#[command(name = "bastion-helper", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge packets until told to stop.
    Run,
    /// Remove every firewall rule of Bastion's, whatever state it is in.
    Cleanup {
        /// Called by systemd after the service ended: keep the rules if it failed, nobody asked for
        /// its end, and the settings say that nothing may leave while it is down.
        #[arg(long)]
        after_stop: bool,
    },
    /// End sockets as the service tells; started by it alone.
    #[command(hide = true)]
    EndSockets,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    service::start_logging();
    match arguments.command {
        Command::Run => run(&Paths::system()),
        Command::EndSockets => destroyer::work().context("no more sockets can be ended"),
        Command::Cleanup { after_stop } => {
            service::cleanup(&Paths::system(), after_stop).context("rules may be left behind")
        }
    }
}

fn run(paths: &Paths) -> anyhow::Result<()> {
    let ended = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the event loop can't be started")
        .and_then(|runtime| Ok(runtime.block_on(service::run(paths))?));
    if let Err(error) = &ended {
        service::leave_failure(&paths.failure, &format!("{error:#}"));
    }
    ended.context("the helper can't go on")
}
