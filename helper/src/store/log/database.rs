//! The database's file: opening it to write and to read, and telling one file from another.
//!
//! Within a process no two files may be open as the same path's database in a way that they share
//! the path's `-shm` file: SQLite would cut it short under the one that has it mapped. So a
//! reader opens nothing but the file that the writer has open, and the writer never takes over
//! the `-shm` file of another database.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::LogError;
use super::schema::{self, MigrationError};
use crate::store::file::{self, FileError};

/// How long another program that has the database open (an administrator's `sqlite3`) is waited
/// for.
const BUSY: Duration = Duration::from_secs(2);

/// The write-ahead log is cut back to this after it was larger for a moment.
pub(super) const JOURNAL_BYTES: u32 = 16 << 20;

/// Which file stands at a path, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// None when nothing stands there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

/// An open database.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) file: FileId,
    /// Events up to this id go, because the database is too large; 0 when none do.
    pub(super) going: i64,
}

/// What writer and readers know of each other.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What the writer opened last.
    pub(super) file: Option<FileId>,
    /// What a reader found damaged, and SQLite's words for it.
    pub(super) damaged: Option<(FileId, String)>,
}

/// [`Known`], locked while a database is opened or moved.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Arc<Mutex<Known>>);

impl Shared {
    /// Both fields are true each for itself, so a thread that panicked leaves nothing half-done.
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an attempt failed.
pub(super) enum Failure {
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

pub(super) fn failure(path: &Path, source: rusqlite::Error) -> Failure {
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

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Opens the database to write, or makes it.
pub(super) fn open(path: &Path, shared: &Shared) -> Result<Database, Failure> {
    let mut known = shared.lock();
    match file::check(path) {
        Err(FileError::Missing(_)) => {
            // Left by a database that was deleted; it is none of the new one's.
            remove(&with_suffix(path, "-wal"))?;
            make(path)?;
        }
        checked => checked?,
    }
    let file = FileId::of(path).ok_or_else(|| FileError::Missing(path.into()))?;
    if known.file.is_some_and(|before| before != file) {
        remove(&with_suffix(path, "-shm"))?;
    }
    let fail = |error| failure(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection.busy_timeout(BUSY).map_err(fail)?;
    configure(&connection).map_err(fail)?;
    match schema::migrate(&mut connection) {
        Ok(()) => {}
        Err(MigrationError::Database(error)) => return Err(fail(error)),
        Err(MigrationError::Newer(version)) => {
            return Err(Failure::Unusable(format!(
                "a newer Bastion wrote it: version {version} instead of {}",
                schema::VERSION
            )));
        }
    }
    known.file = Some(file);
    Ok(Database {
        connection,
        file,
        going: 0,
    })
}

/// Opens the database to read, if the writer has opened it; without a writer there is no log.
pub(super) fn open_to_read(path: &Path, known: &Known) -> Result<Option<Database>, Failure> {
    let Some(file) = known.file.filter(|file| FileId::of(path) == Some(*file)) else {
        return Ok(None);
    };
    file::check(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // The first read opens the other files, by their names.
        connection.pragma_query_value(None, "user_version", |_| Ok(()))?;
        Ok(connection)
    };
    let connection = open().map_err(|error| failure(path, error))?;
    Ok(Some(Database {
        connection,
        file,
        going: 0,
    }))
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

fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(FileError::writing(path, e)),
        _ => Ok(()),
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
