//! Reading the log while it is written.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bastion_ipc::wire::{Event, LogPages, LogQuery, Suggestion};
use rusqlite::{Connection, ErrorCode};

use super::database::{self, Database, Failure, Shared};
use super::{LogError, search, suggestions};

/// How long one search may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long pages are looked for in one call: others may wait for the reader.
const MOMENT: Duration = Duration::from_millis(250);

/// Steps of SQLite's machine between two looks at the clock: those of three events or so. One event
/// may take milliseconds, if its path has many kilobytes and the text nearly fits everywhere in it.
/// Looking that often costs an ordinary search nothing that can be measured; looking at each event
/// does.
const STEPS: i32 = 50;

/// Reads the log on a connection of its own, so that however long a search takes, writing does
/// not wait for it. Made by [`super::EventLog::reader`]. It follows the log when that begins a
/// new database.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    database: Option<Database>,
    shared: Shared,
    /// How long one search may take.
    pub(super) patience: Duration,
    /// How long one call may look for pages.
    pub(super) moment: Duration,
}

impl LogReader {
    pub(super) fn new(path: &Path, shared: Shared) -> Self {
        Self {
            path: path.into(),
            database: None,
            shared,
            patience: PATIENCE,
            moment: MOMENT,
        }
    }

    /// Events that the query asks for, newest first, at most [`LogQuery::MAX`]; only those of
    /// the user `seen_by`, if it is given.
    ///
    /// # Errors
    /// See [`LogError`]; [`LogError::TooSlow`] when it took more than two seconds.
    pub fn query(
        &mut self,
        query: &LogQuery,
        seen_by: Option<u32>,
    ) -> Result<Vec<Event>, LogError> {
        self.read(|connection| search::query(connection, query, seen_by))
    }

    /// Where the pages of such events begin. What takes longer than a moment is left for another
    /// call.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub fn pages(&mut self, query: &LogQuery, seen_by: Option<u32>) -> Result<LogPages, LogError> {
        let (started, moment) = (Instant::now(), self.moment);
        let is_over = move || started.elapsed() >= moment;
        self.read(|connection| search::pages(connection, query, seen_by, is_over))
    }

    /// The open suggestions, the latest first; only those of the user `seen_by`, if it is given.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub fn suggestions(&mut self, seen_by: Option<u32>) -> Result<Vec<Suggestion>, LogError> {
        self.read(|connection| suggestions::open(connection, seen_by))
    }

    fn read<T: Default>(
        &mut self,
        search: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LogError> {
        match self.attempt(search) {
            Ok(found) => Ok(found),
            Err(Failure::Other(error)) => Err(error),
            Err(Failure::Unusable(why)) => Err(LogError::Damaged {
                path: self.path.clone(),
                why,
            }),
        }
    }

    fn attempt<T: Default>(
        &mut self,
        search: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        // After an error the connection is closed, because nothing is known about its state.
        let Some(database) = self.follow()? else {
            return Ok(T::default());
        };
        let (started, patience) = (Instant::now(), self.patience);
        let found = database
            .connection
            .progress_handler(STEPS, Some(move || started.elapsed() > patience))
            .and_then(|()| search(&database.connection));
        match found {
            Ok(found) => {
                self.database = Some(database);
                Ok(found)
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                self.database = Some(database);
                Err(Failure::Other(LogError::TooSlow))
            }
            Err(error) => {
                let failure = database::failure(&self.path, error);
                if let Failure::Unusable(why) = &failure {
                    self.shared.lock().damaged = Some((database.file, why.clone()));
                }
                Err(failure)
            }
        }
    }

    /// The database that the writer has open.
    fn follow(&mut self) -> Result<Option<Database>, Failure> {
        let mut known = self.shared.lock();
        match self.database.take() {
            Some(database) if known.file == Some(database.file) => return Ok(Some(database)),
            outdated => drop(outdated),
        }
        let opened = database::open_to_read(&self.path, &known);
        if let (Err(Failure::Unusable(why)), Some(file)) = (&opened, known.file) {
            known.damaged = Some((file, why.clone()));
        }
        opened
    }
}
