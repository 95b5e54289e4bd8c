//! Whether text forms say the same as the values, and whether reading them is total.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use bastion_policy::flow::Protocol;
use bastion_policy::matcher::{
    AppId, DestinationMatcher, ExecutablePath, HostName, PathPattern, PortMatcher, PortRange,
    ProgramMatcher, ProtocolMatcher, UserMatcher,
};
use bastion_policy::rule::{
    Action, Creator, Lifetime, Priority, Rule, RuleError, RuleId, RuleSpec,
};
use bastion_policy::ruleset::Reason;
use bastion_policy::settings::{Mode, WhenDown};
use bastion_policy::text::{FieldError, RuleText};
use bastion_policy::time::Timestamp;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::value::MapDeserializer;

use crate::given::{self, Fields};

/// Reads the text, and what it reads as must read as the same again.
fn read<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Result<(), TestCaseError> {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        let again = written.parse::<T>().ok();
        prop_assert_eq!(
            Some(value),
            again,
            "{:?} was written as {:?}",
            text,
            written
        );
    }
    Ok(())
}

fn read_as_everything(text: &str) -> Result<(), TestCaseError> {
    read::<Action>(text)?;
    read::<AppId>(text)?;
    read::<Creator>(text)?;
    read::<DestinationMatcher>(text)?;
    read::<ExecutablePath>(text)?;
    read::<HostName>(text)?;
    read::<Lifetime>(text)?;
    read::<Mode>(text)?;
    read::<PortMatcher>(text)?;
    read::<Priority>(text)?;
    read::<ProgramMatcher>(text)?;
    read::<Protocol>(text)?;
    read::<ProtocolMatcher>(text)?;
    read::<Reason>(text)?;
    read::<RuleId>(text)?;
    read::<Timestamp>(text)?;
    read::<UserMatcher>(text)?;
    read::<WhenDown>(text)?;
    let _ = text.parse::<PathPattern>();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_read_or_refused(text: String) {
        read_as_everything(&text)?;
    }

    #[test]
    fn any_text_that_looks_right_is_read_or_refused(
        text in "(any|host:|domain:|group:|lan|until:|session:|process:|pattern:|flatpak:|rule:|\
            answer:|2026-01-0|T00:00|[:.,/-]|0|1|65535|4294967295|::ffff:|fd00|Z|a|\\*){1,8}",
    ) {
        read_as_everything(&text)?;
    }

    #[test]
    fn a_rule_survives_its_text(rules in given::rules(1..4)) {
        for rule in rules {
            let text = RuleText::from(&rule);
            prop_assert_eq!(text.parse(), Ok(rule));
        }
    }
}

/// Names a variant; a new one does not compile until it is named, and then tested, here.
fn name_of(error: &RuleError) -> &'static str {
    match error {
        RuleError::Id(_) => "id",
        RuleError::Action(_) => "action",
        RuleError::Priority(_) => "priority",
        RuleError::Lifetime(_) => "lifetime",
        RuleError::Creator(_) => "creator",
        RuleError::Text { .. } => "text",
        RuleError::PortsWithoutProtocol(_) => "ports without protocol",
        RuleError::StartedByWithoutProcess(_) => "started by without process",
        RuleError::StartedByKind(_) => "started by kind",
        RuleError::UserOfKernel => "user of kernel",
        RuleError::OtherFamily { .. } => "other family",
        RuleError::ProcessWithoutProgram => "process without program",
        RuleError::Meaningless { .. } => "meaningless",
    }
}

#[test]
fn contradictions_are_refused_with_the_field_that_has_to_change() {
    let process = ("lifetime", "process:7:9");
    let long: &str = "x".repeat(201).leak();
    let cases: &[(&str, &str, &Fields)] = &[
        ("id", "id", &[("id", "a b")]),
        ("id", "id", &[("id", "")]),
        ("action", "action", &[("action", "reject")]),
        ("priority", "priority", &[("priority", "high")]),
        ("lifetime", "lifetime", &[("lifetime", "until:tomorrow")]),
        ("lifetime", "lifetime", &[("lifetime", "session:../x")]),
        ("lifetime", "lifetime", &[("lifetime", "process:7")]),
        ("creator", "creator", &[("creator", "me")]),
        ("text", "name", &[("name", "")]),
        ("text", "name", &[("name", "two\nlines")]),
        ("text", "name", &[("name", long)]),
        ("text", "note", &[("note", "a\u{202e}b")]),
        (
            "ports without protocol",
            "ports",
            &[("ports", "80"), ("protocol", "icmp")],
        ),
        (
            "ports without protocol",
            "ports",
            &[("ports", "80"), ("protocol", "47")],
        ),
        (
            "started by without process",
            "started_by",
            &[("program", "kernel"), ("started_by", "/a")],
        ),
        (
            "started by without process",
            "started_by",
            &[("program", "unknown"), ("started_by", "/a")],
        ),
        ("started by kind", "started_by", &[("started_by", "snap:a")]),
        ("started by kind", "started_by", &[("started_by", "kernel")]),
        (
            "user of kernel",
            "user",
            &[("program", "kernel"), ("user", "0")],
        ),
        (
            "other family",
            "protocol",
            &[("protocol", "icmp"), ("destination", "fd00::/8")],
        ),
        (
            "other family",
            "protocol",
            &[("protocol", "icmpv6"), ("destination", "10.0.0.1")],
        ),
        ("process without program", "program", &[process]),
        (
            "process without program",
            "program",
            &[process, ("program", "unknown")],
        ),
    ];
    let mut seen = BTreeSet::from(["meaningless"]);
    for (name, field, fields) in cases {
        let id = [("id", "r")];
        let id = id
            .into_iter()
            .filter(|_| !fields.iter().any(|(name, _)| *name == "id"));
        let fields: Vec<_> = fields.iter().copied().chain(id).collect();
        let error = given::rule_text(&fields).parse().unwrap_err();
        assert_eq!(error.field, *field, "{fields:?}");
        let FieldError::Rule(problem) = error.problem else {
            panic!("{fields:?} gave {error:?}");
        };
        assert_eq!(name_of(&problem), *name, "{fields:?}");
        assert!(!problem.to_string().is_empty());
        seen.insert(name_of(&problem));
    }
    assert_eq!(
        seen.len(),
        13,
        "one variant of RuleError is not tested: {seen:?}"
    );
}

#[test]
fn each_part_that_is_wrong_is_named() {
    for (field, value) in [
        ("program", "curl"),
        ("started_by", "curl"),
        ("user", "root"),
        ("user", "4294967295"),
        ("destination", "300.1.1.1"),
        ("ports", "0"),
        ("protocol", "http"),
        ("created", "today"),
    ] {
        let error = given::rule_text(&[("id", "r"), (field, value)])
            .parse()
            .unwrap_err();
        assert_eq!(error.field, field);
        assert!(error.to_string().starts_with(field), "{error}");
    }
}

/// Values that code can put together and no text gives.
#[test]
fn what_has_no_text_is_refused_and_what_has_two_becomes_one() {
    let spec = given::rule(&[("id", "r")]).spec().clone();
    let build = |spec: RuleSpec| Rule::new("r".parse().unwrap(), spec);
    let refused: [(&str, RuleSpec); 4] = [
        (
            "program",
            RuleSpec {
                program: ProgramMatcher::App(AppId::Snap("a b".into())),
                ..spec.clone()
            },
        ),
        (
            "user",
            RuleSpec {
                user: UserMatcher::Uid(u32::MAX),
                ..spec.clone()
            },
        ),
        (
            "ports",
            RuleSpec {
                ports: PortMatcher::In(Vec::new()),
                ..spec.clone()
            },
        ),
        (
            "lifetime",
            RuleSpec {
                lifetime: Lifetime::Session("a/b".into()),
                ..spec.clone()
            },
        ),
    ];
    for (expected, spec) in refused {
        match build(spec) {
            Err(error @ RuleError::Meaningless { field, .. }) => {
                assert_eq!((field, name_of(&error)), (expected, "meaningless"));
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
    let port = |port| PortRange::new(port, port).unwrap();
    let built = build(RuleSpec {
        destination: DestinationMatcher::Network("10.0.0.1/32".parse().unwrap()),
        ports: PortMatcher::In(vec![port(81), port(80)]),
        protocol: ProtocolMatcher::Only(Protocol::Other(6)),
        started_by: Some(ProgramMatcher::Any),
        ..spec
    })
    .unwrap();
    let expected = given::rule(&[
        ("id", "r"),
        ("destination", "10.0.0.1"),
        ("ports", "80-81"),
        ("protocol", "tcp"),
    ]);
    assert_eq!(built, expected);
}

#[test]
fn fields_left_out_restrict_nothing_and_unknown_ones_are_refused() {
    let text = given::rule_text(&[("id", "r")]);
    let rule = text.parse().unwrap();
    let spec = rule.spec();
    assert!(spec.enabled);
    assert_eq!(spec.program, ProgramMatcher::Any);
    assert_eq!(spec.started_by, None);
    assert_eq!(spec.user, UserMatcher::Any);
    assert_eq!(spec.destination, DestinationMatcher::Any);
    assert_eq!(spec.ports, PortMatcher::Any);
    assert_eq!(spec.protocol, ProtocolMatcher::Any);
    assert_eq!(spec.lifetime, Lifetime::Forever);
    assert_eq!(spec.priority, Priority::Normal);
    assert_eq!(spec.creator, Creator::Hand);

    let refused = |fields: &Fields| {
        let map = fields.iter().copied();
        RuleText::deserialize(MapDeserializer::<_, serde::de::value::Error>::new(map)).is_err()
    };
    assert!(refused(&[
        ("id", "r"),
        ("name", "n"),
        ("action", "allow"),
        ("prot", "tcp")
    ]));
    assert!(refused(&[("id", "r"), ("name", "n")]));
}
