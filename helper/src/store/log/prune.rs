//! Keeping the log within bounds, a little at a time.

use bastion_policy::time::Timestamp;
use rusqlite::{Connection, params};

use super::database::{Database, JOURNAL_BYTES};
use super::events::{signed, unsigned};

/// Most events removed at a time. An event can have a path of 16 kB.
pub(super) const BATCH: i64 = 2_000;

/// Pages of free space given back to the file system at a time: 8 MiB at SQLite's usual 4 KiB.
const VACUUM_PAGES: u32 = 2_048;

/// What the log is kept within.
pub(super) struct Bounds {
    /// No event from before.
    pub(super) oldest: Timestamp,
    /// At most so many events.
    pub(super) events: u32,
    /// At most so many bytes; where there are more, the oldest tenth of the events goes.
    pub(super) bytes: u64,
}

/// Removes some of what is out of bounds and gives freed space back. True when more is left.
pub(super) fn some(database: &mut Database, bounds: &Bounds) -> rusqlite::Result<bool> {
    let connection = &database.connection;
    let (first, last) = ends(connection)?;
    // Ids are consecutive but for events that went by their age. Counting would read them all.
    let by_count = last.saturating_sub(bounds.events.into());
    let mut room = BATCH;
    for (condition, bound) in [
        ("id <= ?", by_count.max(database.going)),
        ("time < ?", signed(bounds.oldest.as_millis())),
    ] {
        let some = format!(
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE {condition} LIMIT ?)"
        );
        let gone = connection.execute(&some, params![bound, room])?;
        room -= i64::try_from(gone).unwrap_or(room);
    }
    let free = give_back(connection)?;
    if room == 0 {
        return Ok(true);
    }
    if used_bytes(connection)? > bounds.bytes {
        let (first, last) = match room {
            BATCH => (first, last),
            _ => ends(connection)?,
        };
        database.going = first.saturating_add(last.saturating_sub(first) / 10);
        return Ok(last > 0);
    }
    if !free {
        cut_journal(connection)?;
    }
    Ok(free)
}

/// Lowest and highest id; 0 where there is no event.
fn ends(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    // One query for both would read all ids.
    let ends = "SELECT ifnull((SELECT min(id) FROM events), 0),
                       ifnull((SELECT max(id) FROM events), 0)";
    connection.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

/// What the database takes, without what is about to be given back.
pub(super) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pages = number(connection, "page_count")? - number(connection, "freelist_count")?;
    Ok(unsigned(pages).saturating_mul(unsigned(number(connection, "page_size")?)))
}

/// True when there is more to give back.
fn give_back(connection: &Connection) -> rusqlite::Result<bool> {
    let before = number(connection, "freelist_count")?;
    if before == 0 {
        return Ok(false);
    }
    // This pragma gives a row for each page, all of which have to be stepped through.
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    let after = number(connection, "freelist_count")?;
    // A database that can't shrink must not be tried for ever.
    Ok(0 < after && after < before)
}

/// Readers that never pause keep the write-ahead log from beginning again, so it is waited for
/// those of the moment where it has grown large; their searches end soon.
fn cut_journal(connection: &Connection) -> rusqlite::Result<()> {
    let Some(path) = connection.path() else {
        return Ok(());
    };
    let journal = std::fs::metadata(format!("{path}-wal"));
    if journal.is_ok_and(|journal| journal.len() > u64::from(JOURNAL_BYTES)) {
        // Whether a reader was in the way is a row of the answer, and no error.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}
