//! The tables of the log, and how older ones become newer ones.

use rusqlite::{Connection, Transaction};

/// One function for each version: the function at position `n` makes version `n + 1` out of
/// version `n`. They are never changed once released, only added to.
const MIGRATIONS: [fn(&Transaction<'_>) -> rusqlite::Result<()>; 2] =
    [events_and_hits, suggestions];

/// The version this Bastion writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// Why a database can't be brought to [`VERSION`].
#[derive(Debug)]
pub(super) enum MigrationError {
    /// A later Bastion wrote it.
    Newer(usize),
    /// It can't be read or written.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for MigrationError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Brings a database to [`VERSION`], each step in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), MigrationError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if version > VERSION {
        return Err(MigrationError::Newer(version));
    }
    for (number, migration) in (1_i64..).zip(MIGRATIONS).skip(version) {
        let transaction = connection.transaction()?;
        migration(&transaction)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Version 1. `AUTOINCREMENT`, so that the ids of pruned events are never given out again: they
/// are what clients page by.
fn events_and_hits(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "CREATE TABLE events (
             id               INTEGER PRIMARY KEY AUTOINCREMENT,
             time             INTEGER NOT NULL, -- milliseconds since the Unix epoch
             verdict          TEXT    NOT NULL,
             reason           TEXT    NOT NULL,
             rule_name        TEXT    NOT NULL,
             program          TEXT    NOT NULL,
             pid              INTEGER NOT NULL,
             uid              INTEGER NOT NULL,
             protocol         TEXT    NOT NULL,
             source           TEXT    NOT NULL,
             source_port      INTEGER NOT NULL,
             destination      TEXT    NOT NULL,
             destination_port INTEGER NOT NULL,
             host             TEXT    NOT NULL,
             count            INTEGER NOT NULL
         ) STRICT;
         CREATE INDEX events_by_time ON events (time);
         CREATE INDEX events_by_user ON events (uid, id);
         CREATE INDEX events_by_verdict ON events (verdict, id);
         CREATE TABLE hits (
             rule  TEXT    PRIMARY KEY,
             count INTEGER NOT NULL,
             last  INTEGER NOT NULL -- milliseconds since the Unix epoch
         ) STRICT, WITHOUT ROWID;",
    )
}

/// Version 2: what learn mode allowed. The place is the host's name, or the address where none is
/// known.
fn suggestions(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "CREATE TABLE suggestions (
             id          INTEGER PRIMARY KEY AUTOINCREMENT,
             program     TEXT    NOT NULL,
             app         TEXT    NOT NULL,
             uid         INTEGER NOT NULL,
             protocol    TEXT    NOT NULL,
             place       TEXT    NOT NULL,
             port        INTEGER NOT NULL,
             host        TEXT    NOT NULL,
             destination TEXT    NOT NULL,
             count       INTEGER NOT NULL,
             first       INTEGER NOT NULL, -- milliseconds since the Unix epoch
             last        INTEGER NOT NULL, -- likewise
             dropped     INTEGER NOT NULL DEFAULT FALSE,
             UNIQUE (program, app, uid, protocol, place, port)
         ) STRICT;",
    )
}
