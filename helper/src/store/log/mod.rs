//! The log of decisions, and how often each rule decided: an SQLite database.

mod events;
mod hits;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bastion_ipc::wire::{Event, LogQuery};
use bastion_policy::rule::RuleId;
use bastion_policy::time::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::file::{self, FileError};
use schema::MigrationError;

/// How long another program that has the database open (an administrator's `sqlite3`) is waited
/// for.
const BUSY: Duration = Duration::from_secs(2);

/// The write-ahead log is cut back to this after it was larger for a moment.
const JOURNAL_BYTES: u32 = 16 << 20;

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// Why the log can't be read or written just now. It is tried again at the next occasion.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk is full.
    #[error(
        "The log {} can't be written, because the disk is full; make room, and it goes on",
        path.display()
    )]
    NoSpace {
        /// The database.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// Something stands where the database should be that is not opened.
    #[error("The log can't be opened: {0}")]
    File(#[from] FileError),
    /// A damaged database can't be moved out of the way.
    #[error("The damaged log {} can't be set aside: {source}", path.display())]
    SetAside {
        /// The database.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Any other error of SQLite.
    #[error("The log {} can't be used: {source}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
}

/// How often a rule decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// How many flows.
    pub count: u64,
    /// When it last did.
    pub last: Timestamp,
}

/// The log. Every method may wait for the disk; none gives up for good: a damaged database is
/// set aside and a new one begun, and after a full disk it goes on as soon as there is room.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    connection: Option<Connection>,
    /// Events that could not be written since the helper started.
    lost: u64,
    /// Why the last attempt failed.
    failing: Option<String>,
    /// What became of a damaged database.
    set_aside: Option<String>,
}

impl EventLog {
    /// Opens the database or makes it, readable for its owner alone. Whatever goes wrong is told
    /// by [`Self::troubles`].
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let mut log = Self {
            path: path.into(),
            connection: None,
            lost: 0,
            failing: None,
            set_aside: None,
        };
        // An error is kept as a trouble, and every use tries again.
        let _ = log.with(|_| Ok(()));
        log
    }

    /// What does not work: sentences with the remedy.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let failing = self.failing.as_ref().map(|why| match self.lost {
            0 => why.clone(),
            lost => format!("{why} ({lost} decisions were not logged so far)"),
        });
        self.set_aside.iter().cloned().chain(failing).collect()
    }

    /// How many events could not be written since the log was opened.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Writes events in one transaction; their own ids don't count. Returns the id of the last
    /// event in the log; those written before it have the numbers below. On an error all of them
    /// count as lost.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn append(&mut self, events: &[Event]) -> Result<u64, LogError> {
        let written = self.with(|connection| events::append(connection, events));
        if written.is_err() {
            self.lost += u64::try_from(events.len()).unwrap_or(u64::MAX);
        }
        written
    }

    /// Events that the query asks for, newest first, at most [`LogQuery::MAX`]; only those of
    /// the user `seen_by`, if it is given.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn query(
        &mut self,
        query: &LogQuery,
        seen_by: Option<u32>,
    ) -> Result<Vec<Event>, LogError> {
        self.with(|connection| events::query(connection, query, seen_by))
    }

    /// Removes events older than `max_days` and all but the newest `max_events`, and gives the
    /// space back. Returns how many went.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn prune(
        &mut self,
        max_days: u32,
        max_events: u32,
        now: Timestamp,
    ) -> Result<usize, LogError> {
        let age = u64::from(max_days) * DAY_MILLIS;
        let oldest = Timestamp::from_millis(now.as_millis().saturating_sub(age));
        self.with(|connection| events::prune(connection, oldest, max_events))
    }

    /// Adds to the hits of rules: how many more flows, and when the last.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn add_hits(&mut self, hits: &[(RuleId, u64, Timestamp)]) -> Result<(), LogError> {
        self.with(|connection| hits::add(connection, hits))
    }

    /// The hits of all rules that ever had one and were not forgotten.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn hits(&mut self) -> Result<HashMap<RuleId, Hits>, LogError> {
        self.with(|connection| hits::all(connection))
    }

    /// Forgets the hits of rules that are gone.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn forget_hits(&mut self, rules: &[RuleId]) -> Result<(), LogError> {
        self.with(|connection| hits::forget(connection, rules))
    }

    /// Does something with the database, opening it if need be; if it turns out to be damaged,
    /// once more with a new one.
    fn with<T>(
        &mut self,
        mut act: impl FnMut(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LogError> {
        let mut result = self.attempt(&mut act);
        if let Err(Failure::Unusable(why)) = result {
            result = match self.begin_anew(&why) {
                Ok(()) => self.attempt(&mut act),
                Err(error) => Err(Failure::Other(error)),
            };
        }
        let result = result.map_err(|failure| match failure {
            Failure::Other(error) => error,
            // Damaged again at once: the disk itself must be at fault.
            Failure::Unusable(why) => LogError::SetAside {
                path: self.path.clone(),
                source: io::Error::other(why),
            },
        });
        self.note(result.as_ref().err());
        result
    }

    fn note(&mut self, error: Option<&LogError>) {
        match (&self.failing, error) {
            (None, Some(error)) => tracing::warn!("{error}"),
            (Some(_), None) => tracing::info!(lost = self.lost, "the event log works again"),
            _ => {}
        }
        self.failing = error.map(ToString::to_string);
    }

    fn attempt<T>(
        &mut self,
        act: &mut impl FnMut(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => open(&self.path)?,
        };
        match act(&mut connection) {
            Ok(value) => {
                self.connection = Some(connection);
                Ok(value)
            }
            // The connection is closed: after an error nothing is known about its state, and a
            // damaged database must not be open while it is moved.
            Err(error) => Err(failure(&self.path, error)),
        }
    }

    /// Moves the database out of the way, over one that was moved before.
    fn begin_anew(&mut self, why: &str) -> Result<(), LogError> {
        let aside = with_suffix(&self.path, ".broken");
        for suffix in ["", "-wal", "-shm"] {
            let from = with_suffix(&self.path, suffix);
            let to = with_suffix(&aside, suffix);
            let moved = match std::fs::rename(&from, &to) {
                // A journal of an older broken database must not be taken for this one's.
                Err(e) if e.kind() == io::ErrorKind::NotFound => std::fs::remove_file(&to),
                result => result,
            };
            match moved {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    let path = self.path.clone();
                    return Err(LogError::SetAside { path, source: e });
                }
                _ => {}
            }
        }
        let sentence = format!(
            "The log {} could not be used any more ({why}); it was set aside as {}, and a new one \
             was begun. Delete the old one if you don't need it.",
            self.path.display(),
            aside.display()
        );
        tracing::warn!("{sentence}");
        self.set_aside = Some(sentence);
        Ok(())
    }
}

/// Why an attempt failed.
enum Failure {
    /// This database is of no use, now or later.
    Unusable(String),
    /// Another one would fail alike.
    Other(LogError),
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::Other(error.into())
    }
}

fn failure(path: &Path, source: rusqlite::Error) -> Failure {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Failure::Unusable(source.to_string())
        }
        Some(ErrorCode::DiskFull) => Failure::Other(LogError::NoSpace { path, source }),
        // With a full disk SQLite can fail to grow its shared memory, which it reports so.
        _ => Failure::Other(LogError::Database { path, source }),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn open(path: &Path) -> Result<Connection, Failure> {
    match file::check(path) {
        Err(FileError::Missing(_)) => make(path)?,
        checked => checked?,
    }
    let fail = |error| failure(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection.busy_timeout(BUSY).map_err(fail)?;
    configure(&connection).map_err(fail)?;
    match schema::migrate(&mut connection) {
        Ok(()) => Ok(connection),
        Err(MigrationError::Database(error)) => Err(fail(error)),
        Err(MigrationError::Newer(version)) => Err(Failure::Unusable(format!(
            "a newer Bastion wrote it: version {version} instead of {}",
            schema::VERSION
        ))),
    }
}

/// SQLite gives its other files the same permission bits.
fn make(path: &Path) -> Result<(), FileError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(()),
        Err(e) => Err(FileError::writing(path, e)),
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    // Takes effect in an empty database only, so it comes first.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    // A crash of the computer may lose the last moments, but never damages the database.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_BYTES)?;
    // The helper may write to few places.
    connection.pragma_update(None, "temp_store", "MEMORY")
}
