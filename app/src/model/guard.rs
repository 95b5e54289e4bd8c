//! Against answers by accident: a window that appears, or takes the focus, while somebody types or
//! clicks elsewhere must not take that key or click for an answer.

use std::time::Duration;

/// How long Allow and Deny do nothing.
pub const GUARD: Duration = Duration::from_millis(500);

/// Closed for [`GUARD`] after each [`Guard::restart`]. Time is what a clock of the caller's says
/// that never goes backwards.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guard {
    since: Option<Duration>,
}

impl Guard {
    /// The window appeared, took the focus, or shows another question.
    pub fn restart(&mut self, now: Duration) {
        self.since = Some(now);
    }

    /// True when an answer is meant. Before the first restart nothing is.
    #[must_use]
    pub fn is_open(&self, now: Duration) -> bool {
        self.since
            .is_some_and(|since| now.saturating_sub(since) >= GUARD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_half_a_second_and_closes_again() {
        let at = Duration::from_millis;
        let mut guard = Guard::default();
        assert!(!guard.is_open(at(10_000)));
        guard.restart(at(10_000));
        assert!(!guard.is_open(at(10_499)));
        assert!(guard.is_open(at(10_500)));
        guard.restart(at(10_600));
        assert!(!guard.is_open(at(11_000)));
    }
}
