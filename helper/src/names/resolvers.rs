//! The DNS servers that this machine itself is set up to ask.

pub mod files;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most servers that count of one file. Common programs ask the first three (resolv.conf(5)).
const SERVERS: usize = 32;

/// Where systemd-resolved listens on this machine (systemd-resolved.service(8)).
const STUBS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 53), Ipv4Addr::new(127, 0, 0, 54)];

/// Whom programs ask when no server is named (resolv.conf(5)).
const DEFAULTS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// The DNS servers that this machine itself is set up to ask. Answers of others do not count:
/// any program can ask a server of its own, which says what the program likes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolvers(BTreeSet<IpAddr>);

impl Resolvers {
    /// No server at all, so that no answer counts.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those that texts in the form of resolv.conf(5) name, and systemd-resolved's own.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut servers: BTreeSet<_> = texts.into_iter().flat_map(servers).collect();
        if servers.is_empty() {
            servers.extend(DEFAULTS);
        }
        servers.extend(STUBS.map(IpAddr::from));
        Self(servers)
    }

    /// True if this is one of them.
    #[must_use]
    pub fn contains(&self, server: IpAddr) -> bool {
        self.0.contains(&server)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.0.iter().copied()
    }
}

/// The servers on the `nameserver` lines of a text.
fn servers(text: &str) -> impl Iterator<Item = IpAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            match (words.next(), words.next()) {
                (Some("nameserver"), Some(server)) => address(server),
                _ => None,
            }
        })
        .take(SERVERS)
}

/// A server's address. A link-local one may have its interface behind it.
fn address(text: &str) -> Option<IpAddr> {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests;
