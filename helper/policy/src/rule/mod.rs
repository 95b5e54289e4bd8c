//! A rule. Out-of-range values can't be written down as matchers, and [`Rule::new`] refuses
//! combinations that contradict themselves, so a `Rule` that exists means something.

mod check;
mod values;

pub use values::{Action, Creator, Lifetime, Priority, RuleId};

use crate::flow::{Flow, Protocol};
use crate::matcher::{
    DestinationMatcher, PortMatcher, ProgramMatcher, ProtocolMatcher, UserMatcher,
};
use crate::process::Identity;
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
    /// Of ancestors no more than the path is known.
    #[error("“{0}” can't be what started a program; use an absolute path or pattern:…")]
    StartedByKind(String),
    /// The kernel's own packets belong to nobody.
    #[error("a rule for the kernel's own packets can't name a user: they belong to none")]
    UserOfKernel,
    /// ICMP is for IPv4, ICMPv6 for IPv6.
    #[error("{protocol} never goes to {destination}: one is IPv4, the other IPv6")]
    OtherFamily {
        /// The protocol, which has a family.
        protocol: Protocol,
        /// The destination, of the other family.
        destination: DestinationMatcher,
    },
    /// A value made in code, not read from text, that has no meaning.
    #[error("“{text}” has no meaning as {field}")]
    Meaningless {
        /// Which field.
        field: &'static str,
        /// Its text form, escaped.
        text: String,
    },
    /// A rule for one process must be for one program.
    #[error("a rule that ends with a process must name that process's program")]
    ProcessWithoutProgram,
    /// Paths below `/proc` are true only as long as a process.
    #[error(
        "“{0}” leads to a program only as long as one process lives; a rule for it must end \
         with that process"
    )]
    PathOfProcess(String),
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
    /// Checks the parts, and each against the others. Values that mean the same become equal: a
    /// network of one address becomes that address, ports are sorted, and so on.
    ///
    /// # Errors
    /// See [`RuleError`].
    pub fn new(id: RuleId, spec: RuleSpec) -> Result<Self, RuleError> {
        let spec = check::canonical(spec)?;
        check::texts(&spec)?;
        check::protocol(&spec)?;
        check::program(&spec)?;
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
        self.spec.destination.matches(flow) && self.matches_elsewhere(flow, identity, now)
    }

    /// True if the rule would mean this flow of this sender if it went where the rule says.
    pub(crate) fn matches_elsewhere(
        &self,
        flow: &Flow,
        identity: &Identity,
        now: Timestamp,
    ) -> bool {
        let spec = &self.spec;
        spec.enabled
            && spec.lifetime.holds_at(now)
            && spec.protocol.matches(flow.protocol)
            // A flow without ports has destination port 0, which no range contains.
            && spec.ports.matches(flow.destination_port)
            && spec.user.matches(identity.uid())
            && spec.program.matches(identity)
            && self.matches_process(identity)
    }

    fn matches_process(&self, identity: &Identity) -> bool {
        let process = identity.process();
        let same_process = match &self.spec.lifetime {
            Lifetime::Process(key) => process.is_some_and(|p| p.key == *key),
            _ => true,
        };
        let started = |program: &ProgramMatcher| {
            let parents = process.map(|p| p.parents.as_slice()).unwrap_or_default();
            parents
                .iter()
                .any(|parent| program.matches_path(&parent.path))
        };
        same_process && self.spec.started_by.as_ref().is_none_or(started)
    }
}
