//! A new outbound connection, as its first packet shows it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::matcher::HostName;

/// A transport protocol by its IANA number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP, also as carried by MPTCP (6).
    Tcp,
    /// UDP (17).
    Udp,
    /// UDP-Lite (136).
    UdpLite,
    /// ICMP for IPv4 (1).
    Icmp,
    /// ICMP for IPv6 (58).
    IcmpV6,
    /// SCTP (132).
    Sctp,
    /// Any other, by number; never one of those above.
    Other(u8),
}

impl Protocol {
    const NAMED: [(Self, u8, &'static str); 6] = [
        (Self::Tcp, 6, "tcp"),
        (Self::Udp, 17, "udp"),
        (Self::UdpLite, 136, "udplite"),
        (Self::Icmp, 1, "icmp"),
        (Self::IcmpV6, 58, "icmpv6"),
        (Self::Sctp, 132, "sctp"),
    ];

    /// The protocol with this number in the IANA registry.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        Self::NAMED
            .iter()
            .find(|(_, n, _)| *n == number)
            .map_or(Self::Other(number), |(p, _, _)| *p)
    }

    /// The number in the IANA registry.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Other(number) => number,
            named => Self::NAMED
                .iter()
                .find(|(p, _, _)| *p == named)
                .map_or(0, |(_, n, _)| *n),
        }
    }

    /// True for protocols whose packets name a source and a destination port.
    #[must_use]
    pub fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::UdpLite | Self::Sctp)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMED.iter().find(|(p, _, _)| p == self) {
            Some((_, _, name)) => f.write_str(name),
            None => write!(f, "{}", self.number()),
        }
    }
}

/// A text that names no protocol.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("“{0}” is no protocol; use tcp, udp, udplite, icmp, icmpv6, sctp or a number up to 255")]
pub struct ProtocolError(pub String);

impl FromStr for Protocol {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((p, _, _)) = Self::NAMED.iter().find(|(_, _, name)| *name == text) {
            return Ok(*p);
        }
        text.parse::<u8>()
            .map(Self::from_number)
            .map_err(|_| ProtocolError(crate::escape::excerpt(text)))
    }
}

/// Addresses, ports and protocol of a new outbound connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Source address of the packet.
    pub source: IpAddr,
    /// Source port; for an ICMP echo request its identifier; else 0.
    pub source_port: u16,
    /// Destination address. An IPv4-mapped IPv6 destination never appears here: such a packet
    /// is IPv4 on the wire.
    pub destination: IpAddr,
    /// Destination port; 0 for protocols without ports.
    pub destination_port: u16,
    /// Names under which this destination is known to have been looked up, best first. May be
    /// empty; a rule by name then does not match.
    pub hosts: Vec<HostName>,
}

/// What the packets of one connection in one direction have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Source address and port.
    pub source: SocketAddr,
    /// Destination address and port.
    pub destination: SocketAddr,
}

impl From<&Flow> for Tuple {
    fn from(flow: &Flow) -> Self {
        Self {
            protocol: flow.protocol,
            source: SocketAddr::new(flow.source, flow.source_port),
            destination: SocketAddr::new(flow.destination, flow.destination_port),
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.protocol.has_ports() {
            let to = SocketAddr::new(self.destination, self.destination_port);
            write!(f, "{} to {to}", self.protocol)
        } else {
            write!(f, "{} to {}", self.protocol, self.destination)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_number_survives_both_round_trips() {
        for number in 0..=u8::MAX {
            let protocol = Protocol::from_number(number);
            assert_eq!(protocol.number(), number);
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
        }
        assert!("256".parse::<Protocol>().is_err());
        assert!("TCPX".parse::<Protocol>().is_err());
    }
}
