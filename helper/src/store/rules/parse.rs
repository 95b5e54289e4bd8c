//! What a rules file says.

use std::collections::HashMap;
use std::fmt;

use bastion_policy::rule::{Rule, RuleId};
use bastion_policy::ruleset::RuleSet;
use bastion_policy::text::RuleText;
use toml_edit::{ArrayOfTables, Item, Table, Value};

use super::edit;
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
    let mut root = toml::parse(text)?;
    let tables = match root.remove("rule") {
        None => ArrayOfTables::new(),
        Some(Item::ArrayOfTables(tables)) => tables,
        Some(other) => {
            let problem = "write each rule as a table of its own that begins with [[rule]]";
            return Err(TextError::at(text, other.span(), problem).field("rule"));
        }
    };
    if let Some((key, item)) = root.iter().next() {
        let span = root.key(key).and_then(toml_edit::Key::span);
        let problem = "the file has “version” and [[rule]] tables alone; remove this";
        return Err(TextError::at(text, span.or_else(|| item.span()), problem).field(key));
    }
    if let Some(first_too_many) = tables.get(RuleSet::MAX_RULES) {
        let problem = format!("the file has more than {} rules", RuleSet::MAX_RULES);
        return Err(TextError::at(text, first_too_many.span(), problem));
    }
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
    let name = ["name", "id"]
        .iter()
        .find_map(|field| table.get(field).and_then(Item::as_str))
        .unwrap_or_default();
    let fail = |field: &str, problem: &dyn fmt::Display| {
        let error = TextError::at(text, toml::span(table, field), problem);
        error.field(field).rule(name)
    };
    let mut readable = table.clone();
    let has_id = readable.contains_key("id");
    if !has_id {
        // Stands in until the rest is known to make sense.
        toml::set(&mut readable, "id", "unnamed");
    }
    spell_out(&mut readable);
    let mut record: RuleText = toml::record(text, &readable).map_err(|e| e.rule(name))?;
    let meaning = |record: &RuleText| record.parse().map_err(|e| fail(e.field, &e.problem));
    let mut rule = meaning(&record)?;
    if !has_id {
        record.id = derived_id(&rule);
        rule = meaning(&record)?;
    }
    match place == Place::of(&rule) {
        true => Ok(rule),
        false => Err(fail("lifetime", &misplaced(place, &rule))),
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

/// Numbers and times may be written without quotes: `ports = 443`.
fn spell_out(table: &mut Table) {
    for (key, item) in table.iter_mut() {
        if key == "enabled" {
            continue;
        }
        let text = match item {
            Item::Value(Value::Integer(number)) => number.value().to_string(),
            Item::Value(Value::Datetime(time)) => time.value().to_string(),
            _ => continue,
        };
        *item = toml_edit::value(text);
    }
}

/// The id of a rule that was written without one: made from what the rule says, so that it stays
/// the same as long as that does. Switching it on and off and noting something change nothing.
fn derived_id(rule: &Rule) -> String {
    let said = RuleText {
        id: String::new(),
        note: String::new(),
        creator: String::new(),
        created: String::new(),
        ..rule.into()
    };
    // FNV-1a of 64 bits: unlike the standard library's hash it is the same in every version.
    // Where two rules collide they are reported, never mixed up.
    let hash = edit::fields(&said)
        .iter()
        // “enabled” is no text. The zero, which no field has, keeps “ab”, “c” and “a”, “bc” apart.
        .filter_map(|(_, value)| value.as_str())
        .flat_map(|value| value.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("hand-{hash:016x}")
}
