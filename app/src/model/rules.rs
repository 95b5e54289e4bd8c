//! The list of rules.

use bastion_ipc::wire::WireRule;
use bastion_policy::matcher::ProgramMatcher;
use bastion_policy::rule::{Creator, Priority, Rule};

use super::names::Directory;
use super::sentence;
use super::verdict::Verdict;
use crate::i18n::gettext;

/// A rule as the list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRow {
    /// Names the rule.
    pub id: String,
    /// The user's name for it.
    pub name: String,
    /// What it does, in a sentence.
    pub sentence: String,
    /// Switched on.
    pub enabled: bool,
    /// What it does, as a colour.
    pub verdict: Verdict,
    /// What it does, in a word.
    pub action: String,
    /// Path of the program for its icon; empty where there is none.
    pub program_path: String,
    /// The programs it means.
    pub program: String,
    /// Where to.
    pub destination: String,
    /// How many flows it decided.
    pub hits: u64,
    /// When it last decided one, in milliseconds since the epoch; 0 for never.
    pub last_hit: u64,
    /// Word for rules that are not plain ones of the user's: factory, learned, imported; else empty.
    pub badge: String,
    /// The rule as the helper sent it.
    pub wire: WireRule,
    haystack: String,
}

impl RuleRow {
    /// A row for a rule. One that this version does not understand is shown as it is.
    #[must_use]
    pub fn new(wire: WireRule, directory: &Directory) -> Self {
        let text = wire.text();
        let rule = Rule::try_from(&wire);
        let (program, destination, sentence, badge) = match &rule {
            Ok(rule) => (
                sentence::program(&rule.spec().program),
                sentence::destination(&rule.spec().destination),
                sentence::sentence(rule, directory),
                badge(rule),
            ),
            Err(error) => (
                text.program.clone(),
                text.destination.clone(),
                error.to_string(),
                gettext("Not understood"),
            ),
        };
        let program_path = match rule.as_ref().map(|rule| &rule.spec().program) {
            Ok(ProgramMatcher::Path(path)) => path.to_string(),
            Ok(ProgramMatcher::App(app)) => app.to_string(),
            _ => String::new(),
        };
        let haystack = [
            &text.name,
            &text.program,
            &text.destination,
            &text.ports,
            &text.protocol,
            &text.note,
            &sentence,
            &badge,
        ]
        .map(|part| part.to_lowercase())
        .join("\n");
        Self {
            id: text.id,
            name: text.name,
            sentence,
            enabled: text.enabled,
            verdict: Verdict::parse(&text.action),
            action: match text.action.as_str() {
                "allow" => gettext("Allow"),
                "deny" => gettext("Deny"),
                "drop" => gettext("Drop"),
                other => other.to_owned(),
            },
            program_path,
            program,
            destination,
            hits: wire.hits.unwrap_or(0),
            last_hit: wire.last_hit.unwrap_or(0),
            badge,
            wire,
            haystack,
        }
    }

    /// True if every word of the query occurs somewhere in the rule. The query is in lower case.
    #[must_use]
    pub fn matches(&self, query: &str) -> bool {
        query
            .split_whitespace()
            .all(|word| self.haystack.contains(word))
    }
}

fn badge(rule: &Rule) -> String {
    match (rule.spec().priority, rule.spec().creator) {
        (Priority::Factory, _) | (_, Creator::Factory) => gettext("Factory"),
        (Priority::Pinned, _) => gettext("Pinned"),
        (_, Creator::Learned) => gettext("Learned"),
        (_, Creator::Import) => gettext("Imported"),
        _ => String::new(),
    }
}

/// The rows for what the helper sent: the user's own first, factory rules last, each by name.
#[must_use]
pub fn rows(rules: Vec<WireRule>, directory: &Directory) -> Vec<RuleRow> {
    let mut rows: Vec<(bool, String, RuleRow)> = rules
        .into_iter()
        .map(|wire| {
            let factory = wire.priority.as_deref() == Some("factory");
            let row = RuleRow::new(wire, directory);
            (factory, row.name.to_lowercase(), row)
        })
        .collect();
    rows.sort_by(|a, b| (a.0, &a.1, &a.2.id).cmp(&(b.0, &b.1, &b.2.id)));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(name: &str, change: impl FnOnce(&mut WireRule)) -> WireRule {
        let mut wire = WireRule {
            id: Some(name.to_lowercase()),
            name: name.into(),
            action: "allow".into(),
            ..WireRule::default()
        };
        change(&mut wire);
        wire
    }

    fn listed(rules: Vec<WireRule>) -> Vec<RuleRow> {
        rows(rules, &Directory::fixed(&[], ""))
    }

    #[test]
    fn the_users_rules_come_before_the_factorys() {
        let rows = listed(vec![
            wire("a-factory", |r| r.priority = Some("factory".into())),
            wire("Web", |_| {}),
            wire("mail", |_| {}),
        ]);
        let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["mail", "Web", "a-factory"]);
        assert_eq!(rows[2].badge, "Factory");
    }

    #[test]
    fn search_wants_every_word_anywhere() {
        let rows = listed(vec![wire("Web", |r| {
            r.program = Some("/usr/bin/curl".into());
            r.destination = Some("Example.org".into());
        })]);
        assert!(rows[0].matches("curl example"));
        assert!(rows[0].matches(""));
        assert!(!rows[0].matches("curl nowhere"));
        assert_eq!(rows[0].program_path, "/usr/bin/curl");
    }

    #[test]
    fn a_rule_that_is_not_understood_is_shown_nevertheless() {
        let rows = listed(vec![wire("Odd", |r| r.program = Some("wasm:x".into()))]);
        assert_eq!(rows[0].program, "wasm:x");
        assert!(rows[0].sentence.contains("wasm:x"));
    }
}
