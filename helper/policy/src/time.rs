//! Points in time, always handed in by the caller.

use std::fmt;
use std::str::FromStr;

/// Milliseconds since the Unix epoch, UTC. Its text form is RFC 3339, as `2026-11-24T10:00:00Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// A text that is no RFC 3339 point in time after 1970.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("“{0}” is not a point in time such as 2026-11-24T10:00:00Z")]
pub struct TimestampError(pub String);

impl Timestamp {
    /// The point `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The point `millis` milliseconds later; saturates at the end of time.
    #[must_use]
    pub const fn after_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        // Points outside jiff's range (year 9999) are shown as that range's end.
        let shown = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{shown}")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || TimestampError(crate::escape::printable(text));
        let parsed: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        u64::try_from(parsed.as_millisecond())
            .map(Self)
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
    }
}
