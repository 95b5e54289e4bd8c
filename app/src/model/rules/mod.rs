//! The list of rules.

mod filter;
pub mod preview;
mod problem;

pub use filter::{Filter, Origin, State};
pub use problem::sentence as problem_sentence;

use std::collections::{BTreeSet, HashMap};

use bastion_ipc::wire::WireRule;
use bastion_policy::matcher::ProgramMatcher;
use bastion_policy::rule::{Creator, Lifetime, Priority, Rule, RuleId};
use bastion_policy::ruleset::{Problem, RuleSet};
use bastion_policy::time::Timestamp;

use super::names::Directory;
use super::verdict::Verdict;
use super::{sentence, time};
use crate::i18n::{gettext, gettext_f};

/// A rule as the list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRow {
    /// Names the rule.
    pub id: String,
    /// The user's name for it.
    pub name: String,
    /// What it is sorted by: its name in lower case.
    pub sort_name: String,
    /// What it does, in a sentence.
    pub sentence: String,
    /// What is wrong with it, in a sentence; empty where nothing is.
    pub problem: String,
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
    /// Who made it.
    pub origin: Origin,
    /// Word for rules that are not plain ones of the user's: factory, learned, imported; else empty.
    pub badge: String,
    /// Until when it holds.
    pub ends: Ends,
    /// The rule as the helper sent it.
    pub wire: WireRule,
    haystack: String,
}

/// Until when a rule holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// For good.
    Never,
    /// At this time, in milliseconds since the epoch.
    At(u64),
    /// With something else, which this text names.
    With(String),
}

impl Ends {
    fn of(lifetime: &Lifetime) -> Self {
        match lifetime {
            Lifetime::Forever => Self::Never,
            Lifetime::Until(end) => Self::At(end.as_millis()),
            Lifetime::Restart => Self::With(gettext("Until restart")),
            Lifetime::Session(_) => Self::With(gettext("This session")),
            Lifetime::Process(_) => Self::With(gettext("One process")),
        }
    }

    /// What is left of its time, in few words; empty for a rule that holds for good.
    #[must_use]
    pub fn left(&self, now: u64) -> String {
        match self {
            Self::Never => String::new(),
            Self::At(end) => gettext_f("{time} left", &[("time", &time::left(*end, now))]),
            Self::With(text) => text.clone(),
        }
    }
}

impl RuleRow {
    /// A row for a rule. One that this version does not understand is shown as it is.
    fn new(
        wire: WireRule,
        rule: Result<&Rule, String>,
        problem: String,
        directory: &Directory,
    ) -> Self {
        let text = wire.text();
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
                error.clone(),
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
            sort_name: text.name.to_lowercase(),
            name: text.name,
            sentence,
            problem,
            enabled: text.enabled,
            verdict: Verdict::parse(&text.action),
            action: action(&text.action),
            program_path,
            program,
            destination,
            hits: wire.hits.unwrap_or(0),
            last_hit: wire.last_hit.unwrap_or(0),
            origin: Origin::of(&text.creator, &text.priority),
            badge,
            ends: rule.map_or(Ends::Never, |rule| Ends::of(&rule.spec().lifetime)),
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

/// What a rule does, in a word.
fn action(text: &str) -> String {
    match text {
        "allow" => gettext("Allow"),
        "deny" => gettext("Deny"),
        "drop" => gettext("Drop"),
        other => other.to_owned(),
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

/// What the page shows of the rules there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The user's own rules first, factory rules last, each by name.
    pub rows: Vec<RuleRow>,
    /// The programs they mean, each once, in order.
    pub programs: Vec<String>,
}

/// Makes of what the helper sent what the page shows. Takes a while for thousands of rules.
#[must_use]
pub fn listing(rules: Vec<WireRule>, directory: &Directory, now: u64) -> Listing {
    let read: Vec<_> = rules.iter().map(Rule::try_from).collect();
    let problems = problems(read.iter().filter_map(|rule| rule.as_ref().ok()), now);
    let mut rows: Vec<(bool, RuleRow)> = std::iter::zip(rules, &read)
        .map(|(wire, rule)| {
            let factory = wire.priority.as_deref() == Some("factory");
            let rule = rule.as_ref().map_err(ToString::to_string);
            let problem = rule.as_ref().ok().and_then(|rule| problems.get(rule.id()));
            let problem = problem.cloned().unwrap_or_default();
            (factory, RuleRow::new(wire, rule, problem, directory))
        })
        .collect();
    rows.sort_by(|(a_factory, a), (b_factory, b)| {
        let own_first = a_factory.cmp(b_factory);
        own_first.then_with(|| (&a.sort_name, &a.id).cmp(&(&b.sort_name, &b.id)))
    });
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    let programs: BTreeSet<_> = rows.iter().map(|row| row.program.as_str()).collect();
    Listing {
        programs: programs.into_iter().map(ToOwned::to_owned).collect(),
        rows,
    }
}

/// Sentences about what is wrong with rules.
fn problems<'a>(rules: impl Iterator<Item = &'a Rule>, now: u64) -> HashMap<RuleId, String> {
    let Ok(set) = RuleSet::new(rules.cloned().collect()) else {
        return HashMap::new();
    };
    let said = |(id, problem): (RuleId, Problem)| {
        let other = set.get(problem.other())?;
        Some((id, problem_sentence(&problem, &other.spec().name)))
    };
    let found = set.problems(Timestamp::from_millis(now)).into_iter();
    found.filter_map(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

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
        listing(rules, &Directory::fixed(&[], ""), NOW).rows
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

    #[test]
    fn what_is_wrong_with_a_rule_is_said_with_the_others_name() {
        let rows = listed(vec![
            wire("Web", |r| r.program = Some("/usr/bin/curl".into())),
            wire("No curl", |r| {
                r.id = Some("no".into());
                r.action = "deny".into();
                r.priority = Some("pinned".into());
                r.program = Some("/usr/bin/curl".into());
            }),
        ]);
        assert!(rows[0].problem.is_empty());
        assert_eq!(
            rows[1].problem,
            "Never decides: “No curl” covers all of it and has a higher priority."
        );
    }

    #[test]
    fn programs_are_listed_once() {
        let curl = |r: &mut WireRule| r.program = Some("/usr/bin/curl".into());
        let rules = vec![wire("a", curl), wire("b", curl), wire("c", |_| {})];
        let listing = listing(rules, &Directory::fixed(&[], ""), NOW);
        assert_eq!(listing.programs, ["curl", "every program"]);
    }

    #[test]
    fn the_time_that_is_left_is_counted() {
        let rows = listed(vec![
            wire("a", |r| {
                r.lifetime = Some("until:1970-01-01T00:16:50Z".into())
            }),
            wire("b", |r| r.lifetime = Some("restart".into())),
            wire("c", |_| {}),
        ]);
        let left: Vec<_> = rows.iter().map(|row| row.ends.left(NOW)).collect();
        assert_eq!(left, ["10 seconds left", "Until restart", ""]);
    }
}
