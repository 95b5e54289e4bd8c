//! One look at the open files of all processes: the links in `/proc/PID/fd`.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bastion_policy::process::UnknownReason;

use super::proc_dir::{ProcDir, ProcFs};
use super::process::{self, reason};

/// Most sockets remembered of one look.
const MAX_SOCKETS: usize = 65_536;

/// Most links read to see whether a process still holds a socket that it has moved to another
/// descriptor.
const MAX_MOVED: usize = 1024;

/// Links read between two looks at the clock.
const STRIDE: usize = 64;

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub pid: u32,
    /// The link below `/proc/PID`, such as `fd/3`.
    link: String,
}

impl Holder {
    /// True if it still holds the socket, by this descriptor or one of its first [`MAX_MOVED`].
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
        let mut left = MAX_MOVED;
        let looked = dir.open_files(directory, |_, link| {
            held = socket(link) == Some(inode);
            left = left.saturating_sub(1);
            if held || left == 0 {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        looked.is_ok() && held
    }
}

/// The inode number in a link to a socket: `socket:[NUMBER]`, proc_pid_fd(5).
fn socket(link: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// How much is looked at in each [`Group`] of processes. Every user can have millions of open
/// files, and no packet is judged while they are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Links, and directories of links.
    pub links: usize,
    /// Time since the first of them.
    pub time: Duration,
}

impl Default for Limits {
    /// Ten times what a busy desktop has open, at the microsecond that each takes.
    fn default() -> Self {
        Self {
            links: 200_000,
            time: Duration::from_millis(250),
        }
    }
}

/// What is left of [`Limits`].
#[derive(Debug)]
struct Budget {
    links: usize,
    time: Duration,
}

impl Budget {
    fn new(limits: Limits) -> Self {
        Self {
            links: limits.links,
            time: limits.time,
        }
    }

    /// Runs `look` for as long as [`Meter::spend`] lets it.
    fn metered(&mut self, look: impl FnOnce(&mut Meter<'_>)) {
        let start = Instant::now();
        look(&mut Meter {
            budget: self,
            start,
        });
        self.time = self.time.saturating_sub(start.elapsed());
    }
}

/// A [`Budget`] that is being spent.
struct Meter<'a> {
    budget: &'a mut Budget,
    start: Instant,
}

impl Meter<'_> {
    /// Pays for one link; breaks when there is nothing left to pay with.
    fn spend(&mut self) -> ControlFlow<()> {
        if self.budget.links.is_multiple_of(STRIDE) {
            self.check_time()?;
        }
        match self.budget.links.checked_sub(1) {
            Some(left) => {
                self.budget.links = left;
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        }
    }

    /// Pays for opening a directory.
    fn enter(&mut self) -> ControlFlow<()> {
        self.check_time()?;
        self.spend()
    }

    fn check_time(&self) -> ControlFlow<()> {
        if self.start.elapsed() >= self.budget.time {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// Processes that share a [`Budget`], in the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    /// Those of the user whose packet it is: whoever opens too many files hides from rules
    /// behind nobody but their own.
    Own,
    /// Root's.
    Root,
    /// Everybody else's.
    Others,
}

impl Group {
    const ALL: [Self; 3] = [Self::Own, Self::Root, Self::Others];

    /// The group of a user's processes in a look for `own`.
    fn of(user: Option<u32>, own: u32) -> Self {
        match user {
            Some(user) if user == own => Self::Own,
            Some(0) => Self::Root,
            _ => Self::Others,
        }
    }
}

/// The processes of one [`Group`].
#[derive(Debug)]
struct Share {
    group: Group,
    pids: Vec<u32>,
    budget: Budget,
}

/// Shares out processes in a look for `own`.
fn shares(proc: &ProcFs, pids: Vec<u32>, own: u32, limits: Limits) -> [Share; 3] {
    let mut shares = Group::ALL.map(|group| Share {
        group,
        pids: Vec::new(),
        budget: Budget::new(limits),
    });
    for pid in pids {
        let user = proc.process(pid).ok().as_ref().and_then(process::user);
        let group = Group::of(user, own);
        if let Some(share) = shares.iter_mut().find(|share| share.group == group) {
            share.pids.push(pid);
        }
    }
    shares
}

/// Who holds which socket, as of one look.
#[derive(Debug)]
pub(super) struct Look {
    pub holders: HashMap<u64, Vec<Holder>>,
    /// The processes there were.
    pids: HashSet<u32>,
    /// Whose packet it was made for.
    own: u32,
    limits: Limits,
    /// True if some process's or thread's files could not be read, or not all threads'.
    refused: bool,
    /// What was more than its budget allowed.
    cut: Vec<Group>,
}

impl Look {
    /// Looks at the files of every process, whoever's it is: a socket may have come to another
    /// user's process too. If one of the sockets has no holder, the threads that have open
    /// files of their own (`CLONE_FILES`, unshare(2)) are looked at as well.
    pub fn at(proc: &ProcFs, inodes: &[u64], own: u32, limits: Limits) -> Self {
        let mut look = Self {
            holders: HashMap::new(),
            pids: HashSet::new(),
            own,
            limits,
            refused: false,
            cut: Vec::new(),
        };
        let pids = proc.pids().unwrap_or_else(|error| {
            look.failed(&error);
            Vec::new()
        });
        let mut shares = shares(proc, pids, own, limits);
        look.add_processes(proc, &mut shares, inodes);
        if !look.knows(inodes) {
            for share in &mut shares {
                look.add_threads(proc, share, inodes);
            }
        }
        look
    }

    /// Adds what has come since, as far as it is in these processes or in new ones. False if
    /// that was too much, and the look is worth nothing any more.
    pub fn bring_up_to_date(
        &mut self,
        proc: &ProcFs,
        recent: &[u32],
        inodes: &[u64],
        own: u32,
    ) -> bool {
        let new = proc.pids().unwrap_or_default();
        let new = new.into_iter().filter(|pid| !self.pids.contains(pid));
        let pids: HashSet<u32> = new.chain(recent.iter().copied()).collect();
        let cut = self.cut.len();
        let mut shares = shares(proc, pids.into_iter().collect(), own, self.limits);
        self.add_processes(proc, &mut shares, inodes);
        self.cut.len() == cut
    }

    /// True if one that is missing must have been made since.
    pub fn has_room(&self) -> bool {
        self.holders.len() < MAX_SOCKETS
    }

    pub fn knows(&self, inodes: &[u64]) -> bool {
        inodes.iter().all(|inode| self.holders.contains_key(inode))
    }

    /// True if all processes of this user were looked at. Then nothing this user did can have
    /// kept one of the user's own processes out of sight.
    pub fn is_complete_for(&self, user: u32) -> bool {
        !self.cut.contains(&Group::of(Some(user), self.own))
    }

    /// Why a socket that was looked for was not found.
    pub fn why_missing(&self) -> UnknownReason {
        if self.refused || !self.cut.is_empty() {
            UnknownReason::Unreadable
        } else {
            UnknownReason::NoProcess
        }
    }

    fn add_processes(&mut self, proc: &ProcFs, shares: &mut [Share], inodes: &[u64]) {
        for share in shares {
            let Share {
                group,
                pids,
                budget,
            } = share;
            // Those that are not reached are not new later.
            self.pids.extend(pids.iter());
            budget.metered(|meter| {
                // One directory open at a time: there may be more processes than files we may
                // open.
                for &pid in &*pids {
                    let added = match proc.process(pid) {
                        Ok(dir) => self.add(&dir, "fd", inodes, meter),
                        Err(error) => {
                            self.failed(&error);
                            ControlFlow::Continue(())
                        }
                    };
                    if added.is_break() {
                        self.cut.push(*group);
                        break;
                    }
                }
            });
        }
    }

    fn add_threads(&mut self, proc: &ProcFs, share: &mut Share, inodes: &[u64]) {
        let Share { pids, budget, .. } = share;
        budget.metered(|meter| {
            for dir in pids.iter().filter_map(|&pid| proc.process(pid).ok()) {
                if meter.enter().is_break() {
                    self.refused = true;
                    return;
                }
                let threads = dir.threads().unwrap_or_default();
                // The first thread's files are those of `fd`.
                for thread in threads.into_iter().filter(|&thread| thread != dir.pid()) {
                    let directory = format!("task/{thread}/fd");
                    if self.add(&dir, &directory, inodes, meter).is_break() {
                        self.refused = true;
                        return;
                    }
                }
            }
        });
    }

    /// Adds the sockets in one directory of a process; those that are looked for always. Breaks
    /// when the budget is used up.
    fn add(
        &mut self,
        dir: &ProcDir,
        directory: &str,
        inodes: &[u64],
        meter: &mut Meter<'_>,
    ) -> ControlFlow<()> {
        let mut flow = meter.enter();
        flow?;
        let looked = dir.open_files(directory, |number, link| {
            flow = meter.spend();
            flow?;
            if let Some(inode) = socket(link) {
                self.add_socket(inode, inodes, dir.pid(), directory, number);
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = looked {
            self.failed(&error);
        }
        flow
    }

    fn add_socket(&mut self, inode: u64, wanted: &[u64], pid: u32, directory: &str, number: u32) {
        let room = self.has_room() || wanted.contains(&inode);
        let holders = match self.holders.get_mut(&inode) {
            Some(holders) => holders,
            None if room => self.holders.entry(inode).or_default(),
            None => return,
        };
        if holders.iter().all(|holder| holder.pid != pid) {
            let link = format!("{directory}/{number}");
            holders.push(Holder { pid, link });
        }
    }

    /// Anything but that a process is gone leaves open what it holds.
    fn failed(&mut self, error: &io::Error) {
        self.refused |= reason(error) != UnknownReason::NoProcess;
    }
}
