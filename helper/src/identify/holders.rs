//! Which processes hold a socket: the links in `/proc/PID/fd`.
//!
//! There is no way from a socket to its holders but to look through everybody's open files; it
//! takes about a microsecond for each. So one look remembers every socket it sees and serves all
//! flows of the next [`FRESH`].
//!
//! A socket that is missing in so fresh a look was made since. Then it can only be held by the
//! process that made it, by children it has started since, and by whom it was passed to since
//! (`SCM_RIGHTS`, unix(7)). So it is enough to look at the processes that held what was asked
//! for last, where it mostly is, and at those that are new; what this leaves out is a socket
//! that is passed on to another running program within half a second of its making, until the
//! next whole look. If it is in neither, everybody's files are looked at again.
//!
//! Who holds a socket without an open file can't be seen here: a socket that waits in a Unix
//! socket's queue, or is registered with io_uring alone. That is one reason why
//! [`Evidence::SocketTable`](bastion_policy::process::Evidence) is the weaker one.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bastion_policy::process::UnknownReason;

use super::proc_dir::{ProcDir, ProcFs};
use super::process::reason;

/// How long a look at everybody's open files is believed to be complete. Whether a process found
/// in it still holds the socket is checked each time.
const FRESH: Duration = Duration::from_millis(500);

/// Processes that held what was asked for last.
const MAX_RECENT: usize = 8;

/// Most sockets remembered of one look.
const MAX_SOCKETS: usize = 65_536;

/// Most threads looked at one by one.
const MAX_THREADS: usize = 4096;

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub pid: u32,
    /// The link below `/proc/PID`, such as `fd/3`.
    link: String,
}

impl Holder {
    /// True if it still holds the socket, by this or another descriptor.
    pub(super) fn holds(&self, dir: &ProcDir, inode: u64) -> bool {
        if dir
            .link(&self.link)
            .is_ok_and(|link| socket(&link) == Some(inode))
        {
            return true;
        }
        let directory = self
            .link
            .rsplit_once('/')
            .map_or("fd", |(directory, _)| directory);
        let mut held = false;
        let looked = dir.open_files(directory, |_, link| held |= socket(link) == Some(inode));
        looked.is_ok() && held
    }
}

/// The inode number in a link to a socket: `socket:[NUMBER]`, proc_pid_fd(5).
fn socket(link: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Who holds which socket, as of one look.
#[derive(Debug, Default)]
struct Look {
    holders: HashMap<u64, Vec<Holder>>,
    /// The processes there were.
    pids: HashSet<u32>,
    /// True if some process's files could not be read.
    refused: bool,
}

impl Look {
    /// Looks at the files of every process, whoever's it is: a socket may have come to another
    /// user's process too. If one of the sockets has no holder, the threads that have open
    /// files of their own (`CLONE_FILES`, unshare(2)) are looked at as well.
    fn at(proc: &ProcFs, inodes: &[u64]) -> Self {
        let mut look = Self::default();
        let pids = proc.pids().unwrap_or_else(|error| {
            look.failed(&error);
            Vec::new()
        });
        // One directory open at a time: there may be more processes than files we may open.
        for &pid in &pids {
            look.add_process(proc, pid, inodes);
        }
        if !look.knows(inodes) {
            look.add_threads(proc, &pids, inodes);
        }
        look
    }

    /// Adds what has come since, as far as it is in these processes or in new ones.
    fn bring_up_to_date(&mut self, proc: &ProcFs, recent: &[u32], inodes: &[u64]) {
        let new = proc.pids().unwrap_or_default();
        let new = new.into_iter().filter(|pid| !self.pids.contains(pid));
        let pids: HashSet<u32> = new.chain(recent.iter().copied()).collect();
        for pid in pids {
            self.add_process(proc, pid, inodes);
        }
    }

    fn add_process(&mut self, proc: &ProcFs, pid: u32, inodes: &[u64]) {
        self.pids.insert(pid);
        match proc.process(pid) {
            Ok(dir) => self.add(&dir, "fd", inodes),
            Err(error) => self.failed(&error),
        }
    }

    fn add_threads(&mut self, proc: &ProcFs, pids: &[u32], inodes: &[u64]) {
        let mut left = MAX_THREADS;
        for dir in pids.iter().filter_map(|&pid| proc.process(pid).ok()) {
            let threads = dir.threads().unwrap_or_default();
            // The first thread's files are those of `fd`.
            for thread in threads.into_iter().filter(|&thread| thread != dir.pid()) {
                if left == 0 {
                    return;
                }
                left -= 1;
                self.add(&dir, &format!("task/{thread}/fd"), inodes);
            }
        }
    }

    fn knows(&self, inodes: &[u64]) -> bool {
        inodes.iter().all(|inode| self.holders.contains_key(inode))
    }

    /// Adds the sockets in one directory of a process; those that are looked for always.
    fn add(&mut self, dir: &ProcDir, directory: &str, inodes: &[u64]) {
        let pid = dir.pid();
        let looked = dir.open_files(directory, |number, link| {
            let Some(inode) = socket(link) else { return };
            let room = self.holders.len() < MAX_SOCKETS || inodes.contains(&inode);
            let holders = match self.holders.get_mut(&inode) {
                Some(holders) => holders,
                None if room => self.holders.entry(inode).or_default(),
                None => return,
            };
            if holders.iter().all(|holder| holder.pid != pid) {
                let link = format!("{directory}/{number}");
                holders.push(Holder { pid, link });
            }
        });
        if let Err(error) = looked {
            self.failed(&error);
        }
    }

    /// Anything but that a process is gone leaves open what it holds.
    fn failed(&mut self, error: &std::io::Error) {
        self.refused |= reason(error) != UnknownReason::NoProcess;
    }
}

/// Finds the holders of sockets.
#[derive(Debug, Default)]
pub(super) struct Holders {
    last: Option<(Instant, Look)>,
    /// Holders found last, newest first.
    recent: Vec<u32>,
}

impl Holders {
    /// True if what is remembered is older than `moment`.
    pub(super) fn older_than(&self, moment: Instant) -> bool {
        matches!(self.last, Some((taken, _)) if taken < moment)
    }

    /// Forgets the last look.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    /// The holders of each of these sockets, each with the inode.
    ///
    /// # Errors
    /// [`UnknownReason::NoProcess`] if one of the sockets has no holder,
    /// [`UnknownReason::Unreadable`] if it may be one that can't be looked at.
    pub(super) fn of(
        &mut self,
        proc: &ProcFs,
        inodes: &[u64],
        now: Instant,
    ) -> Result<Vec<(u64, Holder)>, UnknownReason> {
        let fresh = |taken| now.saturating_duration_since(taken) < FRESH;
        let last = self.last.take().filter(|(taken, _)| fresh(*taken));
        let last = last.map(|(taken, mut look)| {
            // Without room for all, one that is missing need not be new.
            if !look.knows(inodes) && look.holders.len() < MAX_SOCKETS {
                look.bring_up_to_date(proc, &self.recent, inodes);
            }
            (taken, look)
        });
        let last = match last.filter(|(_, look)| look.knows(inodes)) {
            Some(last) => last,
            None => (now, Look::at(proc, inodes)),
        };
        let (_, look) = self.last.insert(last);
        if !look.knows(inodes) {
            return Err(match look.refused {
                true => UnknownReason::Unreadable,
                false => UnknownReason::NoProcess,
            });
        }
        let each = inodes
            .iter()
            .filter_map(|inode| Some((*inode, look.holders.get(inode)?)));
        let found: Vec<(u64, Holder)> = each
            .flat_map(|(inode, holders)| holders.iter().map(move |h| (inode, h.clone())))
            .collect();
        for (_, holder) in &found {
            self.recent.retain(|pid| *pid != holder.pid);
            self.recent.insert(0, holder.pid);
        }
        self.recent.truncate(MAX_RECENT);
        Ok(found)
    }
}
