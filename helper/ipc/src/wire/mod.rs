//! Records as they travel over the bus, all of D-Bus type `a{sv}`; times are milliseconds since
//! the Unix epoch, 0 for "never" or "not known".

mod event;
mod question;
mod rule;
mod status;

pub use event::{Connection, Event, ExplainQuery, Explanation, LadderStep, LogQuery};
pub use question::{Answer, AnswerLifetime, AnswerScope, CheckedAnswer, Question, Scopes};
pub use rule::{WireRule, rule_id};
pub use status::{Status, WireSettings, mode};

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
