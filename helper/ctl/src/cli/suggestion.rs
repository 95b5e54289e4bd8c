use bastion_ipc::wire::AnswerScope;
use clap::{Args, Subcommand};

/// What to do with suggestions.
#[derive(Debug, Subcommand)]
pub(crate) enum SuggestionsCommand {
    /// Show the suggestions that no rule decides, the latest last.
    List {
        /// Also those about other users and the system.
        #[arg(long)]
        all: bool,
    },
    /// Make lasting rules of suggestions.
    ///
    /// The rules are for the caller alone; with --all they are for all users, which takes an
    /// administrator.
    Accept {
        #[command(flatten)]
        which: WhichSuggestions,
        /// How much the rules allow: “flow” what is suggested, “destination” any port there,
        /// “domain” also what is below its name, “port” that port anywhere, “program” everything
        /// that the program does.
        #[arg(long, default_value = "flow", value_parser = AnswerScope::ALL.map(|(_, text)| text))]
        scope: String,
    },
    /// Drop suggestions: the same connections are not suggested again.
    Drop(WhichSuggestions),
    /// Take back that suggestions were dropped.
    Restore {
        /// Their numbers.
        #[arg(required = true)]
        ids: Vec<u64>,
        /// Also those about other users and the system.
        #[arg(long)]
        all: bool,
    },
}

/// Which suggestions are meant.
#[derive(Debug, Args)]
pub(crate) struct WhichSuggestions {
    /// Their numbers, as “list” shows them.
    #[arg(required_unless_present = "everything")]
    pub(crate) ids: Vec<u64>,
    /// Everything that “list” shows.
    #[arg(long, conflicts_with = "ids")]
    pub(crate) everything: bool,
    /// Also those about other users and the system.
    #[arg(long)]
    pub(crate) all: bool,
}
