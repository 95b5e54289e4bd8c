//! Which processes hold a socket: the links in `/proc/PID/fd`.
//!
//! There is no way from a socket to its holders but to look through everybody's open files; it
//! takes about a microsecond for each. So one look remembers every socket it sees, and serves all
//! flows of the next [`FRESH`]: a burst of connections costs one look.
//!
//! Who holds a socket without an open file can't be seen here: a socket that waits in a Unix
//! socket's queue, or is registered with io_uring alone. That is one reason why
//! [`Evidence::SocketTable`](bastion_policy::process::Evidence) is the weaker one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bastion_policy::process::UnknownReason;

use super::proc_dir::{ProcDir, ProcFs};
use super::process::reason;

/// How long a look at everybody's open files is believed to be complete. Whether a process found
/// in it still holds the socket is checked each time.
const FRESH: Duration = Duration::from_millis(500);

/// Users whose looks are remembered at the same time.
const MAX_USERS: usize = 16;

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
    /// True if some process's files could not be read.
    refused: bool,
}

impl Look {
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
    looks: HashMap<u32, (Instant, Look)>,
}

impl Holders {
    /// True if what is remembered for this user is older than `moment`.
    pub(super) fn older_than(&self, moment: Instant, uid: u32) -> bool {
        self.looks
            .get(&uid)
            .is_some_and(|(taken, _)| *taken < moment)
    }

    /// Forgets all earlier looks.
    pub(super) fn forget(&mut self) {
        self.looks.clear();
    }

    /// The holders of each of these sockets of one user, each with the inode. All processes of
    /// the user are looked at; those of others only if a socket has no holder among them, as
    /// when a service opens it before it drops its privileges; and last the threads that have
    /// open files of their own (`CLONE_FILES`, unshare(2)).
    ///
    /// # Errors
    /// [`UnknownReason::NoProcess`] if one of the sockets has no holder,
    /// [`UnknownReason::Unreadable`] if it may be one that can't be looked at.
    pub(super) fn of(
        &mut self,
        proc: &ProcFs,
        inodes: &[u64],
        uid: u32,
        now: Instant,
    ) -> Result<Vec<(u64, Holder)>, UnknownReason> {
        self.looks
            .retain(|_, (taken, _)| now.saturating_duration_since(*taken) < FRESH);
        if !self
            .looks
            .get(&uid)
            .is_some_and(|(_, look)| look.knows(inodes))
        {
            if self.looks.len() >= MAX_USERS {
                self.looks.clear();
            }
            self.looks.insert(uid, (now, look(proc, inodes, uid)));
        }
        let Some((_, look)) = self.looks.get(&uid) else {
            return Err(UnknownReason::Unreadable);
        };
        if !look.knows(inodes) {
            return Err(match look.refused {
                true => UnknownReason::Unreadable,
                false => UnknownReason::NoProcess,
            });
        }
        let each = inodes
            .iter()
            .filter_map(|inode| Some((*inode, look.holders.get(inode)?)));
        Ok(each
            .flat_map(|(inode, holders)| holders.iter().map(move |h| (inode, h.clone())))
            .collect())
    }
}

fn look(proc: &ProcFs, inodes: &[u64], uid: u32) -> Look {
    let mut look = Look::default();
    let pids = proc.pids().unwrap_or_else(|error| {
        look.failed(&error);
        Vec::new()
    });
    // One directory open at a time: there may be more processes than files we may open.
    let owned = |pid: &u32| {
        proc.process(*pid)
            .and_then(|dir| dir.owner())
            .is_ok_and(|o| o == uid)
    };
    let (own, others): (Vec<u32>, Vec<u32>) = pids.into_iter().partition(owned);
    for group in [&own, &others] {
        if !look.knows(inodes) {
            for &pid in group {
                match proc.process(pid) {
                    Ok(dir) => look.add(&dir, "fd", inodes),
                    Err(error) => look.failed(&error),
                }
            }
        }
    }
    if !look.knows(inodes) {
        look_at_threads(&mut look, proc, own.into_iter().chain(others), inodes);
    }
    look
}

fn look_at_threads(
    look: &mut Look,
    proc: &ProcFs,
    pids: impl Iterator<Item = u32>,
    inodes: &[u64],
) {
    let mut left = MAX_THREADS;
    for dir in pids.filter_map(|pid| proc.process(pid).ok()) {
        let threads = dir.threads().unwrap_or_default();
        // The first thread's files are those of `fd`.
        for thread in threads.into_iter().filter(|&thread| thread != dir.pid()) {
            if left == 0 {
                return;
            }
            left -= 1;
            look.add(&dir, &format!("task/{thread}/fd"), inodes);
        }
    }
}
