//! This computer's own addresses.

use std::collections::HashSet;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;

use super::SocketError;

/// The addresses of the interfaces of this network namespace: a connection to one of them never
/// leaves this computer, whichever it comes from.
///
/// # Errors
/// [`SocketError::Read`].
pub fn own_addresses() -> Result<HashSet<IpAddr>, SocketError> {
    let interfaces = getifaddrs().map_err(|errno| SocketError::Read(errno.into()))?;
    let addresses = interfaces.filter_map(|interface| interface.address);
    Ok(addresses
        .filter_map(|address| {
            let v4 = address.as_sockaddr_in().map(|it| IpAddr::from(it.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::from(it.ip())))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_a_socket_can_be_bound_to_is_its_own() {
        let own = own_addresses().unwrap();
        assert!(own.contains(&IpAddr::from([127, 0, 0, 1])), "{own:?}");
        assert!(!own.contains(&IpAddr::from([192, 0, 2, 1])), "{own:?}");
    }
}
