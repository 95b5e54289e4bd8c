//! Names of destinations, from real resolvers: dnsmasq and systemd-resolved, asked by the C
//! library, seen by the kernel programs and by systemd-resolved's monitor.

#[cfg(test)]
mod believed;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod monitor;
#[cfg(test)]
mod observer;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod servers;
#[cfg(test)]
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "not all of it is needed here")]
mod support;
