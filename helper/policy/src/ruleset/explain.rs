//! Why a flow is decided as it is.

use super::{Criterion, Decision};
use crate::rule::Rule;

/// A rule that matches the flow, and why it loses to the one above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The rule.
    pub rule: Rule,
    /// What decided between it and the rung above; `None` for the first, which wins.
    pub loses_by: Option<Criterion>,
}

/// Why a flow is decided as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What is decided.
    pub decision: Decision,
    /// Every rule that matches, in order of precedence.
    pub ladder: Vec<Rung>,
    /// What would be decided if the first rung were not there.
    pub without_winner: Decision,
}
