//! A rule. Out-of-range values can't be written down as matchers, and [`Rule::new`] refuses
//! combinations that contradict themselves, so a `Rule` that exists means something.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::escape;
use crate::flow::{Flow, Protocol};
use crate::matcher::{
    DestinationMatcher, PortMatcher, ProgramMatcher, ProtocolMatcher, UserMatcher,
};
use crate::process::{Identity, ProcessKey};
use crate::time::Timestamp;

/// Why a rule can't be built.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RuleError {
    /// An id with other characters, or too long.
    #[error("“{0}” is no rule id; an id has 1 to 64 letters, digits, “-” and “_”")]
    Id(String),
    /// No action of that name.
    #[error("“{0}” is no action; use allow, deny or drop")]
    Action(String),
    /// No priority of that name.
    #[error("“{0}” is no priority; use factory, normal or pinned")]
    Priority(String),
    /// No lifetime of that form.
    #[error(
        "“{0}” is no lifetime; use forever, restart, until:TIME (RFC 3339), \
         session:ID or process:PID:START"
    )]
    Lifetime(String),
    /// No creator of that form.
    #[error("“{0}” is no creator; use factory, learned, import, hand or a numeric user id")]
    Creator(String),
    /// An empty name or note line, or one too long.
    #[error("the {field} must be {min} to {max} characters long without control characters")]
    Text {
        /// Which field.
        field: &'static str,
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// Ports with a protocol that has none.
    #[error("the rule names ports, but {0} has no ports")]
    PortsWithoutProtocol(Protocol),
    /// Only processes have parents.
    #[error("a rule for “{0}” can't ask what started it: no process is involved")]
    StartedByWithoutProcess(String),
    /// A rule for one process must be for one program.
    #[error("a rule that ends with a process must name that process's program")]
    ProcessWithoutProgram,
}

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
            Err(RuleError::Id(escape::printable(text)))
        }
    }
}

/// Gives an enum of plain words its one text form.
macro_rules! words {
    ($type:ident, $error:path, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            /// Every value with its text form.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $word)),+];
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }

        impl FromStr for $type {
            type Err = RuleError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($error(escape::printable(text))),
                }
            }
        }
    };
}

/// What a rule does with the flows it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Let the flow through.
    Allow,
    /// Drop its packets and let the program know at once.
    Deny,
    /// Drop its packets silently; the program waits until it gives up.
    Drop,
}

words!(
    Action,
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
        let wrong = || RuleError::Lifetime(escape::printable(text));
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
    /// Imported from another firewall.
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
                .map_err(|_| RuleError::Creator(escape::printable(text))),
        }
    }
}

/// Everything a rule says, before it is checked as a whole by [`Rule::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSpec {
    /// What users see; 1 to 200 characters.
    pub name: String,
    /// A rule that is not enabled is kept, but decides nothing.
    pub enabled: bool,
    /// What happens to the flows it matches.
    pub action: Action,
    /// Which programs.
    pub program: ProgramMatcher,
    /// Only where one of the process's ancestors is this.
    pub started_by: Option<ProgramMatcher>,
    /// Which users.
    pub user: UserMatcher,
    /// Where to.
    pub destination: DestinationMatcher,
    /// Which destination ports.
    pub ports: PortMatcher,
    /// Which protocols.
    pub protocol: ProtocolMatcher,
    /// How long it holds.
    pub lifetime: Lifetime,
    /// Its class.
    pub priority: Priority,
    /// The user's own words; up to 2000 characters.
    pub note: String,
    /// Who made it.
    pub creator: Creator,
    /// When it was made.
    pub created: Timestamp,
}

/// A rule that means something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    id: RuleId,
    spec: RuleSpec,
}

impl Rule {
    /// Checks the parts against one another.
    ///
    /// # Errors
    /// See [`RuleError`].
    pub fn new(id: RuleId, spec: RuleSpec) -> Result<Self, RuleError> {
        check_text("name", &spec.name, 1, 200, false)?;
        check_text("note", &spec.note, 0, 2000, true)?;
        if let (PortMatcher::In(_), ProtocolMatcher::Only(protocol)) = (&spec.ports, spec.protocol)
            && !protocol.has_ports()
        {
            return Err(RuleError::PortsWithoutProtocol(protocol));
        }
        let no_process = matches!(
            spec.program,
            ProgramMatcher::Kernel | ProgramMatcher::Unknown
        );
        if spec.started_by.is_some() && no_process {
            return Err(RuleError::StartedByWithoutProcess(spec.program.to_string()));
        }
        if matches!(spec.lifetime, Lifetime::Process(_))
            && (no_process || spec.program == ProgramMatcher::Any)
        {
            return Err(RuleError::ProcessWithoutProgram);
        }
        Ok(Self { id, spec })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &RuleId {
        &self.id
    }

    /// What it says.
    #[must_use]
    pub fn spec(&self) -> &RuleSpec {
        &self.spec
    }

    /// True if the rule is enabled, still holds at `now`, and means this flow of this sender.
    #[must_use]
    pub fn matches(&self, flow: &Flow, identity: &Identity, now: Timestamp) -> bool {
        let spec = &self.spec;
        spec.enabled
            && spec.lifetime.holds_at(now)
            && spec.protocol.matches(flow.protocol)
            // A flow without ports has destination port 0, which no range contains.
            && spec.ports.matches(flow.destination_port)
            && spec.user.matches(identity.uid())
            && spec.destination.matches(flow)
            && spec.program.matches(identity)
            && self.matches_process(identity)
    }

    fn matches_process(&self, identity: &Identity) -> bool {
        let process = identity.process();
        let same_process = match &self.spec.lifetime {
            Lifetime::Process(key) => process.is_some_and(|p| p.key == *key),
            _ => true,
        };
        same_process
            && match (&self.spec.started_by, process) {
                (None | Some(ProgramMatcher::Any), _) => true,
                (Some(_), None) => false,
                (Some(ProgramMatcher::Path(path)), Some(p)) => {
                    p.parents.iter().any(|parent| parent.path == *path)
                }
                (Some(ProgramMatcher::Pattern(pattern)), Some(p)) => {
                    p.parents.iter().any(|parent| pattern.matches(&parent.path))
                }
                // Ancestors are known by path alone.
                (Some(_), Some(_)) => false,
            }
    }
}

fn check_text(
    field: &'static str,
    text: &str,
    min: usize,
    max: usize,
    lines: bool,
) -> Result<(), RuleError> {
    let hidden = |line: &str| !escape::is_printable(line);
    let bad = if lines {
        text.split('\n').any(hidden)
    } else {
        hidden(text)
    };
    if bad || !(min..=max).contains(&text.chars().count()) {
        return Err(RuleError::Text { field, min, max });
    }
    Ok(())
}
