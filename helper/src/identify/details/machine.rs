//! The machine's own files: the only way from here to the disk.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bastion_policy::process::FileId;
use rustix::fs::{Mode, OFlags, RawDir, Stat, fstat, openat};
use rustix::io::Errno;

use super::within::{self, Wanted};
use crate::identify::proc_dir::ProcFs;

/// What changed so recently may change again without another time on it.
const SETTLED: Duration = Duration::from_secs(2);

/// Most names read from a directory.
const MAX_NAMES: usize = 200_000;

/// The machine's files, as its first process sees them. Links lead nowhere else, whatever the
/// helper's own view is.
#[derive(Debug)]
pub(super) struct Machine {
    root: OwnedFd,
}

/// By which it shows that a file or a directory is another, or has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    pub file: FileId,
    /// In bytes.
    pub size: u64,
    /// Seconds and nanoseconds since the Unix epoch.
    modified: (i64, u64),
    changed: (i64, u64),
}

impl Stamp {
    /// False if it changed so recently that another change might not show.
    pub(super) fn is_settled(&self) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let Ok(seconds) = u64::try_from(seconds) else {
            return false;
        };
        let since = Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds);
        SystemTime::now()
            .duration_since(UNIX_EPOCH + since)
            .is_ok_and(|age| age >= SETTLED)
    }

    fn of(stat: &Stat) -> Self {
        Self {
            file: FileId {
                device: stat.st_dev,
                inode: stat.st_ino,
            },
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// An ordinary file that is open for reading.
#[derive(Debug)]
pub(super) struct OpenFile {
    fd: OwnedFd,
    pub stamp: Stamp,
}

impl OpenFile {
    /// True if it is what it was when it was opened.
    pub(super) fn is_unchanged(&self) -> bool {
        fstat(&self.fd).is_ok_and(|stat| Stamp::of(&stat) == self.stamp)
    }
}

impl io::Read for OpenFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::read(&self.fd, &mut *buffer) {
                Err(Errno::INTR) => {}
                done => return Ok(done?),
            }
        }
    }
}

impl Machine {
    /// # Errors
    /// Where the helper may not look at the first process's files.
    pub(super) fn open(proc: &ProcFs) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(proc.machine()?, "root", flags, Mode::empty())?;
        Ok(Self { root })
    }

    fn open_at(&self, path: &[u8], wanted: Wanted) -> io::Result<OwnedFd> {
        within::open(self.root.as_fd(), path, wanted)
    }

    /// What an absolute path leads to.
    pub(super) fn stamp(&self, path: &[u8]) -> Option<Stamp> {
        let fd = self.open_at(path, Wanted::Anything).ok()?;
        fstat(&fd).ok().map(|stat| Stamp::of(&stat))
    }

    /// The file that an absolute path leads to.
    pub(super) fn file(&self, path: &[u8]) -> Option<FileId> {
        self.stamp(path).map(|stamp| stamp.file)
    }

    /// Opens an ordinary file; never waits for anything but the disk, whatever is there.
    ///
    /// # Errors
    /// As open(2); `InvalidInput` if there is something else.
    pub(super) fn open_file(&self, path: &[u8]) -> io::Result<OpenFile> {
        let fd = self.open_at(path, Wanted::File)?;
        let stamp = Stamp::of(&fstat(&fd)?);
        Ok(OpenFile { fd, stamp })
    }

    /// The whole of an ordinary file into `buffer`, whatever is in there.
    ///
    /// # Errors
    /// As [`Machine::open_file`] and read(2); `FileTooLarge` if there are more than `limit` bytes.
    pub(super) fn read_into(
        &self,
        path: &[u8],
        limit: u64,
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        use io::Read as _;
        buffer.clear();
        let file = self.open_file(path)?;
        let length = file.take(limit.saturating_add(1)).read_to_end(buffer)?;
        match u64::try_from(length) {
            Ok(length) if length <= limit => Ok(()),
            _ => Err(io::ErrorKind::FileTooLarge.into()),
        }
    }

    /// As [`Machine::read_into`].
    ///
    /// # Errors
    /// The same.
    pub(super) fn read(&self, path: &[u8], limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(path, limit, &mut bytes)?;
        Ok(bytes)
    }

    /// The names in a directory that end with `ending`, without it.
    ///
    /// # Errors
    /// As open(2) and getdents(2); `FileTooLarge` if there are too many.
    pub(super) fn names(&self, directory: &[u8], ending: &[u8]) -> io::Result<Vec<String>> {
        let fd = self.open_at(directory, Wanted::Directory)?;
        let mut buffer = Vec::with_capacity(32 * 1024);
        let mut entries = RawDir::new(&fd, buffer.spare_capacity_mut());
        let mut names = Vec::new();
        let mut seen = 0;
        while let Some(entry) = entries.next() {
            let entry = entry?;
            seen += 1;
            if seen > MAX_NAMES {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            let name = entry.file_name().to_bytes().strip_suffix(ending);
            if let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()) {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! Machines made for a test.

    use std::path::Path;

    use super::*;

    /// A directory with the first process of a machine whose files are below `1/root`.
    pub(in crate::identify::details) struct Made {
        pub directory: tempfile::TempDir,
    }

    impl Made {
        pub(in crate::identify::details) fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(directory.path().join("1/root")).unwrap();
            Self { directory }
        }

        pub(in crate::identify::details) fn proc(&self) -> ProcFs {
            ProcFs::at(self.directory.path())
        }

        pub(in crate::identify::details) fn machine(&self) -> Machine {
            Machine::open(&self.proc()).unwrap()
        }

        pub(in crate::identify::details) fn path(&self, path: &str) -> std::path::PathBuf {
            let root = self.directory.path().join("1/root");
            root.join(path.strip_prefix('/').unwrap())
        }

        pub(in crate::identify::details) fn put(&self, path: &str, text: impl AsRef<[u8]>) {
            let path = self.path(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        pub(in crate::identify::details) fn link(&self, path: &str, to: &str) {
            let path = self.path(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(Path::new(to), path).unwrap();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Made;
    use super::*;

    #[test]
    fn links_stay_within_the_machine() {
        let made = Made::new();
        made.put("/etc/hostname", "inside");
        made.link("/etc/up", "../../../../../etc/hostname");
        made.link("/etc/absolute", "/etc/hostname");
        made.link("/etc/out", "/proc/self/root/etc/hostname");
        let machine = made.machine();
        for path in ["/etc/hostname", "/etc/up", "/etc/absolute"] {
            assert_eq!(machine.read(path.as_bytes(), 6).unwrap(), b"inside");
        }
        assert_eq!(machine.file(b"/etc/out"), None);
    }

    #[test]
    fn only_ordinary_files_of_a_bounded_size_are_read() {
        let made = Made::new();
        made.put("/d/a.x", "12345");
        let fifo = made.path("/d/fifo.x");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        made.link("/d/loop.x", "loop.x");
        made.link("/d/zero", "../../../../../../dev/zero");
        let machine = made.machine();
        assert_eq!(machine.read(b"/d/a.x", 5).unwrap(), b"12345");
        let error = |path: &str| machine.read(path.as_bytes(), 4).unwrap_err().kind();
        assert_eq!(error("/d/a.x"), io::ErrorKind::FileTooLarge);
        assert_eq!(error("/d/fifo.x"), io::ErrorKind::InvalidInput);
        assert_eq!(error("/d"), io::ErrorKind::InvalidInput);
        let looped = machine.read(b"/d/loop.x", 4).unwrap_err();
        assert_eq!(looped.raw_os_error(), Some(Errno::LOOP.raw_os_error()));
        assert_eq!(error("/d/none"), io::ErrorKind::NotFound);
        assert_eq!(error("/d/zero"), io::ErrorKind::NotFound);
        let mut names = machine.names(b"/d", b".x").unwrap();
        names.sort();
        assert_eq!(names, ["a", "fifo", "loop"]);
    }

    /// Within the clock's resolution a file could be changed without another time on it.
    #[test]
    fn what_just_changed_is_not_settled() {
        let made = Made::new();
        made.put("/a", "1");
        let mut stamp = made.machine().stamp(b"/a").unwrap();
        assert!(!stamp.is_settled());
        stamp.changed = (1, 0);
        assert!(stamp.is_settled());
        let future = SystemTime::now() + Duration::from_secs(60);
        let future = future.duration_since(UNIX_EPOCH).unwrap().as_secs();
        stamp.changed = (i64::try_from(future).unwrap(), 0);
        assert!(!stamp.is_settled());
        stamp.changed = (-1, 0);
        assert!(!stamp.is_settled());
    }

    #[test]
    fn a_change_shows() {
        let made = Made::new();
        made.put("/a", "1");
        let machine = made.machine();
        let before = machine.open_file(b"/a").unwrap();
        assert!(before.is_unchanged());
        made.put("/a", "22");
        assert!(!before.is_unchanged());
        assert_ne!(machine.stamp(b"/a"), Some(before.stamp));
        std::fs::remove_file(made.path("/a")).unwrap();
        made.put("/a", "1");
        assert_ne!(machine.file(b"/a"), Some(before.stamp.file));
    }
}
