//! Destinations that are addresses, as spans of numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::{DestinationMatcher, Group};

/// Addresses of one family without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    ipv4: bool,
    first: u128,
    last: u128,
}

impl Span {
    fn new(first: IpAddr, last: IpAddr) -> Self {
        Self {
            ipv4: first.is_ipv4(),
            first: number(first),
            last: number(last),
        }
    }

    fn of(network: IpNet) -> Self {
        Self::new(network.network(), network.broadcast())
    }

    const fn everything(ipv4: bool) -> Self {
        let last = match ipv4 {
            true => u32::MAX as u128,
            false => u128::MAX,
        };
        Self {
            ipv4,
            first: 0,
            last,
        }
    }

    fn covers(self, other: Self) -> bool {
        self.ipv4 == other.ipv4 && self.first <= other.first && other.last <= self.last
    }

    fn meets(self, other: Self) -> bool {
        self.ipv4 == other.ipv4 && self.first <= other.last && other.first <= self.last
    }

    /// Its first address.
    fn address(self) -> IpAddr {
        match u32::try_from(self.first) {
            Ok(bits) if self.ipv4 => Ipv4Addr::from_bits(bits).into(),
            _ => Ipv6Addr::from_bits(self.first).into(),
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// What stays on the link, and what stays on this computer.
const MULTICAST: [(IpAddr, u8); 3] = [
    (IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), 4),
    (IpAddr::V4(Ipv4Addr::BROADCAST), 32),
    (IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)), 8),
];
const PRIVATE: [(IpAddr, u8); 6] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
];
const LOOPBACK: [(IpAddr, u8); 2] = [
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
];

fn networks(parts: &[&[(IpAddr, u8)]]) -> Vec<Span> {
    let networks = parts.iter().copied().flatten();
    networks
        .filter_map(|(address, length)| IpNet::new(*address, *length).ok())
        .map(Span::of)
        .collect()
}

/// What lies between these.
fn gaps(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut gaps = Vec::new();
    for ipv4 in [true, false] {
        let whole = Span::everything(ipv4);
        let mut next = Some(whole.first);
        for span in spans.iter().filter(|span| span.ipv4 == ipv4) {
            let gap = next
                .zip(span.first.checked_sub(1))
                .filter(|(first, last)| first <= last);
            gaps.extend(gap.map(|(first, last)| Span { ipv4, first, last }));
            next = span.last.checked_add(1).filter(|next| *next <= whole.last);
        }
        gaps.extend(next.map(|first| Span { first, ..whole }));
    }
    gaps
}

/// The addresses of a group; no two spans touch.
fn group(group: Group) -> Vec<Span> {
    match group {
        Group::Multicast => networks(&[&MULTICAST]),
        Group::Lan => networks(&[&MULTICAST, &PRIVATE]),
        Group::Internet => gaps(networks(&[&MULTICAST, &PRIVATE, &LOOPBACK])),
    }
}

impl DestinationMatcher {
    /// The addresses meant, in spans of which no two touch; nothing where addresses are not what
    /// matters.
    fn spans(&self) -> Option<Vec<Span>> {
        match self {
            Self::Any | Self::Host(_) | Self::Domain(_) => None,
            Self::Address(address) => Some(vec![Span::new(*address, *address)]),
            Self::Network(network) => Some(vec![Span::of(*network)]),
            Self::Range(range) => {
                let (first, last) = range.ends();
                Some(vec![Span::new(first, last)])
            }
            Self::Group(name) => Some(group(*name)),
        }
    }

    /// True if every address of the other's is one of these.
    pub(super) fn covers_addresses(&self, other: &Self) -> bool {
        let Some((own, others)) = self.spans().zip(other.spans()) else {
            return false;
        };
        let within = |span: &Span| own.iter().any(|own| own.covers(*span));
        others.iter().all(within)
    }

    /// True if some address is meant by both.
    pub(super) fn meets_addresses(&self, other: &Self) -> bool {
        let Some((own, others)) = self.spans().zip(other.spans()) else {
            return false;
        };
        let meets = |span: &Span| own.iter().any(|own| own.meets(*span));
        others.iter().any(meets)
    }

    /// One of the addresses meant.
    pub(crate) fn some_address(&self) -> Option<IpAddr> {
        let spans = self.spans()?;
        spans.first().map(|span| span.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Addresses where groups begin and end, and any other.
    fn address() -> impl Strategy<Value = IpAddr> {
        let edges: Vec<Span> = [Group::Lan, Group::Internet, Group::Multicast]
            .into_iter()
            .flat_map(group)
            .collect();
        let edge = (proptest::sample::select(edges), 0u128..3, any::<bool>());
        let near = edge.prop_map(|(span, off, upper)| {
            let at = match upper {
                true => span.last.saturating_add(1).saturating_sub(off),
                false => span.first.saturating_add(1).saturating_sub(off),
            };
            let first = at.min(Span::everything(span.ipv4).last);
            Span { first, ..span }.address()
        });
        let anywhere = any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into());
        let wide = any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into());
        prop_oneof![4 => near, 1 => anywhere, 1 => wide]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn a_group_has_just_the_addresses_of_its_spans(address in address()) {
            let point = DestinationMatcher::Address(address);
            for name in [Group::Lan, Group::Internet, Group::Multicast] {
                let matcher = DestinationMatcher::Group(name);
                prop_assert_eq!(matcher.covers_addresses(&point), name.contains(address));
                prop_assert_eq!(matcher.meets_addresses(&point), name.contains(address));
            }
        }
    }

    #[test]
    fn groups_hold_each_other_and_networks() {
        let covers = |a: &str, b: &str| {
            let read = |text: &str| text.parse::<DestinationMatcher>().unwrap();
            read(a).covers_addresses(&read(b))
        };
        assert!(covers("group:lan", "group:multicast"));
        assert!(!covers("group:multicast", "group:lan"));
        assert!(covers("group:lan", "10.1.0.0/16"));
        assert!(!covers("group:lan", "172.0.0.0/8"));
        assert!(covers("group:internet", "8.0.0.0/8"));
        assert!(!covers("group:internet", "126.0.0.0-127.0.0.0"));
        assert!(!covers("0.0.0.0/0", "group:internet"));
        assert!(!covers("::/0", "10.0.0.1"));
    }
}
