//! Events in the database.

use std::cmp::Reverse;

use bastion_ipc::wire::{Event, LogQuery};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

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

/// Events the query asks for, newest first; only those of the user `seen_by`, and those that
/// everybody may see, if it is given.
pub(super) fn query(
    connection: &Connection,
    query: &LogQuery,
    seen_by: Option<u32>,
) -> rusqlite::Result<Vec<Event>> {
    let Some(uid) = seen_by else {
        return select(connection, query, None);
    };
    // In two, each by its own index: one with OR would read and sort all that the user ever did.
    let own = (" AND uid = ?", i64::from(uid).into());
    let mended = (" AND verdict = ?", Event::MENDED.to_owned().into());
    let mut found = select(connection, query, Some(own))?;
    found.extend(select(connection, query, Some(mended))?);
    found.sort_by_key(|event| Reverse(event.id));
    found.dedup_by_key(|event| event.id);
    found.truncate(usize::try_from(limit(query)).unwrap_or(usize::MAX));
    Ok(found)
}

fn limit(query: &LogQuery) -> u32 {
    query.limit.unwrap_or(LogQuery::MAX).min(LogQuery::MAX)
}

/// Events the query asks for that fulfil the condition, newest first.
fn select(
    connection: &Connection,
    query: &LogQuery,
    condition: Option<(&str, Value)>,
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
    if let Some((condition, value)) = condition {
        only(condition, value);
    }
    if let Some(text) = query.text.as_deref().filter(|text| !text.is_empty()) {
        let pattern = containing(text);
        only(" AND (program LIKE ? ESCAPE '\\'", pattern.clone().into());
        only(" OR destination LIKE ? ESCAPE '\\'", pattern.clone().into());
        only(" OR host LIKE ? ESCAPE '\\')", pattern.into());
    }
    only(" ORDER BY id DESC LIMIT ?", i64::from(limit(query)).into());
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
