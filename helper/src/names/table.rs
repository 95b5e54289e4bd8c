//! The names of addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use bastion_policy::matcher::HostName;
use bastion_policy::time::Timestamp;

use super::recent::Recent;
use super::resolution::Resolution;

/// Most addresses that have names. The one that was looked up longest ago is forgotten first.
pub const ADDRESSES: usize = 8_192;

/// Most names of one address.
pub const NAMES: usize = 16;

/// The shortest time for which a name is known. Servers give times to live of seconds to steer
/// load, while programs go on using an address for some minutes: they try several, keep the
/// answer a while, and connect again.
pub const SHORTEST: Duration = Duration::from_mins(5);

/// The longest time for which a name is known without being looked up again.
pub const LONGEST: Duration = Duration::from_hours(24);

#[derive(Debug)]
pub(super) struct Table {
    addresses: Recent<IpAddr, Vec<Name>>,
    /// Counts what was learned, so that there is a later and an earlier within a millisecond.
    learned: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    name: HostName,
    /// True if a program asked for it, false if it is only what such a name is an alias of.
    asked: bool,
    /// When it was learned last; later is more.
    learned: u64,
    until: Timestamp,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            addresses: Recent::new(ADDRESSES),
            learned: 0,
        }
    }

    /// Takes in the names and gives the addresses that have gained or lost one.
    pub(super) fn learn(&mut self, resolution: &Resolution, now: Timestamp) -> BTreeSet<IpAddr> {
        let mut changed = BTreeSet::new();
        // What is learned later comes first, so the name that was asked for is learned last.
        let targets = resolution.targets.iter().rev().map(|name| (name, false));
        let asked = resolution.asked.iter().map(|name| (name, true));
        let names: Vec<_> = targets.chain(asked).collect();
        for lease in &resolution.addresses {
            let life = lease.ttl.clamp(SHORTEST, LONGEST).as_millis();
            let until = now.after_millis(u64::try_from(life).unwrap_or(u64::MAX));
            for &(name, asked) in &names {
                self.learned += 1;
                let name = Name {
                    name: name.clone(),
                    asked,
                    learned: self.learned,
                    until,
                };
                self.put(lease.address, name, now, &mut changed);
            }
        }
        changed
    }

    /// Gives an address a name. What changed by it goes into `changed`.
    fn put(&mut self, address: IpAddr, name: Name, now: Timestamp, changed: &mut BTreeSet<IpAddr>) {
        let Some(names) = self.addresses.renew(&address) else {
            let gone = self.addresses.put(address, vec![name]);
            changed.extend(gone.map(|(address, _)| address));
            changed.insert(address);
            return;
        };
        if let Some(known) = names.iter_mut().find(|known| known.name == name.name) {
            let lapsed = known.until <= now;
            known.asked = name.asked || (known.asked && !lapsed);
            known.learned = name.learned;
            known.until = known.until.max(name.until);
            if lapsed {
                changed.insert(address);
            }
            return;
        }
        if names.len() >= NAMES {
            let worth = |name: &Name| (name.until > now, name.asked, name.learned);
            let least = names.iter().map(worth).min();
            names.retain(|name| Some(worth(name)) != least);
        }
        names.push(name);
        changed.insert(address);
    }

    /// The names of an address, best first: names that programs asked for before those that are
    /// behind them, the one learned last first.
    pub(super) fn of(&self, address: IpAddr, now: Timestamp) -> Vec<HostName> {
        let mut names: Vec<_> = self
            .addresses
            .get(&address)
            .into_iter()
            .flatten()
            .filter(|name| name.until > now)
            .collect();
        names.sort_by_key(|name| std::cmp::Reverse((name.asked, name.learned)));
        names.into_iter().map(|name| name.name.clone()).collect()
    }

    /// Forgets names whose time is over. Gives the addresses that had them.
    pub(super) fn tick(&mut self, now: Timestamp) -> BTreeSet<IpAddr> {
        let mut changed = BTreeSet::new();
        self.addresses.retain(|address, names| {
            let before = names.len();
            names.retain(|name| name.until > now);
            if names.len() < before {
                changed.insert(*address);
            }
            !names.is_empty()
        });
        changed
    }

    /// How many addresses have names.
    pub(super) fn len(&self) -> usize {
        self.addresses.len()
    }
}

#[cfg(test)]
mod tests;
