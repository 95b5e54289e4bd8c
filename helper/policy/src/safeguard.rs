//! Safeguard: when more is undecided than anybody could answer, undecided connections are dropped
//! without asking for a while.
//!
//! Each user has a guard of their own, as each has a share of the questions: a storm of one user's
//! programs takes nothing from the others. Connections that a rule decides are never its business.
//!
//! A guard begins when too many questions come at once, or too many packets wait; it ends when
//! little has been undecided for a while, or when somebody says so. Times are points on a clock
//! that is never set; what happened is kept in bounds, whatever comes.

mod guard;

use std::collections::BTreeMap;

use crate::flow::Flow;
use crate::process::Identity;
use crate::settings::SettingError;
use crate::time::Timestamp;
use crate::words::words;

use guard::Guard;

/// Milliseconds over which questions are counted.
pub const WINDOW: u64 = 10_000;

/// Users who have a guard of their own; further ones share the one of nobody known.
const USERS: usize = 64;

/// When guards begin and end; see [`crate::settings::Settings`] for ranges and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// New questions of one user within [`WINDOW`]. One program makes up a quarter of them at most,
    /// unless there is no room for its questions any more.
    pub questions: u32,
    /// Packets of one user that wait.
    pub packets: u32,
    /// Seconds in which not half as many questions came, after which all is calm.
    pub calm: u32,
}

/// Why a guard began. Text: `questions`, `packets` or `queue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Too many questions came at once.
    Questions,
    /// Too many packets waited.
    Packets,
    /// The kernel's queue was nearly full.
    Queue,
}

words!(
    Cause,
    SettingError,
    wrong_cause,
    Questions = "questions",
    Packets = "packets",
    Queue = "queue"
);

impl Cause {
    /// Why, as the end of a sentence.
    #[must_use]
    pub fn because(self) -> &'static str {
        match self {
            Self::Questions => "too many questions came at once",
            Self::Packets => "too many packets waited",
            Self::Queue => "the kernel's queue was nearly full",
        }
    }
}

fn wrong_cause(value: String) -> SettingError {
    SettingError::Choice {
        name: "cause",
        value,
        choices: "questions, packets, queue",
    }
}

/// A program whose connections were undecided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loud {
    /// Its path, or what is known instead.
    pub program: String,
    /// How many of its connections were undecided since shortly before the guard began.
    pub undecided: u64,
    /// How many of them were dropped.
    pub dropped: u64,
    /// One that was dropped, and its sender.
    pub sample: Option<(Flow, Identity)>,
}

/// What a guard has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// Whose connections; `None` if no user is known.
    pub user: Option<u32>,
    /// When it began.
    pub since: Timestamp,
    /// Why.
    pub cause: Cause,
    /// Connections dropped.
    pub dropped: u64,
    /// The loudest programs, loudest first; not all where there are very many.
    pub programs: Vec<Loud>,
}

/// An undecided connection that asks something new.
#[derive(Clone, Copy, Debug)]
pub struct Undecided<'a> {
    /// The connection.
    pub flow: &'a Flow,
    /// Its sender.
    pub identity: &'a Identity,
}

impl Undecided<'_> {
    fn user(&self) -> Option<u32> {
        self.identity.uid()
    }

    fn program(&self) -> String {
        match self.identity.process() {
            Some(process) => process.executable.path.to_string(),
            None => self.identity.to_string(),
        }
    }
}

/// The guards of all users.
#[derive(Clone, Debug, Default)]
pub struct Safeguard {
    /// `None` if there shall be no guards.
    thresholds: Option<Thresholds>,
    guards: BTreeMap<Option<u32>, Guard>,
}

impl Safeguard {
    /// Works by other thresholds from now on; without any, guards that stand end.
    pub fn set(&mut self, thresholds: Option<Thresholds>) -> Vec<Episode> {
        self.thresholds = thresholds;
        match thresholds {
            Some(_) => Vec::new(),
            None => self.end(|_, _| true),
        }
    }

    /// True if this user's undecided connections are to be dropped.
    #[must_use]
    pub fn is_on(&self, user: Option<u32>) -> bool {
        self.guards.get(&self.whose(user)).is_some_and(Guard::is_on)
    }

    /// Takes note of a connection that was asked about, or that there was no room to ask about
    /// (`refused`), while so many of the user's packets wait. True if that begins a guard.
    pub fn asked(
        &mut self,
        it: Undecided<'_>,
        refused: bool,
        waiting: usize,
        now: Timestamp,
    ) -> bool {
        let Some(thresholds) = self.thresholds else {
            return false;
        };
        let guard = self.guard(it.user());
        let program = it.program();
        guard.note(program, refused, &thresholds, now);
        let many = usize::try_from(thresholds.packets).is_ok_and(|most| waiting >= most);
        let cause = match guard.is_crowded(&thresholds) {
            true => Cause::Questions,
            false if many => Cause::Packets,
            false => return false,
        };
        guard.begin(cause, now)
    }

    /// Takes note of a new connection that was dropped, because [`Safeguard::is_on`].
    pub fn dropped(&mut self, it: Undecided<'_>, now: Timestamp) {
        if let Some(thresholds) = self.thresholds {
            let guard = self.guard(it.user());
            guard.note(it.program(), true, &thresholds, now);
            guard.drop(it, &thresholds, now);
        }
    }

    /// The kernel's queue is nearly full, whoever filled it: begins guards for everybody of whom
    /// anything is undecided. True if one begins.
    pub fn queue_is_full(&mut self, now: Timestamp) -> bool {
        self.thresholds.is_some()
            && self.guards.values_mut().fold(false, |begun, guard| {
                guard.forget(now);
                (!guard.is_empty() && guard.begin(Cause::Queue, now)) || begun
            })
    }

    /// Ends the guards of users of whom all is calm.
    pub fn calm(&mut self, now: Timestamp) -> Vec<Episode> {
        let calm = self.thresholds.map_or(0, |it| u64::from(it.calm) * 1_000);
        let ended = self.end(|_, guard| guard.ends(calm).is_some_and(|end| end <= now));
        self.guards.retain(|_, guard| {
            guard.forget(now);
            guard.is_on() || !guard.is_empty()
        });
        ended
    }

    /// When [`Safeguard::calm`] may have something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let calm = u64::from(self.thresholds?.calm) * 1_000;
        let ends = self.guards.values().filter_map(|guard| guard.ends(calm));
        ends.min()
    }

    /// Ends the guard of this user, or of all.
    pub fn leave(&mut self, whose: Option<Option<u32>>) -> Vec<Episode> {
        self.end(|user, _| whose.is_none_or(|whose| whose == user))
    }

    /// The guards that stand.
    #[must_use]
    pub fn episodes(&self) -> Vec<Episode> {
        let guards = self.guards.iter();
        guards
            .filter_map(|(user, guard)| guard.episode(*user))
            .collect()
    }

    /// Whose guard looks after this user's connections.
    fn whose(&self, user: Option<u32>) -> Option<u32> {
        let has_room = self.guards.len() < USERS || self.guards.contains_key(&user);
        user.filter(|_| has_room)
    }

    fn guard(&mut self, user: Option<u32>) -> &mut Guard {
        let whose = self.whose(user);
        self.guards.entry(whose).or_default()
    }

    fn end(&mut self, which: impl Fn(Option<u32>, &Guard) -> bool) -> Vec<Episode> {
        let mut ended = Vec::new();
        for (user, guard) in &mut self.guards {
            if guard.is_on() && which(*user, guard) {
                ended.extend(guard.episode(*user));
                *guard = Guard::default();
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests;
