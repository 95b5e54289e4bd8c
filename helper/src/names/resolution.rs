//! Which addresses an answer gives to which names.

use std::net::{IpAddr, Ipv4Addr};
use std::slice::from_ref;
use std::time::Duration;

use bastion_policy::matcher::HostName;

use super::messages::{Data, Question, Record, Wanted, WireName};

/// Most aliases that are followed. Common resolvers give up at 8 to 17.
const ALIASES: usize = 16;

/// Most addresses that count of one answer. Real ones have at most a few dozen.
const ADDRESSES: usize = 128;

/// An address, and for how long it was said to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: IpAddr,
    /// The time to live that the answer gives.
    pub ttl: Duration,
}

/// What came of looking up a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The name that was looked up; nothing if it is none of a host.
    pub asked: Option<HostName>,
    /// The names that this one is an alias of, nearest first.
    pub targets: Vec<HostName>,
    /// Its addresses.
    pub addresses: Vec<Lease>,
    /// True if a resolver that asks the neighbours as well may have asked them for one of the
    /// names on the way, whether that is a host's or not.
    pub by_neighbours: bool,
}

impl Resolution {
    /// Follows the aliases from the name that was asked for, and takes the addresses at their
    /// end. Records of any other name are not looked at, so that an answer tells nothing about
    /// names that have nothing to do with the question.
    ///
    /// Addresses at which nobody else can be (unspecified, loopback, multicast, broadcast) have no names.
    /// Nothing comes of an answer without addresses, or of aliases that go round in circles.
    pub(super) fn new(question: &Question, records: &[Record]) -> Option<Self> {
        Self::at_the_end_of(&[], question, records)
    }

    /// The same where others, of which the first was looked up, have turned out to be aliases of
    /// the name that is asked for.
    pub(super) fn at_the_end_of(
        aliases: &[WireName],
        question: &Question,
        records: &[Record],
    ) -> Option<Self> {
        let mut chain: Vec<_> = aliases.iter().chain([&question.name]).collect();
        let mut ttl = u32::MAX;
        let mut end = &question.name;
        while let Some((target, alias_ttl)) = alias(end, records) {
            if chain.len() > ALIASES || chain.contains(&target) {
                return None;
            }
            ttl = ttl.min(alias_ttl);
            chain.push(target);
            end = target;
        }
        let addresses: Vec<_> = records
            .iter()
            .filter(|record| record.owner == *end)
            .flat_map(|record| {
                let ttl = Duration::from_secs(ttl.min(record.ttl).into());
                wanted(record, question.wanted).map(move |address| Lease { address, ttl })
            })
            .filter(|lease| is_a_place(lease.address))
            .take(ADDRESSES)
            .collect();
        let by_neighbours = chain.iter().any(|name| name.may_be_a_neighbours());
        let mut names = chain.into_iter().map(WireName::host_name);
        (!addresses.is_empty()).then(|| Self {
            asked: names.next().flatten(),
            targets: names.flatten().collect(),
            addresses,
            by_neighbours,
        })
    }
}

/// The name that this one is an alias of. Names have at most one (RFC 2181, section 10.1).
fn alias<'a>(name: &WireName, records: &'a [Record]) -> Option<(&'a WireName, u32)> {
    records.iter().find_map(|record| match &record.data {
        Data::Alias(target) if record.owner == *name => Some((target, record.ttl)),
        _ => None,
    })
}

/// The addresses of a record, if it is of the type that was asked for.
fn wanted(record: &Record, wanted: Wanted) -> impl Iterator<Item = IpAddr> {
    let addresses = match (&record.data, wanted) {
        (Data::Address(address), Wanted::Ipv4) if address.is_ipv4() => from_ref(address),
        (Data::Address(address), Wanted::Ipv6) if address.is_ipv6() => from_ref(address),
        (Data::Address(address), Wanted::Any) => from_ref(address),
        (Data::Hints(addresses), Wanted::Service | Wanted::Any) => addresses,
        _ => &[],
    };
    // Flows to an IPv4-mapped address are IPv4 on the wire.
    addresses.iter().map(IpAddr::to_canonical)
}

fn is_a_place(address: IpAddr) -> bool {
    !address.is_unspecified()
        && !address.is_loopback()
        && !address.is_multicast()
        && address != IpAddr::V4(Ipv4Addr::BROADCAST)
}

#[cfg(test)]
mod tests;
