//! What is wrong with a form, in sentences that say what to do.

use bastion_policy::matcher::{
    DestinationError, DestinationMatcher, PortError, PortMatcher, ProgramMatcher, ProtocolMatcher,
    UserMatcher,
};
use bastion_policy::rule::{Lifetime, RuleError};
use bastion_policy::text::{FieldError, RuleText, RuleTextError};
use bastion_policy::time::Timestamp;

use super::{Field, ProgramKind};
use crate::i18n::{gettext, gettext_f};

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Which field.
    pub field: Field,
    /// A sentence that says what to do.
    pub problem: String,
}

/// Checks each field by itself, so that all that is wrong is said at once.
pub(super) fn mistakes(text: &RuleText, program: ProgramKind, now: u64) -> Vec<Mistake> {
    let wrong = [
        (Field::Program, self::program(text, program)),
        (Field::StartedBy, started_by(text)),
        (Field::User, user(text)),
        (Field::Destination, destination(text)),
        (Field::Ports, ports(text)),
        (Field::Protocol, protocol(text)),
        (Field::Lifetime, lifetime(text, now)),
    ];
    let said = wrong
        .into_iter()
        .filter_map(|(field, problem)| problem.map(|problem| Mistake { field, problem }));
    said.collect()
}

fn program(text: &RuleText, kind: ProgramKind) -> Option<String> {
    text.program.parse::<ProgramMatcher>().err()?;
    Some(match kind {
        ProgramKind::Pattern => gettext("Write a pattern of whole paths, like /opt/*/bin/app."),
        ProgramKind::Flatpak => gettext("Write the application’s ID, like org.mozilla.firefox."),
        ProgramKind::Snap => gettext("Write the Snap’s name, like firefox."),
        ProgramKind::AppImage => {
            gettext("Write the file’s name without version and ending, like Tool.")
        }
        _ => gettext("Write the whole path, like /usr/bin/firefox."),
    })
}

fn started_by(text: &RuleText) -> Option<String> {
    let fits = match text.started_by.as_str() {
        "" => true,
        text => matches!(
            text.parse(),
            Ok(ProgramMatcher::Any | ProgramMatcher::Path(_) | ProgramMatcher::Pattern(_))
        ),
    };
    (!fits).then(|| gettext("Write a path like /usr/bin/bash, or pattern:/opt/*/bin/app."))
}

fn user(text: &RuleText) -> Option<String> {
    text.user.parse::<UserMatcher>().err()?;
    Some(gettext("There is no user of this name or ID."))
}

fn destination(text: &RuleText) -> Option<String> {
    let error = text.destination.parse::<DestinationMatcher>().err()?;
    Some(match error {
        DestinationError::Network(_) => gettext("Write a network like 192.168.0.0/16 or fd00::/8."),
        DestinationError::Range(_) => {
            gettext("Write a range like 10.0.0.1-10.0.0.9, the lower address first.")
        }
        _ if text.destination.starts_with("domain:") => {
            gettext("Write a domain like example.org; all below it is meant as well.")
        }
        _ => gettext(
            "Write a name like example.org, an address, a network like 192.168.0.0/16, or a range like 10.0.0.1-10.0.0.9.",
        ),
    })
}

fn ports(text: &RuleText) -> Option<String> {
    let error = text.ports.parse::<PortMatcher>().err()?;
    Some(match error {
        PortError::UpsideDown(..) => gettext("The lower port of a range comes first."),
        PortError::TooMany(_) => gettext_f(
            "A rule has at most {most} ranges of ports.",
            &[("most", &PortMatcher::MAX_RANGES.to_string())],
        ),
        PortError::NotAPort(_) => {
            gettext("Write ports from 1 to 65535, like 443 or 80, 8000-8100.")
        }
    })
}

fn protocol(text: &RuleText) -> Option<String> {
    text.protocol.parse::<ProtocolMatcher>().err()?;
    Some(gettext("Write a number from 0 to 255."))
}

fn lifetime(text: &RuleText, now: u64) -> Option<String> {
    let now = Timestamp::from_millis(now);
    match text.lifetime.parse::<Lifetime>() {
        Ok(lifetime) if lifetime.holds_at(now) => None,
        Ok(_) => Some(gettext("This time is over already.")),
        Err(_) => Some(gettext("Write a time to come, like 2030-12-31 18:00.")),
    }
}

/// Which field has to change when each makes sense, but not together.
pub(super) fn contradiction(error: RuleTextError) -> Mistake {
    let (field, problem) = match error.problem {
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
        FieldError::Rule(RuleError::UserOfKernel) => (
            Field::User,
            gettext("The kernel’s own packets belong to no user. Choose everybody."),
        ),
        FieldError::Rule(RuleError::OtherFamily { .. }) => (
            Field::Protocol,
            gettext("ICMP goes to IPv4 addresses alone, ICMPv6 to IPv6 addresses alone."),
        ),
        FieldError::Rule(RuleError::Text { field: "note", .. }) => {
            (Field::Note, gettext("A note has at most 2000 characters."))
        }
        FieldError::Rule(RuleError::Text { .. }) => {
            (Field::Name, gettext("A name has at most 200 characters."))
        }
        other => (Field::Name, other.to_string()),
    };
    Mistake { field, problem }
}
