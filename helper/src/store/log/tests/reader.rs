//! Reading beside the writer.

use super::bounds::{count, prune_all};
use super::*;

#[test]
fn a_search_delays_no_writing_and_ends() {
    let (_directory, path, mut log) = log();
    for _ in 0..20 {
        log.append(&events(5_000)).unwrap();
    }
    let nowhere = LogQuery {
        text: Some("nowhere".into()),
        ..all()
    };
    let mut reader = log.reader();
    assert_eq!(reader.query(&nowhere, None).unwrap(), []);
    reader.patience = std::time::Duration::ZERO;
    let error = reader.query(&nowhere, None).unwrap_err();
    assert!(matches!(error, LogError::TooSlow), "{error}");
    assert!(error.to_string().contains("narrow it by time"));
    // A reader that is in the middle of something: the writer writes, and prunes, all the same.
    let busy = rusqlite::Connection::open(&path).unwrap();
    let mut statement = busy.prepare("SELECT id FROM events").unwrap();
    let mut rows = statement.query([]).unwrap();
    assert!(rows.next().unwrap().is_some());
    assert_eq!(log.append(&events(1)).unwrap(), 100_001);
    prune_all(&mut log, 10, 1_000, Timestamp::from_millis(DAY));
    assert_eq!(log.troubles(), Vec::<String>::new());
    let seen = std::iter::from_fn(|| rows.next().unwrap().map(|_| ())).count();
    assert_eq!(seen, 99_999);
    // After a search that was ended the reader reads on, and sees what was written meanwhile.
    reader.patience = std::time::Duration::MAX;
    assert_eq!(reader.query(&all(), None).unwrap()[0].id, 100_001);
}

#[test]
fn the_clock_is_looked_at_after_a_few_events() {
    let (_directory, _path, mut log) = log();
    log.append(&events(10)).unwrap();
    let nowhere = LogQuery {
        text: Some("nowhere".into()),
        ..all()
    };
    let mut reader = log.reader();
    reader.patience = std::time::Duration::ZERO;
    for seen_by in [None, Some(1000)] {
        let error = reader.query(&nowhere, seen_by).unwrap_err();
        assert!(matches!(error, LogError::TooSlow), "{error}");
    }
}

#[test]
fn a_reader_writes_nothing() {
    let (_directory, _path, mut log) = log();
    log.append(&events(1)).unwrap();
    let known = log.shared.lock();
    let reader = database::open_to_read(&log.path, &known);
    let Ok(Some(reader)) = reader else {
        panic!("the log can be read")
    };
    drop(known);
    let error = reader.connection.execute("DELETE FROM events", []);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("readonly"), "{error}");
    assert_eq!(count(&log), 1);
}

#[test]
fn a_reader_follows_a_log_that_begins_anew() {
    let (directory, path, mut log) = log();
    let mut reader = log.reader();
    log.append(&events(3)).unwrap();
    assert_eq!(reader.query(&all(), None).unwrap().len(), 3);
    // Deleted by hand, together with SQLite's other files or without.
    for names in [
        &["events.db"][..],
        &["events.db", "events.db-wal", "events.db-shm"],
    ] {
        for name in names {
            fs::remove_file(directory.path().join(name)).unwrap();
        }
        assert!(!reader.query(&all(), None).unwrap().is_empty());
        assert_eq!(log.append(&events(2)).unwrap(), 2);
        assert_eq!(reader.query(&all(), None).unwrap().len(), 2);
    }
    // Another database in its place.
    let other = directory.path().join("other.db");
    let mut made = EventLog::open(&other);
    made.append(&events(7)).unwrap();
    drop(made);
    for name in ["events.db-wal", "events.db-shm"] {
        fs::remove_file(directory.path().join(name)).unwrap();
    }
    fs::rename(&other, &path).unwrap();
    assert_eq!(reader.query(&all(), None).unwrap().len(), 2);
    assert_eq!(log.append(&events(1)).unwrap(), 8);
    assert_eq!(reader.query(&all(), None).unwrap().len(), 8);
    assert_eq!(log.troubles(), Vec::<String>::new());
}
