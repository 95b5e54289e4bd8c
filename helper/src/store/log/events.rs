//! Events in the database.

use bastion_ipc::wire::{Event, LogQuery};
use bastion_policy::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

/// Events pruned in one transaction; bounds how long others wait and how far the write-ahead log
/// grows.
const BATCH: u32 = 10_000;

/// Pages of free space given back to the file system at a time: 8 MiB at SQLite's usual 4 KiB.
const VACUUM_PAGES: u32 = 2_048;

/// SQLite's integers have a sign.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Adds events in one transaction and returns the id of the last in the log, 0 if there never was
/// one. Their ids are consecutive, because nothing else writes meanwhile.
pub(super) fn append(connection: &mut Connection, events: &[Event]) -> rusqlite::Result<u64> {
    let transaction = connection.transaction()?;
    let mut insert = transaction.prepare(
        "INSERT INTO events (time, verdict, reason, rule_name, program, pid, uid, protocol,
                             source, source_port, destination, destination_port, host, count)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    for event in events {
        insert.execute(params![
            signed(event.time),
            event.verdict,
            event.reason,
            event.rule_name,
            event.program,
            event.pid,
            event.uid,
            event.protocol,
            event.source,
            event.source_port,
            event.destination,
            event.destination_port,
            event.host,
            event.count,
        ])?;
    }
    drop(insert);
    let last = "SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'";
    let last = transaction.query_row(last, [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(unsigned(last))
}

/// Events the query asks for, newest first; only those of the user `seen_by`, if it is given.
pub(super) fn query(
    connection: &Connection,
    query: &LogQuery,
    seen_by: Option<u32>,
) -> rusqlite::Result<Vec<Event>> {
    let mut sql = String::from(
        "SELECT id, time, verdict, reason, rule_name, program, pid, uid, protocol,
                source, source_port, destination, destination_port, host, count
         FROM events WHERE TRUE",
    );
    let mut values: Vec<Value> = Vec::new();
    let mut only = |condition: &str, value: Value| {
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(before) = query.before.filter(|before| *before > 0) {
        only(" AND id < ?", signed(before).into());
    }
    if let Some(since) = query.since {
        only(" AND time >= ?", signed(since).into());
    }
    if let Some(verdict) = &query.verdict {
        only(" AND verdict = ?", verdict.clone().into());
    }
    if let Some(uid) = seen_by {
        only(" AND uid = ?", i64::from(uid).into());
    }
    if let Some(text) = query.text.as_deref().filter(|text| !text.is_empty()) {
        let pattern = containing(text);
        only(" AND (program LIKE ? ESCAPE '\\'", pattern.clone().into());
        only(" OR destination LIKE ? ESCAPE '\\'", pattern.clone().into());
        only(" OR host LIKE ? ESCAPE '\\')", pattern.into());
    }
    let limit = query.limit.unwrap_or(LogQuery::MAX).min(LogQuery::MAX);
    only(" ORDER BY id DESC LIMIT ?", i64::from(limit).into());
    let mut statement = connection.prepare(&sql)?;
    let events = statement.query_map(params_from_iter(values), event)?;
    events.collect()
}

/// A pattern of LIKE that means every text with this one in it, whatever characters it has.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        id: unsigned(row.get(0)?),
        time: unsigned(row.get(1)?),
        verdict: row.get(2)?,
        reason: row.get(3)?,
        rule_name: row.get(4)?,
        program: row.get(5)?,
        pid: row.get(6)?,
        uid: row.get(7)?,
        protocol: row.get(8)?,
        source: row.get(9)?,
        source_port: row.get(10)?,
        destination: row.get(11)?,
        destination_port: row.get(12)?,
        host: row.get(13)?,
        count: row.get(14)?,
    })
}

/// Removes events from before `oldest` and all but the newest `most`, and gives freed space back.
/// Returns how many went.
pub(super) fn prune(
    connection: &Connection,
    oldest: Timestamp,
    most: u32,
) -> rusqlite::Result<usize> {
    let last_to_go: Option<i64> = connection
        .prepare("SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET ?")?
        .query_map([most], |row| row.get(0))?
        .next()
        .transpose()?;
    let by_count = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id <= ? LIMIT ?)";
    let by_age = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE time < ? LIMIT ?)";
    let mut gone = 0;
    for (delete, bound) in [
        (by_count, last_to_go.unwrap_or(0)),
        (by_age, signed(oldest.as_millis())),
    ] {
        let mut delete = connection.prepare(delete)?;
        loop {
            let batch = delete.execute(params![bound, BATCH])?;
            gone += batch;
            if batch == 0 {
                break;
            }
        }
    }
    give_back(connection)?;
    Ok(gone)
}

fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let free = || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    let mut before = free()?;
    while before > 0 {
        // This pragma gives a row for each page, all of which have to be stepped through.
        let mut vacuum =
            connection.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        let after = free()?;
        if after >= before {
            break;
        }
        before = after;
    }
    Ok(())
}
