//! Reading files that somebody may have tampered with, and writing them so that a crash or a
//! full disk leaves either the old content or the new, never something between.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

/// Why a file is not read or written. Each sentence names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// Something other than a regular file stands there.
    #[error(
        "{0} is {kind}, not a regular file, and is not followed or opened; \
         move it away with: mv {0} {0}.old", path.display()
    )]
    NotRegular {
        /// Where.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// The place where the file should lie does not exist or is no directory.
    #[error("{0} is not a directory; make it with: mkdir -p {0}", path.display())]
    NotADirectory {
        /// Where.
        path: PathBuf,
    },
    /// Somebody else owns it.
    #[error(
        "{0} belongs to the user {owner}, who could change it at any time; \
         look through it, then run: chown {wanted}:{wanted} {0}", path.display()
    )]
    Owner {
        /// Which file or directory.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who should.
        wanted: u32,
    },
    /// Its group or everybody may write to it.
    #[error(
        "{0} can be changed by others than its owner (mode {mode:04o}); \
         look through it, then run: chmod go-w {0}", path.display()
    )]
    WritableByOthers {
        /// Which file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Larger than anything sensible.
    #[error(
        "{} is larger than {} MiB, which is the most Bastion reads; make it smaller",
        path.display(), limit / (1024 * 1024)
    )]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Most bytes accepted.
        limit: u64,
    },
    /// The disk or the quota is full.
    #[error(
        "{} can't be written, because the disk is full; nothing was changed; \
         make room and try again", path.display()
    )]
    NoSpace {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Any other error of the system.
    #[error("{} can't be {doing}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// `read` or `written`.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl FileError {
    fn reading(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(path.into()),
            _ => Self::Io {
                path: path.into(),
                doing: "read",
                source,
            },
        }
    }

    pub(super) fn writing(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace {
                path: path.into(),
                source,
            },
            _ => Self::Io {
                path: path.into(),
                doing: "written",
                source,
            },
        }
    }
}

/// Reads a whole file of at most `limit` bytes.
///
/// The file must be a regular one that belongs to the helper's own user (root) and that nobody
/// else may change, in a directory of which the same is true. Symbolic links are not followed;
/// FIFOs and devices are not opened, so this never waits.
///
/// # Errors
/// See [`FileError`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    check(path)?;
    read_checked(path, limit)
}

/// What is opened here may not be what [`check`] saw before, so it is looked at again.
fn read_checked(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(path)
        .map_err(|e| FileError::reading(path, e))?;
    let opened = file.metadata().map_err(|e| FileError::reading(path, e))?;
    check_file(path, &opened)?;
    let mut content = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut content)
        .map_err(|e| FileError::reading(path, e))?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > limit {
        return Err(FileError::TooLarge {
            path: path.into(),
            limit,
        });
    }
    Ok(content)
}

/// Checks that a file is one that [`read`] would accept, without opening it.
///
/// # Errors
/// See [`FileError`].
pub fn check(path: &Path) -> Result<(), FileError> {
    check_directory(directory(path))?;
    let metadata = fs::symlink_metadata(path).map_err(|e| FileError::reading(path, e))?;
    check_file(path, &metadata)
}

/// Replaces a file's content, or makes the file with permission bits `mode`. An existing file
/// keeps its permission bits. After a crash at any moment, and after an error, the file has
/// either its old content or the new one.
///
/// # Errors
/// See [`FileError`].
pub fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let directory = directory(path);
    check_directory(directory)?;
    let mode = match fs::symlink_metadata(path) {
        Ok(metadata) => {
            check_file(path, &metadata)?;
            metadata.mode() & 0o777
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => mode,
        Err(e) => return Err(FileError::reading(path, e)),
    };
    let temporary = temporary_name(path);
    let written = write_temporary(&temporary, content, mode)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| File::open(directory)?.sync_all());
    written.map_err(|e| {
        // Whether it can be removed changes nothing about the error to report.
        let _ = fs::remove_file(&temporary);
        FileError::writing(path, e)
    })
}

fn write_temporary(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        // Left behind by a crash.
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode & 0o600)
        .open(path)?;
    file.write_all(content)?;
    // Not left to the umask.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// One fixed name for each file, so that crashes never leave more than one behind.
pub(super) fn temporary_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn check_directory(path: &Path) -> Result<(), FileError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => check_access(path, &metadata),
        Ok(_) => Err(FileError::NotADirectory { path: path.into() }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Err(FileError::NotADirectory { path: path.into() })
        }
        Err(e) => Err(FileError::reading(path, e)),
    }
}

fn check_file(path: &Path, metadata: &Metadata) -> Result<(), FileError> {
    if !metadata.is_file() {
        return Err(FileError::NotRegular {
            path: path.into(),
            kind: kind(metadata),
        });
    }
    check_access(path, metadata)
}

fn kind(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    match () {
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () if kind.is_block_device() => "a block device",
        () => "a character device",
    }
}

/// The owner must be the user this process runs as: root, except in tests.
fn check_access(path: &Path, metadata: &Metadata) -> Result<(), FileError> {
    let wanted = nix::unistd::geteuid().as_raw();
    if metadata.uid() != wanted {
        return Err(FileError::Owner {
            path: path.into(),
            owner: metadata.uid(),
            wanted,
        });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(FileError::WritableByOthers {
            path: path.into(),
            mode,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing;
    use nix::sys::stat::Mode;
    use std::os::unix::fs::symlink;

    fn problem(path: &Path) -> String {
        read(path, 1024).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read_back_with_the_wanted_mode() {
        let directory = testing::directory();
        let path = directory.path().join("a.toml");
        write(&path, b"one", 0o600).unwrap();
        assert_eq!(read(&path, 1024).unwrap(), b"one");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        // What an administrator set stays.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        write(&path, b"two", 0o600).unwrap();
        assert_eq!(read(&path, 1024).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_regular_file_is_neither_followed_nor_waited_for() {
        let directory = testing::directory();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("target"), "x").unwrap();
        symlink(at("target"), at("link")).unwrap();
        nix::unistd::mkfifo(&at("fifo"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        fs::create_dir(at("directory")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (name, kind) in [
            ("link", "a symbolic link"),
            ("fifo", "a FIFO"),
            ("directory", "a directory"),
            ("socket", "a socket"),
        ] {
            let sentence = problem(&at(name));
            assert!(sentence.contains(kind), "{sentence}");
            assert!(sentence.contains("mv "), "{sentence}");
            let written = write(&at(name), b"y", 0o600).unwrap_err();
            assert!(matches!(written, FileError::NotRegular { .. }), "{written}");
        }
        // Nor if they take the file's place between looking and opening.
        let followed = read_checked(&at("link"), 1024);
        assert!(matches!(followed, Err(FileError::Io { .. })));
        let waited = read_checked(&at("fifo"), 1024);
        assert!(matches!(waited, Err(FileError::NotRegular { .. })));
        assert_eq!(fs::read(at("target")).unwrap(), b"x");
        assert!(problem(Path::new("/dev/null")).contains("/dev"));
        assert!(matches!(
            read(&at("nothing"), 1).unwrap_err(),
            FileError::Missing(_)
        ));
    }

    #[test]
    fn a_file_others_can_change_is_refused_with_the_command_that_helps() {
        let directory = testing::directory();
        let path = directory.path().join("a.toml");
        for mode in [0o620, 0o602, 0o666] {
            fs::write(&path, "x").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let sentence = problem(&path);
            assert!(sentence.contains("chmod go-w"), "{sentence}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path, 1024).is_ok());
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let sentence = problem(&path);
        assert!(sentence.contains("chmod go-w"), "{sentence}");
    }

    #[test]
    fn somebody_elses_file_is_refused_with_the_command_that_helps() {
        if !testing::is_root("changing a file's owner") {
            return;
        }
        let directory = testing::directory();
        let path = directory.path().join("a.toml");
        fs::write(&path, "x").unwrap();
        std::os::unix::fs::chown(&path, Some(1000), None).unwrap();
        let sentence = problem(&path);
        assert!(sentence.contains("user 1000"), "{sentence}");
        assert!(sentence.contains("chown 0:0"), "{sentence}");
    }

    #[test]
    fn a_file_of_10_mb_is_refused() {
        let directory = testing::directory();
        let path = directory.path().join("a.toml");
        fs::write(&path, vec![b'#'; 10_000_000]).unwrap();
        let sentence = read(&path, 8 << 20).unwrap_err().to_string();
        assert!(sentence.contains("larger than 8 MiB"), "{sentence}");
        assert!(read(&path, 10_000_000).is_ok());
        assert!(read(&path, 9_999_999).is_err());
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_as_it_was() {
        testing::on_a_small_disk(256 << 10, |directory| {
            let path = directory.join("a.toml");
            write(&path, b"old", 0o600).unwrap();
            let error = write(&path, &vec![b'x'; 1 << 20], 0o600).unwrap_err();
            assert!(matches!(error, FileError::NoSpace { .. }), "{error}");
            assert_eq!(read(&path, 1024).unwrap(), b"old");
            assert_eq!(fs::read_dir(directory).unwrap().count(), 1);
            // There is room again for what fits.
            write(&path, b"new", 0o600).unwrap();
            assert_eq!(read(&path, 1024).unwrap(), b"new");
        });
    }

    #[test]
    fn what_a_crash_left_behind_is_no_obstacle() {
        let directory = testing::directory();
        let path = directory.path().join("a.toml");
        fs::write(temporary_name(&path), "half").unwrap();
        write(&path, b"whole", 0o600).unwrap();
        assert_eq!(read(&path, 1024).unwrap(), b"whole");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
