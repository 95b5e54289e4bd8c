//! The rules of one program, by destination and port.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Rank, Search};
use crate::flow::Flow;
use crate::matcher::{DestinationMatcher, Group, HostName, PortMatcher};
use crate::rule::Rule;

/// The rules of one program.
#[derive(Clone, Debug)]
pub(super) enum Places {
    /// So few that looking at each is quicker than looking any up.
    Few(Vec<Rank>),
    /// Sorted by destination.
    Many(Box<ByDestination>),
}

impl Default for Places {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Places {
    const FEW: usize = 8;

    /// Adds the rule of this rank, which is above the ranks of all rules in here.
    pub(super) fn insert(&mut self, rank: Rank, ranked: &[&Rule]) {
        match self {
            Self::Few(few) if few.len() < Self::FEW => few.push(rank),
            Self::Few(few) => {
                few.push(rank);
                let mut many = Box::<ByDestination>::default();
                for rank in few {
                    many.insert(*rank, ranked);
                }
                *self = Self::Many(many);
            }
            Self::Many(many) => many.insert(rank, ranked),
        }
    }

    pub(super) fn search<F: Fn(Rank) -> bool>(&self, flow: &Flow, search: &mut Search<F>) {
        match self {
            Self::Few(few) => search.list(few),
            Self::Many(many) => many.search(flow, search),
        }
    }
}

/// Rules by destination.
#[derive(Clone, Debug, Default)]
pub(super) struct ByDestination {
    addresses: HashMap<IpAddr, ByPort>,
    hosts: HashMap<HostName, ByPort>,
    domains: HashMap<HostName, ByPort>,
    /// By family and prefix length, so that only lengths that rules have are looked up.
    networks: BTreeMap<(bool, u8), HashMap<IpNet, ByPort>>,
    groups: HashMap<Group, ByPort>,
    everywhere: ByPort,
}

impl ByDestination {
    fn insert(&mut self, rank: Rank, ranked: &[&Rule]) {
        let Some(spec) = ranked.get(rank).map(|rule| rule.spec()) else {
            return;
        };
        let by_port = match &spec.destination {
            DestinationMatcher::Any => &mut self.everywhere,
            DestinationMatcher::Address(address) => self.addresses.entry(*address).or_default(),
            DestinationMatcher::Host(host) => self.hosts.entry(host.clone()).or_default(),
            DestinationMatcher::Domain(domain) => self.domains.entry(domain.clone()).or_default(),
            DestinationMatcher::Network(network) => self.network_mut(*network),
            DestinationMatcher::Range(range) => self.network_mut(range.network()),
            DestinationMatcher::Group(group) => self.groups.entry(*group).or_default(),
        };
        by_port.insert(rank, &spec.ports);
    }

    fn network_mut(&mut self, network: IpNet) -> &mut ByPort {
        let size = (network.addr().is_ipv4(), network.prefix_len());
        let same_size = self.networks.entry(size).or_default();
        same_size.entry(network.trunc()).or_default()
    }

    fn search<F: Fn(Rank) -> bool>(&self, flow: &Flow, search: &mut Search<F>) {
        let port = flow.destination_port;
        let mut look = |by_port: Option<&ByPort>| {
            if let Some(by_port) = by_port {
                by_port.search(port, search);
            }
        };
        look(self.addresses.get(&flow.destination));
        for host in &flow.hosts {
            look(self.hosts.get(host));
            if !self.domains.is_empty() {
                host.suffixes()
                    .for_each(|domain| look(self.domains.get(domain)));
            }
        }
        let family = flow.destination.is_ipv4();
        // The smallest networks first: a match there spares reading most of the others.
        for ((_, length), same_size) in self.networks.range((family, 0)..=(family, 128)).rev() {
            let network = IpNet::new(flow.destination, *length).ok();
            look(network.and_then(|network| same_size.get(&network.trunc())));
        }
        for (group, by_port) in &self.groups {
            if group.contains(flow.destination) {
                look(Some(by_port));
            }
        }
        look(Some(&self.everywhere));
    }
}

/// Rules by destination port.
#[derive(Clone, Debug, Default)]
struct ByPort {
    /// Rules for just one port.
    one: HashMap<u16, Vec<Rank>>,
    /// Rules for several ports, or all.
    several: Vec<Rank>,
}

impl ByPort {
    fn insert(&mut self, rank: Rank, ports: &PortMatcher) {
        let ranks = match ports.only() {
            Some(port) => self.one.entry(port).or_default(),
            None => &mut self.several,
        };
        ranks.push(rank);
    }

    fn search<F: Fn(Rank) -> bool>(&self, port: u16, search: &mut Search<F>) {
        if let Some(ranks) = self.one.get(&port) {
            search.list(ranks);
        }
        search.list(&self.several);
    }
}
