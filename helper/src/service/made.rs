//! Rules that come of answers and of accepted suggestions, put among the others.

use bastion_ipc::Error;
use bastion_policy::matcher::UserMatcher;
use bastion_policy::rule::{Action, Creator, Rule, RuleId, RuleSpec};

use super::core::Stored;
use crate::engine::now;

/// Rules that the answers of one user may have made; an administrator can make more.
const MAX_ANSWERED: usize = 1_000;

/// Adds the rule, or changes the one that this user's answer has made about the same flows:
/// answering a question twice does not pile up rules, and never changes a rule of another's.
pub(super) fn add_answered(stored: &mut Stored, spec: RuleSpec) -> Result<(), Error> {
    let mut made = 0;
    let same = stored
        .in_force
        .rules()
        .filter(|rule| rule.spec().creator == spec.creator)
        .inspect(|_| made += 1)
        .find(|rule| same_flows(rule.spec(), &spec))
        .cloned();
    let (id, note) = match same {
        Some(rule) => (rule.id().clone(), rule.spec().note.clone()),
        None if made >= MAX_ANSWERED => {
            return Err(Error::LimitReached(format!(
                "Answers have made {MAX_ANSWERED} rules for you already; remove some first, or \
                 answer for this time only."
            )));
        }
        None => (new_id(stored)?, String::new()),
    };
    let spec = RuleSpec { note, ..spec };
    let rule = Rule::new(id, spec).map_err(|e| Error::InvalidArgument(e.to_string()))?;
    stored.rules.upsert(&[rule]).map_err(not_stored)
}

/// Adds rules that were accepted, in one go, and gives their ids. One that is there already, maybe
/// switched off, is put into force instead. `whose` is the user who accepted them for themselves.
pub(super) fn add_learned(
    stored: &mut Stored,
    specs: Vec<RuleSpec>,
    whose: Option<u32>,
) -> Result<Vec<RuleId>, Error> {
    let learned: Vec<&Rule> = stored
        .in_force
        .rules()
        .filter(|rule| rule.spec().creator == Creator::Learned)
        // One that somebody has made deny since is not turned back.
        .filter(|rule| rule.spec().action == Action::Allow)
        .collect();
    let mut ids = new_ids(stored);
    let mut rules: Vec<Rule> = Vec::new();
    let mut added = 0;
    for spec in specs {
        // Of several suggestions of a program, one rule may decide all.
        let same = |rule: &Rule| same_flows(rule.spec(), &spec);
        if rules.iter().any(same) {
            continue;
        }
        let (id, note) = match learned.iter().find(|rule| same(rule)) {
            Some(rule) => (rule.id().clone(), rule.spec().note.clone()),
            None => {
                added += 1;
                (ids.next().ok_or_else(too_many)?, String::new())
            }
        };
        let spec = RuleSpec { note, ..spec };
        rules.push(Rule::new(id, spec).map_err(|e| Error::InvalidArgument(e.to_string()))?);
    }
    let own = |uid| {
        learned
            .iter()
            .filter(move |rule| rule.spec().user == UserMatcher::Uid(uid))
    };
    if let Some(uid) = whose
        && own(uid).count() + added > MAX_ANSWERED
    {
        return Err(Error::LimitReached(format!(
            "Suggestions have made {MAX_ANSWERED} rules for you already, or would; accept whole \
             programs, or have an administrator accept them for all users."
        )));
    }
    drop(ids);
    let made = rules.iter().map(|rule| rule.id().clone()).collect();
    stored.rules.upsert(&rules).map_err(not_stored)?;
    Ok(made)
}

fn same_flows(a: &RuleSpec, b: &RuleSpec) -> bool {
    let key = |s: &RuleSpec| (s.user, s.protocol, s.priority);
    key(a) == key(b)
        && a.program == b.program
        && a.destination == b.destination
        && a.ports == b.ports
        && a.lifetime == b.lifetime
        && a.started_by == b.started_by
}

/// An id no rule has.
pub(super) fn new_id(stored: &Stored) -> Result<RuleId, Error> {
    new_ids(stored).next().ok_or_else(too_many)
}

/// Ids no rule has: the time in milliseconds, and a number where several are made within one.
fn new_ids(stored: &Stored) -> impl Iterator<Item = RuleId> {
    let now = now().as_millis();
    (0..10_000_u32)
        .filter_map(move |n| match n {
            0 => format!("r{now:x}").parse().ok(),
            n => format!("r{now:x}-{n}").parse().ok(),
        })
        .filter(|id| stored.in_force.get(id).is_none())
}

fn too_many() -> Error {
    Error::LimitReached("Too many rules are being made at once.".into())
}

/// What a call is told of a change that could not be stored.
pub(super) fn not_stored(error: impl std::fmt::Display) -> Error {
    Error::NotStored(format!("{error}. Nothing was changed."))
}
