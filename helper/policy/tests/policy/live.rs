//! Which open connections a change of the rules ends.

use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::live::{Live, Origin, any_denies};
use bastion_policy::process::Identity;
use bastion_policy::rule::{Action, Rule};
use bastion_policy::ruleset::{Outcome, Reason, RuleSet};
use bastion_policy::settings::{Mode, ModeState};
use bastion_policy::text::RuleText;
use bastion_policy::time::Timestamp;
use proptest::prelude::*;

use crate::given;

const NOW: Timestamp = Timestamp::from_millis(1_000);
const LEARN: ModeState = ModeState {
    mode: Mode::Learn,
    paused_until: None,
};

/// A connection of curl's to 192.0.2.1, port 443, which was looked up as www.example.org.
fn connection() -> Live {
    Live {
        flow: Flow {
            protocol: Protocol::Tcp,
            source: "192.0.2.200".parse().unwrap(),
            source_port: 40_000,
            destination: "192.0.2.1".parse().unwrap(),
            destination_port: 443,
            hosts: vec!["www.example.org".parse().unwrap()],
        },
        identity: given::numbered_process(0),
        origin: Origin::Here,
    }
}

fn rules(fields: &[&given::Fields]) -> RuleSet {
    RuleSet::new(
        fields
            .iter()
            .map(|fields| given::rule(fields))
            .collect::<Vec<Rule>>(),
    )
    .unwrap()
}

fn deny_all() -> RuleSet {
    rules(&[&[("id", "all"), ("action", "deny")]])
}

fn denied_by(live: &Live, rules: &RuleSet) -> Option<String> {
    let rule = live.denied_by(rules, LEARN, NOW)?;
    Some(rule.id().to_string())
}

#[test]
fn a_rule_ends_what_it_denies_and_nothing_else() {
    let live = connection();
    let cases: [(&given::Fields, bool); 7] = [
        (&[("action", "deny")], true),
        (&[("action", "drop")], true),
        (&[("action", "allow")], false),
        (&[("action", "deny"), ("program", "/usr/bin/curl")], true),
        (&[("action", "deny"), ("program", "/usr/bin/wget")], false),
        (
            &[("action", "deny"), ("destination", "domain:example.org")],
            true,
        ),
        (&[("action", "deny"), ("ports", "80")], false),
    ];
    for (fields, ends) in cases {
        let fields: Vec<_> = fields.iter().copied().chain([("id", "r")]).collect();
        let found = denied_by(&live, &rules(&[&fields]));
        assert_eq!(found.is_some(), ends, "{fields:?}");
    }
}

#[test]
fn a_rule_that_is_switched_off_ends_nothing() {
    let text = RuleText {
        enabled: false,
        ..given::rule_text(&[("id", "off"), ("action", "deny")])
    };
    let set = RuleSet::new(vec![text.parse().unwrap()]).unwrap();
    assert!(!any_denies(&set));
    assert_eq!(denied_by(&connection(), &set), None);
    assert!(any_denies(&deny_all()));
}

#[test]
fn the_rule_that_wins_decides() {
    let curl: &given::Fields = &[("id", "curl"), ("program", "/usr/bin/curl")];
    let all: &given::Fields = &[("id", "all"), ("action", "deny")];
    let pinned: &given::Fields = &[("id", "pin"), ("action", "drop"), ("priority", "pinned")];
    assert_eq!(denied_by(&connection(), &rules(&[curl, all])), None);
    let found = denied_by(&connection(), &rules(&[curl, all, pinned]));
    assert_eq!(found.as_deref(), Some("pin"));
}

#[test]
fn a_forgotten_name_ends_nothing() {
    let allow: &given::Fields = &[
        ("id", "named"),
        ("program", "/usr/bin/curl"),
        ("destination", "www.example.org"),
    ];
    let deny: &given::Fields = &[
        ("id", "else"),
        ("program", "/usr/bin/curl"),
        ("action", "deny"),
    ];
    let unrelated: &given::Fields = &[
        ("id", "new"),
        ("program", "/usr/bin/wget"),
        ("action", "deny"),
    ];
    let with_names = |names: &[&str]| {
        let mut live = connection();
        live.flow.hosts = names.iter().map(|it| it.parse().unwrap()).collect();
        live
    };
    let set = rules(&[allow, deny, unrelated]);
    // The name lapsed, or the helper that knew it was restarted, and another rule comes.
    assert_eq!(denied_by(&with_names(&[]), &set), None);
    // One of then is remembered, and another one is known now.
    let both = ["www.example.org", "cdn.example.net"];
    assert_eq!(denied_by(&with_names(&both), &set), None);
    // What goes elsewhere for sure ends, and so does what no name could save.
    let found = denied_by(&with_names(&["cdn.example.net"]), &set);
    assert_eq!(found.as_deref(), Some("else"));
    let found = denied_by(&with_names(&[]), &rules(&[deny, unrelated]));
    assert_eq!(found.as_deref(), Some("else"));
    let pinned: &given::Fields = &[("id", "pin"), ("action", "deny"), ("priority", "pinned")];
    let found = denied_by(&with_names(&[]), &rules(&[allow, pinned]));
    assert_eq!(found.as_deref(), Some("pin"));
    let other_port: &given::Fields = &[allow, &[("protocol", "tcp"), ("ports", "22")]].concat();
    let found = denied_by(&with_names(&[]), &rules(&[other_port, deny]));
    assert_eq!(found.as_deref(), Some("else"));
}

#[test]
fn what_is_not_proven_or_not_outbound_stays() {
    let rules = deny_all();
    assert_eq!(denied_by(&connection(), &rules).as_deref(), Some("all"));
    let elsewhere = Live {
        origin: Origin::Elsewhere,
        ..connection()
    };
    let kernel = Live {
        identity: Identity::Kernel,
        ..connection()
    };
    let to = |address: &str| {
        let mut live = connection();
        live.flow.destination = address.parse().unwrap();
        live
    };
    let own = to("192.0.2.200");
    for live in [elsewhere, kernel, to("127.0.0.1"), to("::1"), own] {
        assert_eq!(denied_by(&live, &rules), None, "{live:?}");
    }
}

#[test]
fn a_pause_ends_nothing_and_no_mode_does() {
    let paused = ModeState {
        mode: Mode::Ask,
        paused_until: Some(Timestamp::from_millis(2_000)),
    };
    assert!(connection().denied_by(&deny_all(), paused, NOW).is_none());
    let over = Timestamp::from_millis(2_001);
    assert!(connection().denied_by(&deny_all(), paused, over).is_some());
    for mode in [Mode::Ask, Mode::Learn] {
        let mode = ModeState {
            mode,
            paused_until: None,
        };
        assert!(connection().denied_by(&rules(&[]), mode, NOW).is_none());
    }
}

proptest! {
    #[test]
    fn what_ends_would_be_denied_if_it_began_now(
        rules in given::rules(0..40),
        flow in given::flow(),
        identity in given::identity(),
    ) {
        let set = RuleSet::new(rules).unwrap();
        let live = Live { flow, identity, origin: Origin::Here };
        let decision = set.decide(&live.flow, &live.identity, LEARN, NOW);
        let denied = matches!(decision.outcome, Outcome::Decided(Action::Deny | Action::Drop));
        let proven = live.identity.process().is_some() && !live.is_local();
        match live.denied_by(&set, LEARN, NOW) {
            Some(rule) => {
                prop_assert!(denied && any_denies(&set));
                prop_assert_eq!(decision.reason, Reason::Rule(rule.id().clone()));
            }
            None => prop_assert!(!denied || !proven || live.flow.hosts.is_empty()),
        }
    }

    #[test]
    fn what_ends_without_a_name_is_allowed_under_none(
        rules in given::rules(0..40),
        flow in given::flow(),
        identity in given::identity(),
    ) {
        let set = RuleSet::new(rules).unwrap();
        let nameless = Flow { hosts: vec![], ..flow.clone() };
        let live = Live { flow: nameless, identity, origin: Origin::Here };
        if live.denied_by(&set, LEARN, NOW).is_some() {
            let decision = set.decide(&flow, &live.identity, LEARN, NOW);
            prop_assert!(!decision.action().is_some_and(Action::allows));
        }
    }

    #[test]
    fn reasons_for_ending_survive_as_text(uid: u32) {
        for reason in [Reason::Ended("r-1".parse().unwrap()), Reason::EndedBy(uid)] {
            prop_assert_eq!(reason.to_string().parse::<Reason>().unwrap(), reason);
        }
    }
}
