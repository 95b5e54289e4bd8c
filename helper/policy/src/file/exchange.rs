//! Taking rules out, to keep or to carry elsewhere, and in from texts of several forms.

use serde_json::Value;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table};

use super::toml::TextError;
use super::{json, opensnitch, record};
use crate::escape;
use crate::rule::{Lifetime, Rule};
use crate::ruleset::RuleSet;
use crate::time::Timestamp;

/// A rule of a text that is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it calls itself, for one that can't be had; escaped.
    pub name: String,
    /// The rule, or why it can't be had.
    pub rule: Result<Rule, String>,
}

/// Why a text can't be imported as a whole.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImportError {
    /// It is no rules file.
    #[error(transparent)]
    Text(#[from] TextError),
    /// It begins like JSON, and goes on otherwise.
    #[error("line {line}, column {column}: this is no JSON")]
    Json {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// It is JSON of something else.
    #[error(
        "this JSON has no rules; it should be what “bastionctl rules list --json” prints, or a rule of OpenSnitch"
    )]
    NoRules,
    /// More rules than can be held.
    #[error("{0} rules are too many; at most {max} can be held", max = RuleSet::MAX_RULES)]
    TooMany(usize),
}

/// The rules of a text: a rules file of Bastion's, the JSON that `bastionctl` prints, or rules of
/// OpenSnitch. Rules that could not hold anywhere else, or are over by `now`, are not to be had.
///
/// # Errors
/// If it is none of these. What is wrong with single rules stands with each.
pub fn import(text: &str, now: Timestamp) -> Result<Vec<Entry>, ImportError> {
    let mut entries = match text.trim_start().strip_prefix(['{', '[']) {
        // A rules file may begin with [[rule]].
        Some(rest) if !rest.starts_with('[') => of_json(text)?,
        _ => of_toml(text)?,
    };
    if entries.len() > RuleSet::MAX_RULES {
        return Err(ImportError::TooMany(entries.len()));
    }
    for entry in &mut entries {
        if let Some(problem) = entry.rule.as_ref().ok().and_then(|rule| ended(rule, now)) {
            entry.rule = Err(problem.into());
        }
    }
    Ok(entries)
}

fn ended(rule: &Rule, now: Timestamp) -> Option<&'static str> {
    match &rule.spec().lifetime {
        Lifetime::Process(_) => Some("it was for a single process"),
        Lifetime::Session(_) => Some("it was for a single session"),
        lifetime => (!lifetime.holds_at(now)).then_some("its time is over"),
    }
}

fn of_toml(text: &str) -> Result<Vec<Entry>, ImportError> {
    let tables = record::tables(text)?;
    let entry = |table: &Table| Entry {
        name: escape::excerpt(record::name(table)),
        rule: record::read(text, table).map_err(|error| error.to_string()),
    };
    Ok(tables.iter().map(entry).collect())
}

fn of_json(text: &str) -> Result<Vec<Entry>, ImportError> {
    let value: Value = serde_json::from_str(text).map_err(|error| ImportError::Json {
        line: error.line(),
        column: error.column(),
    })?;
    let values = match value {
        Value::Array(values) => values,
        one => vec![one],
    };
    let entry = |value| match value {
        Value::Object(object) if opensnitch::is_rule(&object) => Ok(opensnitch::entry(object)),
        Value::Object(object) if object.contains_key("action") => Ok(json::entry(object)),
        _ => Err(ImportError::NoRules),
    };
    values.into_iter().map(entry).collect()
}

/// Rules as the text of a rules file, which [`import`] reads.
#[must_use]
pub fn export<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> String {
    let mut tables = ArrayOfTables::new();
    for rule in rules {
        let mut table = Table::new();
        record::fill(&mut table, rule);
        table.decor_mut().set_prefix("\n");
        tables.push(table);
    }
    let mut document = DocumentMut::new();
    let root = document.as_table_mut();
    root.insert("version", toml_edit::value(super::toml::VERSION));
    root.insert("rule", Item::ArrayOfTables(tables));
    document.to_string()
}
