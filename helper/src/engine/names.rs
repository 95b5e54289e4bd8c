//! Under which names destinations were looked up.

use std::net::IpAddr;

use bastion_policy::matcher::HostName;
use bastion_policy::time::Timestamp;

/// Knows the names of addresses. Times are steady, not on the wall clock.
pub trait NameSource: Send {
    /// Takes in what was looked up since the last call; never waits.
    fn read(&mut self, now: Timestamp);

    /// The names of an address, best first.
    fn of(&self, address: IpAddr, now: Timestamp) -> Vec<HostName>;
}

/// Where look-ups can't be seen.
#[derive(Clone, Copy, Debug)]
pub struct NoNames;

impl NameSource for NoNames {
    fn read(&mut self, _now: Timestamp) {}

    fn of(&self, _address: IpAddr, _now: Timestamp) -> Vec<HostName> {
        Vec::new()
    }
}
