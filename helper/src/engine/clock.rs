//! Two clocks: one to tell people when something happened, one to measure how long it lasts.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bastion_policy::time::Timestamp;

/// Tells the time.
pub trait Clock: Send {
    /// The wall clock; it can be set, also backwards.
    fn wall(&self) -> Timestamp;
    /// Time since some point in the past; it never goes back.
    fn steady(&self) -> Timestamp;
}

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose steady time begins now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        now()
    }

    fn steady(&self) -> Timestamp {
        Timestamp::from_millis(millis(self.start.elapsed()))
    }
}

/// The wall clock's time.
#[must_use]
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock set before 1970 reads as 1970.
    Timestamp::from_millis(since_epoch.map(millis).unwrap_or(0))
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
