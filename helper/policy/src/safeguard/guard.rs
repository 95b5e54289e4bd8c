//! The guard of one user.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

use super::{Cause, Episode, Loud, Thresholds, Undecided, WINDOW};
use crate::time::Timestamp;

/// Programs that are told apart while a guard stands; those that come later are only counted.
const PROGRAMS: usize = 64;

/// Most programs of an episode that are told.
const TOLD: usize = 8;

/// A connection within the window.
#[derive(Clone, Debug)]
struct Recent {
    time: Timestamp,
    program: String,
    /// It counts, because its program has not had its part yet.
    counts: bool,
}

/// What has happened since a guard began.
#[derive(Clone, Debug)]
struct Standing {
    since: Timestamp,
    cause: Cause,
    /// When it was last crowded.
    crowded: Timestamp,
    dropped: u64,
    programs: HashMap<String, Loud>,
}

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    recent: VecDeque<Recent>,
    /// How many of them each program has, and how many count in all.
    programs: HashMap<String, u32>,
    counting: u32,
    standing: Option<Standing>,
}

impl Guard {
    pub fn is_on(&self) -> bool {
        self.standing.is_some()
    }

    pub fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    /// Takes note of a connection; one that was `refused` counts whatever its program had already.
    pub fn note(&mut self, program: String, refused: bool, by: &Thresholds, now: Timestamp) {
        self.forget(now);
        // More need not be kept to know that it is crowded.
        let room = usize::try_from(by.questions).unwrap_or(usize::MAX);
        while self.recent.len() >= room.saturating_mul(4).max(1) {
            self.forget_first();
        }
        let its = self.programs.entry(program.clone()).or_default();
        *its = its.saturating_add(1);
        let counts = refused || *its <= (by.questions / 4).max(1);
        self.counting += u32::from(counts);
        self.recent.push_back(Recent {
            time: now,
            program,
            counts,
        });
    }

    /// Forgets what has left the window.
    pub fn forget(&mut self, now: Timestamp) {
        while let Some(first) = self.recent.front()
            && first.time.after_millis(WINDOW) <= now
        {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some(first) = self.recent.pop_front() else {
            return;
        };
        self.counting = self.counting.saturating_sub(u32::from(first.counts));
        if let Some(its) = self.programs.get_mut(&first.program) {
            *its = its.saturating_sub(1);
            if *its == 0 {
                self.programs.remove(&first.program);
            }
        }
    }

    /// True if too many questions came within the window.
    pub fn is_crowded(&self, by: &Thresholds) -> bool {
        self.counting >= by.questions
    }

    /// Begins; false if it has already.
    pub fn begin(&mut self, cause: Cause, now: Timestamp) -> bool {
        if self.is_on() {
            return false;
        }
        let loud = |(program, undecided): (&String, &u32)| {
            let loud = Loud {
                program: program.clone(),
                undecided: u64::from(*undecided),
                dropped: 0,
                sample: None,
            };
            (program.clone(), loud)
        };
        self.standing = Some(Standing {
            since: now,
            cause,
            crowded: now,
            dropped: 0,
            programs: self.programs.iter().take(PROGRAMS).map(loud).collect(),
        });
        true
    }

    /// Counts a connection that was dropped, after it was noted.
    pub fn drop(&mut self, it: Undecided<'_>, by: &Thresholds, now: Timestamp) {
        // Half as many as begin it: what goes up and down about the threshold ends nothing.
        let crowded = self.counting >= (by.questions / 2).max(1);
        let Some(standing) = &mut self.standing else {
            return;
        };
        if crowded {
            standing.crowded = now;
        }
        standing.dropped = standing.dropped.saturating_add(1);
        let program = it.program();
        if standing.programs.len() >= PROGRAMS && !standing.programs.contains_key(&program) {
            return;
        }
        let loud = standing.programs.entry(program.clone()).or_insert(Loud {
            program,
            undecided: 0,
            dropped: 0,
            sample: None,
        });
        loud.undecided = loud.undecided.saturating_add(1);
        loud.dropped = loud.dropped.saturating_add(1);
        if loud.sample.is_none() {
            loud.sample = Some((it.flow.clone(), it.identity.clone()));
        }
    }

    /// When it ends if it is not crowded again, so many milliseconds after it was last.
    pub fn ends(&self, calm: u64) -> Option<Timestamp> {
        Some(self.standing.as_ref()?.crowded.after_millis(calm))
    }

    pub fn episode(&self, user: Option<u32>) -> Option<Episode> {
        let standing = self.standing.as_ref()?;
        let mut programs: Vec<Loud> = standing.programs.values().cloned().collect();
        programs.sort_by(|a, b| {
            let order = |loud: &Loud| Reverse(loud.undecided);
            order(a).cmp(&order(b)).then(a.program.cmp(&b.program))
        });
        programs.truncate(TOLD);
        Some(Episode {
            user,
            since: standing.since,
            cause: standing.cause,
            dropped: standing.dropped,
            programs,
        })
    }
}
