//! Whether what is said to be wrong with rules is so, and whether nothing certain is left out.

use std::cmp::Ordering;
use std::collections::HashMap;

use bastion_policy::flow::Flow;
use bastion_policy::matcher::ProgramMatcher;
use bastion_policy::process::Identity;
use bastion_policy::rule::{Lifetime, Rule, RuleId};
use bastion_policy::ruleset::{Criterion, Problem, RuleSet};
use bastion_policy::time::Timestamp;
use proptest::prelude::*;

use super::around::{any_around, meet, sample};
use super::{ASK, NOW, flow_to, oracle};
use crate::given::{self, Fields};

fn problems(rules: &[Rule]) -> HashMap<RuleId, Problem> {
    RuleSet::new(rules.to_vec()).unwrap().problems(NOW)
}

/// Now, and whenever something in the made-up world ends.
fn times(rules: &[&Rule]) -> Vec<Timestamp> {
    let ends = rules.iter().filter_map(|rule| match rule.spec().lifetime {
        Lifetime::Until(end) if end > NOW => Some(end),
        _ => None,
    });
    ends.chain([NOW]).collect()
}

/// True if some flow shows that the first rule does not cover the second.
fn uncovered(over: &Rule, rule: &Rule) -> bool {
    let times = times(&[over, rule]);
    any_around(rule, over, |flow, identity| {
        let shows = |now: &Timestamp| {
            rule.matches(flow, identity, *now) && !over.matches(flow, identity, *now)
        };
        times.iter().any(shows)
    })
}

/// True for a rule of which a flow is easily found that it means.
fn is_plain(rule: &Rule) -> bool {
    let spec = rule.spec();
    let no_pattern = |program: &ProgramMatcher| !matches!(program, ProgramMatcher::Pattern(_));
    matches!(spec.lifetime, Lifetime::Forever | Lifetime::Until(_))
        && no_pattern(&spec.program)
        && spec.started_by.as_ref().is_none_or(no_pattern)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_rule_that_is_shadowed_never_wins(
        rules in given::rules(0..60),
        flows in proptest::collection::vec((given::flow(), given::identity()), 1..20),
    ) {
        let set = RuleSet::new(rules.clone()).unwrap();
        let problems = set.problems(NOW);
        let times = times(&rules.iter().collect::<Vec<_>>());
        let around = rules.iter().map(sample_of_any_kind);
        for (flow, identity) in flows.into_iter().chain(around) {
            for now in &times {
                let winner = set.winner(&flow, &identity, *now);
                let problem = winner.and_then(|rule| problems.get(rule.id()));
                let is_shadowed = matches!(problem, Some(Problem::Shadowed { .. }));
                prop_assert!(!is_shadowed, "{:?} wins: {:?}", winner, problem);
            }
        }
    }

    #[test]
    fn without_a_double_the_same_is_let_through(
        rules in given::rules(0..60),
        flows in proptest::collection::vec((given::flow(), given::identity()), 1..20),
    ) {
        let set = RuleSet::new(rules.clone()).unwrap();
        let doubles = set.problems(NOW).into_iter();
        let doubles = doubles.filter(|(_, problem)| matches!(problem, Problem::Double { .. }));
        for (double, _) in doubles {
            let rest = rules.iter().filter(|rule| *rule.id() != double).cloned().collect();
            let rest = RuleSet::new(rest).unwrap();
            for (flow, identity) in &flows {
                for now in times(&rules.iter().collect::<Vec<_>>()) {
                    let lets = |set: &RuleSet| {
                        let action = set.decide(flow, identity, ASK, now).action();
                        action.map(|action| action.allows())
                    };
                    prop_assert_eq!(lets(&rest), lets(&set), "without {}", double);
                }
            }
        }
    }

    #[test]
    fn of_a_rule_that_is_not_shadowed_each_other_leaves_something(rules in given::rules(0..60)) {
        let problems = problems(&rules);
        let counts = |rule: &&Rule| {
            is_plain(rule) && rule.spec().enabled && rule.spec().lifetime.holds_at(NOW)
        };
        let plain: Vec<&Rule> = rules.iter().filter(counts).collect();
        for rule in &plain {
            if !matches!(problems.get(rule.id()), None | Some(Problem::Conflict { .. })) {
                continue;
            }
            let above = |over: &&&Rule| oracle::compare(over, rule).0 == Ordering::Greater;
            let others = plain.iter().filter(|over| over.id() != rule.id());
            for over in others.filter(above) {
                prop_assert!(uncovered(over, rule), "{over:?} covers {rule:?}");
            }
        }
    }

    #[test]
    fn rules_in_conflict_are_equally_close_and_meet(rules in given::rules(0..60)) {
        let set = RuleSet::new(rules.clone()).unwrap();
        for (id, problem) in set.problems(NOW) {
            let Problem::Conflict { with, wins } = problem else { continue };
            let (rule, other) = (set.get(&id).unwrap(), set.get(&with).unwrap());
            let (order, criterion) = oracle::compare(rule, other);
            prop_assert_eq!((order.is_gt(), criterion), (wins, Criterion::Action));
            prop_assert_eq!(wins, !rule.spec().action.allows());
            if is_plain(rule) && is_plain(other) {
                prop_assert!(meet(rule, other), "{rule:?} and {other:?}");
            }
        }
    }

    #[test]
    fn of_two_rules_that_only_the_action_tells_apart_something_is_said(
        rules in given::rules(0..60),
        flows in proptest::collection::vec((given::flow(), given::identity()), 1..20),
    ) {
        let set = RuleSet::new(rules).unwrap();
        let problems = set.problems(NOW);
        let conflict = |rule: &Rule| matches!(problems.get(rule.id()), Some(Problem::Conflict { .. }));
        let sound = |rule: &Rule| !problems.contains_key(rule.id()) || conflict(rule);
        for (flow, identity) in flows {
            let ladder = set.explain(&flow, &identity, ASK, NOW).ladder;
            for (at, rung) in ladder.iter().enumerate() {
                for lower in ladder.iter().skip(at + 1) {
                    let (rule, other) = (&rung.rule, &lower.rule);
                    let only_by_action = oracle::compare(rule, other).1 == Criterion::Action;
                    if only_by_action && same_kind(rule, other) && sound(rule) && sound(other) {
                        prop_assert!(conflict(rule), "{rule:?} against {other:?}");
                        prop_assert!(conflict(other), "{other:?} against {rule:?}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1))]

    #[test]
    fn of_ten_thousand_rules_none_that_wins_is_shadowed(
        rules in given::rules(10_000..10_001),
        flows in proptest::collection::vec((given::flow(), given::identity()), 200),
    ) {
        let set = RuleSet::new(rules).unwrap();
        let problems = set.problems(NOW);
        prop_assert!(problems.len() > 1_000);
        for (flow, identity) in flows {
            let winner = set.winner(&flow, &identity, NOW);
            let problem = winner.and_then(|rule| problems.get(rule.id()));
            prop_assert!(!matches!(problem, Some(Problem::Shadowed { .. })), "{:?}", winner);
        }
    }
}

/// As [`sample`], also of rules with patterns, where it may be none that the rule means.
fn sample_of_any_kind(rule: &Rule) -> (Flow, Identity) {
    match is_plain(rule) {
        true => sample(rule),
        false => (flow_to("192.0.2.1"), given::numbered_process(0)),
    }
}

/// True if the programs are the same, and destinations are compared at all.
fn same_kind(rule: &Rule, other: &Rule) -> bool {
    let by_name = |rule: &Rule| rule.spec().destination.regards_names();
    let (one, two) = (rule.spec(), other.spec());
    one.program == two.program
        && one.lifetime == two.lifetime
        && match by_name(rule) || by_name(other) {
            true => one.destination == two.destination,
            false => true,
        }
}

fn of(rules: &[&Fields]) -> HashMap<RuleId, Problem> {
    let rules: Vec<Rule> = rules.iter().map(|fields| given::rule(fields)).collect();
    problems(&rules)
}

fn id(text: &str) -> RuleId {
    text.parse().unwrap()
}

const CURL: (&str, &str) = ("program", "/usr/bin/curl");

#[test]
fn a_pinned_rule_shadows_what_it_covers_and_nothing_else() {
    let found = of(&[
        &[
            ("id", "pin"),
            CURL,
            ("priority", "pinned"),
            ("action", "deny"),
            ("destination", "10.0.0.0/8"),
        ],
        &[("id", "in"), CURL, ("destination", "10.1.2.3")],
        &[("id", "out"), CURL, ("destination", "11.1.2.3")],
        &[("id", "wider"), CURL, ("destination", "group:lan")],
        &[
            ("id", "other"),
            ("program", "/usr/bin/wget"),
            ("destination", "10.1.2.3"),
        ],
    ]);
    let shadowed = Problem::Shadowed {
        by: id("pin"),
        criterion: Criterion::Priority,
    };
    assert_eq!(found, HashMap::from([(id("in"), shadowed)]));
}

#[test]
fn what_ends_sooner_shadows_nothing() {
    let pinned = [
        ("id", "pin"),
        CURL,
        ("priority", "pinned"),
        ("lifetime", "restart"),
    ];
    let lasting = [("id", "lasting"), CURL, ("action", "deny"), ("ports", "1")];
    assert_eq!(of(&[&pinned, &lasting]), HashMap::new());
    let brief = [&lasting[..], &[("lifetime", "session:c1")]].concat();
    assert_eq!(of(&[&pinned, &brief]).len(), 1);
}

#[test]
fn of_two_that_say_the_same_the_one_that_can_go_is_the_double() {
    let old = [("id", "old"), CURL, ("created", "1970-01-01T00:00:01Z")];
    let new = [("id", "new"), CURL, ("created", "1970-01-01T00:00:02Z")];
    let found = of(&[&old, &new]);
    assert_eq!(
        found,
        HashMap::from([(id("old"), Problem::Double { of: id("new") })])
    );
    let brief = [&new[..], &[("lifetime", "restart")]].concat();
    let found = of(&[&old, &brief]);
    assert_eq!(
        found,
        HashMap::from([(id("new"), Problem::Double { of: id("old") })])
    );
}

#[test]
fn opposite_rules_as_close_as_each_other_are_in_conflict_where_they_meet() {
    let deny = [
        ("id", "deny"),
        CURL,
        ("ports", "80,443"),
        ("protocol", "tcp"),
        ("action", "deny"),
    ];
    let allow = [
        ("id", "allow"),
        CURL,
        ("ports", "443,8443"),
        ("protocol", "tcp"),
    ];
    let found = of(&[&deny, &allow]);
    let conflict = |with, wins| Problem::Conflict {
        with: id(with),
        wins,
    };
    let both = [
        (id("deny"), conflict("allow", true)),
        (id("allow"), conflict("deny", false)),
    ];
    assert_eq!(found, HashMap::from(both));
    let closer = [
        ("id", "closer"),
        CURL,
        ("ports", "443"),
        ("protocol", "tcp"),
    ];
    assert_eq!(of(&[&deny, &closer]), HashMap::new());
    let elsewhere = [
        ("id", "elsewhere"),
        CURL,
        ("ports", "21,22"),
        ("protocol", "tcp"),
    ];
    assert_eq!(of(&[&deny, &elsewhere]), HashMap::new());
}

#[test]
fn what_is_switched_off_or_over_has_no_problems_and_makes_none() {
    let pinned = [("id", "pin"), CURL, ("priority", "pinned")];
    let over = [&pinned[..], &[("lifetime", "until:1970-01-01T00:00:01Z")]].concat();
    let plain = [("id", "plain"), CURL];
    assert_eq!(of(&[&over, &plain]), HashMap::new());
    assert_eq!(of(&[&pinned, &plain]).len(), 1);
}
