//! Records as they travel over the bus, all of D-Bus type `a{sv}`; times are milliseconds since
//! the Unix epoch, 0 for "never" or "not known".

mod details;
mod event;
mod log;
mod question;
mod rule;
mod safeguard;
mod status;
mod suggestion;

pub use details::{Details, PackageState};
pub use event::{Connection, Ends, Event, ExplainQuery, Explanation, LadderStep};
pub use log::{LogPages, LogQuery};
pub use question::{Answer, AnswerLifetime, AnswerScope, CheckedAnswer, Question, Scopes};
pub use rule::{WireRule, rule_id};
pub use safeguard::{Guard, LoudProgram};
pub use status::{Status, WireSettings, mode};
pub use suggestion::Suggestion;

/// Why a record from the bus makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct WireError {
    /// Name of the field.
    pub field: &'static str,
    /// A sentence that says what is wrong, without control characters.
    pub problem: String,
}

impl WireError {
    /// Longest sentence, in bytes: it may quote what the peer sent, and that may be megabytes.
    const MAX: usize = 500;

    fn new(field: &'static str, problem: impl ToString) -> Self {
        let mut problem = problem.to_string();
        if problem.len() > Self::MAX {
            problem.truncate(problem.floor_char_boundary(Self::MAX));
            problem.push('…');
        }
        Self { field, problem }
    }
}

impl From<WireError> for crate::Error {
    fn from(error: WireError) -> Self {
        Self::InvalidArgument(error.to_string())
    }
}

impl From<bastion_policy::text::RuleTextError> for WireError {
    fn from(error: bastion_policy::text::RuleTextError) -> Self {
        Self::new(error.field, &error.problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bastion_policy::rule::Rule;
    use proptest::prelude::*;

    fn rule() -> WireRule {
        WireRule {
            id: Some("not yours to choose /".into()),
            name: "A rule".into(),
            action: "allow".into(),
            creator: Some("factory".into()),
            created: Some("nonsense".into()),
            hits: Some(1),
            last_hit: Some(1),
            ..WireRule::default()
        }
    }

    #[test]
    fn what_the_helper_sets_is_dropped_from_what_callers_send() {
        let added = rule().for_adding().unwrap();
        let expected = WireRule {
            name: "A rule".into(),
            action: "allow".into(),
            ..WireRule::default()
        };
        assert_eq!(added, expected);
        let mut importing = rule();
        importing.creator = Some("import".into());
        let imported = importing.for_adding().unwrap();
        assert_eq!(imported.creator.as_deref(), Some("import"));
        assert!(rule().for_replacing().is_err(), "its id is nonsense");
        let mut replacing = rule();
        replacing.creator = Some("import".into());
        replacing.id = Some("a-1".into());
        let replaced = replacing.for_replacing().unwrap();
        assert_eq!(replaced.id.as_deref(), Some("a-1"));
        assert_eq!((replaced.creator, replaced.hits), (None, None));
    }

    #[test]
    fn a_sentence_quotes_no_megabytes() {
        let error = mode(&"ä".repeat(1_000_000)).unwrap_err();
        assert!(error.problem.len() < 600, "{}", error.problem.len());
        assert!(error.to_string().starts_with("mode: "));
    }

    #[test]
    fn explanations_are_of_programs_that_can_be() {
        for (program, fine) in [
            ("kernel", true),
            ("unknown", true),
            ("/usr/bin/curl", true),
            ("curl", false),
            ("/usr/../bin", false),
            ("", false),
        ] {
            let query = ExplainQuery {
                program: program.into(),
                destination: "example.org".into(),
                ..ExplainQuery::default()
            };
            assert_eq!(query.checked().is_ok(), fine, "{program}");
        }
    }

    #[test]
    fn an_address_may_have_a_name_too() {
        let query = |destination: &str, host: &str| ExplainQuery {
            program: "kernel".into(),
            destination: destination.into(),
            host: Some(host.into()),
            ..ExplainQuery::default()
        };
        let flow = query("192.0.2.1", "example.org").flow().unwrap();
        assert_eq!(flow.destination.to_string(), "192.0.2.1");
        assert_eq!(flow.hosts, ["example.org".parse().unwrap()]);
        let error = query("192.0.2.1", "a b").checked().unwrap_err();
        assert_eq!(error.field, "host");
    }

    proptest! {
        #[test]
        fn a_rule_that_passes_can_be_built(name: String, action in "allow|deny|.{0,8}", ports: Option<String>) {
            let wire = WireRule { name, action, ports, ..WireRule::default() };
            if let Ok(mut added) = wire.for_adding() {
                added.id = Some("r1".into());
                prop_assert!(Rule::try_from(&added).is_ok());
            }
        }
    }
}
