//! Finding events.

use proptest::prelude::*;

use super::super::tests::{all, event, events, ids, log};
use super::super::{EventLog, LogError};
use super::*;
use std::time::Duration;

/// Every page there is, call by call.
fn pages(log: &EventLog, query: &LogQuery, seen_by: Option<u32>) -> Vec<(u64, u32)> {
    let mut reader = log.reader();
    // Each call looks through one chunk.
    reader.moment = Duration::ZERO;
    let mut query = query.clone();
    let mut found = Vec::new();
    loop {
        let more = reader.pages(&query, seen_by).unwrap();
        found.extend(more.pages);
        match more.next {
            Some(next) => query.before = Some(next),
            None => return found,
        }
    }
}

/// How SQLite would answer.
fn plans(log: &EventLog, query: &LogQuery, seen_by: Option<u32>) -> Vec<String> {
    let search = Search { query, seen_by };
    let connection = &log.database.as_ref().unwrap().connection;
    let plan = |conditions: Conditions| {
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT {} FROM events WHERE TRUE{}",
            events::COLUMNS,
            conditions.sql
        );
        let mut plan = connection.prepare(&sql).unwrap();
        let steps = plan.query_map(params_from_iter(conditions.values), |row| row.get("detail"));
        let steps: Vec<String> = steps.unwrap().collect::<Result<_, _>>().unwrap();
        steps.join("; ")
    };
    let all = search.conditions(5..500, 10);
    all.into_iter().map(plan).collect()
}

#[test]
fn queries_are_answered_in_the_order_of_an_index() {
    let (_directory, _path, mut log) = log();
    log.append(&events(1_000)).unwrap();
    let denied = LogQuery {
        verdict: Some("deny".into()),
        ..all()
    };
    let narrow = LogQuery {
        since: Some(1),
        until: Some(9_000),
        program: Some("curl".into()),
        destination: Some("example.org".into()),
        rule: Some("curl".into()),
        text: Some("x".into()),
        ..all()
    };
    let of_a_user = ["events_by_user", "events_by_verdict (verdict=? "];
    for (query, seen_by, indexes) in [
        (&all(), None, vec!["PRIMARY KEY"]),
        (&narrow, None, vec!["PRIMARY KEY"]),
        (&denied, None, vec!["events_by_verdict"]),
        (&all(), Some(1000), of_a_user.to_vec()),
        (&denied, Some(1000), of_a_user.to_vec()),
        (&narrow, Some(1000), of_a_user.to_vec()),
    ] {
        let plans = plans(&log, query, seen_by);
        assert_eq!(plans.len(), indexes.len(), "{plans:?}");
        for (plan, index) in plans.iter().zip(indexes) {
            // One step, and so none that sorts.
            assert!(plan.starts_with("SEARCH events USING"), "{plan}");
            assert!(plan.contains(index) && !plan.contains(';'), "{plan}");
        }
    }
}

#[test]
fn times_are_turned_into_ids_by_their_index() {
    let (_directory, _path, log) = log();
    let connection = &log.database.as_ref().unwrap().connection;
    let plan = "EXPLAIN QUERY PLAN SELECT min(id), max(id) FROM events
                WHERE TRUE AND time >= 1 AND time < 2";
    let plan: String = connection
        .query_row(plan, [], |row| row.get("detail"))
        .unwrap();
    assert!(plan.contains("COVERING INDEX events_by_time"), "{plan}");
}

#[test]
fn any_page_of_a_hundred_thousand_events_is_had_at_once() {
    let (_directory, _path, mut log) = log();
    for batch in events(100_000).chunks(5_000) {
        log.append(batch).unwrap();
    }
    let query = LogQuery {
        limit: Some(250),
        ..all()
    };
    let whole = pages(&log, &query, None);
    let count: u32 = whole.iter().map(|(_, events)| events).sum();
    assert_eq!(count, 100_000);
    // A call that may take its time finds the same in one.
    let mut reader = log.reader();
    reader.moment = Duration::MAX;
    let at_once = reader.pages(&query, None).unwrap();
    assert_eq!(at_once.next, None);
    assert_eq!(at_once.pages.len(), 400);
    for (first, events) in [at_once.pages[0], at_once.pages[217], at_once.pages[399]] {
        let page = LogQuery {
            before: Some(first + 1),
            limit: Some(events),
            ..all()
        };
        let expected: Vec<u64> = (0..u64::from(events)).map(|n| first - n).collect();
        assert_eq!(ids(&log, &page, None), expected);
    }
    // Half of them are each user's.
    let own = pages(&log, &query, Some(1001));
    assert_eq!(own.iter().map(|(_, events)| events).sum::<u32>(), 50_000);
    assert_eq!(own[0].0, 100_000);
}

#[test]
fn no_call_looks_for_pages_longer_than_a_moment() {
    let (_directory, _path, mut log) = log();
    for batch in events(30_000).chunks(5_000) {
        log.append(batch).unwrap();
    }
    let nowhere = LogQuery {
        text: Some("nowhere".into()),
        ..all()
    };
    let mut reader = log.reader();
    reader.moment = Duration::ZERO;
    let first = reader.pages(&nowhere, None).unwrap();
    assert_eq!(first.pages, []);
    // What was looked through is not looked through again.
    assert_eq!(first.next, Some(20_001));
    assert_eq!(pages(&log, &nowhere, None), []);
    reader.patience = Duration::ZERO;
    let error = reader.pages(&nowhere, None).unwrap_err();
    assert!(matches!(error, LogError::TooSlow), "{error}");
}

#[test]
fn a_reply_has_a_bounded_number_of_pages() {
    let (_directory, _path, mut log) = log();
    for batch in events(30_000).chunks(5_000) {
        log.append(batch).unwrap();
    }
    let single = LogQuery {
        limit: Some(1),
        ..all()
    };
    let mut reader = log.reader();
    reader.moment = Duration::MAX;
    let first = reader.pages(&single, None).unwrap();
    assert_eq!(first.pages.len(), LogPages::MAX);
    assert_eq!(first.next, Some(20_001));
    assert_eq!(pages(&log, &single, None).len(), 30_000);
}

fn some_event() -> impl Strategy<Value = Event> {
    (0..8_u64, 0..3_usize, 0..5_usize, 0..4_usize, 0..4_usize).prop_map(
        |(time, verdict, program, host, rule)| {
            let mut event = event(time);
            event.verdict = ["allow", "deny", Event::MENDED][verdict].into();
            event.program = [
                "/usr/bin/curl",
                "/opt/a/curl",
                "/opt/curl/x",
                "kernel",
                "curl",
            ][program]
                .into();
            event.host = ["", "example.org", "www.example.org", "notexample.org"][host].into();
            event.destination = ["192.0.2.1", "2001:db8::1"][host % 2].into();
            event.reason = ["rule:r1", "ended:r1", "rule:r2", "timeout"][rule].into();
            event.rule_name = ["One", "One", "r1", ""][rule].into();
            event
        },
    )
}

fn some_query() -> impl Strategy<Value = LogQuery> {
    let maybe = |texts: &'static [&'static str]| {
        prop::option::of(prop::sample::select(texts).prop_map(str::to_owned))
    };
    (
        prop::option::of(0..40_u64),
        prop::option::of(0..9_000_u64),
        prop::option::of(0..9_000_u64),
        maybe(&["allow", "deny", "mended"]),
        maybe(&["/usr/bin/curl", "curl", "x", "kernel", "url"]),
        maybe(&[
            "example.org",
            "EXAMPLE.org.",
            "org",
            "192.0.2.1",
            "2001:DB8::1",
        ]),
        maybe(&["r1", "One", "One more", "timeout"]),
        maybe(&["CURL", "example", "%", ""]),
    )
        .prop_map(
            |(before, since, until, verdict, program, destination, rule, text)| LogQuery {
                before,
                since,
                until,
                limit: Some(7),
                verdict,
                program,
                destination,
                rule,
                text,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_found_is_what_the_query_says(
        events in prop::collection::vec(some_event(), 0..40),
        queries in prop::collection::vec(some_query(), 1..16),
        seen_by in prop::option::of(1000..1003_u32),
    ) {
        let (_directory, _path, mut log) = log();
        log.append(&events).unwrap();
        for query in queries {
            let query = query.checked().unwrap();
            let numbered = (1..).zip(&events).map(|(id, event)| {
                Event { id, ..event.clone() }
            });
            let sees = |event: &Event| {
                event.is_mending() || seen_by.is_none_or(|uid| event.uid == uid)
            };
            let mut expected: Vec<u64> = numbered
                .filter(|event| sees(event) && query.finds(event))
                .map(|event| event.id)
                .collect();
            expected.reverse();
            let found = pages(&log, &query, seen_by);
            let firsts: Vec<u64> = expected.iter().step_by(7).copied().collect();
            let starts: Vec<u64> = found.iter().map(|(first, _)| *first).collect();
            prop_assert_eq!(starts, firsts);
            let count: u32 = found.iter().map(|(_, events)| events).sum();
            prop_assert_eq!(count as usize, expected.len());
            expected.truncate(7);
            prop_assert_eq!(ids(&log, &query, seen_by), expected);
        }
    }
}
