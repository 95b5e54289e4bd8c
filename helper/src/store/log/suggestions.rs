//! What learn mode allowed, by program, user and place: kept to be reviewed.
//!
//! What was dropped is kept, too, so that it is not suggested again. Of either, so many are kept as
//! is told, and no program can use up the room of others: all take turns, the programs of a user
//! and the users among one another, each with what was seen last first.

use bastion_ipc::wire::Suggestion;
use rusqlite::{Connection, Row, Transaction, params};

use super::events::{signed, unsigned};

/// Adds to what is known: how many more connections, and when the last. Of the open and of the
/// dropped ones, `most` are kept.
pub(super) fn add(
    connection: &mut Connection,
    seen: &[Suggestion],
    most: usize,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let mut add = transaction.prepare(
        "INSERT INTO suggestions (program, app, uid, protocol, place, port, host, destination,
                                  count, first, last)
         VALUES (?1, ?2, ?3, ?4, iif(?6 = '', ?7, ?6), ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (program, app, uid, protocol, place, port) DO UPDATE SET
             destination = excluded.destination,
             count = CASE WHEN count > 9223372036854775807 - excluded.count
                     THEN 9223372036854775807 ELSE count + excluded.count END,
             first = min(first, excluded.first),
             last = max(last, excluded.last)",
    )?;
    for suggestion in seen {
        add.execute(params![
            suggestion.program,
            suggestion.app,
            suggestion.uid,
            suggestion.protocol,
            suggestion.destination_port,
            suggestion.host,
            suggestion.destination,
            signed(suggestion.count),
            signed(suggestion.first),
            signed(suggestion.last),
        ])?;
    }
    drop(add);
    make_room(&transaction, i64::try_from(most).unwrap_or(i64::MAX))?;
    transaction.commit()
}

fn make_room(transaction: &Transaction<'_>, most: i64) -> rusqlite::Result<()> {
    let crowded = "SELECT EXISTS (SELECT 1 FROM suggestions GROUP BY dropped HAVING count(*) > ?1)";
    if !transaction.query_row(crowded, [most], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    transaction.execute(
        "WITH by_program AS (
             SELECT id, dropped, uid, last, row_number() OVER (
                 PARTITION BY dropped, uid, program, app ORDER BY last DESC, id DESC
             ) AS turn FROM suggestions
         ), by_user AS (
             SELECT id, dropped, last, row_number() OVER (
                 PARTITION BY dropped, uid ORDER BY turn, last DESC, id DESC
             ) AS turn FROM by_program
         ), in_all AS (
             SELECT id, row_number() OVER (
                 PARTITION BY dropped ORDER BY turn, last DESC, id DESC
             ) AS turn FROM by_user
         )
         DELETE FROM suggestions WHERE id IN (SELECT id FROM in_all WHERE turn > ?1)",
        [most],
    )?;
    Ok(())
}

/// Those that are open, the latest first; only those of the user `seen_by`, if it is given.
pub(super) fn open(
    connection: &Connection,
    seen_by: Option<u32>,
) -> rusqlite::Result<Vec<Suggestion>> {
    let mut open = connection.prepare(
        "SELECT id, program, app, uid, protocol, host, destination, port, count, first, last
         FROM suggestions WHERE NOT dropped AND uid = ifnull(?1, uid)
         ORDER BY last DESC, id DESC",
    )?;
    let found = open.query_map([seen_by], suggestion)?;
    found.collect()
}

fn suggestion(row: &Row<'_>) -> rusqlite::Result<Suggestion> {
    Ok(Suggestion {
        id: unsigned(row.get(0)?),
        program: row.get(1)?,
        app: row.get(2)?,
        uid: row.get(3)?,
        protocol: row.get(4)?,
        host: row.get(5)?,
        destination: row.get(6)?,
        destination_port: row.get(7)?,
        count: unsigned(row.get(8)?),
        first: unsigned(row.get(9)?),
        last: unsigned(row.get(10)?),
    })
}

/// Drops suggestions, or takes that back; only those of the user `whose`, if it is given. False,
/// and nothing is changed, if one of them does not exist.
pub(super) fn set_dropped(
    connection: &mut Connection,
    ids: &[u64],
    whose: Option<u32>,
    dropped: bool,
) -> rusqlite::Result<bool> {
    let transaction = connection.transaction()?;
    let mut set = transaction
        .prepare("UPDATE suggestions SET dropped = ?3 WHERE id = ?1 AND uid = ifnull(?2, uid)")?;
    for id in ids {
        if set.execute(params![signed(*id), whose, dropped])? == 0 {
            // What was changed so far is undone with the transaction.
            return Ok(false);
        }
    }
    drop(set);
    transaction.commit()?;
    Ok(true)
}

/// Forgets suggestions.
pub(super) fn forget(connection: &mut Connection, ids: &[u64]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for id in ids {
        transaction.execute("DELETE FROM suggestions WHERE id = ?1", [signed(*id)])?;
    }
    transaction.commit()
}
