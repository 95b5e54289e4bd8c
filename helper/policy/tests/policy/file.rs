//! Rules in files: what is exported is imported as it was, and what can't be is told.

use bastion_policy::file::{Entry, ImportError, export, import};
use bastion_policy::rule::{Lifetime, Rule};
use bastion_policy::text::RuleText;
use bastion_policy::time::Timestamp;
use proptest::prelude::*;

use crate::given;

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn imported(text: &str) -> Vec<Entry> {
    import(text, NOW).unwrap()
}

/// The only rule of a text, in its fields.
fn one(text: &str) -> RuleText {
    let entries = imported(text);
    assert_eq!(entries.len(), 1, "{entries:?}");
    RuleText::from(entries[0].rule.as_ref().unwrap())
}

fn problem(text: &str) -> String {
    imported(text)[0].rule.clone().unwrap_err()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_exported_is_imported_as_it_was(rules in given::rules(0..40)) {
        let entries = imported(&export(&rules));
        prop_assert_eq!(entries.len(), rules.len());
        for (entry, rule) in entries.iter().zip(&rules) {
            let lifetime = &rule.spec().lifetime;
            let elsewhere = !matches!(lifetime, Lifetime::Process(_) | Lifetime::Session(_));
            match elsewhere && lifetime.holds_at(NOW) {
                true => prop_assert_eq!(entry.rule.as_ref(), Ok(rule)),
                false => prop_assert!(entry.rule.is_err()),
            }
        }
    }

    #[test]
    fn importing_is_total(text: String, json in "[\\[\\]{}\":,a-z0-9 ]{0,60}") {
        let _ = import(&text, NOW);
        let _ = import(&json, NOW);
    }
}

#[test]
fn a_rule_that_makes_no_sense_leaves_the_others() {
    let text = "version = 1\n\n[[rule]]\nname = \"good\"\naction = \"allow\"\n\n\
                [[rule]]\nname = \"bad\"\naction = \"allow\"\nports = 0\n";
    let entries = imported(text);
    assert!(entries[0].rule.is_ok());
    assert_eq!(entries[1].name, "bad");
    let problem = entries[1].rule.clone().unwrap_err();
    assert!(
        problem.starts_with("line 10, column 9: rule “bad”: ports: "),
        "{problem}"
    );
}

#[test]
fn what_is_no_rules_file_is_refused_as_a_whole() {
    let refused = |text: &str| import(text, NOW).unwrap_err();
    assert!(matches!(refused("nonsense"), ImportError::Text(_)));
    assert!(matches!(refused(""), ImportError::Text(_)));
    assert_eq!(refused("{\"a\": 1}"), ImportError::NoRules);
    assert_eq!(refused("[1]"), ImportError::NoRules);
    assert_eq!(
        refused("{\n  oops"),
        ImportError::Json { line: 2, column: 3 }
    );
}

#[test]
fn the_json_of_bastionctl_is_read() {
    let rule = one(
        r#"[{"id": "r1", "name": "Web", "action": "allow", "enabled": true, "ports": "80,443",
             "hits": 3, "last_hit": 0, "note": null}]"#,
    );
    assert_eq!((rule.name.as_str(), rule.ports.as_str()), ("Web", "80,443"));
    let wrong = problem(r#"{"name": "x", "action": "allow", "speed": "fast"}"#);
    assert!(wrong.contains("speed"), "{wrong}");
}

fn opensnitch(operator: &str) -> String {
    format!(
        r#"{{"created": "2024-01-01T00:00:00Z", "name": "allow-curl", "description": "mine",
            "enabled": true, "precedence": true, "nolog": false, "action": "deny",
            "duration": "always", "operator": {operator}}}"#
    )
}

#[test]
fn rules_of_opensnitch_keep_all_their_conditions() {
    let rule = one(&opensnitch(
        r#"{"type": "list", "operand": "list", "data": "", "list": [
            {"type": "simple", "operand": "process.path", "data": "/usr/bin/curl"},
            {"type": "simple", "operand": "dest.host", "data": "example.org"},
            {"type": "regexp", "operand": "dest.port", "data": "^(80|443)$"},
            {"type": "simple", "operand": "protocol", "data": "tcp6"},
            {"type": "simple", "operand": "user.id", "data": "1000"}]}"#,
    ));
    let expected = RuleText {
        id: rule.id.clone(),
        name: "allow-curl".into(),
        action: "drop".into(),
        program: "/usr/bin/curl".into(),
        destination: "example.org".into(),
        ports: "80,443".into(),
        protocol: "tcp".into(),
        user: "1000".into(),
        priority: "pinned".into(),
        note: "mine".into(),
        creator: "import".into(),
        ..RuleText::default()
    };
    assert_eq!(rule, expected);
}

#[test]
fn what_bastion_has_no_word_for_is_not_left_out_in_silence() {
    for operator in [
        r#"{"type": "regexp", "operand": "process.path", "data": "^/opt/.*"}"#,
        r#"{"type": "simple", "operand": "process.command", "data": "curl x"}"#,
        r#"{"type": "lists", "operand": "lists.domains", "data": "/etc/lists"}"#,
        r#"{"type": "regexp", "operand": "dest.port", "data": "8.*"}"#,
        r#"{"type": "list", "operand": "list", "data": "[]", "list": null}"#,
        r#"{"type": "list", "operand": "list", "list": [
            {"type": "simple", "operand": "dest.ip", "data": "192.0.2.1"},
            {"type": "simple", "operand": "dest.host", "data": "example.org"}]}"#,
    ] {
        let problem = problem(&opensnitch(operator));
        assert!(problem.contains("condition"), "{problem}");
    }
    let over = opensnitch(r#"{"type": "simple", "operand": "true", "data": ""}"#);
    assert!(problem(&over.replace("always", "5m")).contains("5m"));
}

#[test]
fn an_exported_file_is_one_that_people_can_read() {
    let rule: Rule = given::rule(&[("id", "web"), ("name", "Web"), ("ports", "443")]);
    let text = export([&rule]);
    assert_eq!(
        text,
        "version = 1\n\n[[rule]]\nid = \"web\"\nname = \"Web\"\nenabled = true\n\
         action = \"allow\"\nports = \"443\"\n"
    );
}
