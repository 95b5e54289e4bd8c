//! TOML texts and where in them something is wrong.

use std::fmt;
use std::ops::Range;

use crate::escape;
use serde::de::DeserializeOwned;
use toml_edit::{Document, Item, Table};

/// The version of the format of every file here.
pub(super) const VERSION: i64 = 1;

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Name or id of the rule concerned, escaped; empty when none is.
    pub rule: String,
    /// The field concerned; empty when none is.
    pub field: String,
    /// What is wrong with it: one line without hidden characters.
    pub problem: String,
}

impl std::error::Error for TextError {}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if !self.rule.is_empty() {
            write!(f, "rule “{}”: ", self.rule)?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.problem)
    }
}

impl TextError {
    /// An error at a byte offset of `text`; without one, at its beginning.
    #[must_use]
    pub fn at(text: &str, span: Option<Range<usize>>, problem: impl fmt::Display) -> Self {
        let (line, column) = position(text, span.map_or(0, |span| span.start));
        let problem = problem.to_string().trim().replace('\n', "; ");
        Self {
            line,
            column,
            rule: String::new(),
            field: String::new(),
            problem: if escape::is_printable(&problem) {
                problem
            } else {
                escape::printable(&problem)
            },
        }
    }

    /// The same, of this field.
    #[must_use]
    pub fn field(mut self, field: &str) -> Self {
        self.field = field.into();
        self
    }

    /// The same, of the rule of this name or id.
    #[must_use]
    pub fn rule(mut self, rule: &str) -> Self {
        self.rule = escape::printable(rule);
        self
    }
}

/// Line and column of a byte offset, both from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(start..).map_or(0, |line| line.chars().count()) + 1;
    (line, column)
}

/// Bytes as text.
///
/// # Errors
/// If they are no UTF-8.
pub fn utf8(content: Vec<u8>) -> Result<String, TextError> {
    String::from_utf8(content).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let before = String::from_utf8_lossy(before);
        let problem = "this byte is no UTF-8 text; save the file in UTF-8";
        TextError::at(&before, Some(valid..valid), problem)
    })
}

/// The tables of a text whose `version` is one that this Bastion knows. `version` itself is
/// taken out.
///
/// # Errors
/// If it is no TOML, or of no version known here.
pub fn parse(text: &str) -> Result<Table, TextError> {
    let document = Document::parse(text).map_err(|e| TextError::at(text, e.span(), e.message()))?;
    let mut root = document.into_table();
    match root.remove("version") {
        Some(item) if item.as_integer() == Some(VERSION) => Ok(root),
        Some(item) => {
            let problem = format!("this Bastion reads files with version = {VERSION} alone");
            Err(TextError::at(text, item.span(), problem).field("version"))
        }
        None => {
            let problem = format!("write “version = {VERSION}” at the top of the file");
            Err(TextError::at(text, None, problem).field("version"))
        }
    }
}

/// The record a table describes; errors of serde point into `text`.
///
/// # Errors
/// If it has other fields than the record, or others' types.
pub fn record<T: DeserializeOwned>(text: &str, table: &Table) -> Result<T, TextError> {
    let inline = table.clone().into_inline_table();
    let value = toml_edit::Value::InlineTable(inline);
    T::deserialize(serde::de::IntoDeserializer::into_deserializer(value)).map_err(
        |e: toml_edit::de::Error| {
            TextError::at(text, e.span().or_else(|| table.span()), e.message())
        },
    )
}

/// Where a field's value stands in the text; where it is missing, the table's head.
#[must_use]
pub fn span(table: &Table, field: &str) -> Option<Range<usize>> {
    table
        .get(field)
        .and_then(Item::span)
        .or_else(|| table.span())
}

/// Sets a field in a way that leaves the comment on its line in place.
pub fn set(table: &mut Table, field: &str, value: impl Into<toml_edit::Value>) {
    let mut value = value.into();
    match table.get_mut(field) {
        Some(Item::Value(old)) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        _ => {
            table.insert(field, Item::Value(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_line_and_column_in_characters() {
        let error = parse("version = 1\nä = \"ö\" x\n").unwrap_err();
        assert_eq!((error.line, error.column), (2, 9), "{error}");
        let error = utf8(b"version = 1\n# \xc3\xa4\xff".to_vec()).unwrap_err();
        assert_eq!((error.line, error.column), (2, 4), "{error}");
    }

    #[test]
    fn a_version_is_demanded() {
        assert!(parse("").unwrap_err().to_string().contains("version = 1"));
        let error = parse("# x\nversion = 2").unwrap_err();
        assert_eq!((error.line, error.column), (2, 11), "{error}");
        assert!(parse("version = \"1\"").is_err());
        assert!(parse("version = 1").is_ok());
    }

    #[test]
    fn errors_are_one_line_without_hidden_characters() {
        let error = parse("version = 1\n\"\\u202e\" = 1\n\"\\u202e\" = 2").unwrap_err();
        assert!(escape::is_printable(&error.to_string()), "{error:?}");
    }
}
