//! The rule editor's form: a rule in pieces that people can fill in, and what is wrong with it.
//! What is right and wrong is decided by the policy's own text forms.

mod kinds;
mod lifetime;
mod problems;

pub use kinds::{DestinationKind, Kind, ProgramKind, ProtocolKind, UserKind};
pub use lifetime::{LifetimeKind, from_wall_clock, wall_clock};
pub use problems::Mistake;

use bastion_ipc::wire::WireRule;
use bastion_policy::matcher::PortMatcher;
use bastion_policy::rule::{Action, Priority, Rule};
use bastion_policy::text::RuleText;

use super::names::{self, Directory};
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
    fn text(&self, directory: &Directory, now: u64) -> RuleText {
        let origin = self.origin.clone().unwrap_or_default().text();
        let action = self.action.unwrap_or(Action::Deny);
        let user = self.user.0.text(&self.user.1);
        let ports = without_spaces(&self.ports);
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
            lifetime: self.lifetime.0.text(&self.lifetime.1, now),
            priority: self.priority.to_string(),
            note: self.note.trim_end().to_owned(),
            creator: origin.creator,
            created: origin.created,
        }
    }

    /// The rule; or everything that is wrong, at least one mistake. `now` is milliseconds since the
    /// epoch.
    ///
    /// # Errors
    /// If a field is wrong, or the fields contradict one another.
    pub fn check(&self, directory: &Directory, now: u64) -> Result<Complete, Vec<Mistake>> {
        let mut text = self.text(directory, now);
        let mistakes = problems::mistakes(&text, self.program.0, now);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let unnamed = text.name.is_empty();
        if unnamed {
            text.name = "-".into();
        }
        let rule = text
            .parse()
            .map_err(|error| vec![problems::contradiction(error)])?;
        let sentence = sentence::sentence(&rule, directory);
        let mut wire = WireRule::from(text);
        if unnamed {
            wire.name = name_for(&sentence);
        }
        let origin = self.origin.as_ref();
        wire.id = origin.and_then(|origin| origin.id.clone());
        wire.creator = origin.and_then(|origin| origin.creator.clone());
        wire.created = origin.and_then(|origin| origin.created.clone());
        Ok(Complete {
            wire,
            rule,
            sentence,
        })
    }

    /// What is good to know about a field that is right as it is.
    #[must_use]
    pub fn hint(&self, field: Field, directory: &Directory) -> Option<String> {
        match field {
            Field::Program if self.program.0 == ProgramKind::AppImage => Some(gettext(
                "Nothing proves that a program is from an AppImage, so such a rule matches no connection.",
            )),
            Field::Ports => self.services(directory),
            _ => None,
        }
    }

    /// The services at the ports, where there are any.
    fn services(&self, directory: &Directory) -> Option<String> {
        let ports = without_spaces(&self.ports);
        ports.parse::<PortMatcher>().ok()?;
        let protocol = self.protocol.0.text(&self.protocol.1);
        let protocols: &[&str] = match protocol.as_str() {
            "any" => &["tcp", "udp"],
            one => &[one],
        };
        let name = |port: u16| {
            let services = protocols.iter().map(|p| directory.service(port, p));
            services.into_iter().find(|service| !service.is_empty())
        };
        let named: Vec<String> = ports
            .split(',')
            .filter_map(|port| port.parse().ok())
            .filter_map(|port| Some(names::port(port, name(port)?)))
            .collect();
        (!named.is_empty()).then(|| named.join(&gettext(", ")))
    }
}

/// A rule in which nothing is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complete {
    /// As the helper takes it.
    pub wire: WireRule,
    /// As the policy has it.
    pub rule: Rule,
    /// What it does.
    pub sentence: String,
}

fn without_spaces(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// A name for a rule that was given none: its sentence.
fn name_for(sentence: &str) -> String {
    sentence
        .trim_end_matches('.')
        .chars()
        .take(MAX_NAME)
        .collect()
}

#[cfg(test)]
mod tests;
