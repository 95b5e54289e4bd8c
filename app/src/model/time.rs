//! Time as people say it.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::i18n::{gettext, gettext_f, ngettext_f};

/// Milliseconds since the Unix epoch, now.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

/// How long ago `then` was, in few characters, as a column has room for.
#[must_use]
pub fn age(then: u64, now: u64) -> String {
    let seconds = now.saturating_sub(then) / 1000;
    let (n, message) = match seconds {
        0..5 => return gettext("now"),
        5..60 => (seconds, gettext("{n} s")),
        60..3600 => (seconds / 60, gettext("{n} min")),
        3600..86400 => (seconds / 3600, gettext("{n} h")),
        _ => (seconds / 86400, gettext("{n} d")),
    };
    message.replace("{n}", &n.to_string())
}

/// A length of time in words.
#[must_use]
pub fn span(seconds: u64) -> String {
    match seconds {
        86400.. if seconds.is_multiple_of(86400) => {
            ngettext_f("{n} day", "{n} days", seconds / 86400, &[])
        }
        3600.. if seconds.is_multiple_of(3600) => {
            ngettext_f("{n} hour", "{n} hours", seconds / 3600, &[])
        }
        60.. if seconds.is_multiple_of(60) => {
            ngettext_f("{n} minute", "{n} minutes", seconds / 60, &[])
        }
        _ => ngettext_f("{n} second", "{n} seconds", seconds, &[]),
    }
}

/// Time that is left, rounded up so that it says 0 only when it is over.
#[must_use]
pub fn left(until: u64, now: u64) -> String {
    let seconds = until.saturating_sub(now).div_ceil(1000);
    match seconds {
        0..100 => ngettext_f("{n} second", "{n} seconds", seconds, &[]),
        100..5400 => ngettext_f("{n} minute", "{n} minutes", seconds.div_ceil(60), &[]),
        _ => {
            let hours = (seconds / 3600).to_string();
            let minutes = (seconds % 3600 / 60).to_string();
            gettext_f(
                "{hours} h {minutes} min",
                &[("hours", &hours), ("minutes", &minutes)],
            )
        }
    }
}

/// Time that has passed since `then`, in words.
#[must_use]
pub fn passed(then: u64, now: u64) -> String {
    // A clock that was set back makes it none.
    left(now.max(then), then)
}

/// A time of the log, `then` milliseconds since the epoch, as the language writes date and time.
#[must_use]
pub fn moment(then: u64) -> String {
    let seconds = i64::try_from(then / 1000).unwrap_or(i64::MAX);
    gtk::glib::DateTime::from_unix_local(seconds)
        .and_then(|time| time.format("%c"))
        .map(Into::into)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        let at = |seconds: u64| age(1_000_000, 1_000_000 + seconds * 1000);
        assert_eq!(at(0), "now");
        assert_eq!(at(59), "59 s");
        assert_eq!(at(60), "1 min");
        assert_eq!(at(7200), "2 h");
        assert_eq!(at(200_000), "2 d");
        assert_eq!(age(5000, 0), "now", "a clock that was set back");
    }

    #[test]
    fn what_is_left_is_never_zero_before_the_end() {
        assert_eq!(left(1001, 1000), "1 second");
        assert_eq!(left(1000, 1000), "0 seconds");
        assert_eq!(left(1000 + 5_400_000, 1000), "1 h 30 min");
    }

    #[test]
    fn spans_use_the_largest_unit_that_fits() {
        assert_eq!(span(90), "90 seconds");
        assert_eq!(span(3600), "1 hour");
        assert_eq!(span(172_800), "2 days");
    }
}
