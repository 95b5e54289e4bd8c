//! What a queued packet says: addresses, ports and protocol. Total on any input.
//!
//! The kernel hands over at most the first bytes of a packet
//! ([`COPY_RANGE`](crate::queue::nfqueue::COPY_RANGE)), so a packet that is shorter than its
//! header claims is normal; a *header* that is cut is not, and gives an error. Whoever decides
//! must deny a packet that can't be read and say so: its sender built it to be unreadable, or it
//! is broken.

mod extensions;

use std::net::IpAddr;

use bastion_policy::flow::{Flow, Protocol};
use etherparse::err::{ipv4, ipv6, ipv6_exts, tcp};
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice, UdpHeaderSlice};

/// Which part of a datagram the packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// The first fragment: it carries the transport header.
    FirstFragment,
    /// A later fragment: it carries no transport header, so the flow's ports are 0 and mean
    /// "not known".
    LaterFragment,
}

/// A packet's flow, and what its headers tell besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedPacket {
    /// Addresses, ports and protocol; `hosts` is empty.
    pub flow: Flow,
    /// Which part of a datagram this is.
    pub part: Part,
    /// True for a TCP segment other than the opening SYN. Connection tracking calls such a
    /// segment new when it begins in the middle of a connection, as when the rules are put in
    /// on a machine whose connections were never tracked.
    pub midstream: bool,
}

/// Why a packet can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// There is nothing, or nothing that begins like an IP header.
    #[error("the packet is neither IPv4 nor IPv6")]
    NotIp,
    /// The IPv4 header is cut or contradicts itself.
    #[error("the packet's IPv4 header is unreadable")]
    Ipv4(#[source] ipv4::HeaderSliceError),
    /// The IPv6 header is cut.
    #[error("the packet's IPv6 header is unreadable")]
    Ipv6(#[source] ipv6::HeaderSliceError),
    /// An extension header is cut, or stands where it must not.
    #[error("the packet to {destination} has an unreadable extension header")]
    Extension {
        /// Where it goes.
        destination: IpAddr,
        /// What is wrong with the header.
        #[source]
        source: ipv6_exts::HeaderSliceError,
    },
    /// The transport header is cut.
    #[error("the {protocol} packet to {destination} has {length} bytes of a header of {needed}")]
    Truncated {
        /// Its transport protocol.
        protocol: Protocol,
        /// Where it goes.
        destination: IpAddr,
        /// Bytes that are there.
        length: usize,
        /// Bytes the header takes.
        needed: usize,
    },
    /// The TCP header contradicts itself.
    #[error("the TCP packet to {destination} has an unreadable header")]
    Tcp {
        /// Where it goes.
        destination: IpAddr,
        /// What is wrong with the header.
        #[source]
        source: tcp::HeaderSliceError,
    },
    /// The packet is IPv6, its destination an IPv4 address in IPv6 clothes; no honest sender's
    /// is (RFC 4038, section 4.2), and rules about the IPv4 address must not cover it.
    #[error("the IPv6 packet goes to the IPv4-mapped address {0}")]
    MappedDestination(IpAddr),
}

/// Reads a packet from its IP header on.
///
/// # Errors
/// When a header that the flow depends on is cut or malformed.
pub fn parse(bytes: &[u8]) -> Result<ParsedPacket, PacketError> {
    let ip = match bytes.first().map(|byte| byte >> 4) {
        Some(4) => read_ipv4(bytes)?,
        Some(6) => read_ipv6(bytes)?,
        _ => return Err(PacketError::NotIp),
    };
    let mut packet = ParsedPacket {
        flow: Flow {
            protocol: ip.protocol,
            source: ip.source,
            source_port: 0,
            destination: ip.destination,
            destination_port: 0,
            hosts: Vec::new(),
        },
        part: ip.part,
        midstream: false,
    };
    if ip.part != Part::LaterFragment {
        read_transport(ip.payload, &mut packet)?;
    }
    Ok(packet)
}

/// What the IP header and its extensions say.
struct Ip<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: Protocol,
    part: Part,
    payload: &'a [u8],
}

fn read_ipv4(bytes: &[u8]) -> Result<Ip<'_>, PacketError> {
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(PacketError::Ipv4)?;
    let payload = bytes.get(header.slice().len()..).unwrap_or_default();
    Ok(Ip {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        protocol: Protocol::from_number(header.protocol().0),
        part: part(
            header.fragments_offset().value(),
            header.is_fragmenting_payload(),
        ),
        payload,
    })
}

fn read_ipv6(bytes: &[u8]) -> Result<Ip<'_>, PacketError> {
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(PacketError::Ipv6)?;
    let destination = header.destination_addr();
    if destination.to_ipv4_mapped().is_some() {
        return Err(PacketError::MappedDestination(destination.into()));
    }
    let rest = bytes.get(header.slice().len()..).unwrap_or_default();
    let chain =
        extensions::skip(header.next_header(), rest).map_err(|source| PacketError::Extension {
            destination: destination.into(),
            source,
        })?;
    Ok(Ip {
        source: header.source_addr().into(),
        destination: destination.into(),
        protocol: Protocol::from_number(chain.next.0),
        part: chain.part,
        payload: chain.rest,
    })
}

fn part(offset: u16, fragmented: bool) -> Part {
    match (offset, fragmented) {
        (0, false) => Part::Whole,
        (0, true) => Part::FirstFragment,
        _ => Part::LaterFragment,
    }
}

fn read_transport(payload: &[u8], packet: &mut ParsedPacket) -> Result<(), PacketError> {
    let destination = packet.flow.destination;
    let protocol = packet.flow.protocol;
    let truncated = |needed| PacketError::Truncated {
        protocol,
        destination,
        length: payload.len(),
        needed,
    };
    let ports = match protocol {
        Protocol::Tcp => {
            let tcp = TcpHeaderSlice::from_slice(payload).map_err(|source| PacketError::Tcp {
                destination,
                source,
            })?;
            packet.midstream = !tcp.syn() || tcp.ack();
            (tcp.source_port(), tcp.destination_port())
        }
        // UDP-Lite's header differs in the meaning of the length alone (RFC 3828, section 3.1).
        Protocol::Udp | Protocol::UdpLite => {
            let udp = UdpHeaderSlice::from_slice(payload).map_err(|_| truncated(8))?;
            (udp.source_port(), udp.destination_port())
        }
        // The common header of SCTP: ports, verification tag, checksum (RFC 9260, section 3.1).
        Protocol::Sctp => match payload {
            [s1, s2, d1, d2, _, _, _, _, _, _, _, _, ..] => (
                u16::from_be_bytes([*s1, *s2]),
                u16::from_be_bytes([*d1, *d2]),
            ),
            _ => return Err(truncated(12)),
        },
        Protocol::Icmp => (echo_id(payload, 8).ok_or_else(|| truncated(8))?, 0),
        Protocol::IcmpV6 => (echo_id(payload, 128).ok_or_else(|| truncated(8))?, 0),
        Protocol::Other(_) => (0, 0),
    };
    (packet.flow.source_port, packet.flow.destination_port) = ports;
    Ok(())
}

/// The identifier of an echo request (RFC 792, RFC 4443 section 4.1); 0 for other messages;
/// `None` when the header is cut.
fn echo_id(payload: &[u8], echo_request: u8) -> Option<u16> {
    match payload {
        [kind, 0, _, _, id1, id2, _, _, ..] if *kind == echo_request => {
            Some(u16::from_be_bytes([*id1, *id2]))
        }
        [_, _, _, _, _, _, _, _, ..] => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
