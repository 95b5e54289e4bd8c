use std::sync::Arc;

use bastion_policy::process::UnknownReason;
use bastion_policy::rule::{Action, Creator, Lifetime, Rule};

use super::*;
use crate::service::core::Stored;
use crate::store::testing;
use crate::store::{EventLog, Paths, RuleStore, SettingsStore};

fn decided(program: &str, app: Option<&str>, host: Option<&str>, reason: Reason) -> Decided {
    let app = app.map(|app| app.parse().unwrap());
    Decided {
        time: bastion_policy::time::Timestamp::from_millis(5_000),
        flow: Flow {
            protocol: bastion_policy::flow::Protocol::Tcp,
            source: "10.0.0.2".parse().unwrap(),
            source_port: 40_000,
            destination: "192.0.2.1".parse().unwrap(),
            destination_port: 443,
            hosts: host.iter().map(|host| host.parse().unwrap()).collect(),
        },
        identity: imagined::process(program.parse().unwrap(), app, 1000),
        action: Action::Allow,
        reason,
        count: 1,
    }
}

fn curl(host: Option<&str>) -> Suggestion {
    suggested(&decided("/usr/bin/curl", None, host, Reason::Learn), 3).unwrap()
}

fn rules(rules: &[(&str, RuleSpec)]) -> RuleSet {
    let rule =
        |(id, spec): &(&str, RuleSpec)| Rule::new(id.parse().unwrap(), spec.clone()).unwrap();
    RuleSet::new(rules.iter().map(rule).collect()).unwrap()
}

#[test]
fn only_what_learn_mode_allowed_of_a_program_that_a_rule_can_name_is_suggested() {
    let made = curl(Some("www.example.org"));
    let expected = Suggestion {
        program: "/usr/bin/curl".into(),
        uid: 1000,
        protocol: "tcp".into(),
        host: "www.example.org".into(),
        destination: "192.0.2.1".into(),
        destination_port: 443,
        count: 3,
        first: 5_000,
        last: 5_000,
        ..Suggestion::default()
    };
    assert_eq!(made, expected);
    for reason in [Reason::Paused, Reason::Answer(1000), Reason::NoRule] {
        let other = decided("/usr/bin/curl", None, None, reason);
        assert_eq!(suggested(&other, 1), None);
    }
    let learned = |program: &str, app| suggested(&decided(program, app, None, Reason::Learn), 1);
    assert_eq!(learned("/proc/7/root/usr/bin/x", None), None);
    assert_eq!(learned(&format!("/{}", "x".repeat(5_000)), None), None);
    let app = learned("/proc/7/root/app/bin/x", Some("flatpak:org.a.B")).unwrap();
    assert_eq!(app.app, "flatpak:org.a.B");
    let mut unknown = decided("/usr/bin/curl", None, None, Reason::Learn);
    unknown.identity = Identity::Unknown {
        uid: Some(1000),
        reason: UnknownReason::NoSocket,
    };
    assert_eq!(suggested(&unknown, 1), None);
    unknown.identity = Identity::Kernel;
    let kernel = suggested(&unknown, 1).unwrap();
    assert_eq!((kernel.program.as_str(), kernel.uid), ("kernel", NO_UID));
}

#[test]
fn a_rule_means_what_was_suggested_for_its_user_or_for_all() {
    for host in [None, Some("www.example.org")] {
        for (program, app) in [
            ("/usr/bin/curl", None),
            ("/app/bin/curl", Some("flatpak:org.a.Curl")),
        ] {
            let made = decided(program, app, host, Reason::Learn);
            let suggestion = suggested(&made, 1).unwrap();
            for (scope, _) in AnswerScope::ALL {
                if scope == AnswerScope::Domain && host.is_none() {
                    continue;
                }
                let own = rule(&suggestion, scope, false).unwrap();
                assert_eq!(own.user, UserMatcher::Uid(1000));
                assert_eq!((own.creator, own.action), (Creator::Learned, Action::Allow));
                assert_eq!(own.lifetime, Lifetime::Forever);
                let all = rule(&suggestion, scope, true).unwrap();
                assert_eq!(all.user, UserMatcher::Any);
                for spec in [own, all] {
                    let rules = rules(&[("r", spec)]);
                    let winner = rules.winner(&made.flow, &made.identity, now());
                    assert!(winner.is_some(), "{scope:?} {suggestion:?}");
                    assert!(!is_undecided(&suggestion, &rules));
                }
            }
        }
    }
}

#[test]
fn scopes_that_make_no_sense_are_refused() {
    for host in [None, Some("localhost")] {
        let made = rule(&curl(host), AnswerScope::Domain, false);
        assert!(matches!(made, Err(Error::InvalidArgument(_))), "{made:?}");
    }
}

#[test]
fn what_another_rule_decides_is_no_suggestion_any_more() {
    let suggestion = curl(Some("www.example.org"));
    let spec = |scope| rule(&suggestion, scope, false).unwrap();
    let elsewhere = RuleSpec {
        destination: "www.example.net".parse().unwrap(),
        ..spec(AnswerScope::Flow)
    };
    let others = RuleSpec {
        user: UserMatcher::Uid(1001),
        ..spec(AnswerScope::Program)
    };
    let off = RuleSpec {
        enabled: false,
        ..spec(AnswerScope::Program)
    };
    let none = rules(&[("a", elsewhere), ("b", others), ("c", off)]);
    assert!(is_undecided(&suggestion, &none));
    let denied = RuleSpec {
        action: Action::Deny,
        ..spec(AnswerScope::Port)
    };
    assert!(!is_undecided(&suggestion, &rules(&[("d", denied)])));
    // Of what somebody wrote into the store nothing is made.
    for meddled in [
        Suggestion {
            program: "curl".into(),
            ..suggestion.clone()
        },
        Suggestion {
            destination: "nowhere".into(),
            ..suggestion.clone()
        },
    ] {
        assert!(!is_undecided(&meddled, &RuleSet::default()));
        assert!(rule(&meddled, AnswerScope::Flow, false).is_err());
    }
}

#[test]
fn one_rule_decides_all_that_it_covers_and_is_not_made_twice() {
    let directory = testing::directory();
    let paths = Paths::under(directory.path());
    for place in ["etc/bastion", "run/bastion", "var/lib/bastion"] {
        std::fs::create_dir_all(directory.path().join(place)).unwrap();
    }
    let mut stored = Stored {
        rules: RuleStore::open(&paths),
        settings: SettingsStore::open(&paths),
        in_force: Arc::default(),
        trouble: None,
    };
    let suggestions = ["a.example", "b.example"].map(|host| curl(Some(host)));
    let of = |scope, for_all| -> Vec<RuleSpec> {
        let made = suggestions.iter();
        made.map(|found| rule(found, scope, for_all).unwrap())
            .collect()
    };
    let mut accept = |specs, whose| {
        let made = made::add_learned(&mut stored, specs, whose)?;
        stored.in_force = Arc::new(RuleSet::new(stored.rules.rules()).unwrap());
        Ok::<_, Error>(made)
    };
    let two = accept(of(AnswerScope::Flow, false), Some(1000)).unwrap();
    assert_eq!(two.len(), 2);
    assert_ne!(two[0], two[1]);
    let port = accept(of(AnswerScope::Port, false), Some(1000)).unwrap();
    assert_eq!(port.len(), 1);
    assert_eq!(
        accept(of(AnswerScope::Port, false), Some(1000)).unwrap(),
        port
    );
    assert_eq!(
        accept(of(AnswerScope::Flow, false), Some(1000)).unwrap(),
        two
    );
    let all = accept(of(AnswerScope::Port, true), None).unwrap();
    assert_ne!(all, port);

    let many = |count: u16| -> Vec<RuleSpec> {
        let made = (0..count).map(|n| curl(Some(&format!("h{n}.example"))));
        made.map(|found| rule(&found, AnswerScope::Flow, false).unwrap())
            .collect()
    };
    let refused = accept(many(998), Some(1000)).unwrap_err();
    assert!(matches!(refused, Error::LimitReached(_)), "{refused}");
    assert_eq!(accept(many(997), Some(1000)).unwrap().len(), 997);
}

#[test]
fn decisions_of_learn_mode_are_kept_and_others_are_not() {
    let directory = testing::directory();
    let ledger =
        super::super::ledger::Ledger::new(EventLog::open(&directory.path().join("events.db")));
    let made = [
        decided("/usr/bin/curl", None, Some("a.example"), Reason::Learn),
        decided("/usr/bin/wget", None, Some("a.example"), Reason::Paused),
        decided("/usr/bin/curl", None, Some("a.example"), Reason::Learn),
    ];
    ledger.record(&made, &RuleSet::default());
    ledger.record(&made[..1], &RuleSet::default());
    let open = ledger.suggestions(None).unwrap();
    let found: Vec<_> = open
        .iter()
        .map(|it| (it.program.as_str(), it.count))
        .collect();
    assert_eq!(found, [("/usr/bin/curl", 3)]);
    assert_eq!(ledger.suggestions(Some(1001)).unwrap(), []);
    assert!(ledger.set_dropped(&[open[0].id], Some(1000), true).unwrap());
    ledger.record(&made, &RuleSet::default());
    assert_eq!(ledger.suggestions(None).unwrap(), []);
}
