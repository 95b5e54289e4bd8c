use std::fmt;
use std::str::FromStr;

/// An inclusive range of ports, first not above last, both 1 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// Why a text is no port matcher.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PortError {
    /// No number from 1 to 65535.
    #[error("“{0}” is no port; ports are numbers from 1 to 65535")]
    NotAPort(String),
    /// First above last.
    #[error("the port range {0}-{1} is upside down")]
    UpsideDown(u16, u16),
    /// More ranges than a rule may hold.
    #[error("a rule may name at most {max} port ranges, not {0}", max = PortMatcher::MAX_RANGES)]
    TooMany(usize),
}

impl PortRange {
    /// The range from `first` to `last`, both included.
    ///
    /// # Errors
    /// If `first` is 0 or above `last`.
    pub fn new(first: u16, last: u16) -> Result<Self, PortError> {
        match (first, last) {
            (0, _) => Err(PortError::NotAPort("0".into())),
            (first, last) if first > last => Err(PortError::UpsideDown(first, last)),
            (first, last) => Ok(Self { first, last }),
        }
    }

    /// First and last port.
    pub(crate) const fn ends(self) -> (u16, u16) {
        (self.first, self.last)
    }

    fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    fn len(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }
}

/// Which destination ports a rule is for. Text: `any`, `443`, `80,443,8000-8100`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum PortMatcher {
    /// All ports, and flows of protocols without ports.
    #[default]
    Any,
    /// These; sorted, merged, never empty.
    In(Vec<PortRange>),
}

impl PortMatcher {
    /// More ranges than any service needs; bounds what one rule can cost.
    pub const MAX_RANGES: usize = 64;

    /// Just this port.
    ///
    /// # Errors
    /// If `port` is 0.
    pub fn one(port: u16) -> Result<Self, PortError> {
        PortRange::new(port, port).map(|range| Self::In(vec![range]))
    }

    /// These ranges; overlapping and adjacent ones are merged.
    ///
    /// # Errors
    /// If there are none or more than [`Self::MAX_RANGES`].
    pub fn ranges(mut ranges: Vec<PortRange>) -> Result<Self, PortError> {
        if ranges.len() > Self::MAX_RANGES {
            return Err(PortError::TooMany(ranges.len()));
        }
        if ranges.is_empty() {
            return Err(PortError::NotAPort(String::new()));
        }
        ranges.sort_unstable();
        ranges.dedup_by(|next, kept| {
            let joins = u32::from(next.first) <= u32::from(kept.last) + 1;
            if joins {
                kept.last = kept.last.max(next.last);
            }
            joins
        });
        Ok(Self::In(ranges))
    }

    /// True if `port` is meant.
    #[must_use]
    pub fn matches(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::In(ranges) => ranges.iter().any(|range| range.contains(port)),
        }
    }

    /// The port, if just one is meant.
    #[must_use]
    pub fn only(&self) -> Option<u16> {
        match self {
            Self::In(ranges) => match ranges.as_slice() {
                [one] if one.first == one.last => Some(one.first),
                _ => None,
            },
            Self::Any => None,
        }
    }

    /// How many ports are meant; the fewer, the more specific. `Any` counts 65536.
    #[must_use]
    pub fn count(&self) -> u32 {
        match self {
            Self::Any => 65_536,
            Self::In(ranges) => ranges.iter().map(|range| range.len()).sum(),
        }
    }
}

impl fmt::Display for PortMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::In(ranges) = self else {
            return f.write_str("any");
        };
        for (index, range) in ranges.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            if range.first == range.last {
                write!(f, "{}", range.first)?;
            } else {
                write!(f, "{}-{}", range.first, range.last)?;
            }
        }
        Ok(())
    }
}

impl FromStr for PortMatcher {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "any" {
            return Ok(Self::Any);
        }
        let port = |text: &str| {
            text.trim()
                .parse::<u16>()
                .map_err(|_| PortError::NotAPort(crate::escape::excerpt(text)))
        };
        let ranges: Result<Vec<_>, _> = text
            .split(',')
            .map(|part| match part.split_once('-') {
                Some((first, last)) => PortRange::new(port(first)?, port(last)?),
                None => port(part).and_then(|port| PortRange::new(port, port)),
            })
            .collect();
        Self::ranges(ranges?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_sorted_and_merged() {
        let ports: PortMatcher = "443, 80,81-90,85-100".parse().unwrap();
        assert_eq!(ports.to_string(), "80-100,443");
        assert_eq!(ports.count(), 22);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "0", "65536", "90-80", "80,,81", "http", "-1", "any,80"] {
            assert!(text.parse::<PortMatcher>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn merging_never_changes_what_matches(
            parts in proptest::collection::vec((1u16.., 1u16..), 1..20),
            probe: u16,
        ) {
            let ranges: Vec<_> = parts
                .iter()
                .map(|(a, b)| PortRange::new(*a.min(b), *a.max(b)).unwrap())
                .collect();
            let expected = ranges.iter().any(|range| range.contains(probe));
            let ports = PortMatcher::ranges(ranges).unwrap();
            prop_assert_eq!(ports.matches(probe), expected);
            prop_assert_eq!(ports.to_string().parse::<PortMatcher>().unwrap(), ports);
        }
    }
}
