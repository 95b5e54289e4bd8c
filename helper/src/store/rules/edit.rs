//! Changing a rules file without touching what the change is not about.

use std::collections::{HashMap, HashSet};

use bastion_policy::file::record::{defaults, fields, fill, same};
use bastion_policy::rule::{Rule, RuleId};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table};

use crate::store::toml::{self, TextError};

/// A text that says `before`, changed: rules in `put` replace those of the same id or are added
/// at the end, those in `drop` are gone. Comments, order and every field that stays the same are
/// left as they were written.
pub(super) fn changed(
    text: &str,
    before: &[Rule],
    put: &[&Rule],
    drop: &HashSet<&RuleId>,
) -> Result<String, TextError> {
    if put.is_empty() && !before.iter().any(|rule| drop.contains(rule.id())) {
        return Ok(text.to_owned());
    }
    let mut document: DocumentMut = text
        .parse()
        .map_err(|e: toml_edit::TomlError| TextError::at(text, e.span(), e.message()))?;
    let tail = document.trailing().as_str().unwrap_or_default().to_owned();
    let root = document.as_table_mut();
    let old = match root.remove("rule") {
        Some(Item::ArrayOfTables(tables)) => tables,
        _ => ArrayOfTables::new(),
    };
    let mut new = Rewrite::new(old, before, drop);
    for rule in put {
        new.put(rule, &tail);
    }
    // The end of the file belongs to what is added after it, and to what was before it if not.
    let tail = match new.added {
        true => std::mem::take(&mut new.orphans),
        false => std::mem::take(&mut new.orphans) + &tail,
    };
    root.insert("rule", Item::ArrayOfTables(new.tables));
    document.set_trailing(tail);
    Ok(document.to_string())
}

/// The tables of a file while it is being changed.
struct Rewrite<'a> {
    tables: ArrayOfTables,
    /// What each table says; `None` for those added.
    said: Vec<Option<&'a Rule>>,
    position: HashMap<RuleId, usize>,
    /// Comments that stood before rules that are gone, but were not about them.
    orphans: String,
    added: bool,
}

impl<'a> Rewrite<'a> {
    fn new(old: ArrayOfTables, before: &'a [Rule], drop: &HashSet<&RuleId>) -> Self {
        let mut rewrite = Self {
            tables: ArrayOfTables::new(),
            said: Vec::new(),
            position: HashMap::new(),
            orphans: String::new(),
            added: false,
        };
        for (mut table, rule) in old.into_iter().zip(before) {
            if drop.contains(rule.id()) {
                rewrite.orphans.push_str(comments_of_others(&table));
                continue;
            }
            rewrite.adopt_orphans(&mut table);
            rewrite.push(table, rule.id().clone(), Some(rule));
        }
        rewrite
    }

    fn push(&mut self, mut table: Table, id: RuleId, said: Option<&'a Rule>) {
        // Tables with positions of their own would be sorted by them.
        table.set_position(None);
        self.position.insert(id, self.tables.len());
        self.tables.push(table);
        self.said.push(said);
    }

    fn adopt_orphans(&mut self, table: &mut Table) {
        if !self.orphans.is_empty() {
            let mut prefix = std::mem::take(&mut self.orphans);
            prefix.push_str(comment(table));
            table.decor_mut().set_prefix(prefix);
        }
    }

    fn put(&mut self, rule: &Rule, tail: &str) {
        let known = self.position.get(rule.id()).copied();
        match known.and_then(|at| Some((self.tables.get_mut(at)?, self.said.get(at)?))) {
            Some((table, Some(said))) => update(table, said, rule),
            // Put twice: the later one counts.
            Some((table, None)) => fill(table, rule),
            None => {
                let mut table = Table::new();
                fill(&mut table, rule);
                let blank = if tail.is_empty() || tail.ends_with('\n') {
                    "\n"
                } else {
                    "\n\n"
                };
                let prefix = match self.added {
                    true => "\n".to_owned(),
                    false => std::mem::take(&mut self.orphans) + tail + blank,
                };
                table.decor_mut().set_prefix(prefix);
                self.added = true;
                self.push(table, rule.id().clone(), None);
            }
        }
    }
}

fn comment(table: &Table) -> &str {
    let prefix = table.decor().prefix();
    prefix.and_then(|raw| raw.as_str()).unwrap_or_default()
}

/// A comment directly above a rule is about the rule and goes with it; what an empty line
/// separates from it stays.
fn comments_of_others(table: &Table) -> &str {
    let comment = comment(table);
    let end = comment.rfind("\n\n").map_or(0, |blank| blank + 1);
    let others = comment.get(..end).unwrap_or_default();
    match others.trim().is_empty() {
        true => "",
        false => others,
    }
}

/// Writes down what has changed between two versions of a rule.
fn update(table: &mut Table, old: &Rule, new: &Rule) {
    let old = fields(&old.into());
    let new = fields(&new.into());
    for (((name, value), (_, old)), (_, default)) in new.into_iter().zip(old).zip(defaults()) {
        // Of a rule that was written without an id the id is written down, so that it stays the
        // same when what it was derived from changes.
        let to_write = !same(&value, &old) || (name == "id" && !table.contains_key("id"));
        match to_write {
            false => {}
            true if value.as_str() == Some("") => drop(table.remove(name)),
            true if same(&value, &default) && !table.contains_key(name) => {}
            true => toml::set(table, name, value),
        }
    }
}
