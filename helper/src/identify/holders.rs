//! Which processes hold a socket.
//!
//! There is no way from a socket to its holders but to look through everybody's open files; it
//! takes about a microsecond for each. So one [`Look`] remembers every socket it sees and serves
//! all flows of the next [`FRESH`].
//!
//! A socket that is missing in so fresh a look was made since. Then it can only be held by the
//! process that made it, by children it has started since, and by whom it was passed to since
//! (`SCM_RIGHTS`, unix(7)). So it is enough to look at the processes that held what was asked
//! for last, where it mostly is, and at those that are new; what this leaves out is a socket
//! that is passed on to another running program within half a second of its making, until the
//! next whole look. If it is in neither, everybody's files are looked at again. What is not
//! found even so is not looked for again for [`FRESH`].
//!
//! A look has [`Limits`], and begins with the processes of the user whose packet it is. If they
//! have too many files open, none of their sockets is anybody's, as the one that shares it might
//! be among those not seen. If others have, what is found among the user's own processes counts:
//! nobody can keep others from being known.
//!
//! Who holds a socket without an open file can't be seen here: a socket that waits in a Unix
//! socket's queue, or is registered with io_uring alone. That is one reason why
//! [`Evidence::SocketTable`](bastion_policy::process::Evidence) is the weaker one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bastion_policy::process::UnknownReason;

use super::look::Look;
pub(super) use super::look::{Holder, Limits};
use super::proc_dir::ProcFs;

/// How long a look at everybody's open files is believed to be complete. Whether a process found
/// in it still holds the socket is checked each time.
const FRESH: Duration = Duration::from_millis(500);

/// Processes that held what was asked for last.
const MAX_RECENT: usize = 8;

/// Most sockets without a holder, and most users with too many files, that are remembered.
const MAX_IN_VAIN: usize = 65_536;

/// Finds the holders of sockets.
#[derive(Debug, Default)]
pub(super) struct Holders {
    limits: Limits,
    last: Option<(Instant, Look)>,
    /// Holders found last, newest first.
    recent: Vec<u32>,
    /// Sockets that a whole look did not find.
    missing: HashMap<u64, (Instant, UnknownReason)>,
    /// Users whose processes were too much for a whole look.
    exhausted: HashMap<u32, Instant>,
}

fn is_fresh(taken: Instant, now: Instant) -> bool {
    now.saturating_duration_since(taken) < FRESH
}

impl Holders {
    /// With limits of its own.
    #[cfg(test)]
    pub(super) fn with_limits(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// True if what is remembered is older than `moment`.
    pub(super) fn older_than(&self, moment: Instant) -> bool {
        matches!(self.last, Some((taken, _)) if taken < moment)
    }

    /// Forgets the last look.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    /// The holders of each of these sockets, each with the inode. `user` is the one they
    /// belong to.
    ///
    /// # Errors
    /// [`UnknownReason::NoProcess`] if one of the sockets has no holder,
    /// [`UnknownReason::Unreadable`] if it may be one that can't be looked at, or if the user
    /// has more files open than are looked at.
    pub(super) fn of(
        &mut self,
        proc: &ProcFs,
        inodes: &[u64],
        user: u32,
        now: Instant,
    ) -> Result<Vec<(u64, Holder)>, UnknownReason> {
        self.last = self.last.take().filter(|(taken, _)| is_fresh(*taken, now));
        if !self.answers(inodes, user) {
            self.remembered(inodes, user, now)?;
            self.look(proc, inodes, user, now)?;
        }
        let found = self.found(inodes);
        for (_, holder) in &found {
            self.recent.retain(|pid| *pid != holder.pid);
            self.recent.insert(0, holder.pid);
        }
        self.recent.truncate(MAX_RECENT);
        Ok(found)
    }

    /// True if [`Holders::of`] would not look for these again for having done so in vain.
    pub(super) fn is_missing(&self, inodes: &[u64], now: Instant) -> bool {
        inodes.iter().any(|inode| {
            let missing = self.missing.get(inode);
            missing.is_some_and(|(taken, _)| is_fresh(*taken, now))
        })
    }

    /// True if the last look tells all about these sockets.
    fn answers(&self, inodes: &[u64], user: u32) -> bool {
        matches!(&self.last, Some((_, look)) if look.knows(inodes) && look.is_complete_for(user))
    }

    /// Fails as the last look for these did, if that was not long ago.
    fn remembered(&self, inodes: &[u64], user: u32, now: Instant) -> Result<(), UnknownReason> {
        let exhausted = self.exhausted.get(&user);
        if exhausted.is_some_and(|taken| is_fresh(*taken, now)) {
            return Err(UnknownReason::Unreadable);
        }
        let mut missing = inodes.iter().filter_map(|inode| self.missing.get(inode));
        match missing.find(|(taken, _)| is_fresh(*taken, now)) {
            Some((_, reason)) => Err(*reason),
            None => Ok(()),
        }
    }

    /// Looks for what the last look does not tell.
    fn look(
        &mut self,
        proc: &ProcFs,
        inodes: &[u64],
        user: u32,
        now: Instant,
    ) -> Result<(), UnknownReason> {
        let last = self.last.take();
        // Without room for all, one that is missing need not be new.
        self.last = last.filter(|(_, look)| look.has_room()).and_then(|last| {
            let (taken, mut look) = last;
            look.bring_up_to_date(proc, &self.recent, inodes, user)
                .then_some((taken, look))
        });
        if self.answers(inodes, user) {
            return Ok(());
        }
        let look = Look::at(proc, inodes, user, self.limits);
        let result = self.judge(&look, inodes, user, now);
        self.last = Some((now, look));
        result
    }

    /// Remembers what a whole look was in vain for.
    fn judge(
        &mut self,
        look: &Look,
        inodes: &[u64],
        user: u32,
        now: Instant,
    ) -> Result<(), UnknownReason> {
        self.missing.retain(|_, (taken, _)| is_fresh(*taken, now));
        self.exhausted.retain(|_, taken| is_fresh(*taken, now));
        if !look.is_complete_for(user) {
            if self.exhausted.len() < MAX_IN_VAIN {
                self.exhausted.insert(user, now);
            }
            return Err(UnknownReason::Unreadable);
        }
        let reason = look.why_missing();
        let mut result = Ok(());
        for inode in inodes.iter().filter(|inode| !look.knows(&[**inode])) {
            result = Err(reason);
            if self.missing.len() < MAX_IN_VAIN {
                self.missing.insert(*inode, (now, reason));
            }
        }
        result
    }

    fn found(&self, inodes: &[u64]) -> Vec<(u64, Holder)> {
        let Some((_, look)) = &self.last else {
            return Vec::new();
        };
        let each = inodes
            .iter()
            .filter_map(|inode| Some((*inode, look.holders.get(inode)?)));
        each.flat_map(|(inode, holders)| holders.iter().map(move |h| (inode, h.clone())))
            .collect()
    }
}
