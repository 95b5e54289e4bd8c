//! How two matchers of one kind relate: whether one means all that the other means, and whether
//! some things are meant by both. What can't be told for certain is not said to be so.

use super::{
    DestinationMatcher, PathPattern, PortMatcher, PortRange, ProgramMatcher, ProtocolMatcher,
    UserMatcher,
};

impl UserMatcher {
    /// True if everything that `other` means is meant.
    pub(crate) fn covers(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}

impl ProtocolMatcher {
    /// True if everything that `other` means is meant.
    pub(crate) fn covers(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}

fn meet(a: PortRange, b: PortRange) -> bool {
    let ((a_first, a_last), (b_first, b_last)) = (a.ends(), b.ends());
    a_first <= b_last && b_first <= a_last
}

impl PortMatcher {
    /// True if everything that `other` means is meant. Ranges never touch, so each has to lie
    /// within a single one.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let (own, others) = match (self, other) {
            (Self::Any, _) => return true,
            (Self::In(_), Self::Any) => return false,
            (Self::In(own), Self::In(others)) => (own, others),
        };
        others.iter().all(|range| {
            let (first, last) = range.ends();
            let holds = |own: &PortRange| own.ends().0 <= first && last <= own.ends().1;
            own.iter().any(holds)
        })
    }

    /// True if some port is meant by both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::In(own), Self::In(others)) => own
                .iter()
                .any(|own| others.iter().any(|range| meet(*own, *range))),
            _ => true,
        }
    }
}

impl DestinationMatcher {
    /// True if everything that `other` means is meant.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Domain(domain), Self::Host(name) | Self::Domain(name)) => name.is_within(domain),
            _ => self == other || self.covers_addresses(other),
        }
    }

    /// True if some flow is meant by both, as far as names are compared with names and addresses
    /// with addresses: which name leads to which address is not known.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self) || self.meets_addresses(other)
    }
}

impl PathPattern {
    /// True if every path that matches the other is certain to match this one: where the texts are
    /// the same, or this one means everything below a directory.
    fn covers(&self, other: &Self) -> bool {
        let below = self.as_str().strip_suffix("**");
        let dir = below.filter(|dir| *dir == self.literal_dir());
        self == other || dir.is_some_and(|dir| other.literal_dir().starts_with(dir))
    }
}

impl ProgramMatcher {
    /// True if everything that `other` means is certain to be meant.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Pattern(pattern), Self::Path(path)) => pattern.matches(path),
            (Self::Pattern(pattern), Self::Pattern(other)) => pattern.covers(other),
            _ => self == other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::ExecutablePath;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn ports_relate_as_their_numbers_do(
            a in proptest::collection::vec((1u16..40, 0u16..6), 1..4),
            b in proptest::collection::vec((1u16..40, 0u16..6), 1..4),
        ) {
            let [a, b] = [a, b].map(|parts| {
                let ranges = parts.iter().map(|(at, more)| PortRange::new(*at, at + more).unwrap());
                PortMatcher::ranges(ranges.collect()).unwrap()
            });
            let of = |ports: &PortMatcher| (0..60).filter(|port| ports.matches(*port)).collect::<Vec<u16>>();
            let (in_a, in_b) = (of(&a), of(&b));
            prop_assert_eq!(a.covers(&b), in_b.iter().all(|port| in_a.contains(port)));
            prop_assert_eq!(a.meets(&b), in_b.iter().any(|port| in_a.contains(port)));
        }

        #[test]
        fn what_a_covered_pattern_matches_the_other_matches(
            a in "/([ab]/){0,2}[ab*]{0,2}(\\*\\*)?",
            b in "/([ab?*]/){0,3}[ab*?]{1,2}",
            path in "(/[ab]{1,2}){1,4}",
        ) {
            if let (Ok(a), Ok(b)) = (a.parse::<PathPattern>(), b.parse::<PathPattern>()) {
                let path: ExecutablePath = path.parse().unwrap();
                if a.covers(&b) && b.matches(&path) {
                    prop_assert!(a.matches(&path), "{} {} {}", a.as_str(), b.as_str(), path);
                }
            }
        }
    }

    #[test]
    fn programs_cover_what_is_certain() {
        let covers = |a: &str, b: &str| {
            let read = |text: &str| text.parse::<ProgramMatcher>().unwrap();
            read(a).covers(&read(b))
        };
        assert!(covers("any", "kernel"));
        assert!(!covers("/usr/bin/curl", "any"));
        assert!(covers("pattern:/usr/bin/*", "/usr/bin/curl"));
        assert!(!covers("pattern:/usr/bin/*", "flatpak:org.example.App"));
        assert!(covers("pattern:/usr/**", "pattern:/usr/bin/*"));
        assert!(!covers("pattern:/usr/bin/*", "pattern:/usr/**"));
        assert!(!covers("pattern:/usr/x**", "pattern:/usr/bin/*"));
    }
}
