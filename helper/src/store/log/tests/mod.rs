mod bounds;
mod reader;
mod suggestions;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use bastion_ipc::wire::LogQuery;

use super::*;
use crate::store::testing;

const DAY: u64 = DAY_MILLIS;

pub(super) fn event(number: u64) -> Event {
    Event {
        id: 0,
        time: number * 1000,
        verdict: if number.is_multiple_of(3) {
            "deny"
        } else {
            "allow"
        }
        .into(),
        reason: "rule:curl".into(),
        rule_name: "curl".into(),
        program: "/usr/bin/curl".into(),
        pid: u32::MAX,
        uid: u32::try_from(1000 + number % 2).unwrap(),
        protocol: "tcp".into(),
        source: "192.0.2.7".into(),
        source_port: u16::MAX,
        destination: "2001:db8::1".into(),
        destination_port: 443,
        host: "example.org".into(),
        count: 1,
    }
}

pub(super) fn events(count: u64) -> Vec<Event> {
    (0..count).map(event).collect()
}

pub(super) fn log() -> (tempfile::TempDir, PathBuf, EventLog) {
    let directory = testing::directory();
    let path = directory.path().join("events.db");
    let log = EventLog::open(&path);
    assert_eq!(log.troubles(), Vec::<String>::new());
    (directory, path, log)
}

pub(super) fn ids(log: &EventLog, query: &LogQuery, seen_by: Option<u32>) -> Vec<u64> {
    let found = log.reader().query(query, seen_by).unwrap();
    found.iter().map(|event| event.id).collect()
}

pub(super) fn all() -> LogQuery {
    LogQuery::default().checked().unwrap()
}

#[test]
fn events_come_back_as_they_were_over_a_restart() {
    let (_directory, path, mut log) = log();
    let mut unknown = event(7);
    unknown.uid = u32::MAX;
    unknown.time = u64::MAX;
    assert_eq!(log.append(&[event(1), unknown.clone()]).unwrap(), 2);
    drop(log);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let mut log = EventLog::open(&path);
    let found = log.reader().query(&all(), None).unwrap();
    unknown.id = 2;
    // SQLite's integers end at 2^63 - 1.
    unknown.time = u64::try_from(i64::MAX).unwrap();
    assert_eq!(found, [unknown, Event { id: 1, ..event(1) }]);
    assert_eq!(log.append(&[]).unwrap(), 2);
}

#[test]
fn a_hundred_thousand_events_are_paged_through_without_gap_or_repeat() {
    let (_directory, path, mut log) = log();
    for batch in events(100_000).chunks(5_000) {
        log.append(batch).unwrap();
    }
    for name in ["events.db-wal", "events.db-shm"] {
        let mode = fs::metadata(path.with_file_name(name)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mut seen = Vec::new();
    let mut query = LogQuery {
        limit: Some(u32::MAX),
        ..all()
    };
    loop {
        let page = ids(&log, &query, None);
        assert!(page.len() <= 1_000);
        let Some(last) = page.last() else { break };
        query.before = Some(*last);
        seen.extend(page);
    }
    assert!(seen.into_iter().eq((1..=100_000).rev()));
}

#[test]
fn every_filter_filters() {
    let (_directory, _path, mut log) = log();
    let mut events = events(10);
    events[4].program = "/opt/100%_a\\b".into();
    events[5].program = "/opt/100xxaxb".into();
    events[6].host = "mail.example.net".into();
    log.append(&events).unwrap();
    let text = |text: &str| LogQuery {
        text: Some(text.into()),
        ..all()
    };
    assert_eq!(ids(&log, &all(), Some(1001)), [10, 8, 6, 4, 2]);
    assert_eq!(ids(&log, &all(), Some(0)), [0; 0]);
    assert_eq!(ids(&log, &text("100%_a\\b"), None), [5]);
    assert_eq!(ids(&log, &text("100"), None), [6, 5]);
    assert_eq!(ids(&log, &text("MAIL"), None), [7]);
    assert_eq!(ids(&log, &text("mail"), Some(1001)), [0; 0]);
    assert_eq!(ids(&log, &text("db8::1"), None).len(), 10);
    assert_eq!(ids(&log, &text("' OR 1 --"), None), [0; 0]);
    let deny = LogQuery {
        verdict: Some("deny".into()),
        since: Some(3_000),
        before: Some(10),
        limit: Some(1),
        ..all()
    };
    assert_eq!(ids(&log, &deny, None), [7]);
    assert_eq!(ids(&log, &deny, Some(1001)), [4]);
}

#[test]
fn what_was_mended_is_seen_by_everybody_in_its_place() {
    let (_directory, _path, mut log) = log();
    let mut events = events(10);
    for mended in [3, 6] {
        events[mended] = Event {
            verdict: Event::MENDED.into(),
            program: Event::BASTION.into(),
            uid: 0,
            ..events[mended].clone()
        };
    }
    log.append(&events).unwrap();
    assert_eq!(ids(&log, &all(), Some(1001)), [10, 8, 7, 6, 4, 2]);
    assert_eq!(ids(&log, &all(), Some(0)), [7, 4], "nothing comes twice");
    let page = |before, limit| LogQuery {
        before: Some(before),
        limit: Some(limit),
        ..all()
    };
    assert_eq!(ids(&log, &page(0, 3), Some(1001)), [10, 8, 7]);
    assert_eq!(ids(&log, &page(7, 2), Some(1001)), [6, 4]);
    let only = |verdict: &str| LogQuery {
        verdict: Some(verdict.into()),
        ..all()
    };
    let mended = only("mended").checked().unwrap();
    assert_eq!(ids(&log, &mended, Some(1001)), [7, 4]);
    assert_eq!(ids(&log, &mended, None), [7, 4]);
    assert_eq!(ids(&log, &only("allow"), Some(1001)).len(), 3);
}

#[test]
fn a_damaged_database_is_set_aside_whenever_it_shows() {
    let (_directory, path, mut log) = log();
    let aside = with_suffix(&path, ".broken");
    for offset in [0, 4_096, 8_192] {
        log.append(&events(5_000)).unwrap();
        drop(log);
        let size = fs::metadata(&path).unwrap().len();
        assert!(size > 100_000);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let noise = vec![0xa5; usize::try_from(size - offset).unwrap()];
        file.write_all_at(&noise, offset).unwrap();
        drop(file);
        log = EventLog::open(&path);
        // Damage past the first page shows only when it is read, by the reader here.
        let mut reader = log.reader();
        match reader.query(&all(), None) {
            Ok(found) => assert_eq!((offset, found), (0, Vec::new())),
            Err(error) => assert!(matches!(error, LogError::Damaged { .. }), "{error}"),
        }
        log.append(&[event(1)]).unwrap();
        assert_eq!(reader.query(&all(), None).unwrap().len(), 1);
        assert_eq!(log.reader().query(&all(), None).unwrap().len(), 1);
        let troubles = log.troubles();
        assert_eq!(troubles.len(), 1, "{troubles:?}");
        assert!(troubles[0].contains("set aside as"), "{troubles:?}");
        assert_eq!(fs::metadata(&aside).unwrap().len(), size);
        assert_eq!(log.lost(), 0);
    }
}

#[test]
fn a_file_that_is_no_database_and_one_from_the_future_are_set_aside() {
    let (_directory, path, log) = log();
    drop(log);
    fs::write(
        &path,
        "this is no database, but long enough to have a header\n".repeat(99),
    )
    .unwrap();
    let mut log = EventLog::open(&path);
    assert!(
        log.troubles()[0].contains("not a database"),
        "{:?}",
        log.troubles()
    );
    log.append(&[event(1)]).unwrap();
    let connection = &log.database.as_ref().unwrap().connection;
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(log);
    let log = EventLog::open(&path);
    assert!(
        log.troubles()[0].contains("newer Bastion"),
        "{:?}",
        log.troubles()
    );
    assert_eq!(log.reader().query(&all(), None).unwrap(), []);
}

#[test]
fn what_is_no_regular_file_is_left_alone() {
    let (directory, path, log) = log();
    drop(log);
    let elsewhere = directory.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let mut log = EventLog::open(&path);
    assert!(log.troubles()[0].contains("symbolic link"));
    assert!(log.append(&[event(1), event(2)]).is_err());
    assert_eq!(log.lost(), 2);
    assert!(
        log.troubles()[0].contains("2 decisions"),
        "{:?}",
        log.troubles()
    );
    fs::remove_file(&path).unwrap();
    log.append(&[event(1)]).unwrap();
    assert_eq!(log.troubles(), Vec::<String>::new());
}

#[test]
fn a_full_disk_loses_events_and_then_the_log_goes_on() {
    testing::on_a_small_disk(2 << 20, |directory| {
        let path = directory.join("events.db");
        let mut log = EventLog::open(&path);
        log.append(&events(100)).unwrap();
        let filler = directory.join("filler");
        // Fills what is left; how much that is does not matter.
        let _ = fs::write(&filler, vec![0; 2 << 20]);
        let error = log.append(&events(5_000)).unwrap_err();
        assert!(matches!(error, LogError::NoSpace { .. }), "{error}");
        assert_eq!(log.lost(), 5_000);
        assert!(log.troubles()[0].contains("disk is full"));
        assert!(log.troubles()[0].contains("5000 decisions"));
        fs::remove_file(&filler).unwrap();
        let last = log.append(&events(10)).unwrap();
        assert_eq!(log.troubles(), Vec::<String>::new());
        let found = ids(
            &log,
            &LogQuery {
                limit: Some(1_000),
                ..all()
            },
            None,
        );
        assert_eq!((found.len(), found[0]), (110, last));
    });
}

#[test]
fn hits_add_up_and_can_be_forgotten() {
    let (_directory, path, mut log) = log();
    let id = |text: &str| text.parse::<RuleId>().unwrap();
    let at = Timestamp::from_millis;
    log.add_hits(&[(id("a"), 2, at(20)), (id("b"), 1, at(5))])
        .unwrap();
    log.add_hits(&[(id("a"), 3, at(10)), (id("b"), u64::MAX, at(6))])
        .unwrap();
    log.add_hits(&[(id("b"), u64::MAX, at(7))]).unwrap();
    drop(log);
    let mut log = EventLog::open(&path);
    let hits = log.hits().unwrap();
    assert_eq!(hits.len(), 2);
    assert_eq!(
        hits[&id("a")],
        Hits {
            count: 5,
            last: at(20)
        }
    );
    assert_eq!(hits[&id("b")].last, at(7));
    assert_eq!(hits[&id("b")].count, u64::try_from(i64::MAX).unwrap());
    log.forget_hits(&[id("b"), id("nobody")]).unwrap();
    assert_eq!(log.hits().unwrap().len(), 1);
}
