use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::RuleError;
use crate::escape;
use crate::process::ProcessKey;
use crate::time::Timestamp;
use crate::words::words;

/// Names a rule for good: 1 to 64 letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(Arc<str>);

impl RuleId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RuleId {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(RuleError::Id(escape::excerpt(text)))
        }
    }
}

/// What a rule does with the flows it matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Let the flow through.
    Allow,
    /// Drop its packets and let the program know at once.
    #[default]
    Deny,
    /// Drop its packets silently; the program waits until it gives up.
    Drop,
}

words!(
    Action,
    RuleError,
    RuleError::Action,
    Allow = "allow",
    Deny = "deny",
    Drop = "drop"
);

impl Action {
    /// True for [`Action::Allow`].
    #[must_use]
    pub fn allows(self) -> bool {
        self == Self::Allow
    }
}

/// A rule's class; a higher one beats any specificity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Shipped with Bastion; loses to every rule of the user's.
    Factory,
    /// What users make.
    #[default]
    Normal,
    /// Beats every rule that is not pinned.
    Pinned,
}

words!(
    Priority,
    RuleError,
    RuleError::Priority,
    Factory = "factory",
    Normal = "normal",
    Pinned = "pinned",
);

/// How long a rule holds. Text: `forever`, `restart`, `until:2026-11-24T10:00:00Z`,
/// `session:ID`, `process:PID:START`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lifetime {
    /// Until somebody removes it.
    #[default]
    Forever,
    /// Until the computer restarts.
    Restart,
    /// Until a point in time.
    Until(Timestamp),
    /// Until this logind session ends.
    Session(Arc<str>),
    /// Until this process ends; the rule holds for this process alone.
    Process(ProcessKey),
}

impl Lifetime {
    /// True if the rule still holds at `now`, as far as time alone tells.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        !matches!(self, Self::Until(end) if *end <= now)
    }

    /// True for rules that are kept across a restart of the computer.
    #[must_use]
    pub fn survives_restart(&self) -> bool {
        matches!(self, Self::Forever | Self::Until(_))
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str("forever"),
            Self::Restart => f.write_str("restart"),
            Self::Until(end) => write!(f, "until:{end}"),
            Self::Session(id) => write!(f, "session:{id}"),
            Self::Process(key) => write!(f, "process:{}:{}", key.pid, key.start_time),
        }
    }
}

impl FromStr for Lifetime {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || RuleError::Lifetime(escape::excerpt(text));
        match (text, text.split_once(':')) {
            ("forever", _) => Ok(Self::Forever),
            ("restart", _) => Ok(Self::Restart),
            (_, Some(("until", end))) => end.parse().map(Self::Until).map_err(|_| wrong()),
            (_, Some(("session", id))) => {
                let valid =
                    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
                valid.then(|| Self::Session(id.into())).ok_or_else(wrong)
            }
            (_, Some(("process", key))) => {
                let (pid, start) = key.split_once(':').ok_or_else(wrong)?;
                let pid = pid.parse().map_err(|_| wrong())?;
                let start_time = start.parse().map_err(|_| wrong())?;
                Ok(Self::Process(ProcessKey { pid, start_time }))
            }
            _ => Err(wrong()),
        }
    }
}

/// Who made a rule. Text: `factory`, `learned`, `import`, `hand` or a uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Creator {
    /// Shipped with Bastion.
    Factory,
    /// Learn mode suggested it.
    Learned,
    /// Imported from a file, of another firewall perhaps.
    Import,
    /// Written into the rules file by hand.
    Hand,
    /// This user, by answering a question or in the editor.
    User(u32),
}

impl fmt::Display for Creator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factory => f.write_str("factory"),
            Self::Learned => f.write_str("learned"),
            Self::Import => f.write_str("import"),
            Self::Hand => f.write_str("hand"),
            Self::User(uid) => write!(f, "{uid}"),
        }
    }
}

impl FromStr for Creator {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "factory" => Ok(Self::Factory),
            "learned" => Ok(Self::Learned),
            "import" => Ok(Self::Import),
            "hand" => Ok(Self::Hand),
            uid => uid
                .parse()
                .map(Self::User)
                .map_err(|_| RuleError::Creator(escape::excerpt(text))),
        }
    }
}
