//! Rules as records of plain strings: the form they have in files and on the bus.

use serde::{Deserialize, Serialize};

use crate::flow::ProtocolError;
use crate::matcher::{DestinationError, PortError, ProgramError, UserError};
use crate::rule::{Rule, RuleError, RuleSpec};
use crate::time::TimestampError;

/// A rule with every field in its text form. Fields left out have the value that restricts
/// nothing (`any`), except those without which a rule has no meaning: `id`, `name`, `action`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of RuleSpec, described there"
)]
pub struct RuleText {
    pub id: String,
    pub name: String,
    #[serde(default = "enabled")]
    pub enabled: bool,
    pub action: String,
    #[serde(default = "any")]
    pub program: String,
    /// Empty when the rule does not ask.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub started_by: String,
    #[serde(default = "any")]
    pub user: String,
    #[serde(default = "any")]
    pub destination: String,
    #[serde(default = "any")]
    pub ports: String,
    #[serde(default = "any")]
    pub protocol: String,
    #[serde(default = "forever")]
    pub lifetime: String,
    #[serde(default = "normal")]
    pub priority: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    #[serde(default = "hand")]
    pub creator: String,
    /// Empty when nobody noted it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created: String,
}

impl Default for RuleText {
    /// A record of which nothing is said: its id, name and action are empty.
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            enabled: enabled(),
            action: String::new(),
            program: any(),
            started_by: String::new(),
            user: any(),
            destination: any(),
            ports: any(),
            protocol: any(),
            lifetime: forever(),
            priority: normal(),
            note: String::new(),
            creator: hand(),
            created: String::new(),
        }
    }
}

fn enabled() -> bool {
    true
}

fn any() -> String {
    "any".into()
}

fn forever() -> String {
    "forever".into()
}

fn normal() -> String {
    "normal".into()
}

fn hand() -> String {
    "hand".into()
}

/// Which field of a rule is wrong, and why.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{field}: {problem}")]
pub struct RuleTextError {
    /// Name of the field, as in [`RuleText`].
    pub field: &'static str,
    /// What is wrong with it.
    #[source]
    pub problem: FieldError,
}

/// What is wrong with one field.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each variant carries the error of the type it is named after"
)]
pub enum FieldError {
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error(transparent)]
    User(#[from] UserError),
    #[error(transparent)]
    Destination(#[from] DestinationError),
    #[error(transparent)]
    Ports(#[from] PortError),
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    Time(#[from] TimestampError),
}

fn field<T, E: Into<FieldError>>(
    field: &'static str,
    result: Result<T, E>,
) -> Result<T, RuleTextError> {
    result.map_err(|error| RuleTextError {
        field,
        problem: error.into(),
    })
}

impl RuleText {
    /// The rule this record describes.
    ///
    /// # Errors
    /// Names the first field that is wrong; a contradiction between fields is reported against
    /// the field that has to change.
    pub fn parse(&self) -> Result<Rule, RuleTextError> {
        let id = field("id", self.id.parse())?;
        let spec = RuleSpec {
            name: self.name.clone(),
            enabled: self.enabled,
            action: field("action", self.action.parse())?,
            program: field("program", self.program.parse())?,
            started_by: match self.started_by.as_str() {
                "" => None,
                program => Some(field("started_by", program.parse())?),
            },
            user: field("user", self.user.parse())?,
            destination: field("destination", self.destination.parse())?,
            ports: field("ports", self.ports.parse())?,
            protocol: field("protocol", self.protocol.parse())?,
            lifetime: field("lifetime", self.lifetime.parse())?,
            priority: field("priority", self.priority.parse())?,
            note: self.note.clone(),
            creator: field("creator", self.creator.parse())?,
            created: match self.created.as_str() {
                "" => crate::time::Timestamp::default(),
                time => field("created", time.parse())?,
            },
        };
        Rule::new(id, spec).map_err(|error| RuleTextError {
            field: match error {
                RuleError::Text { field, .. } | RuleError::Meaningless { field, .. } => field,
                RuleError::PortsWithoutProtocol(_) => "ports",
                RuleError::StartedByWithoutProcess(_) | RuleError::StartedByKind(_) => "started_by",
                RuleError::UserOfKernel => "user",
                RuleError::OtherFamily { .. } => "protocol",
                _ => "program",
            },
            problem: error.into(),
        })
    }
}

impl RuleText {
    /// The fields in which two rules that do the same for as long are the same, whatever they are
    /// called and whoever made them.
    #[must_use]
    pub fn effect(&self) -> [&str; 9] {
        [
            &self.action,
            &self.program,
            &self.started_by,
            &self.user,
            &self.destination,
            &self.ports,
            &self.protocol,
            &self.lifetime,
            &self.priority,
        ]
    }
}

impl From<&Rule> for RuleText {
    fn from(rule: &Rule) -> Self {
        let spec = rule.spec();
        Self {
            id: rule.id().to_string(),
            name: spec.name.clone(),
            enabled: spec.enabled,
            action: spec.action.to_string(),
            program: spec.program.to_string(),
            started_by: spec
                .started_by
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            user: spec.user.to_string(),
            destination: spec.destination.to_string(),
            ports: spec.ports.to_string(),
            protocol: spec.protocol.to_string(),
            lifetime: spec.lifetime.to_string(),
            priority: spec.priority.to_string(),
            note: spec.note.clone(),
            creator: spec.creator.to_string(),
            created: match spec.created.as_millis() {
                0 => String::new(),
                _ => spec.created.to_string(),
            },
        }
    }
}
