use super::*;

fn surroundings() -> Surroundings {
    Surroundings {
        now: "2026-11-24T10:00:00Z".parse().unwrap(),
        zone: TimeZone::fixed(jiff::tz::offset(1)),
        session: Some("c2".into()),
        search_path: vec!["/nonexistent".into(), "/bin".into()],
    }
}

fn apply(fields: RuleArgs) -> Result<WireRule, Error> {
    let rule = WireRule {
        action: "allow".into(),
        ..WireRule::default()
    };
    surroundings().apply(&fields, rule)
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn commands_and_links_become_the_file_that_is_run() {
    let directory = tempfile::tempdir().unwrap();
    let real = directory.path().canonicalize().unwrap().join("real tool");
    std::fs::write(&real, "").unwrap();
    std::os::unix::fs::symlink(&real, directory.path().join("bastion-link")).unwrap();
    let mut surroundings = surroundings();
    surroundings.search_path.push(directory.path().into());
    let expected = real.to_str().unwrap();
    assert_eq!(surroundings.program("bastion-link").unwrap(), expected);
    let by_path = format!("{}/./bastion-link", directory.path().display());
    assert_eq!(surroundings.program(&by_path).unwrap(), expected);
    assert!(surroundings.program("no-such-command").is_err());
}

#[test]
fn words_and_kinds_and_missing_files_stay_as_typed() {
    for text in [
        "any",
        "kernel",
        "unknown",
        "pattern:/opt/*/x",
        "flatpak:org.example.App",
        "/nonexistent/a\\x0ab",
    ] {
        assert_eq!(surroundings().program(text).unwrap(), text);
    }
}

#[test]
fn lifetimes_are_read_from_durations_and_sessions() {
    let read = |text: &str| surroundings().lifetime(text);
    assert_eq!(read("2h").unwrap(), "until:2026-11-24T12:00:00Z");
    assert_eq!(read("1h 30m").unwrap(), "until:2026-11-24T11:30:00Z");
    assert_eq!(read("3d").unwrap(), "until:2026-11-27T10:00:00Z");
    assert_eq!(read("session").unwrap(), "session:c2");
    assert_eq!(read("forever").unwrap(), "forever");
    for wrong in ["", "soon", "-2h", "0s"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn times_are_read_as_ago_local_or_absolute() {
    let read = |text: &str| surroundings().since(text).unwrap();
    let absolute = read("2026-11-24T08:00:00Z");
    assert_eq!(read("2h"), absolute);
    assert_eq!(read("2026-11-24 09:00"), absolute);
    assert_eq!(read("2026-11-24") + 9 * 3_600_000, absolute);
    for wrong in ["", "yesterday", "1950-01-01"] {
        assert!(surroundings().since(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_rule_nobody_named_says_what_it_does() {
    let rule = apply(RuleArgs {
        program: some("/nonexistent/bin/curl"),
        destination: some("example.org"),
        ports: some("443"),
        ..RuleArgs::default()
    })
    .unwrap();
    assert_eq!(rule.name, "Allow curl to example.org, port 443");
    assert_eq!(apply(RuleArgs::default()).unwrap().name, "Allow everything");
}

#[test]
fn nonsense_is_reported_against_its_option() {
    for (fields, expected) in [
        (
            RuleArgs {
                destination: some("a b"),
                ..RuleArgs::default()
            },
            "--destination: “a b”",
        ),
        (
            RuleArgs {
                ports: some("0"),
                ..RuleArgs::default()
            },
            "--ports: “0”",
        ),
        (
            RuleArgs {
                ports: some("53"),
                protocol: some("icmp"),
                ..RuleArgs::default()
            },
            "--ports: the rule names ports",
        ),
        (
            RuleArgs {
                program: some("kernel"),
                started_by: some("/usr/bin/bash"),
                ..RuleArgs::default()
            },
            "--started-by: ",
        ),
    ] {
        let error = apply(fields).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(error.code(), crate::error::code::USAGE);
    }
}

#[test]
fn editing_changes_only_what_was_given() {
    let before = WireRule {
        id: some("web"),
        name: "Web".into(),
        action: "deny".into(),
        destination: some("example.org"),
        note: some("mine"),
        ..WireRule::default()
    };
    let fields = RuleArgs {
        ports: some("80,443"),
        ..RuleArgs::default()
    };
    let after = surroundings().apply(&fields, before.clone()).unwrap();
    let expected = WireRule {
        ports: some("80,443"),
        ..before
    };
    assert_eq!(after, expected);
}

#[test]
fn users_are_read_by_name_and_number() {
    let read = |text: &str| surroundings().uid(text);
    assert_eq!(read("root").unwrap(), 0);
    assert_eq!(read("1234").unwrap(), 1234);
    assert_eq!(read("me").unwrap(), users::own_uid());
    assert!(read("nobody-of-that-name").is_err());
}
