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

    /// First and last address.
    pub(crate) const fn ends(&self) -> (IpAddr, IpAddr) {
        (self.first, self.last)
    }

    /// The smallest network that holds the whole range.
    pub(crate) fn network(&self) -> IpNet {
        let same_bits = match (self.first, self.last) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (a, b) => (v6_bits(a) ^ v6_bits(b)).leading_zeros(),
        };
        u8::try_from(same_bits)
            .ok()
            .and_then(|length| IpNet::new(self.first, length).ok())
            .map_or(IpNet::from(self.first), |network| network.trunc())
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
/// `192.0.2.0/24`, `192.0.2.1-192.0.2.9`, `group:lan`. A host name that would read as one of the
/// others is written `host:any`. IPv4 addresses in their IPv4-mapped IPv6 form are read as IPv4,
/// which is what such flows are on the wire.
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

    /// True for IPv4 addresses, false for IPv6 ones, nothing where both can be meant.
    pub(crate) fn is_ipv4(&self) -> Option<bool> {
        match self {
            Self::Any | Self::Host(_) | Self::Domain(_) | Self::Group(_) => None,
            Self::Address(address) => Some(address.is_ipv4()),
            Self::Network(network) => Some(network.addr().is_ipv4()),
            Self::Range(range) => Some(range.first.is_ipv4()),
        }
    }

    /// True if it depends on the names that are known of a destination.
    #[must_use]
    pub fn regards_names(&self) -> bool {
        matches!(self, Self::Host(_) | Self::Domain(_))
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
            // Without this, a host that calls itself “any” would stand for all.
            Self::Host(host) if !reads_as_host(host.as_str()) => write!(f, "host:{host}"),
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
                .ok_or_else(|| DestinationError::Group(escape::excerpt(name)));
        }
        if let Some(name) = text.strip_prefix("domain:") {
            return Ok(Self::Domain(name.parse()?));
        }
        if let Some(name) = text.strip_prefix("host:") {
            return Ok(Self::Host(name.parse()?));
        }
        if text.contains('/') {
            let network = text.parse().ok().and_then(of_network);
            return network.ok_or_else(|| DestinationError::Network(escape::excerpt(text)));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        match range_ends(text) {
            Some((first, last)) => {
                of_range(first, last).ok_or_else(|| DestinationError::Range(escape::excerpt(text)))
            }
            None => Ok(Self::Host(text.parse()?)),
        }
    }
}

/// What stands left and right of the dash, if this can only be meant as an address range.
fn range_ends(text: &str) -> Option<(&str, &str)> {
    text.split_once('-')
        .filter(|(first, _)| first.parse::<IpAddr>().is_ok())
}

/// True if a valid host name is read as nothing but a host name.
fn reads_as_host(name: &str) -> bool {
    name != "any" && range_ends(name).is_none()
}

/// A range of one address is that address; so equal meanings are equal values.
fn of_range(first: &str, last: &str) -> Option<DestinationMatcher> {
    let first = first.parse::<IpAddr>().ok()?.to_canonical();
    let last = last.parse::<IpAddr>().ok()?.to_canonical();
    let range = AddressRange::new(first, last)?;
    Some(match first == last {
        true => DestinationMatcher::Address(first),
        false => DestinationMatcher::Range(range),
    })
}

/// A network of one address is that address, and host bits are dropped; so equal meanings are
/// equal values.
fn of_network(network: IpNet) -> Option<DestinationMatcher> {
    let network = match network.addr() {
        // The first 96 bits say “IPv4-mapped” (RFC 4291, section 2.5.5.2).
        IpAddr::V6(v6) if network.prefix_len() >= 96 && v6.to_ipv4_mapped().is_some() => {
            IpNet::new(v6.to_canonical(), network.prefix_len() - 96).ok()?
        }
        _ => network,
    };
    Some(if network.prefix_len() == network.max_prefix_len() {
        DestinationMatcher::Address(network.addr())
    } else {
        DestinationMatcher::Network(network.trunc())
    })
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
            ("host:any", "host:any"),
            ("host:example.org", "example.org"),
            ("host:10.0.0.1-x", "host:10.0.0.1-x"),
            ("10.0.0.1-10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:10.0.0.1-::ffff:10.0.0.9", "10.0.0.1-10.0.0.9"),
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
            "10.0.0.1-x",
            "host:10.0.0.1",
            "host:",
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
    fn a_host_that_calls_itself_any_stands_for_itself_alone() {
        let host = DestinationMatcher::Host("any".parse().unwrap());
        assert_eq!(host.to_string().parse(), Ok(host));
    }

    #[test]
    fn a_range_lies_within_its_network() {
        for (range, network) in [
            ("10.0.0.1-10.0.0.9", "10.0.0.0/28"),
            ("127.255.255.255-128.0.0.0", "0.0.0.0/0"),
            ("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"),
            ("fd00::1-fd00::2", "fd00::/126"),
        ] {
            let DestinationMatcher::Range(range) = range.parse().unwrap() else {
                panic!("{range} was not read as a range");
            };
            assert_eq!(range.network(), network.parse().unwrap());
        }
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
