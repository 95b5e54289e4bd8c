//! Reading the log while it is written.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bastion_ipc::wire::{Event, LogQuery};
use rusqlite::ErrorCode;

use super::database::{self, Database, Failure, Shared};
use super::{LogError, events};

/// How long one search may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Steps of SQLite's machine between two looks at the clock: some dozens of events, each of which
/// may have a path of many kilobytes to search.
const STEPS: i32 = 1_000;

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
}

impl LogReader {
    pub(super) fn new(path: &Path, shared: Shared) -> Self {
        Self {
            path: path.into(),
            database: None,
            shared,
            patience: PATIENCE,
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
        match self.attempt(query, seen_by) {
            Ok(events) => Ok(events),
            Err(Failure::Other(error)) => Err(error),
            Err(Failure::Unusable(why)) => Err(LogError::Damaged {
                path: self.path.clone(),
                why,
            }),
        }
    }

    fn attempt(&mut self, query: &LogQuery, seen_by: Option<u32>) -> Result<Vec<Event>, Failure> {
        // After an error the connection is closed, because nothing is known about its state.
        let Some(database) = self.follow()? else {
            return Ok(Vec::new());
        };
        let (started, patience) = (Instant::now(), self.patience);
        let found = database
            .connection
            .progress_handler(STEPS, Some(move || started.elapsed() > patience))
            .and_then(|()| events::query(&database.connection, query, seen_by));
        match found {
            Ok(events) => {
                self.database = Some(database);
                Ok(events)
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
