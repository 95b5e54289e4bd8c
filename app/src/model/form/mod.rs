//! The rule editor's form: a rule in pieces that people can fill in, and what is wrong with it.
//! What is right and wrong is decided by the policy's own text forms.

mod kinds;

pub use kinds::{
    DestinationKind, Kind, LifetimeKind, ProgramKind, ProtocolKind, UserKind, wall_clock,
};

use bastion_ipc::wire::WireRule;
use bastion_policy::matcher::{
    DestinationMatcher, PortMatcher, ProgramMatcher, ProtocolMatcher, UserMatcher,
};
use bastion_policy::rule::{Action, Lifetime, Priority, Rule, RuleError};
use bastion_policy::text::{FieldError, RuleText};

use super::names::Directory;
use super::sentence;
use crate::i18n::gettext;

/// Most characters of a rule's name; see `Rule::new`.
const MAX_NAME: usize = 200;

/// A field that can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are those of RuleText")]
pub enum Field {
    Name,
    Program,
    StartedBy,
    User,
    Destination,
    Ports,
    Protocol,
    Lifetime,
    Note,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::Program,
        Self::StartedBy,
        Self::User,
        Self::Destination,
        Self::Ports,
        Self::Protocol,
        Self::Lifetime,
        Self::Note,
    ];

    /// What a value of this field should be.
    fn hint(self) -> String {
        match self {
            Self::Name => gettext("A name has at most 200 characters."),
            Self::Program | Self::StartedBy => gettext(
                "Write a path like /usr/bin/firefox, a pattern like /opt/*/bin/app, or an application’s ID.",
            ),
            Self::User => gettext("There is no user of this name or ID."),
            Self::Destination => gettext(
                "Write a name like example.org, an address, a network like 192.168.0.0/16, or a range like 10.0.0.1-10.0.0.9.",
            ),
            Self::Ports => gettext("Write ports from 1 to 65535, like 443 or 80, 8000-8100."),
            Self::Protocol => gettext("Write a number from 0 to 255."),
            Self::Lifetime => gettext("Write a time to come, like 2030-12-31 18:00."),
            Self::Note => gettext("A note has at most 2000 characters."),
        }
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Which field.
    pub field: Field,
    /// A sentence that says what to do.
    pub problem: String,
}

/// A rule in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of RuleText")]
pub struct Form {
    pub name: String,
    pub enabled: bool,
    pub action: Option<Action>,
    pub program: (ProgramKind, String),
    /// Empty when the rule does not ask; else as [`ProgramKind::split`] takes it.
    pub started_by: String,
    pub user: (UserKind, String),
    pub destination: (DestinationKind, String),
    /// Empty for all ports.
    pub ports: String,
    pub protocol: (ProtocolKind, String),
    pub lifetime: (LifetimeKind, String),
    pub priority: Priority,
    pub note: String,
    /// The rule as it was before; `None` for a new one.
    origin: Option<WireRule>,
}

impl Form {
    /// An empty form for a new rule.
    #[must_use]
    pub fn new() -> Self {
        Self {
            enabled: true,
            action: Some(Action::Allow),
            ..Self::default()
        }
    }

    /// The form for a rule that exists.
    #[must_use]
    pub fn of(rule: &WireRule, directory: &Directory) -> Self {
        let text = rule.text();
        Self {
            name: text.name,
            enabled: text.enabled,
            action: text.action.parse().ok(),
            program: ProgramKind::split(&text.program),
            started_by: text.started_by,
            user: match text.user.as_str() {
                "any" => (UserKind::Any, String::new()),
                uid => {
                    let name = uid.parse().map(|uid| directory.user(uid));
                    (UserKind::One, name.unwrap_or_else(|_| uid.to_owned()))
                }
            },
            destination: DestinationKind::split(&text.destination),
            ports: match text.ports.as_str() {
                "any" => String::new(),
                ports => ports.replace(',', ", "),
            },
            protocol: ProtocolKind::split(&text.protocol),
            lifetime: LifetimeKind::split(&text.lifetime),
            priority: text.priority.parse().unwrap_or_default(),
            note: text.note,
            origin: Some(rule.clone()),
        }
    }

    /// True for a rule that exists already.
    #[must_use]
    pub fn is_edit(&self) -> bool {
        let id = self.origin.as_ref().and_then(|origin| origin.id.as_ref());
        id.is_some()
    }

    /// The fields as text, without regard to whether they make sense.
    fn text(&self, directory: &Directory) -> RuleText {
        let origin = self.origin.clone().unwrap_or_default().text();
        let action = self.action.unwrap_or(Action::Deny);
        let user = self.user.0.text(&self.user.1);
        let ports: String = self.ports.chars().filter(|c| !c.is_whitespace()).collect();
        RuleText {
            // Only the helper gives ids; this one stands in until it does.
            id: if origin.id.is_empty() {
                "new".into()
            } else {
                origin.id
            },
            name: self.name.trim().to_owned(),
            enabled: self.enabled,
            action: action.to_string(),
            program: self.program.0.text(&self.program.1),
            started_by: self.started_by.trim().to_owned(),
            user: match self.user.0 {
                UserKind::Any => user,
                UserKind::One => directory.uid(&user).map_or(user, |uid| uid.to_string()),
            },
            destination: self.destination.0.text(&self.destination.1),
            ports: if ports.is_empty() {
                "any".into()
            } else {
                ports
            },
            protocol: self.protocol.0.text(&self.protocol.1),
            lifetime: self.lifetime.0.text(&self.lifetime.1),
            priority: self.priority.to_string(),
            note: self.note.trim_end().to_owned(),
            creator: origin.creator,
            created: origin.created,
        }
    }

    /// The rule, and the sentence that says what it does; or everything that is wrong, at least
    /// one mistake. `now` is milliseconds since the epoch.
    ///
    /// # Errors
    /// If a field is wrong, or the fields contradict one another.
    pub fn check(
        &self,
        directory: &Directory,
        now: u64,
    ) -> Result<(WireRule, String), Vec<Mistake>> {
        let mut text = self.text(directory);
        let mistakes = mistakes(&text, now);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let unnamed = text.name.is_empty();
        if unnamed {
            text.name = "-".into();
        }
        let rule: Rule = text
            .parse()
            .map_err(|error| vec![contradiction(error.problem)])?;
        let sentence = sentence::sentence(&rule, directory);
        let mut wire = WireRule::from(text);
        if unnamed {
            wire.name = name_for(&sentence);
        }
        wire.id = self.origin.as_ref().and_then(|origin| origin.id.clone());
        wire.creator = self
            .origin
            .as_ref()
            .and_then(|origin| origin.creator.clone());
        wire.created = self
            .origin
            .as_ref()
            .and_then(|origin| origin.created.clone());
        Ok((wire, sentence))
    }
}

/// A name for a rule that was given none: its sentence.
fn name_for(sentence: &str) -> String {
    sentence
        .trim_end_matches('.')
        .chars()
        .take(MAX_NAME)
        .collect()
}

/// Checks each field by itself, so that all that is wrong is said at once.
fn mistakes(text: &RuleText, now: u64) -> Vec<Mistake> {
    let started_by =
        text.started_by.is_empty() || text.started_by.parse::<ProgramMatcher>().is_ok();
    let lifetime = match text.lifetime.parse::<Lifetime>() {
        Ok(lifetime) => lifetime.holds_at(bastion_policy::time::Timestamp::from_millis(now)),
        Err(_) => false,
    };
    let checks = [
        (
            Field::Program,
            text.program.parse::<ProgramMatcher>().is_ok(),
        ),
        (Field::StartedBy, started_by),
        (Field::User, text.user.parse::<UserMatcher>().is_ok()),
        (
            Field::Destination,
            text.destination.parse::<DestinationMatcher>().is_ok(),
        ),
        (Field::Ports, text.ports.parse::<PortMatcher>().is_ok()),
        (
            Field::Protocol,
            text.protocol.parse::<ProtocolMatcher>().is_ok(),
        ),
        (Field::Lifetime, lifetime),
    ];
    let wrong = checks.into_iter().filter(|(_, good)| !good);
    wrong
        .map(|(field, _)| Mistake {
            field,
            problem: field.hint(),
        })
        .collect()
}

/// Which field has to change when each makes sense, but not together.
fn contradiction(error: FieldError) -> Mistake {
    let (field, problem) = match error {
        FieldError::Rule(RuleError::PortsWithoutProtocol(_)) => (
            Field::Ports,
            gettext("This protocol has no ports. Leave the ports empty."),
        ),
        FieldError::Rule(RuleError::StartedByWithoutProcess(_)) => (
            Field::StartedBy,
            gettext("No process is involved here, so nothing can have started it."),
        ),
        FieldError::Rule(RuleError::ProcessWithoutProgram) => (
            Field::Program,
            gettext("This rule ends with a process, so it has to name that process’s program."),
        ),
        FieldError::Rule(RuleError::PathOfProcess(_)) => (
            Field::Program,
            gettext("This path names the file of one process, so the rule can’t outlast it."),
        ),
        FieldError::Rule(RuleError::Text { field: "note", .. }) => {
            (Field::Note, Field::Note.hint())
        }
        FieldError::Rule(RuleError::Text { .. }) => (Field::Name, Field::Name.hint()),
        other => (Field::Name, other.to_string()),
    };
    Mistake { field, problem }
}

#[cfg(test)]
mod tests;
