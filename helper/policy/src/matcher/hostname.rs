use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A DNS host name: lower case ASCII (internationalised names in their `xn--` form), without the
/// trailing dot, at most 253 octets in labels of 1 to 63 (RFC 1035, section 2.3.4). Underscores
/// are accepted because names in use have them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(Arc<str>);

/// A text that is no host name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("“{0}” is no host name; write it like example.org, international names in their xn-- form")]
pub struct HostNameError(pub String);

impl HostName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if this name is `domain` or below it; only whole labels count, so `badexample.org`
    /// is not within `example.org`.
    #[must_use]
    pub fn is_within(&self, domain: &Self) -> bool {
        self.suffixes().any(|suffix| suffix == domain.as_str())
    }

    /// This name and every domain above it, longest first: `a.b.c`, `b.c`, `c`.
    pub fn suffixes(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.as_str()), |name| {
            name.split_once('.').map(|(_, rest)| rest)
        })
    }

    /// Number of labels.
    #[must_use]
    pub fn labels(&self) -> usize {
        self.0.split('.').count()
    }
}

/// So that maps with names as keys can be asked for a [`HostName::suffixes`] of another name.
impl Borrow<str> for HostName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let label_ok = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        // A last label of digits would make the name read as an IPv4 address.
        let last_is_number = name
            .rsplit('.')
            .next()
            .is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
        if name.len() > 253 || !name.split('.').all(label_ok) || last_is_number {
            return Err(HostNameError(crate::escape::excerpt(text)));
        }
        Ok(Self(name.to_ascii_lowercase().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> HostName {
        text.parse().unwrap()
    }

    #[test]
    fn domains_end_at_label_boundaries() {
        assert!(name("www.Example.org.").is_within(&name("example.org")));
        assert!(name("example.org").is_within(&name("example.org")));
        assert!(!name("badexample.org").is_within(&name("example.org")));
        assert!(!name("org").is_within(&name("example.org")));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            "-a",
            "a-",
            "a b",
            "münchen.de",
            "1.2.3.4",
            "7",
            &"a".repeat(64),
        ] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }
}
