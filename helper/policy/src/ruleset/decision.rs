//! What was decided about a flow, and why.

use std::fmt;
use std::str::FromStr;

use crate::escape;
use crate::rule::{Action, RuleId};

/// What becomes of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is settled.
    Decided(Action),
    /// Somebody has to be asked.
    Ask,
}

/// Why a flow was decided as it was. Text: `rule:ID`, `learn`, `paused`, `answer:UID`, `timeout`,
/// `no-agent`, `exited`, `overload`, `shutdown`, `no-rule`, `before`, `ended:ID`, `ended-by:UID`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// This rule won.
    Rule(RuleId),
    /// No rule matched, and learn mode allows what no rule decides.
    Learn,
    /// Everything is allowed for a while.
    Paused,
    /// The user with this uid answered the question.
    Answer(u32),
    /// Nobody answered in time.
    TimedOut,
    /// There was nobody to ask.
    NoAgent,
    /// The process was gone before the question was answered.
    Exited,
    /// Too much was undecided at once.
    Overload,
    /// The helper stopped while the question was open.
    Shutdown,
    /// No rule matched.
    NoRule,
    /// Nobody decided: it was open before the helper started.
    Before,
    /// It was open when the rules changed; this one denies it, so it was ended.
    Ended(RuleId),
    /// It was open, and the user with this uid ended it.
    EndedBy(u32),
}

/// A text that is no reason.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "“{0}” is no reason; use rule:ID, learn, paused, answer:UID, timeout, no-agent, exited, \
     overload, shutdown, no-rule, before, ended:ID or ended-by:UID"
)]
pub struct ReasonError(pub String);

impl Reason {
    const WORDS: [(Self, &'static str); 9] = [
        (Self::Learn, "learn"),
        (Self::Paused, "paused"),
        (Self::TimedOut, "timeout"),
        (Self::NoAgent, "no-agent"),
        (Self::Exited, "exited"),
        (Self::Overload, "overload"),
        (Self::Shutdown, "shutdown"),
        (Self::NoRule, "no-rule"),
        (Self::Before, "before"),
    ];

    /// The rule that decided, if one did.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleId> {
        match self {
            Self::Rule(id) | Self::Ended(id) => Some(id),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(id) => write!(f, "rule:{id}"),
            Self::Answer(uid) => write!(f, "answer:{uid}"),
            Self::Ended(id) => write!(f, "ended:{id}"),
            Self::EndedBy(uid) => write!(f, "ended-by:{uid}"),
            word => {
                let named = Self::WORDS.iter().find(|(reason, _)| reason == word);
                f.write_str(named.map_or("", |(_, text)| text))
            }
        }
    }
}

impl FromStr for Reason {
    type Err = ReasonError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = match text.split_once(':') {
            Some(("rule", id)) => id.parse().ok().map(Self::Rule),
            Some(("answer", uid)) => uid.parse().ok().map(Self::Answer),
            Some(("ended", id)) => id.parse().ok().map(Self::Ended),
            Some(("ended-by", uid)) => uid.parse().ok().map(Self::EndedBy),
            Some(_) => None,
            None => Self::WORDS
                .iter()
                .find(|(_, word)| *word == text)
                .map(|(reason, _)| reason.clone()),
        };
        read.ok_or_else(|| ReasonError(escape::excerpt(text)))
    }
}

/// What was decided about a flow, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of it.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
}

impl Decision {
    /// The flow is settled.
    #[must_use]
    pub const fn decided(action: Action, reason: Reason) -> Self {
        Self {
            outcome: Outcome::Decided(action),
            reason,
        }
    }

    /// The action, unless somebody has to be asked.
    #[must_use]
    pub const fn action(&self) -> Option<Action> {
        match self.outcome {
            Outcome::Decided(action) => Some(action),
            Outcome::Ask => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_its_text() {
        let rule = Reason::Rule("a-1".parse().unwrap());
        let words = Reason::WORDS.map(|(reason, _)| reason);
        for reason in words.into_iter().chain([rule, Reason::Answer(1000)]) {
            let text = reason.to_string();
            assert!(!text.is_empty());
            assert_eq!(text.parse(), Ok(reason));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "rule",
            "rule:",
            "rule:a b",
            "answer:",
            "answer:-1",
            "Learn",
            "learn:",
        ] {
            assert!(text.parse::<Reason>().is_err(), "{text}");
        }
    }
}
