//! A rule as a table of a rules file.

use std::fmt;

use toml_edit::{ArrayOfTables, Item, Table, Value};

use super::toml::{self, TextError};
use crate::rule::Rule;
use crate::ruleset::RuleSet;
use crate::text::RuleText;

/// The tables of a rules file, each of which [`read`] reads.
///
/// # Errors
/// If the text is no rules file, whatever its rules say.
pub fn tables(text: &str) -> Result<ArrayOfTables, TextError> {
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
    Ok(tables)
}

/// What to call the rule of a table: its name or id; empty if it has neither.
#[must_use]
pub fn name(table: &Table) -> &str {
    ["name", "id"]
        .iter()
        .find_map(|field| table.get(field).and_then(Item::as_str))
        .unwrap_or_default()
}

/// The rule that a table of `text` describes. One without an id gets one made of what it says.
///
/// # Errors
/// If it makes no sense.
pub fn read(text: &str, table: &Table) -> Result<Rule, TextError> {
    let name = name(table);
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
    let rule = meaning(&record)?;
    if has_id {
        return Ok(rule);
    }
    record.id = derived_id(&rule);
    meaning(&record)
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
    let hash = fields(&said)
        .iter()
        // “enabled” is no text. The zero, which no field has, keeps “ab”, “c” and “a”, “bc” apart.
        .filter_map(|(_, value)| value.as_str())
        .flat_map(|value| value.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("hand-{hash:016x}")
}

/// The fields of a rule in the order in which they are written.
#[must_use]
pub fn fields(text: &RuleText) -> [(&'static str, Value); 15] {
    let from = |text: &String| Value::from(text.as_str());
    [
        ("id", from(&text.id)),
        ("name", from(&text.name)),
        ("enabled", Value::from(text.enabled)),
        ("action", from(&text.action)),
        ("program", from(&text.program)),
        ("started_by", from(&text.started_by)),
        ("user", from(&text.user)),
        ("destination", from(&text.destination)),
        ("ports", from(&text.ports)),
        ("protocol", from(&text.protocol)),
        ("lifetime", from(&text.lifetime)),
        ("priority", from(&text.priority)),
        ("note", from(&text.note)),
        ("creator", from(&text.creator)),
        ("created", from(&text.created)),
    ]
}

/// Fields with the value that they have when they are left out; but whether a rule is enabled is
/// always written, because people look for it.
#[must_use]
pub fn defaults() -> [(&'static str, Value); 15] {
    fields(&RuleText::default())
}

/// True if two values of fields are the same, however they are written.
#[must_use]
pub fn same(a: &Value, b: &Value) -> bool {
    (a.as_str(), a.as_bool()) == (b.as_str(), b.as_bool())
}

/// Writes a rule into a table, in place of what is there.
pub fn fill(table: &mut Table, rule: &Rule) {
    table.clear();
    for ((name, value), (_, default)) in fields(&rule.into()).into_iter().zip(defaults()) {
        if name == "enabled" || !same(&value, &default) {
            toml::set(table, name, value);
        }
    }
}
