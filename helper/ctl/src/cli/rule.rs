use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What a rule or a decision does.
pub(super) const ACTIONS: [&str; 3] = ["allow", "deny", "drop"];

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List the rules.
    List {
        /// Only those whose id, name, program, destination or note contains this.
        #[arg(long)]
        text: Option<String>,
    },
    /// Show everything about a rule.
    Show {
        /// Its id.
        id: String,
    },
    /// Add a rule and print its id.
    ///
    /// What is left out is not restricted: a rule without options allows or denies everything.
    Add(AddArgs),
    /// Change parts of a rule; the others stay as they are.
    Edit(EditArgs),
    /// Remove rules; if one of them does not exist, none.
    Remove {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Switch rules on.
    Enable {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Switch rules off; they are kept, but decide nothing.
    Disable {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Show rules that never decide anything, are there twice or contradict each other, and why.
    Check,
    /// Print the rules as a rules file, which “import” reads.
    Export,
    /// Add the rules of a file: a rules file, what “list --json” prints, or a rule of OpenSnitch.
    ///
    /// Rules that are there already are left out, and none is changed. What can't be imported is
    /// named with the reason.
    Import {
        /// The file.
        file: PathBuf,
        /// Only show what would be added.
        #[arg(long)]
        dry_run: bool,
    },
}

/// A new rule.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// “deny” lets the program know at once; “drop” lets it wait.
    #[arg(value_parser = ACTIONS)]
    pub(crate) action: String,
    #[command(flatten)]
    pub(crate) fields: RuleArgs,
    /// Add it switched off.
    #[arg(long)]
    pub(crate) disabled: bool,
}

/// Changes to a rule.
#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// Its id.
    pub(crate) id: String,
    /// allow, deny or drop.
    #[arg(long, value_parser = ACTIONS)]
    pub(crate) action: Option<String>,
    #[command(flatten)]
    pub(crate) fields: RuleArgs,
}

/// The fields of a rule; bastion-rules(5) describes them.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RuleArgs {
    /// What lists show; made from the rest when left out.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A path, a command of the search path, “any”, “kernel”, “unknown”, “pattern:/opt/*/bin/x”,
    /// “flatpak:ID”, “snap:ID” or “appimage:ID”.
    #[arg(long)]
    pub(crate) program: Option<String>,
    /// Only where this, or “pattern:…”, is among what started the program; empty for “no matter”.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) started_by: Option<String>,
    /// “any”, “me”, a login name or a uid.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// “any”, a host name, “domain:example.org” (and everything below), an address, a network, a
    /// range “10.0.0.1-10.0.0.9”, “group:lan”, “group:internet” or “group:multicast”.
    #[arg(long, visible_alias = "to", value_name = "DEST")]
    pub(crate) destination: Option<String>,
    /// “any”, or ports and ranges: “80,443,8000-8100”.
    #[arg(long, visible_alias = "port")]
    pub(crate) ports: Option<String>,
    /// any, tcp, udp, udplite, icmp, icmpv6, sctp or a number.
    #[arg(long)]
    pub(crate) protocol: Option<String>,
    /// “forever”, “restart”, “session”, a duration like “2h”, or “until:TIME” (RFC 3339).
    #[arg(long, visible_alias = "for")]
    pub(crate) lifetime: Option<String>,
    /// “pinned” beats all others, “factory” loses to all others.
    #[arg(long, value_parser = ["factory", "normal", "pinned"])]
    pub(crate) priority: Option<String>,
    /// Your own words.
    #[arg(long)]
    pub(crate) note: Option<String>,
}
