//! Points in time, always handed in by the caller.

use std::fmt;
use std::str::FromStr;

/// Milliseconds since the Unix epoch, UTC, up to [`Timestamp::MAX`]. Its text form is RFC 3339, as
/// `2026-11-24T10:00:00Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// A text that is no RFC 3339 point in time after 1970.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("“{0}” is not a point in time such as 2026-11-24T10:00:00Z")]
pub struct TimestampError(pub String);

impl Timestamp {
    /// The last point in time that has a text form in every time zone, in the year 9999; what
    /// would be later is this.
    pub const MAX: Self = Self(253_402_207_200_999);

    /// The point `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        if millis < Self::MAX.0 {
            Self(millis)
        } else {
            Self::MAX
        }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The point `millis` milliseconds later.
    #[must_use]
    pub const fn after_millis(self, millis: u64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        // `Timestamp::MAX` is the end of jiff's range, so it is never left.
        let shown = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{shown}")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || TimestampError(crate::escape::excerpt(text));
        let parsed: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        if parsed < jiff::Timestamp::UNIX_EPOCH {
            return Err(wrong());
        }
        u64::try_from(parsed.as_millisecond())
            .map(Self::from_millis)
            .map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let text = "2026-11-24T10:00:00.5Z";
        let parsed: Timestamp = text.parse().unwrap();
        assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn nonsense_and_the_past_before_1970_are_refused() {
        assert!("tomorrow".parse::<Timestamp>().is_err());
        assert!("1960-01-01T00:00:00Z".parse::<Timestamp>().is_err());
        assert!("1969-12-31T23:59:59.9999Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn the_end_of_time_has_a_text() {
        assert_eq!(
            Timestamp::MAX.as_millis(),
            u64::try_from(jiff::Timestamp::MAX.as_millisecond()).unwrap()
        );
        for late in [
            Timestamp::from_millis(u64::MAX),
            Timestamp::MAX.after_millis(1),
        ] {
            assert_eq!(late, Timestamp::MAX);
            assert_eq!(late.to_string().parse(), Ok(late));
        }
    }
}
