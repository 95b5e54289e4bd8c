//! The log of decisions, how often each rule decided, and what learn mode suggests: an SQLite
//! database.

mod database;
mod events;
mod hits;
mod prune;
mod reader;
mod schema;
mod search;
mod suggestions;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use bastion_ipc::wire::{Event, Suggestion};
use bastion_policy::rule::RuleId;
use bastion_policy::time::Timestamp;

use super::file::FileError;
use database::{Database, Failure, FileId, Shared, with_suffix};
use prune::Bounds;
pub use reader::LogReader;

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// Most bytes of the database: 1 GiB, whatever number of events is to be kept. Programs choose
/// how long their paths are.
const MAX_BYTES: u64 = 1 << 30;

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
    /// A search that would read too much.
    #[error("The search took too long; narrow it by time")]
    TooSlow,
    /// A reader found the database damaged.
    #[error(
        "The log {} is damaged ({why}); it is set aside with the next decision, and a new one \
         begun", path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// SQLite's words for it.
        why: String,
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
    database: Option<Database>,
    shared: Shared,
    /// Most bytes of the database.
    max_bytes: u64,
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
            database: None,
            shared: Shared::default(),
            max_bytes: MAX_BYTES,
            lost: 0,
            failing: None,
            set_aside: None,
        };
        // An error is kept as a trouble, and every use tries again.
        let _ = log.with(|_| Ok(()));
        log
    }

    /// A reader of this log, for another thread.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(&self.path, self.shared.clone())
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
        let written = self.with(|log| events::append(&mut log.connection, events));
        if written.is_err() {
            self.lost += u64::try_from(events.len()).unwrap_or(u64::MAX);
        }
        written
    }

    /// Removes some of the events that are older than `max_days` or not among the newest
    /// `max_events`, and of the oldest where the database is larger than 1 GiB; gives the space
    /// back. True when more is left, for the next call: each one takes a moment only, so that
    /// others can use the log in between.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn prune(
        &mut self,
        max_days: u32,
        max_events: u32,
        now: Timestamp,
    ) -> Result<bool, LogError> {
        let age = u64::from(max_days) * DAY_MILLIS;
        let bounds = Bounds {
            oldest: Timestamp::from_millis(now.as_millis().saturating_sub(age)),
            events: max_events,
            bytes: self.max_bytes,
        };
        self.with(|log| prune::some(log, &bounds))
    }

    /// Adds to the hits of rules: how many more flows, and when the last.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn add_hits(&mut self, hits: &[(RuleId, u64, Timestamp)]) -> Result<(), LogError> {
        self.with(|log| hits::add(&mut log.connection, hits))
    }

    /// The hits of all rules that ever had one and were not forgotten.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn hits(&mut self) -> Result<HashMap<RuleId, Hits>, LogError> {
        self.with(|log| hits::all(&log.connection))
    }

    /// Forgets the hits of rules that are gone.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn forget_hits(&mut self, rules: &[RuleId]) -> Result<(), LogError> {
        self.with(|log| hits::forget(&mut log.connection, rules))
    }

    /// Adds to what learn mode suggests. Of the open suggestions and of the dropped ones,
    /// [`Suggestion::MAX`] each are kept, so that every program has its share.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn suggest(&mut self, seen: &[Suggestion]) -> Result<(), LogError> {
        self.with(|log| suggestions::add(&mut log.connection, seen, Suggestion::MAX))
    }

    /// Drops suggestions, or takes that back; only those of the user `whose`, if it is given. False
    /// if one of them does not exist: then nothing is changed.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn set_dropped(
        &mut self,
        ids: &[u64],
        whose: Option<u32>,
        dropped: bool,
    ) -> Result<bool, LogError> {
        self.with(|log| suggestions::set_dropped(&mut log.connection, ids, whose, dropped))
    }

    /// Forgets suggestions.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn forget_suggestions(&mut self, ids: &[u64]) -> Result<(), LogError> {
        self.with(|log| suggestions::forget(&mut log.connection, ids))
    }

    /// Does something with the database, opening it if need be; if it turns out to be damaged,
    /// once more with a new one.
    fn with<T>(
        &mut self,
        mut act: impl FnMut(&mut Database) -> rusqlite::Result<T>,
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
        let says = error.map(ToString::to_string);
        match (&self.failing, &says) {
            // Once, not with each attempt.
            (before, Some(error)) if before.as_ref() != Some(error) => tracing::warn!("{error}"),
            (Some(_), None) => tracing::info!(lost = self.lost, "the event log works again"),
            _ => {}
        }
        self.failing = says;
    }

    fn attempt<T>(
        &mut self,
        act: &mut impl FnMut(&mut Database) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let mut database = self.current()?;
        match act(&mut database) {
            Ok(value) => {
                self.database = Some(database);
                Ok(value)
            }
            // The connection is closed: after an error nothing is known about its state, and a
            // damaged database must not be open while it is moved.
            Err(error) => Err(database::failure(&self.path, error)),
        }
    }

    /// The database, opened if it is not, or if another file stands at its path by now.
    fn current(&mut self) -> Result<Database, Failure> {
        let open = self.database.take();
        let here = FileId::of(&self.path);
        let damaged = self.shared.lock().damaged.take();
        if let Some((file, why)) = damaged
            && here == Some(file)
        {
            return Err(Failure::Unusable(why));
        }
        match open {
            Some(database) if here == Some(database.file) => Ok(database),
            outdated => {
                drop(outdated);
                database::open(&self.path, &self.shared)
            }
        }
    }

    /// Moves the database out of the way, over one that was moved before.
    fn begin_anew(&mut self, why: &str) -> Result<(), LogError> {
        let aside = with_suffix(&self.path, ".broken");
        let _nobody_opens = self.shared.lock();
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
