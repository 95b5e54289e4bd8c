//! Where the machine's DNS servers stand.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::Resolvers;
use crate::names::DNS_PORT;

/// Files in the form of resolv.conf(5) that name servers: what programs read; what systemd-resolved
/// asks in their stead (systemd-resolved.service(8)); and the same of NetworkManager, which may
/// have a server of its own between itself and programs (NetworkManager.conf(5)).
const FILES: [&str; 4] = [
    "etc/resolv.conf",
    "run/systemd/resolve/resolv.conf",
    "run/NetworkManager/resolv.conf",
    "run/NetworkManager/no-stub-resolv.conf",
];

/// systemd-resolved's directory. systemd makes it for the user as whom the service runs.
pub(in crate::names) const RESOLVED: &str = "run/systemd/resolve";

/// The first port at which programs without privileges can listen, in this process's network
/// namespace (the kernel's Documentation/networking/ip-sysctl.rst).
const FIRST_FREE_PORT: &str = "proc/sys/net/ipv4/ip_unprivileged_port_start";

/// Most bytes of a file. Real ones have a few hundred.
const LIMIT: u64 = 64 * 1024;

/// Bits of a mode that let the group or everybody write.
const OTHERS_WRITE: u32 = 0o022;

/// Why a file does not count, or none does.
#[derive(Debug, thiserror::Error)]
pub enum ResolverFileError {
    /// It, or a directory above it, belongs to somebody who could name any server.
    #[error(
        "{} belongs to the user {owner}; DNS servers that it names are not believed before it is root's",
        path.display()
    )]
    Owner {
        /// Which file or directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// Its group or everybody could name any server.
    #[error(
        "{} can be changed by others than its owner; DNS servers that it names are not believed \
         before you run: chmod go-w {}", path.display(), path.display()
    )]
    WritableByOthers {
        /// Which file or directory.
        path: PathBuf,
    },
    /// It is no regular file, or larger than anything sensible.
    #[error("{} is no file with a few DNS servers in it", path.display())]
    NoSuchFile {
        /// Which file.
        path: PathBuf,
    },
    /// Any error of the system.
    #[error("{} can't be read: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Any program could be a DNS server of this machine.
    #[error(
        "every program can listen at port {DNS_PORT}, so DNS packets tell no names before you \
         run: sysctl net.ipv4.ip_unprivileged_port_start=1024"
    )]
    FreePort,
}

impl ResolverFileError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }
}

/// What shows that a file is another one, or changed. Any change of content, owner or mode changes
/// the time of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Everything the servers depend on.
#[derive(Debug, PartialEq, Eq)]
struct State {
    files: [Option<Stamp>; FILES.len()],
    first_free_port: Option<u16>,
}

/// Looks after the files in which the machine's DNS servers stand.
#[derive(Debug)]
pub struct ResolverFiles {
    root: PathBuf,
    seen: Option<State>,
}

impl ResolverFiles {
    /// Of the system whose files lie below `root`, which is `/` but in tests.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            seen: None,
        }
    }

    /// The servers, at the first call and whenever a file has changed. Costs a few calls of
    /// `stat(2)`, so once a second or so is often enough.
    ///
    /// Only files count that nobody can change but root and, in its own directory, the user as
    /// whom systemd-resolved runs. What does not count is logged, with the remedy.
    pub fn changed(&mut self) -> Option<Resolvers> {
        let state = State {
            files: FILES.map(|file| Stamp::of(&self.root.join(file))),
            first_free_port: self.first_free_port(),
        };
        if self.seen.as_ref() == Some(&state) {
            return None;
        }
        // On loopback, or with an address that is not there (IPV6_FREEBIND), it could answer
        // itself.
        let port_is_free = state.first_free_port.is_none_or(|port| port <= DNS_PORT);
        self.seen = Some(state);
        if port_is_free {
            tracing::warn!("{}", ResolverFileError::FreePort);
            return Some(Resolvers::none());
        }
        let texts: Vec<_> = FILES.iter().filter_map(|file| self.text(file)).collect();
        Some(Resolvers::from_texts(texts.iter().map(String::as_str)))
    }

    fn first_free_port(&self) -> Option<u16> {
        let text = fs::read_to_string(self.root.join(FIRST_FREE_PORT)).ok()?;
        text.trim().parse().ok()
    }

    fn text(&self, file: &str) -> Option<String> {
        match self.read(&self.root.join(file)) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(ResolverFileError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                None
            }
            Err(error) => {
                tracing::warn!("{error}");
                None
            }
        }
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, ResolverFileError> {
        // Links are usual: programs' file often leads to systemd-resolved's.
        let path = fs::canonicalize(path).map_err(|e| ResolverFileError::io(path, e))?;
        let io = |e| ResolverFileError::io(&path, e);
        let root = fs::canonicalize(&self.root).map_err(io)?;
        let resolved = resolved_user(&self.root).filter(|_| path.starts_with(root.join(RESOLVED)));
        let trusted = |uid| uid == system_user() || Some(uid) == resolved;
        for directory in path
            .ancestors()
            .skip(1)
            .take_while(|d| d.starts_with(&root))
        {
            check(directory, &fs::metadata(directory).map_err(io)?, trusted)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
            .open(&path)
            .map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        check(&path, &metadata, trusted)?;
        let mut bytes = Vec::new();
        if metadata.is_file() && metadata.size() <= LIMIT {
            file.take(LIMIT).read_to_end(&mut bytes).map_err(io)?;
            return Ok(bytes);
        }
        Err(ResolverFileError::NoSuchFile { path })
    }
}

/// The user as whom systemd-resolved runs: the owner of its directory, if only root can have made
/// that.
pub(in crate::names) fn resolved_user(root: &Path) -> Option<u32> {
    let root = fs::canonicalize(root).ok()?;
    let directory = root.join(RESOLVED);
    // Not followed: a link would be somebody else's directory.
    let metadata = fs::symlink_metadata(&directory).ok()?;
    let only_root = |uid| uid == system_user();
    for above in directory
        .ancestors()
        .skip(1)
        .take_while(|d| d.starts_with(&root))
    {
        check(above, &fs::symlink_metadata(above).ok()?, only_root).ok()?;
    }
    metadata.is_dir().then_some(metadata.uid())
}

/// root; in tests, the user as whom they run.
fn system_user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

fn check(
    path: &Path,
    metadata: &Metadata,
    trusted: impl Fn(u32) -> bool,
) -> Result<(), ResolverFileError> {
    if !trusted(metadata.uid()) {
        return Err(ResolverFileError::Owner {
            path: path.into(),
            owner: metadata.uid(),
        });
    }
    if metadata.mode() & OTHERS_WRITE != 0 {
        return Err(ResolverFileError::WritableByOthers { path: path.into() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
