//! Which of two matching rules wins. Stated in the documentation of [`crate::ruleset`]; the order
//! of the fields of [`Precedence`] is that statement as code.

use std::cmp::{Ordering, Reverse};
use std::fmt;

use crate::matcher::{PathPattern, ProgramMatcher, ProtocolMatcher, UserMatcher};
use crate::rule::{Lifetime, Priority, Rule, RuleId};
use crate::time::Timestamp;

/// What made one rule win over another. Text: `priority`, `program`, `destination`, `ports`,
/// `protocol`, `user`, `action`, `created`, `id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Criterion {
    /// Its priority is higher.
    Priority,
    /// It names the program more closely.
    Program,
    /// It names the destination more closely.
    Destination,
    /// It names fewer ports.
    Ports,
    /// It names the protocol.
    Protocol,
    /// It names the user.
    User,
    /// It blocks, and the other allows.
    Action,
    /// It is newer.
    Created,
    /// Nothing but its id tells them apart.
    Id,
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Priority => "priority",
            Self::Program => "program",
            Self::Destination => "destination",
            Self::Ports => "ports",
            Self::Protocol => "protocol",
            Self::User => "user",
            Self::Action => "action",
            Self::Created => "created",
            Self::Id => "id",
        })
    }
}

/// How closely a rule names the program; the greater, the closer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ProgramRank {
    /// It holds for one process alone.
    one_process: bool,
    /// The kind of its matcher.
    kind: u8,
    /// Literal characters of a pattern; 0 for all else.
    literal: usize,
    /// What it asks about the process's ancestors: nothing, a pattern, a path.
    started_by: u8,
    /// Literal characters of the pattern over ancestors; 0 for all else.
    started_by_literal: usize,
}

impl ProgramRank {
    fn of(rule: &Rule) -> Self {
        let spec = rule.spec();
        let started_by = spec.started_by.as_ref();
        Self {
            one_process: matches!(spec.lifetime, Lifetime::Process(_)),
            kind: match spec.program {
                ProgramMatcher::Any => 0,
                // No sender is both, so the two never meet.
                ProgramMatcher::Kernel | ProgramMatcher::Unknown => 1,
                ProgramMatcher::Pattern(_) => 2,
                ProgramMatcher::App(_) => 3,
                ProgramMatcher::Path(_) => 4,
            },
            literal: literal(Some(&spec.program)),
            started_by: match started_by {
                Some(ProgramMatcher::Path(_)) => 2,
                Some(ProgramMatcher::Pattern(_)) => 1,
                _ => 0,
            },
            started_by_literal: literal(started_by),
        }
    }
}

fn literal(program: Option<&ProgramMatcher>) -> usize {
    match program {
        Some(ProgramMatcher::Pattern(pattern)) => PathPattern::literal_len(pattern),
        _ => 0,
    }
}

/// A rule's place among others; the greater wins. Two rules with different ids never compare
/// equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Precedence {
    priority: Priority,
    program: ProgramRank,
    destination: u32,
    ports: Reverse<u32>,
    protocol: bool,
    user: bool,
    blocks: bool,
    created: Timestamp,
    id: Reverse<RuleId>,
}

impl Precedence {
    pub(super) fn of(rule: &Rule) -> Self {
        let spec = rule.spec();
        Self {
            priority: spec.priority,
            program: ProgramRank::of(rule),
            destination: spec.destination.specificity(),
            ports: Reverse(spec.ports.count()),
            protocol: spec.protocol != ProtocolMatcher::Any,
            user: spec.user != UserMatcher::Any,
            blocks: !spec.action.allows(),
            created: spec.created,
            id: Reverse(rule.id().clone()),
        }
    }

    /// How this place compares with another, and by what; the criterion of equals is the id.
    pub(super) fn compare(&self, other: &Self) -> (Ordering, Criterion) {
        let steps: [(Ordering, Criterion); 9] = [
            (self.priority.cmp(&other.priority), Criterion::Priority),
            (self.program.cmp(&other.program), Criterion::Program),
            (
                self.destination.cmp(&other.destination),
                Criterion::Destination,
            ),
            (self.ports.cmp(&other.ports), Criterion::Ports),
            (self.protocol.cmp(&other.protocol), Criterion::Protocol),
            (self.user.cmp(&other.user), Criterion::User),
            (self.blocks.cmp(&other.blocks), Criterion::Action),
            (self.created.cmp(&other.created), Criterion::Created),
            (self.id.cmp(&other.id), Criterion::Id),
        ];
        steps
            .into_iter()
            .find(|(order, _)| order.is_ne())
            .unwrap_or((Ordering::Equal, Criterion::Id))
    }
}
