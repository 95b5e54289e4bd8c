use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

use super::{HostName, HostNameError};
use crate::escape;
use crate::flow::Flow;

/// Why a text is no destination.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DestinationError {
    /// No name either.
    #[error(transparent)]
    HostName(#[from] HostNameError),
    /// A network whose prefix does not fit its family.
    #[error("“{0}” is no network; write it like 192.168.0.0/16 or fd00::/8")]
    Network(String),
    /// Ends of different families, or first above last.
    #[error("“{0}” is no address range; write it like 10.0.0.1-10.0.0.9, lower address first")]
    Range(String),
    /// A group that does not exist.
    #[error("“{0}” is no group; the groups are lan, internet and multicast")]
    Group(String),
}

/// A named set of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Private and link-local addresses: RFC 1918, RFC 3927, RFC 4193, RFC 4291, and multicast
    /// and broadcast, which stay on the link.
    Lan,
    /// Everything that is not [`Group::Lan`] and not loopback.
    Internet,
    /// Multicast and limited broadcast.
    Multicast,
}

impl Group {
    const NAMED: [(Self, &'static str); 3] = [
        (Self::Lan, "lan"),
        (Self::Internet, "internet"),
        (Self::Multicast, "multicast"),
    ];

    /// True if the address belongs to the group.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match self {
            Self::Lan => is_lan(address),
            Self::Internet => !is_lan(address) && !address.is_loopback(),
            Self::Multicast => is_multicast(address),
        }
    }
}

fn is_multicast(address: IpAddr) -> bool {
    address.is_multicast() || matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
}

fn is_lan(address: IpAddr) -> bool {
    is_multicast(address)
        || match address {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        }
}

/// An inclusive range of addresses of one family, first not above last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

impl AddressRange {
    /// The range from `first` to `last`, both included; `None` when the families differ or
    /// `first` is above `last`.
    #[must_use]
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Self { first, last })
    }

    /// True if the address lies within.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        // IpAddr orders IPv4 before IPv6, so the family needs its own check.
        address.is_ipv4() == self.first.is_ipv4() && (self.first..=self.last).contains(&address)
    }

    /// Binary logarithm of the range's size, rounded down: 0 for one address.
    fn size_log2(&self) -> u32 {
        let size = match (self.first, self.last) {
            (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(b.to_bits() - a.to_bits()),
            (a, b) => v6_bits(b).saturating_sub(v6_bits(a)),
        };
        size.saturating_add(1).ilog2()
    }
}

fn v6_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => Ipv6Addr::to_bits(v6),
    }
}

/// Where to. Text: `any`, `example.org`, `domain:example.org` (with subdomains), `192.0.2.1`,
/// `192.0.2.0/24`, `192.0.2.1-192.0.2.9`, `group:lan`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum DestinationMatcher {
    /// Everywhere.
    #[default]
    Any,
    /// This host name and no other.
    Host(HostName),
    /// This domain and all below it.
    Domain(HostName),
    /// This address.
    Address(IpAddr),
    /// This network; host bits are zero.
    Network(IpNet),
    /// This range.
    Range(AddressRange),
    /// This group.
    Group(Group),
}

impl DestinationMatcher {
    /// True if the flow goes there.
    #[must_use]
    pub fn matches(&self, flow: &Flow) -> bool {
        match self {
            Self::Any => true,
            Self::Host(host) => flow.hosts.contains(host),
            Self::Domain(domain) => flow.hosts.iter().any(|host| host.is_within(domain)),
            Self::Address(address) => *address == flow.destination,
            Self::Network(network) => network.contains(&flow.destination),
            Self::Range(range) => range.contains(flow.destination),
            Self::Group(group) => group.contains(flow.destination),
        }
    }

    /// How specific this is; higher wins. An address or host name beats everything wider; then
    /// domains, longer first; then networks and ranges, smaller first; then groups; then any.
    #[must_use]
    pub fn specificity(&self) -> u32 {
        match self {
            Self::Any => 0,
            Self::Group(Group::Internet) => 1,
            Self::Group(Group::Lan) => 2,
            Self::Group(Group::Multicast) => 3,
            Self::Network(network) => {
                1_000 - u32::from(network.max_prefix_len() - network.prefix_len())
            }
            Self::Range(range) => 1_000 - range.size_log2(),
            Self::Domain(domain) => 2_000 + u32::try_from(domain.labels()).unwrap_or(u32::MAX / 2),
            Self::Host(_) | Self::Address(_) => 3_000,
        }
    }
}

impl fmt::Display for DestinationMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Host(host) => host.fmt(f),
            Self::Domain(domain) => write!(f, "domain:{domain}"),
            Self::Address(address) => address.fmt(f),
            Self::Network(network) => network.fmt(f),
            Self::Range(range) => write!(f, "{}-{}", range.first, range.last),
            Self::Group(group) => {
                let name = Group::NAMED.iter().find(|(g, _)| g == group);
                write!(f, "group:{}", name.map_or("", |(_, name)| name))
            }
        }
    }
}

impl FromStr for DestinationMatcher {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "any" {
            return Ok(Self::Any);
        }
        if let Some(name) = text.strip_prefix("group:") {
            return Group::NAMED
                .iter()
                .find(|(_, n)| *n == name)
                .map(|(group, _)| Self::Group(*group))
                .ok_or_else(|| DestinationError::Group(escape::printable(name)));
        }
        if let Some(name) = text.strip_prefix("domain:") {
            return Ok(Self::Domain(name.parse()?));
        }
        if text.contains('/') {
            return text
                .parse::<IpNet>()
                .map(|network| network.trunc())
                .map(simplify)
                .map_err(|_| DestinationError::Network(escape::printable(text)));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address));
        }
        match text.split_once('-') {
            Some((first, last)) if first.parse::<IpAddr>().is_ok() => {
                let ends = first.parse().ok().zip(last.parse().ok());
                ends.and_then(|(first, last)| AddressRange::new(first, last))
                    .map(Self::Range)
                    .ok_or_else(|| DestinationError::Range(escape::printable(text)))
            }
            _ => Ok(Self::Host(text.parse()?)),
        }
    }
}

/// A network of one address is that address; so equal meanings are equal values.
fn simplify(network: IpNet) -> DestinationMatcher {
    if network.prefix_len() == network.max_prefix_len() {
        DestinationMatcher::Address(network.addr())
    } else {
        DestinationMatcher::Network(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for (text, canonical) in [
            ("any", "any"),
            ("Example.ORG", "example.org"),
            ("domain:example.org", "domain:example.org"),
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.9/24", "192.0.2.0/24"),
            ("192.0.2.9/32", "192.0.2.9"),
            ("fd00::/8", "fd00::/8"),
            ("10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"),
            ("group:lan", "group:lan"),
            ("my-host.example", "my-host.example"),
        ] {
            let parsed: DestinationMatcher = text.parse().unwrap();
            assert_eq!(parsed.to_string(), canonical);
            assert_eq!(canonical.parse::<DestinationMatcher>().unwrap(), parsed);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.9-10.0.0.1",
            "10.0.0.1-::2",
            "group:wan",
            "domain:",
            "a b",
            "300.1.1.1",
            "10.0.0.1-",
        ] {
            assert!(text.parse::<DestinationMatcher>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_smaller_network_is_more_specific_across_families() {
        let of = |text: &str| text.parse::<DestinationMatcher>().unwrap().specificity();
        assert!(of("10.0.0.1") > of("domain:a.example.org"));
        assert!(of("domain:a.example.org") > of("domain:example.org"));
        assert!(of("domain:example.org") > of("10.0.0.0/30"));
        assert!(of("10.0.0.0/30") > of("10.0.0.0/8"));
        assert!(of("0.0.0.0/0") > of("::/0"));
        assert!(of("::/0") > of("group:lan"));
        assert!(of("group:internet") > of("any"));
    }

    #[test]
    fn lan_is_not_the_internet() {
        for lan in [
            "192.168.1.1",
            "10.1.1.1",
            "169.254.0.1",
            "fe80::1",
            "fd12::1",
            "224.0.0.251",
            "255.255.255.255",
            "ff02::fb",
        ] {
            let address = lan.parse().unwrap();
            assert!(
                Group::Lan.contains(address) && !Group::Internet.contains(address),
                "{lan}"
            );
        }
        for wan in ["1.1.1.1", "2001:db8::1", "172.32.0.1"] {
            let address = wan.parse().unwrap();
            assert!(
                !Group::Lan.contains(address) && Group::Internet.contains(address),
                "{wan}"
            );
        }
    }
}
