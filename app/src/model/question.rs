//! A question in words: what the prompt shows, and which answers it offers.

use bastion_ipc::wire::{Answer, AnswerLifetime, AnswerScope, Question};
use bastion_policy::rule::Action;

use super::details::{self, Face, Fact};
use super::{names, time};
use crate::i18n::{gettext, gettext_f};

/// One choice of how much, or how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What goes into the answer.
    pub value: String,
    /// What people read.
    pub label: String,
}

/// Everything the prompt shows about a question. All texts in a question are escaped already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionText {
    /// Which question.
    pub id: u64,
    /// What becomes of the connection without an answer.
    pub otherwise: Action,
    /// Name or address of the destination.
    pub destination: String,
    /// The address, when the destination is shown by name; else empty.
    pub address: String,
    /// `TCP, port 443 (https)`.
    pub service: String,
    /// Login name or number of the user; empty when not known.
    pub user: String,
    /// Path of the executable, or what stands for it.
    pub path: String,
    /// `flatpak:ID` and the like; empty when none.
    pub app: String,
    /// Whose name and icon it bears.
    pub face: Face,
    /// What else there is to know, each as one line; empty where there is nothing to say.
    pub facts: [(Fact, String); Fact::ALL.len()],
    /// Warnings, each a sentence.
    pub warnings: Vec<String>,
    /// True when an administrator has to authenticate.
    pub needs_administrator: bool,
    /// How much an answer can cover, narrowest first.
    pub scopes: Vec<Choice>,
    /// How long an answer can hold.
    pub lifetimes: Vec<Choice>,
}

impl QuestionText {
    /// Puts a question into words.
    #[must_use]
    pub fn new(question: &Question) -> Self {
        let destination = names::host(&question.host, &question.destination).to_owned();
        let by_name = !question.host.is_empty();
        Self {
            id: question.id,
            otherwise: question.unanswered(),
            address: if by_name {
                question.destination.clone()
            } else {
                String::new()
            },
            service: service(question),
            user: user(question),
            path: match question.program.as_str() {
                "kernel" | "unknown" => names::program(&question.program),
                path => path.to_owned(),
            },
            app: question.app.clone(),
            face: Face::of(question),
            facts: Fact::ALL.map(|fact| (fact, fact.text(question))),
            warnings: warnings(question),
            needs_administrator: question.needs_administrator,
            scopes: scopes(question, &destination),
            lifetimes: lifetimes(question),
            destination,
        }
    }
}

fn service(question: &Question) -> String {
    let protocol = names::protocol(&question.protocol);
    match names::port(question.port, &question.service) {
        port if port.is_empty() => protocol,
        port => gettext_f(
            "{protocol}, port {port}",
            &[("protocol", &protocol), ("port", &port)],
        ),
    }
}

fn user(question: &Question) -> String {
    match (question.uid, question.user.as_str()) {
        (u32::MAX, "") => String::new(),
        (uid, "") => uid.to_string(),
        (_, name) => name.to_owned(),
    }
}

fn warnings(question: &Question) -> Vec<String> {
    let mut warnings = Vec::new();
    if question.replaced {
        warnings.push(gettext(
            "The file of this program was replaced or deleted after it started. Restart the program if you have just updated it.",
        ));
    }
    if details::is_changed(question) {
        warnings.push(gettext(
            "The file of this program was changed since its package was installed.",
        ));
    }
    if question.program == "unknown" {
        warnings.push(gettext(
            "Bastion could not find out for certain which program this is.",
        ));
    }
    if question.needs_administrator {
        warnings.push(gettext(
            "This program belongs to the system or to another user. An administrator has to confirm the answer.",
        ));
    }
    warnings
}

fn scopes(question: &Question, destination: &str) -> Vec<Choice> {
    let port = question.port.to_string();
    let protocol = names::protocol(&question.protocol);
    let values = [
        ("destination", destination),
        ("port", port.as_str()),
        ("protocol", protocol.as_str()),
    ];
    let label = |scope| match (scope, question.port) {
        (AnswerScope::Flow, 0) => gettext_f("{destination}, {protocol} only", &values),
        (AnswerScope::Flow, _) => gettext_f("{destination}, port {port} only", &values),
        (AnswerScope::Destination, _) => gettext_f("{destination}, every port", &values),
        (AnswerScope::Domain, _) => gettext_f("The whole domain of {destination}", &values),
        (AnswerScope::Port, 0) => gettext_f("{protocol} to everywhere", &values),
        (AnswerScope::Port, _) => gettext_f("Port {port} everywhere", &values),
        (AnswerScope::Program, _) => gettext("Everything this program does"),
    };
    let offered = AnswerScope::ALL
        .into_iter()
        .filter(|(_, text)| question.scopes.iter().any(|offered| offered == text))
        .map(|(scope, text)| Choice {
            value: text.to_owned(),
            label: label(scope),
        })
        .collect::<Vec<_>>();
    if !offered.is_empty() {
        return offered;
    }
    // The narrowest is always possible: it is what an answer without a scope means.
    vec![Choice {
        value: AnswerScope::default().as_str().to_owned(),
        label: label(AnswerScope::default()),
    }]
}

fn lifetimes(question: &Question) -> Vec<Choice> {
    let offered = question
        .lifetimes
        .iter()
        .filter_map(|text| AnswerLifetime::parse(text).ok())
        .map(lifetime)
        .collect::<Vec<_>>();
    if offered.is_empty() {
        vec![lifetime(AnswerLifetime::default())]
    } else {
        offered
    }
}

fn lifetime(lifetime: AnswerLifetime) -> Choice {
    let label = match lifetime {
        AnswerLifetime::Once => gettext("Only this time"),
        AnswerLifetime::Process => gettext("Until the program quits"),
        AnswerLifetime::Session => gettext("Until I log out"),
        AnswerLifetime::Restart => gettext("Until the computer restarts"),
        AnswerLifetime::Forever => gettext("Forever"),
        AnswerLifetime::Seconds(seconds) => {
            let span = time::span(seconds.into());
            gettext_f("For {span}", &[("span", &span)])
        }
    };
    Choice {
        value: lifetime.to_string(),
        label,
    }
}

/// The position of a value among choices; the first where it is not offered.
#[must_use]
pub fn position(choices: &[Choice], value: &str) -> u32 {
    let found = choices.iter().position(|choice| choice.value == value);
    u32::try_from(found.unwrap_or(0)).unwrap_or(0)
}

/// The answer for these choices.
#[must_use]
pub fn answer(action: Action, scope: &str, lifetime: &str) -> Answer {
    Answer {
        action: action.to_string(),
        scope: Some(scope.to_owned()),
        lifetime: Some(lifetime.to_owned()),
    }
}

/// An answer for this one time, of which no rule is made: what closing the window means, and the
/// buttons of a notification.
#[must_use]
pub fn once(action: Action) -> Answer {
    answer(
        action,
        AnswerScope::Flow.as_str(),
        &AnswerLifetime::Once.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use bastion_ipc::wire::CheckedAnswer;

    fn question() -> Question {
        Question {
            id: 7,
            program: "/usr/bin/curl".into(),
            uid: 1000,
            user: "alice".into(),
            protocol: "tcp".into(),
            destination: "192.0.2.7".into(),
            port: 443,
            service: "https".into(),
            host: "example.org".into(),
            scopes: AnswerScope::ALL
                .iter()
                .map(|(_, text)| (*text).to_owned())
                .collect(),
            lifetimes: vec!["once".into(), "seconds:3600".into(), "forever".into()],
            ..Question::default()
        }
    }

    #[test]
    fn a_named_destination_shows_its_address_too() {
        let text = QuestionText::new(&question());
        assert_eq!(text.destination, "example.org");
        assert_eq!(text.address, "192.0.2.7");
        assert_eq!(text.service, "TCP, port 443 (https)");
        assert_eq!(text.user, "alice");
        assert!(text.warnings.is_empty());
    }

    #[test]
    fn every_choice_makes_an_answer_the_helper_understands() {
        let text = QuestionText::new(&question());
        assert_eq!(text.scopes.len(), AnswerScope::ALL.len());
        for scope in &text.scopes {
            for lifetime in &text.lifetimes {
                let answer = answer(Action::Allow, &scope.value, &lifetime.value);
                let checked = CheckedAnswer::try_from(&answer).unwrap();
                assert_eq!(checked.scope.as_str(), scope.value);
                assert_eq!(checked.lifetime.to_string(), lifetime.value);
            }
        }
        assert_eq!(text.lifetimes[1].label, "For 1 hour");
    }

    #[test]
    fn only_what_is_offered_is_shown_and_never_nothing() {
        let mut asked = question();
        asked.scopes = vec!["program".into(), "from the future".into()];
        asked.lifetimes = vec!["nonsense".into()];
        let text = QuestionText::new(&asked);
        assert_eq!(text.scopes.len(), 1);
        assert_eq!(text.scopes[0].value, "program");
        assert_eq!(text.lifetimes[0].value, "once");
        assert_eq!(position(&text.scopes, "flow"), 0);
    }

    #[test]
    fn a_protocol_without_ports_speaks_of_none() {
        let mut asked = question();
        asked.protocol = "icmp".into();
        asked.port = 0;
        let text = QuestionText::new(&asked);
        assert_eq!(text.service, "ICMP");
        assert_eq!(text.scopes[0].label, "example.org, ICMP only");
    }

    #[test]
    fn doubts_are_said() {
        let mut asked = question();
        asked.program = "unknown".into();
        asked.replaced = true;
        asked.needs_administrator = true;
        asked.details = Some(bastion_ipc::wire::Details {
            package_state: Some("changed".into()),
            ..Default::default()
        });
        assert_eq!(QuestionText::new(&asked).warnings.len(), 4);
        asked.details = Some(bastion_ipc::wire::Details {
            package_state: Some("unpackaged".into()),
            ..Default::default()
        });
        assert_eq!(QuestionText::new(&asked).warnings.len(), 3);
    }

    #[test]
    fn the_path_is_there_whatever_the_application_is_called() {
        let mut asked = question();
        asked.details = Some(bastion_ipc::wire::Details {
            name: Some("Something Else".into()),
            ..Default::default()
        });
        let text = QuestionText::new(&asked);
        assert_eq!(text.path, "/usr/bin/curl");
        assert!(matches!(text.face, Face::Application { name, .. } if name == "Something Else"));
    }

    #[test]
    fn once_makes_no_rule() {
        for action in [Action::Allow, Action::Deny] {
            let checked = CheckedAnswer::try_from(&once(action)).unwrap();
            assert_eq!(checked.action, action);
            assert_eq!(checked.lifetime, AnswerLifetime::Once);
        }
    }
}
