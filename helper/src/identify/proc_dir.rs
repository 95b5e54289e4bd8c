//! Reading `/proc` without trusting what is in it.
//!
//! A process's directory is opened once and everything is read relative to it: when the process
//! ends, reading fails with `ESRCH`, even if its pid is given to another (proc(5)). The procfs
//! crate reads the same files, but without bounds, and refuses names and arguments that are no
//! UTF-8, which programs choose freely.

use std::io;
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use bastion_policy::process::FileId;
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RawDir, Statx, StatxFlags, makedev, openat, readlinkat,
    readlinkat_raw, statx,
};
use rustix::io::Errno;

/// Where processes and the machine's own files are found.
#[derive(Clone, Debug)]
pub struct ProcFs {
    root: PathBuf,
    machine: PathBuf,
}

impl Default for ProcFs {
    /// The running system. The machine's files are those the first process sees, as the
    /// helper's own view may be narrowed by its service manager; but the helper's own where it
    /// may not look there (which takes `CAP_SYS_PTRACE`).
    fn default() -> Self {
        let first = Path::new("/proc/1");
        let may_look = stat(CWD, first.join("root")).is_ok();
        Self {
            root: "/proc".into(),
            machine: if may_look {
                first
            } else {
                Path::new("/proc/self")
            }
            .into(),
        }
    }
}

impl ProcFs {
    /// A copy of `/proc`; the machine is what its process 1 sees.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self {
            machine: root.join("1"),
            root,
        }
    }

    /// The directory of a process that sees the machine as it is.
    ///
    /// # Errors
    /// As open(2).
    pub fn machine(&self) -> io::Result<ProcDir> {
        ProcDir::open(&self.machine, 1)
    }

    /// The directory of a process.
    ///
    /// # Errors
    /// `ENOENT` if there is no such process.
    pub fn process(&self, pid: u32) -> io::Result<ProcDir> {
        ProcDir::open(&self.root.join(pid.to_string()), pid)
    }

    /// Every number among the names in `/proc`: the ids of all processes.
    ///
    /// # Errors
    /// If `/proc` can't be read.
    pub fn pids(&self) -> io::Result<Vec<u32>> {
        let fd = openat(CWD, &self.root, DIRECTORY, Mode::empty())?;
        let mut pids = Vec::new();
        numbers(&fd, |_, pid| {
            pids.push(pid);
            ControlFlow::Continue(())
        })?;
        Ok(pids)
    }

    /// The file that has this absolute path on the machine.
    #[must_use]
    pub fn machine_file(&self, path: &[u8]) -> Option<FileId> {
        let root = self.machine.join("root");
        let path = [root.as_os_str().as_bytes(), path].concat();
        stat(CWD, path).ok().map(|s| file_id(&s))
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// The directory of one process, and of none that gets the same pid later.
#[derive(Debug)]
pub struct ProcDir {
    fd: OwnedFd,
    pid: u32,
}

impl AsFd for ProcDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl ProcDir {
    fn open(path: &Path, pid: u32) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty())?;
        Ok(Self { fd, pid })
    }

    /// The pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The start of a file, at most `limit` bytes.
    ///
    /// # Errors
    /// As open(2) and read(2); `ESRCH` or `ENOENT` when the process is gone.
    pub fn read(&self, name: &str, limit: usize) -> io::Result<Vec<u8>> {
        let fd = openat(
            &self.fd,
            name,
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let mut bytes = vec![0; limit];
        let mut length = 0;
        while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match rustix::io::read(&fd, rest) {
                Ok(0) => break,
                Ok(n) => length += n,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Where a link points.
    ///
    /// # Errors
    /// As readlink(2).
    pub fn link(&self, name: &str) -> io::Result<Vec<u8>> {
        Ok(readlinkat(&self.fd, name, Vec::with_capacity(256))?.into_bytes())
    }

    /// The file behind a name, links followed, and the id of the mount it was opened on where
    /// the kernel tells (Linux 5.8, statx(2)).
    ///
    /// # Errors
    /// As statx(2).
    pub fn file(&self, name: &str) -> io::Result<(FileId, Option<u64>)> {
        let s = stat(&self.fd, name)?;
        let has_mount = s.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        Ok((file_id(&s), has_mount.then_some(s.stx_mnt_id)))
    }

    /// Calls `each` with the number of each open file in `name`, a directory such as `fd`, and
    /// what its link says, until it breaks off.
    ///
    /// # Errors
    /// When the directory or one of the links can't be read; the others are told nevertheless.
    pub fn open_files(
        &self,
        name: &str,
        mut each: impl FnMut(u32, &[u8]) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let fd = openat(&self.fd, name, DIRECTORY, Mode::empty())?;
        // Sockets' links are short; a longer one is cut and is none.
        let mut buffer = [MaybeUninit::uninit(); 64];
        let mut refused = None;
        numbers(&fd, |entry, number| {
            match readlinkat_raw(&fd, entry, &mut buffer) {
                Ok((link, _)) => each(number, link),
                // Closed meanwhile.
                Err(Errno::NOENT) => ControlFlow::Continue(()),
                Err(error) => {
                    refused = Some(error);
                    ControlFlow::Continue(())
                }
            }
        })?;
        refused.map_or(Ok(()), |error| Err(error.into()))
    }

    /// The ids of its threads.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn threads(&self) -> io::Result<Vec<u32>> {
        let fd = openat(&self.fd, "task", DIRECTORY, Mode::empty())?;
        let mut threads = Vec::new();
        numbers(&fd, |_, thread| {
            threads.push(thread);
            ControlFlow::Continue(())
        })?;
        Ok(threads)
    }
}

/// Calls `each` with every entry of a directory whose name is a number, until it breaks off.
fn numbers(
    fd: &OwnedFd,
    mut each: impl FnMut(&std::ffi::CStr, u32) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut buffer = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(fd, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(number) = name.to_str().ok().and_then(|text| text.parse().ok())
            && each(name, number).is_break()
        {
            break;
        }
    }
    Ok(())
}

fn stat(fd: impl AsFd, path: impl rustix::path::Arg) -> rustix::io::Result<Statx> {
    let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
    statx(fd, path, AtFlags::empty(), wanted)
}

fn file_id(s: &Statx) -> FileId {
    FileId {
        device: makedev(s.stx_dev_major, s.stx_dev_minor),
        inode: s.stx_ino,
    }
}

/// What of `/proc/PID/stat` counts (proc_pid_stat(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub parent: u32,
    /// Clock ticks since boot.
    pub start_time: u64,
    /// Where the stack starts and the arguments end: chosen at random at each exec
    /// (`kernel.randomize_va_space`), so another program, or the same one executed again, has
    /// others. 0 while an exec is under way.
    layout: [u64; 2],
}

impl Stat {
    pub(super) fn of(dir: &ProcDir) -> io::Result<Self> {
        // Two names of at most 64 bytes, and 50 numbers of at most 21.
        let bytes = dir.read("stat", 2048)?;
        Self::parse(&bytes).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    /// The program chose the name in brackets and may have put anything into it; after the last
    /// bracket come numbers only.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().rposition(|&b| b == b')')?;
        let numbers = std::str::from_utf8(bytes.get(end + 1..)?).ok()?;
        let mut numbers = numbers.split_ascii_whitespace();
        // Fields 4, 22, 28 and 49; the first one here is field 3.
        let parent = numbers.nth(1)?.parse().ok()?;
        let mut after = |skip| numbers.nth(skip)?.parse().ok();
        Some(Self {
            parent,
            start_time: after(17)?,
            layout: [after(5)?, after(20)?],
        })
    }

    /// True if this is of a process that started then and runs the program whose stack starts and
    /// whose arguments end there.
    pub(super) fn is_of(&self, start_time: u64, layout: [u64; 2]) -> bool {
        (self.start_time, self.layout) == (start_time, layout)
    }

    /// True if both are of one process that executed nothing in between. The parent may exit at
    /// any time and changes nothing about who a process is.
    pub(super) fn same_program(&self, other: &Self) -> bool {
        (self.start_time, self.layout) == (other.start_time, other.layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAT: &[u8] =
        b"4242 (a) R 1 (\xff) S 77 4242 4242 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 \
        987654 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29\n";

    #[test]
    fn a_name_with_brackets_forges_nothing() {
        let expected = Stat {
            parent: 77,
            start_time: 987_654,
            layout: [6, 27],
        };
        assert_eq!(Stat::parse(STAT), Some(expected));
    }

    #[test]
    fn this_process_is_read() {
        let dir = ProcFs::default().process(std::process::id()).unwrap();
        let stat = Stat::of(&dir).unwrap();
        assert_eq!(stat.parent, std::os::unix::process::parent_id());
        assert!(stat.start_time > 0);
        assert!(dir.threads().unwrap().contains(&std::process::id()));
        assert_eq!(dir.read("stat", 4).unwrap().len(), 4);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>, cut in 0usize..200) {
            let _ = Stat::parse(&bytes);
            let _ = Stat::parse(&STAT[..cut.min(STAT.len())]);
        }
    }
}
