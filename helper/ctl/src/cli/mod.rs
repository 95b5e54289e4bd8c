//! The command line: everything that can be typed, with its help.

mod rule;
mod suggestion;

use std::net::SocketAddr;
use std::path::PathBuf;

use bastion_policy::flow::Protocol;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use rule::{AddArgs, EditArgs, RuleArgs, RulesCommand};
pub(crate) use suggestion::{SuggestionsCommand, WhichSuggestions};

/// What events can be asked for by.
const VERDICTS: [&str; 4] = ["allow", "deny", "drop", "mended"];

const EXIT_CODES: &str = "\
Exit codes:
  0  done; for “explain” whatever the outcome
  1  the helper refused, or something failed
  2  what was typed makes no sense
  3  the helper can't be reached
  4  not authorised
  5  no such rule, suggestion, question or connection";

/// The command line of Bastion Firewall.
///
/// Shows what the firewall does, explains why, changes rules and modes, and answers questions in
/// a terminal. Changes need an administrator, who is asked to authenticate.
#[derive(Debug, Parser)]
#[command(name = "bastionctl", version, after_help = EXIT_CODES)]
#[command(propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// Print JSON for scripts: the records and field names of the D-Bus interface.
    ///
    /// Times are milliseconds since the Unix epoch, 0 for “never”; a uid of 4294967295 is not
    /// known.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what state the firewall is in.
    Status,
    /// List, show and change rules.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Review what learn mode allowed: accept or drop its suggestions.
    #[command(subcommand)]
    Suggestions(SuggestionsCommand),
    /// Show what was decided, the newest last.
    Log(LogArgs),
    /// Show decisions as they are made, until interrupted.
    ///
    /// With --json, one object a line.
    Watch(WatchArgs),
    /// List open connections, or end one.
    #[command(subcommand)]
    Connections(ConnectionsCommand),
    /// Explain what would be decided about a connection, and why.
    Explain(ExplainArgs),
    /// Ask and answer questions in this terminal, until interrupted.
    ///
    /// Works where there is no desktop. Each question is answered with a single key. With it stands
    /// what is known of the program, such as its package and systemd unit; what the program could
    /// have made up is called not proven.
    Prompt,
    /// Set what happens to connections that no rule decides.
    Mode(ModeArgs),
    /// Allow everything for a while.
    Pause(PauseArgs),
    /// End a pause.
    Resume,
    /// Show for whom Safeguard is on, or end it.
    ///
    /// While it is on, connections that no rule decides are dropped without asking, because too many
    /// came at once.
    #[command(subcommand)]
    Safeguard(SafeguardCommand),
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Write the manual pages into a directory.
    #[command(hide = true)]
    Man {
        /// Where to.
        directory: PathBuf,
    },
}

/// What to do about Safeguard.
#[derive(Debug, Subcommand)]
pub(crate) enum SafeguardCommand {
    /// Show for whom it is on, and which programs are the loudest.
    Show(SafeguardArgs),
    /// Ask about connections again.
    Leave(SafeguardArgs),
}

/// Whose Safeguard is meant.
#[derive(Debug, Args)]
pub(crate) struct SafeguardArgs {
    /// Everybody's, not only one's own.
    #[arg(long)]
    pub(crate) all: bool,
}

/// What to do about open connections.
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionsCommand {
    /// Show what is open, and what waits for an answer.
    List(ListConnectionsArgs),
    /// End an open connection, named by its two ends as “list” shows them.
    ///
    /// Its program fails at once; it may connect again, as far as the rules allow.
    End(EndConnectionArgs),
}

/// Whose connections to show.
#[derive(Debug, Args)]
pub(crate) struct ListConnectionsArgs {
    /// Also those of other users and the system.
    #[arg(long)]
    pub(crate) all: bool,
}

/// Which connection to end.
#[derive(Debug, Args)]
pub(crate) struct EndConnectionArgs {
    /// tcp or udp.
    pub(crate) protocol: Protocol,
    /// Its own end: “192.0.2.1:40000”, “[2001:db8::1]:40000”.
    pub(crate) source: SocketAddr,
    /// The other end, by its address.
    #[arg(value_name = "DEST")]
    pub(crate) destination: SocketAddr,
    /// Also if it is another user's or the system's.
    #[arg(long)]
    pub(crate) all: bool,
}

/// Which decisions to show.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// At most so many, the newest.
    #[arg(short = 'n', long, default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Only since then: “2h” (ago), “2026-11-24”, “2026-11-24 10:00” or RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only before then; written as for --since.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only those older than the decision of this number.
    #[arg(long, value_name = "ID")]
    pub(crate) before: Option<u64>,
    /// Only this verdict; `mended`: where Bastion mended its iptables rules.
    #[arg(long, value_parser = VERDICTS)]
    pub(crate) verdict: Option<String>,
    /// Only of this program: a path, “kernel”, “unknown”, or a file's name for all of that name.
    #[arg(long)]
    pub(crate) program: Option<String>,
    /// Only to this address, or to this host name and all below it.
    #[arg(long, value_name = "DEST")]
    pub(crate) destination: Option<String>,
    /// Only what the rule of this id or name decided.
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// Only where the program, destination or host name contains this.
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Also the decisions about other users and the system.
    #[arg(long)]
    pub(crate) all: bool,
}

/// Which decisions to show as they are made.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Only this verdict; `mended`: where Bastion mended its iptables rules.
    #[arg(long, value_parser = VERDICTS)]
    pub(crate) verdict: Option<String>,
    /// Also the decisions about other users and the system.
    #[arg(long)]
    pub(crate) all: bool,
}

/// A connection that need not exist.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A path, a command of the search path, “kernel” or “unknown”.
    pub(crate) program: String,
    /// An address or a host name.
    #[arg(value_name = "DEST")]
    pub(crate) destination: String,
    /// Destination port; not for protocols without ports.
    pub(crate) port: Option<u16>,
    /// tcp, udp, udplite, icmp, icmpv6, sctp or a number.
    #[arg(long, default_value = "tcp")]
    pub(crate) protocol: String,
    /// A login name or uid; the caller when left out.
    #[arg(long)]
    pub(crate) user: Option<String>,
}

/// What happens to connections that no rule decides.
#[derive(Debug, Args)]
pub(crate) struct ModeArgs {
    /// “ask”: they wait for an answer; “learn”: they are allowed and kept as suggestions.
    #[arg(value_parser = ["ask", "learn"])]
    pub(crate) mode: String,
}

/// How long to allow everything.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// At most a day: “30s”, “10m”, “1h 30m”.
    #[arg(default_value = "5m")]
    pub(crate) duration: String,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_exit_code_is_documented() {
        use crate::error::code;
        for code in [
            code::FAILED,
            code::USAGE,
            code::UNREACHABLE,
            code::NOT_AUTHORIZED,
            code::NOT_FOUND,
        ] {
            assert!(EXIT_CODES.contains(&format!("\n  {code}  ")), "{code}");
        }
    }

    #[test]
    fn verdicts_are_checked() {
        let parse = |args: &[&str]| Cli::try_parse_from(args);
        assert!(parse(&["bastionctl", "log", "--verdict", "deny"]).is_ok());
        assert!(parse(&["bastionctl", "watch", "--verdict", "mended"]).is_ok());
        assert!(parse(&["bastionctl", "log", "--verdict", "maybe"]).is_err());
        assert!(parse(&["bastionctl", "log", "-n", "0"]).is_err());
        assert!(parse(&["bastionctl", "mode", "off"]).is_err());
    }

    #[test]
    fn suggestions_are_named_one_by_one_or_all_at_once() {
        let accept = |which: &[&str]| {
            let typed = [&["bastionctl", "suggestions", "accept"], which].concat();
            Cli::try_parse_from(typed).is_ok()
        };
        assert!(accept(&["1", "2", "--scope", "port"]));
        assert!(accept(&["--everything", "--all"]));
        assert!(!accept(&[]));
        assert!(!accept(&["1", "--everything"]));
        assert!(!accept(&["1", "--scope", "whatever"]));
        assert!(!accept(&["one"]));
    }

    #[test]
    fn a_connection_is_named_by_both_ends() {
        let end = |ends: &[&str]| {
            let typed = [&["bastionctl", "connections", "end"], ends].concat();
            Cli::try_parse_from(typed).is_ok()
        };
        assert!(end(&["tcp", "192.0.2.1:40000", "192.0.2.2:443"]));
        assert!(end(&[
            "udp",
            "[2001:db8::1]:40000",
            "[2001:db8::2]:53",
            "--all"
        ]));
        assert!(!end(&["tcp", "192.0.2.1:40000"]));
        assert!(!end(&["tcp", "192.0.2.1:40000", "example.org:443"]));
        assert!(!end(&["nonsense", "192.0.2.1:40000", "192.0.2.2:443"]));
    }
}
