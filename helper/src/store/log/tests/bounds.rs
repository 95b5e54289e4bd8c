//! The log stays within its bounds.

use super::*;

pub(super) fn count(log: &EventLog) -> i64 {
    let connection = &log.database.as_ref().unwrap().connection;
    let count = "SELECT count(*) FROM events";
    connection.query_row(count, [], |row| row.get(0)).unwrap()
}

/// Prunes until nothing is left to do; each call removes no more than it may.
pub(super) fn prune_all(log: &mut EventLog, days: u32, most: u32, now: Timestamp) -> usize {
    for calls in 1..1_000 {
        let before = count(log);
        let more = log.prune(days, most, now).unwrap();
        assert!(before - count(log) <= prune::BATCH);
        if !more {
            return calls;
        }
    }
    panic!("pruning never ends");
}

#[test]
fn pruning_lets_others_in_between() {
    let (_directory, _path, mut log) = log();
    log.append(&events(20_000)).unwrap();
    let now = Timestamp::from_millis(DAY);
    assert!(log.prune(10, 1_000, now).unwrap());
    assert_eq!(count(&log), 20_000 - prune::BATCH);
    // What comes meanwhile is kept.
    log.append(&events(500)).unwrap();
    assert!(prune_all(&mut log, 10, 1_000, now) >= 9);
    assert_eq!(count(&log), 1_000);
    assert_eq!(ids(&log, &all(), None)[0], 20_500);
}

#[test]
fn the_oldest_tenth_goes_while_the_database_is_too_large() {
    let (_directory, path, mut log) = log();
    let mut large = events(5_000);
    for event in &mut large {
        event.program = "x".repeat(4_000);
    }
    log.append(&large).unwrap();
    let now = Timestamp::from_millis(DAY);
    let size = prune::used_bytes(&log.database.as_ref().unwrap().connection).unwrap();
    log.max_bytes = size;
    assert!(!log.prune(10, 100_000, now).unwrap());
    assert_eq!(count(&log), 5_000);
    // A little too much: a tenth is enough, …
    log.max_bytes = size - 1;
    prune_all(&mut log, 10, 100_000, now);
    assert_eq!(count(&log), 4_500);
    // … and for a quarter of the size a tenth is taken again and again.
    log.max_bytes = size / 4;
    prune_all(&mut log, 10, 100_000, now);
    let left = count(&log);
    assert!((1_090..=1_250).contains(&left), "{left}");
    assert_eq!(ids(&log, &all(), None)[0], 5_000);
    let connection = &log.database.as_ref().unwrap().connection;
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    connection.query_row(checkpoint, [], |_| Ok(())).unwrap();
    assert!(fs::metadata(&path).unwrap().len() <= size / 4);
    // A bound that can't be met empties the log and ends.
    log.max_bytes = 0;
    prune_all(&mut log, 10, 100_000, now);
    assert_eq!(count(&log), 0);
    assert_eq!(log.append(&events(3)).unwrap(), 5_003);
}

#[test]
fn pruning_bounds_age_count_and_size() {
    let (_directory, path, mut log) = log();
    let mut old = events(30_000);
    old.iter_mut().for_each(|event| event.time = DAY);
    let mut new = events(30_000);
    new.iter_mut().for_each(|event| event.time = 9 * DAY);
    log.append(&old).unwrap();
    log.append(&new).unwrap();
    let now = Timestamp::from_millis(10 * DAY);
    for (days, most, left) in [
        (10, 100_000, 60_000),
        (10, 50_000, 50_000),
        (5, 50_000, 30_000),
        (5, 1_000, 1_000),
        (5, 1_000, 1_000),
    ] {
        prune_all(&mut log, days, most, now);
        assert_eq!(count(&log), left);
    }
    assert_eq!(ids(&log, &all(), None)[0], 60_000);
    // The space goes back to the file system, not just to the database.
    let connection = &log.database.as_ref().unwrap().connection;
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    connection.query_row(checkpoint, [], |_| Ok(())).unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 1 << 20);
    // Ids of pruned events are never given out again.
    prune_all(&mut log, 1, 1_000, Timestamp::from_millis(99 * DAY));
    assert_eq!(count(&log), 0);
    assert_eq!(log.append(&[event(1)]).unwrap(), 60_001);
}
