use bastion_policy::rule::Action;
use zbus::{DeserializeDict, SerializeDict, Type};

use super::{Details, WireError};

/// A question an agent puts to its user. Every text in it is escaped and safe to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct Question {
    /// Names the question in `Answer` and `Withdraw`.
    pub id: u64,
    /// When it was asked.
    pub opened: u64,
    /// When it ends for want of an answer.
    pub deadline: u64,
    /// What becomes of the connections then: an action; `deny` where it is left out.
    pub otherwise: Option<String>,
    /// Path of the executable, `kernel` or `unknown`.
    pub program: String,
    /// `flatpak:ID`, `snap:ID`, `appimage:ID` or empty.
    pub app: String,
    /// True when the file at that path is no longer the one that runs.
    pub replaced: bool,
    /// Why the sender is not known; empty when it is.
    pub unknown_reason: String,
    /// Process id; 0 when not known.
    pub pid: u32,
    /// The user; `u32::MAX` when not known.
    pub uid: u32,
    /// Login name of the user; empty when it has none.
    pub user: String,
    /// Arguments, the program's own words.
    pub arguments: Vec<String>,
    /// Working directory; empty when not known.
    pub working_directory: String,
    /// Paths of the ancestors, nearest first.
    pub parents: Vec<String>,
    /// Text form of the protocol.
    pub protocol: String,
    /// Destination address.
    pub destination: String,
    /// Destination port; 0 when the protocol has none.
    pub port: u16,
    /// Name of the service at that port, as `https`; empty when it has none.
    pub service: String,
    /// Name under which the destination was looked up; empty when not known.
    pub host: String,
    /// True when the question is about a process of another user or of the system, so that an
    /// administrator has to authenticate to answer it.
    pub needs_administrator: bool,
    /// Scopes an answer may have, of [`AnswerScope`].
    pub scopes: Vec<String>,
    /// Lifetimes an answer may have, of [`AnswerLifetime`].
    pub lifetimes: Vec<String>,
    /// What else is known about the program. Left out when there is no program, or it is still
    /// looked up; the question is then asked again with it.
    pub details: Option<Details>,
}

impl Question {
    /// What becomes of the connections if nobody answers.
    #[must_use]
    pub fn unanswered(&self) -> Action {
        or_denial(self.otherwise.as_deref())
    }

    /// True if the same answers mean the same as to `before`, though another process waits or more
    /// is known of it.
    #[must_use]
    pub fn asks_the_same(&self, before: &Self) -> bool {
        let same = Self {
            replaced: self.replaced,
            pid: self.pid,
            arguments: self.arguments.clone(),
            working_directory: self.working_directory.clone(),
            parents: self.parents.clone(),
            details: self.details.clone(),
            ..before.clone()
        };
        *self == same
    }
}

/// The action with this text form; no other word, and none at all, lets anything through.
pub(super) fn or_denial(action: Option<&str>) -> Action {
    let action = action.and_then(|action| action.parse().ok());
    action.unwrap_or(Action::Deny)
}

/// How much an answer covers. Text: the variant in kebab case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AnswerScope {
    /// This program, this destination address or host, this port and protocol.
    #[default]
    Flow,
    /// This program to this destination address or host, any port.
    Destination,
    /// This program to the host's domain and everything below, any port.
    Domain,
    /// This program to this port and protocol, anywhere.
    Port,
    /// This program, anywhere.
    Program,
}

/// How long an answer holds. Text: `once`, `process`, `session`, `restart`, `forever`,
/// `seconds:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AnswerLifetime {
    /// For the packets that wait, and no longer.
    #[default]
    Once,
    /// Until the program quits.
    Process,
    /// Until the session ends.
    Session,
    /// Until the computer restarts.
    Restart,
    /// For good.
    Forever,
    /// For so many seconds, at most a year.
    Seconds(u32),
}

/// All scopes with their text forms.
pub type Scopes = [(AnswerScope, &'static str); 5];

impl AnswerScope {
    /// Every scope with its text form, narrowest first.
    pub const ALL: Scopes = [
        (Self::Flow, "flow"),
        (Self::Destination, "destination"),
        (Self::Domain, "domain"),
        (Self::Port, "port"),
        (Self::Program, "program"),
    ];

    /// Its text form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(scope, _)| *scope == self)
            .map_or("flow", |(_, text)| text)
    }

    /// The scope with this text form.
    ///
    /// # Errors
    /// If there is none.
    pub fn parse(text: &str) -> Result<Self, WireError> {
        Self::ALL
            .iter()
            .find(|(_, t)| *t == text)
            .map(|(scope, _)| *scope)
            .ok_or_else(|| {
                WireError::new("scope", "use flow, destination, domain, port or program")
            })
    }
}

impl AnswerLifetime {
    /// A year.
    pub const MAX_SECONDS: u32 = 366 * 24 * 3600;

    /// The lifetime with this text form.
    ///
    /// # Errors
    /// If there is none, or it is longer than a year.
    pub fn parse(text: &str) -> Result<Self, WireError> {
        let wrong = || {
            WireError::new(
                "lifetime",
                "use once, process, session, restart, forever or seconds:N, at most a year",
            )
        };
        Ok(match text {
            "once" => Self::Once,
            "process" => Self::Process,
            "session" => Self::Session,
            "restart" => Self::Restart,
            "forever" => Self::Forever,
            _ => {
                let seconds = text.strip_prefix("seconds:").ok_or_else(wrong)?;
                let seconds: u32 = seconds.parse().map_err(|_| wrong())?;
                if !(1..=Self::MAX_SECONDS).contains(&seconds) {
                    return Err(wrong());
                }
                Self::Seconds(seconds)
            }
        })
    }
}

impl std::fmt::Display for AnswerLifetime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Once => f.write_str("once"),
            Self::Process => f.write_str("process"),
            Self::Session => f.write_str("session"),
            Self::Restart => f.write_str("restart"),
            Self::Forever => f.write_str("forever"),
            Self::Seconds(seconds) => write!(f, "seconds:{seconds}"),
        }
    }
}

/// The user's answer. The helper builds the rule from its own knowledge of the question; nothing
/// in an answer can name another program, user or destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct Answer {
    /// `allow`, `deny` or `drop`.
    pub action: String,
    /// Text form of an [`AnswerScope`]; `flow` when left out.
    pub scope: Option<String>,
    /// Text form of an [`AnswerLifetime`]; `once` when left out.
    pub lifetime: Option<String>,
}

/// An answer that makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedAnswer {
    /// What to do.
    pub action: Action,
    /// How much it covers.
    pub scope: AnswerScope,
    /// How long it holds.
    pub lifetime: AnswerLifetime,
}

impl TryFrom<&Answer> for CheckedAnswer {
    type Error = WireError;

    fn try_from(answer: &Answer) -> Result<Self, Self::Error> {
        Ok(Self {
            action: answer
                .action
                .parse()
                .map_err(|e| WireError::new("action", e))?,
            scope: AnswerScope::parse(answer.scope.as_deref().unwrap_or("flow"))?,
            lifetime: AnswerLifetime::parse(answer.lifetime.as_deref().unwrap_or("once"))?,
        })
    }
}
