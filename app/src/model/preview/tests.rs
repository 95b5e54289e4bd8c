use bastion_ipc::wire::WireRule;
use bastion_policy::time::Timestamp;

use super::*;

fn event(id: u64, change: impl FnOnce(&mut Event)) -> Event {
    let mut event = Event {
        id,
        time: id,
        verdict: "allow".into(),
        reason: "no-rule".into(),
        program: "/usr/bin/curl".into(),
        pid: 42,
        uid: 1000,
        protocol: "tcp".into(),
        source: "192.0.2.2".into(),
        source_port: 40_000,
        destination: "198.51.100.7".into(),
        destination_port: 443,
        host: "www.example.org".into(),
        count: 1,
        ..Event::default()
    };
    change(&mut event);
    event
}

/// Connections of every sort.
fn events() -> Vec<Event> {
    vec![
        event(1, |_| {}),
        event(2, |event| event.program = "unknown".into()),
        event(3, |event| {
            event.program = "kernel".into();
            event.uid = u32::MAX;
        }),
        event(4, |event| {
            event.program = "/snap/firefox/4848/usr/lib/firefox/firefox".into();
        }),
        event(5, |event| {
            event.program = "/var/lib/flatpak/app/org.a.B/x86_64/stable/ab/files/bin/b".into();
        }),
        event(6, |event| {
            event.protocol = "icmp".into();
            event.destination_port = 0;
            event.host.clear();
        }),
        event(7, |event| {
            event.destination = "192.168.0.4".into();
            event.host.clear();
            event.uid = 0;
        }),
        event(8, |event| {
            event.verdict = Event::MENDED.into();
            event.program = Event::BASTION.into();
            event.destination = "mangle OUTPUT".into();
        }),
    ]
}

fn rule(fields: &[(&str, &str)]) -> Rule {
    let field = |name| {
        let found = fields.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let wire = WireRule {
        id: Some("r".into()),
        name: "n".into(),
        action: "deny".into(),
        enabled: Some(field("enabled").is_none()),
        program: field("program"),
        started_by: field("started_by"),
        user: field("user"),
        destination: field("destination"),
        ports: field("ports"),
        protocol: field("protocol"),
        lifetime: field("lifetime"),
        ..WireRule::default()
    };
    Rule::try_from(&wire).unwrap()
}

fn directory() -> Directory {
    Directory::fixed(&[(1000, "alice")], "")
}

fn preview(fields: &[(&str, &str)]) -> Preview {
    Recent::new(&events(), &[], &directory()).preview(&rule(fields))
}

fn matched(fields: &[(&str, &str)]) -> Vec<u64> {
    let mut ids: Vec<u64> = preview(fields).rows.iter().map(|row| row.id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn each_criterion_counts() {
    assert_eq!(
        matched(&[]),
        [1, 2, 3, 4, 5, 6, 7],
        "mended is no connection"
    );
    assert_eq!(matched(&[("program", "/usr/bin/curl")]), [1, 6, 7]);
    assert_eq!(matched(&[("program", "pattern:/usr/**/curl")]), [1, 6, 7]);
    assert_eq!(matched(&[("program", "kernel")]), [3]);
    assert_eq!(matched(&[("program", "unknown")]), [2]);
    assert_eq!(matched(&[("program", "snap:firefox")]), [4]);
    assert_eq!(matched(&[("program", "flatpak:org.a.B")]), [5]);
    assert_eq!(matched(&[("program", "appimage:curl")]), [0; 0]);
    assert_eq!(matched(&[("user", "0")]), [7]);
    assert_eq!(matched(&[("user", "1000")]), [1, 2, 4, 5, 6]);
    assert_eq!(matched(&[("protocol", "icmp")]), [6]);
    assert_eq!(matched(&[("ports", "400-500")]), [1, 2, 3, 4, 5, 7]);
    assert_eq!(matched(&[("destination", "group:lan")]), [7]);
    assert_eq!(
        matched(&[("destination", "198.51.100.0/24")]),
        [1, 2, 3, 4, 5, 6]
    );
    assert_eq!(
        matched(&[("destination", "domain:example.org")]),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(matched(&[("destination", "example.org")]), [0; 0]);
}

#[test]
fn where_all_is_known_it_is_what_the_policy_says() {
    let now = Timestamp::from_millis(1);
    let rules: [&[(&str, &str)]; 9] = [
        &[],
        &[
            ("program", "/usr/bin/curl"),
            ("ports", "443"),
            ("user", "1000"),
        ],
        &[("program", "pattern:/**/firefox")],
        &[("program", "snap:firefox"), ("protocol", "tcp")],
        &[("program", "kernel"), ("destination", "domain:org")],
        &[("destination", "group:internet"), ("protocol", "tcp")],
        &[("destination", "192.168.0.1-192.168.0.9")],
        &[("lifetime", "restart"), ("user", "0")],
        &[("program", "unknown"), ("destination", "www.example.org")],
    ];
    let recent = Recent::new(&events(), &[], &directory());
    for fields in rules {
        let rule = rule(fields);
        let by_policy: Vec<u64> = recent
            .past
            .iter()
            .filter(|past| rule.matches(&past.flow, &past.identity, now))
            .map(|past| past.row.id)
            .collect();
        let previewed: Vec<u64> = recent
            .preview(&rule)
            .rows
            .iter()
            .map(|row| row.id)
            .collect();
        assert_eq!(previewed, by_policy, "{fields:?}");
    }
}

#[test]
fn a_rule_that_is_off_or_over_is_tried_all_the_same() {
    assert_eq!(matched(&[("enabled", "no"), ("user", "0")]), [7]);
    assert_eq!(
        matched(&[("lifetime", "until:2001-01-01T00:00:00Z"), ("user", "0")]),
        [7]
    );
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let seen = preview(&[("started_by", "/usr/bin/bash"), ("ports", "443")]);
    assert_eq!(
        (seen.matched, seen.uncertain),
        (0, 4),
        "only processes are started"
    );
    assert_eq!(seen.title(), "May have matched 4 of the last 7 connections");
    assert!(seen.note().contains("what had started"));
    let process = preview(&[("program", "/usr/bin/curl"), ("lifetime", "process:42:9")]);
    assert_eq!((process.matched, process.uncertain), (0, 3));
    let other = preview(&[("program", "/usr/bin/curl"), ("lifetime", "process:43:9")]);
    assert_eq!(
        (other.matched, other.uncertain),
        (0, 0),
        "another number is another process"
    );
}

#[test]
fn what_is_open_and_in_the_log_counts_once() {
    let open = |id, state: &str| Connection {
        event: event(id, |_| {}),
        state: state.into(),
    };
    let recent = Recent::new(
        &events(),
        &[open(1, "open"), open(9, "waiting")],
        &directory(),
    );
    let seen = recent.preview(&rule(&[("program", "/usr/bin/curl")]));
    assert_eq!((seen.of, seen.matched, seen.open), (8, 4, 1));
    assert_eq!(seen.rows[0].id, 9, "the newest comes first");
    assert_eq!(
        seen.title(),
        "Would have matched 4 of the last 8 connections"
    );
    assert_eq!(seen.note(), "1 of them is open now.");
}

#[test]
fn few_are_shown_of_many() {
    let many: Vec<Event> = (0..500).map(|id| event(id, |_| {})).collect();
    let seen = Recent::new(&many, &[], &directory()).preview(&rule(&[]));
    assert_eq!((seen.matched, seen.rows.len()), (500, SHOWN));
    assert_eq!(seen.note(), "The newest 20 are shown.");
}

#[test]
fn nothing_is_said_as_nothing() {
    let none = Recent::default().preview(&rule(&[]));
    assert_eq!(none.title(), "No recent connections are known.");
    assert_eq!(none.note(), "");
    let unmatched = preview(&[("destination", "203.0.113.1")]);
    assert_eq!(
        unmatched.title(),
        "Would have matched none of the last 7 connections"
    );
}
