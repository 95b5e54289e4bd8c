//! Whether the right rule wins.

mod around;
mod oracle;
mod problems;

use std::cmp::Ordering;

use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::process::Identity;
use bastion_policy::rule::{Action, Rule, RuleSpec};
use bastion_policy::ruleset::{Criterion, Outcome, Reason, RuleSet, RuleSetError};
use bastion_policy::settings::{Mode, ModeState};
use bastion_policy::time::Timestamp;
use proptest::prelude::*;

use crate::given::{self, Fields};

const NOW: Timestamp = Timestamp::from_millis(1_000);
const ASK: ModeState = ModeState {
    mode: Mode::Ask,
    paused_until: None,
};

fn check(
    rules: &[Rule],
    set: &RuleSet,
    flow: &Flow,
    identity: &Identity,
) -> Result<(), TestCaseError> {
    let expected = oracle::winner(rules, flow, identity, NOW);
    prop_assert_eq!(set.winner(flow, identity, NOW), expected);
    let decision = set.decide(flow, identity, ASK, NOW);
    match expected {
        Some(rule) => {
            prop_assert_eq!(decision.outcome, Outcome::Decided(rule.spec().action));
            prop_assert_eq!(decision.reason, Reason::Rule(rule.id().clone()));
        }
        None => {
            prop_assert_eq!(decision.outcome, Outcome::Ask);
            prop_assert_eq!(decision.reason, Reason::NoRule);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_winner_is_the_one_that_a_search_through_everything_finds(
        rules in given::rules(0..60),
        flows in proptest::collection::vec((given::flow(), given::identity()), 1..20),
    ) {
        let set = RuleSet::new(rules.clone()).unwrap();
        for (flow, identity) in flows {
            check(&rules, &set, &flow, &identity)?;
        }
    }

    #[test]
    fn what_lasts_is_changed_by_no_name_and_no_time(
        rules in given::rules(0..60),
        flows in proptest::collection::vec((given::flow(), given::identity()), 1..20),
        named in given::flow(),
        later in 0u64..100_000_000_000_000,
    ) {
        let set = RuleSet::new(rules).unwrap();
        let later = NOW.after_millis(later);
        for (flow, identity) in flows {
            let decision = set.decide(&flow, &identity, ASK, NOW);
            if set.lasts(&decision, &flow, &identity, NOW) {
                let renamed = Flow { hosts: named.hosts.clone(), ..flow };
                prop_assert_eq!(set.decide(&renamed, &identity, ASK, later), decision);
            }
        }
    }

    #[test]
    fn the_order_in_which_rules_are_given_changes_nothing(
        (rules, shuffled) in given::rules(0..40).prop_flat_map(|rules| {
            (Just(rules.clone()), Just(rules).prop_shuffle())
        }),
        flow in given::flow(),
        identity in given::identity(),
    ) {
        let set = RuleSet::new(rules.clone()).unwrap();
        prop_assert!(set.rules().eq(rules.iter()));
        let other = RuleSet::new(shuffled).unwrap();
        prop_assert_eq!(
            set.explain(&flow, &identity, ASK, NOW),
            other.explain(&flow, &identity, ASK, NOW)
        );
    }

    #[test]
    fn an_explanation_is_the_truth(
        rules in given::rules(0..60),
        flow in given::flow(),
        identity in given::identity(),
        learn: bool,
        paused: bool,
    ) {
        let mode = ModeState {
            mode: if learn { Mode::Learn } else { Mode::Ask },
            paused_until: paused.then(|| NOW.after_millis(1)),
        };
        let set = RuleSet::new(rules.clone()).unwrap();
        let explanation = set.explain(&flow, &identity, mode, NOW);
        prop_assert_eq!(&explanation.decision, &set.decide(&flow, &identity, mode, NOW));

        let matching = rules.iter().filter(|rule| rule.matches(&flow, &identity, NOW)).count();
        prop_assert_eq!(explanation.ladder.len(), matching);
        for pair in explanation.ladder.windows(2) {
            let expected = oracle::compare(&pair[0].rule, &pair[1].rule);
            prop_assert_eq!((Ordering::Greater, pair[1].loses_by), (expected.0, Some(expected.1)));
        }

        let winner = explanation.ladder.first().map(|rung| rung.rule.id().clone());
        prop_assert!(explanation.ladder.first().is_none_or(|rung| rung.loses_by.is_none()));
        let rest = rules.into_iter().filter(|rule| Some(rule.id()) != winner.as_ref()).collect();
        let without = RuleSet::new(rest).unwrap().decide(&flow, &identity, mode, NOW);
        prop_assert_eq!(explanation.without_winner, without);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1))]

    #[test]
    fn ten_thousand_rules_decide_like_few(
        rules in given::rules(10_000..10_001),
        flows in proptest::collection::vec((given::flow(), given::identity()), 80),
    ) {
        let set = RuleSet::new(rules.clone()).unwrap();
        for (flow, identity) in flows {
            check(&rules, &set, &flow, &identity)?;
        }
    }
}

#[test]
fn each_criterion_beats_all_that_come_after_it() {
    // For each criterion a rule that is better by it alone, and worse by every later one.
    let ladder: [(&Fields, Option<Criterion>); 10] = [
        (&[("id", "j"), ("priority", "pinned")], None),
        (
            &[("id", "i"), ("program", "/usr/bin/curl")],
            Some(Criterion::Priority),
        ),
        (
            &[("id", "h"), ("destination", "192.0.2.1")],
            Some(Criterion::Program),
        ),
        (
            &[("id", "g"), ("ports", "443")],
            Some(Criterion::Destination),
        ),
        (&[("id", "f"), ("protocol", "tcp")], Some(Criterion::Ports)),
        (&[("id", "e"), ("user", "1000")], Some(Criterion::Protocol)),
        (&[("id", "d"), ("action", "deny")], Some(Criterion::User)),
        (
            &[("id", "c"), ("created", "2026-01-01T00:00:00Z")],
            Some(Criterion::Action),
        ),
        (&[("id", "a")], Some(Criterion::Created)),
        (&[("id", "b")], Some(Criterion::Id)),
    ];
    let set = set(&ladder.map(|(fields, _)| fields));
    let identity = given::numbered_process(0);
    let explanation = set.explain(&flow_to("192.0.2.1"), &identity, ASK, NOW);
    let seen = explanation
        .ladder
        .iter()
        .map(|rung| (rung.rule.id().as_str(), rung.loses_by));
    let expected = ladder
        .iter()
        .map(|(fields, criterion)| (fields[0].1, *criterion));
    assert!(seen.clone().eq(expected), "{:?}", seen.collect::<Vec<_>>());
}

#[test]
fn the_closer_program_wins() {
    let ladder: [&Fields; 9] = [
        &[
            ("program", "pattern:/usr/**"),
            ("lifetime", "process:100:7"),
        ],
        &[
            ("program", "/usr/bin/curl"),
            ("started_by", "/usr/bin/wget"),
        ],
        &[
            ("program", "/usr/bin/curl"),
            ("started_by", "pattern:/usr/bin/*"),
        ],
        &[
            ("program", "/usr/bin/curl"),
            ("started_by", "pattern:/usr/**"),
        ],
        &[("program", "/usr/bin/curl")],
        &[
            ("program", "flatpak:org.example.App"),
            ("started_by", "/usr/bin/wget"),
        ],
        &[("program", "pattern:/usr/bin/*")],
        &[
            ("program", "pattern:/usr/**"),
            ("started_by", "/usr/bin/wget"),
        ],
        &[("program", "any"), ("started_by", "/usr/bin/wget")],
    ];
    // Descending, so that ids alone would order them the other way round.
    let ids = ["i8", "i7", "i6", "i5", "i4", "i3", "i2", "i1", "i0"];
    let rules: Vec<Vec<_>> = std::iter::zip(ladder, ids)
        .map(|(fields, id)| fields.iter().copied().chain([("id", id)]).collect())
        .collect();
    let set = set(&rules.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let identity = given::curl_in_an_app_started_by_wget();
    let explanation = set.explain(&flow_to("192.0.2.1"), &identity, ASK, NOW);
    let seen: Vec<_> = explanation
        .ladder
        .iter()
        .map(|rung| rung.rule.id().as_str())
        .collect();
    assert_eq!(seen, ids);
}

#[test]
fn a_pause_lets_even_denied_flows_through_until_it_is_over() {
    let set = set(&[&[("id", "no"), ("action", "deny"), ("priority", "pinned")]]);
    let (flow, identity) = (flow_to("192.0.2.1"), given::numbered_process(0));
    let until = ModeState {
        mode: Mode::Ask,
        paused_until: Some(NOW),
    };
    let before = Timestamp::from_millis(NOW.as_millis() - 1);
    let paused = set.decide(&flow, &identity, until, before);
    assert_eq!(
        (paused.action(), paused.reason),
        (Some(Action::Allow), Reason::Paused)
    );
    let over = set.decide(&flow, &identity, until, NOW);
    assert_eq!(over.action(), Some(Action::Deny));
}

#[test]
fn learn_mode_allows_only_what_no_rule_decides() {
    let set = set(&[&[
        ("id", "no"),
        ("action", "deny"),
        ("destination", "192.0.2.1"),
    ]]);
    let identity = given::numbered_process(0);
    let learn = ModeState {
        mode: Mode::Learn,
        paused_until: None,
    };
    let decide = |to| set.decide(&flow_to(to), &identity, learn, NOW);
    assert_eq!(decide("192.0.2.1").action(), Some(Action::Deny));
    let learned = decide("192.0.2.9");
    assert_eq!(
        (learned.action(), learned.reason),
        (Some(Action::Allow), Reason::Learn)
    );
}

#[test]
fn a_rule_for_one_process_is_for_no_other() {
    let curl = ("program", "/usr/bin/curl");
    let set = set(&[
        &[("id", "this"), curl, ("lifetime", "process:100:7")],
        &[("id", "reused-pid"), curl, ("lifetime", "process:102:8")],
    ]);
    let winner = |number| {
        let identity = given::numbered_process(number);
        set.winner(&flow_to("192.0.2.1"), &identity, NOW)
            .map(|rule| rule.id().as_str())
    };
    assert_eq!(winner(0), Some("this"));
    assert_eq!(winner(2), None);
}

#[test]
fn a_decision_lasts_if_only_the_rules_can_change_it() {
    let curl = ("program", "/usr/bin/curl");
    let wide = [("id", "wide"), curl];
    let lasts = |others: &[&Fields]| {
        let set = set(&[&[&wide[..]], others].concat());
        let (flow, identity) = (flow_to("192.0.2.1"), given::numbered_process(0));
        let decision = set.decide(&flow, &identity, ASK, NOW);
        set.lasts(&decision, &flow, &identity, NOW)
    };
    assert!(lasts(&[]));
    // The name of another's destination, or of one at another port, changes nothing.
    let named = ("destination", "www.example.org");
    assert!(lasts(&[&[
        ("id", "other"),
        ("program", "/usr/bin/wget"),
        named
    ]]));
    assert!(lasts(&[&[
        ("id", "port"),
        curl,
        named,
        ("ports", "1"),
        ("protocol", "tcp")
    ]]));
    assert!(!lasts(&[&[
        ("id", "deny"),
        curl,
        named,
        ("action", "deny")
    ]]));
    // Neither does one that loses anyway.
    let any_program = [("id", "weak"), named, ("action", "deny")];
    assert!(lasts(&[&any_program]));
    for ends in ["until:2100-01-01T00:00:00Z", "session:c1", "process:100:7"] {
        let ends = [
            ("id", "ends"),
            curl,
            ("destination", "192.0.2.1"),
            ("lifetime", ends),
        ];
        assert!(!lasts(&[&ends]), "{ends:?}");
    }
}

#[test]
fn a_rule_ends_when_its_time_is_over_and_counts_only_while_enabled() {
    let set = RuleSet::new(vec![
        given::rule(&[("id", "over"), ("lifetime", "until:1970-01-01T00:00:01Z")]),
        Rule::new(
            "off".parse().unwrap(),
            RuleSpec {
                enabled: false,
                ..given::rule(&[("id", "off")]).spec().clone()
            },
        )
        .unwrap(),
    ])
    .unwrap();
    let identity = given::numbered_process(0);
    let winner = |now| {
        set.winner(&flow_to("192.0.2.1"), &identity, now)
            .map(|rule| rule.id().as_str())
    };
    assert_eq!(winner(Timestamp::from_millis(999)), Some("over"));
    assert_eq!(winner(NOW), None);
}

#[test]
fn doubled_ids_and_too_many_rules_are_refused() {
    let rule = given::rule(&[("id", "twice")]);
    let doubled = RuleSet::new(vec![rule.clone(), rule.clone()]);
    assert_eq!(
        doubled.unwrap_err(),
        RuleSetError::DuplicateId(rule.id().clone())
    );
    let many = vec![rule; RuleSet::MAX_RULES + 1];
    assert_eq!(
        RuleSet::new(many).unwrap_err(),
        RuleSetError::TooMany(RuleSet::MAX_RULES + 1)
    );
}

#[test]
fn rules_are_found_by_id() {
    let set = set(&[&[("id", "b")], &[("id", "a")]]);
    assert_eq!((set.len(), set.is_empty()), (2, false));
    assert_eq!(set.get(&"a".parse().unwrap()).unwrap().id().as_str(), "a");
    assert!(set.get(&"c".parse().unwrap()).is_none());
}

fn set(rules: &[&Fields]) -> RuleSet {
    RuleSet::new(rules.iter().map(|fields| given::rule(fields)).collect()).unwrap()
}

fn flow_to(address: &str) -> Flow {
    Flow {
        protocol: Protocol::Tcp,
        source: "192.0.2.200".parse().unwrap(),
        source_port: 40_000,
        destination: address.parse().unwrap(),
        destination_port: 443,
        hosts: Vec::new(),
    }
}
