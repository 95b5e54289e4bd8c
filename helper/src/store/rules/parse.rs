//! What a rules file says.

use std::collections::HashMap;

use bastion_policy::file::record;
use bastion_policy::rule::{Rule, RuleId};
use toml_edit::Table;

use crate::store::toml::{self, TextError};

/// Which of the two rules files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Rules that survive a restart of the computer.
    Permanent,
    /// Rules that end before or with it.
    Runtime,
}

impl Place {
    /// Where a rule belongs.
    pub(super) fn of(rule: &Rule) -> Self {
        match rule.spec().lifetime.survives_restart() {
            true => Self::Permanent,
            false => Self::Runtime,
        }
    }
}

/// The rules of a text in the order of their tables.
pub(super) fn rules(text: &str, place: Place) -> Result<Vec<Rule>, TextError> {
    let tables = record::tables(text)?;
    let mut lines = HashMap::with_capacity(tables.len());
    tables
        .iter()
        .map(|table| {
            let rule = rule(text, table, place)?;
            reject_second(&mut lines, text, table, &rule)?;
            Ok(rule)
        })
        .collect()
}

/// Remembers where each id was first used, as a byte offset.
fn reject_second(
    first: &mut HashMap<RuleId, usize>,
    text: &str,
    table: &Table,
    rule: &Rule,
) -> Result<(), TextError> {
    let start = table.span().map_or(0, |span| span.start);
    let Some(before) = first.insert(rule.id().clone(), start) else {
        return Ok(());
    };
    let line = TextError::at(text, Some(before..before), "").line;
    let problem = if table.contains_key("id") {
        format!("the rule on line {line} has the same id; give one of them another")
    } else {
        format!("the rule on line {line} says the same; remove one, or give one an id")
    };
    let error = TextError::at(text, toml::span(table, "id"), problem);
    Err(error.field("id").rule(&rule.spec().name))
}

fn rule(text: &str, table: &Table, place: Place) -> Result<Rule, TextError> {
    let rule = record::read(text, table)?;
    match place == Place::of(&rule) {
        true => Ok(rule),
        false => {
            let problem = misplaced(place, &rule);
            let error = TextError::at(text, toml::span(table, "lifetime"), problem);
            Err(error.field("lifetime").rule(record::name(table)))
        }
    }
}

fn misplaced(place: Place, rule: &Rule) -> String {
    let lifetime = &rule.spec().lifetime;
    match place {
        Place::Permanent => format!(
            "a rule that ends with the computer's restart or earlier ({lifetime}) can't be kept \
             in this file; write “forever” or “until:TIME”, or make the rule in Bastion"
        ),
        Place::Runtime => format!(
            "a rule that outlives the computer's restart ({lifetime}) can't be kept in this \
             file; write it into the file in /etc"
        ),
    }
}
