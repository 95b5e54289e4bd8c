//! Events in the database.

use bastion_ipc::wire::Event;
use rusqlite::{Connection, Row, params};

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

/// The columns that [`event`] reads, in its order.
pub(super) const COLUMNS: &str =
    "id, time, verdict, reason, rule_name, program, pid, uid, protocol,
     source, source_port, destination, destination_port, host, count";

pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
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
