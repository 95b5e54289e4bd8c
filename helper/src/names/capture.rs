//! What the kernel side hands over: packets between this machine's programs and DNS servers.

use std::net::{IpAddr, SocketAddr};

use etherparse::ip_number::{TCP, UDP};
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice, UdpHeaderSlice};

/// The port of DNS over UDP and TCP (RFC 1035, section 4.2).
pub const DNS_PORT: u16 = 53;

/// The index of the loopback interface, the same in every network namespace (`LOOPBACK_IFINDEX` of
/// the kernel).
const LOOPBACK: u32 = 1;

/// Which way a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// A socket of this machine sent it, to port 53.
    Sent,
    /// A socket of this machine received it, from port 53.
    Received,
}

/// A packet of DNS traffic, as a program's own socket sent or received it.
///
/// Only the client's end of the traffic belongs here: of two sockets of this machine that talk
/// over loopback, what the one sent to port 53 and what it received from there; never what the
/// server received and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured<'a> {
    /// Which way it went.
    pub direction: Direction,
    /// The inode number of the socket's network namespace, as `stat(2)` gives it for
    /// `/proc/PID/ns/net`. In a namespace of their own, which any user can make, programs can
    /// send from any address and port.
    pub network_namespace: u32,
    /// The index of the interface it left or came in by. An answer has to come in by the
    /// interface that the query left by.
    pub interface: u32,
    /// The packet from its IP header on. It may be cut at any length; what is cut off is not
    /// observed. Of TCP, whole segments as the socket handles them (of up to 64 KiB) are worth
    /// having: a cut ends the observation of the connection.
    pub bytes: &'a [u8],
}

/// Why a packet is not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum CaptureError {
    /// A header is cut or contradicts itself.
    #[error("the packet's headers are unreadable")]
    Unreadable,
    /// Only a part of a datagram.
    #[error("the packet is a fragment")]
    Fragment,
    /// Neither UDP nor TCP behind the IP header. IPv6 extension headers count as such, because
    /// no DNS traffic has any.
    #[error("the packet is neither UDP nor TCP")]
    Protocol,
    /// Not to or not from port 53.
    #[error("the packet has nothing to do with port 53")]
    Port,
}

/// The two ends of an exchange with a DNS server, and the way between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Path {
    pub(super) local: SocketAddr,
    pub(super) server: IpAddr,
    pub(super) interface: u32,
}

impl Path {
    /// True if the server is a program of this machine, whatever the address it listens at.
    pub(super) fn is_within_the_machine(&self) -> bool {
        self.interface == LOOPBACK || self.server.is_loopback()
    }
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    Datagram(&'a [u8]),
    Segment(Segment<'a>),
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    /// The sequence number of its first byte, or of its SYN.
    pub(super) sequence: u32,
    pub(super) syn: bool,
    pub(super) ack: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    /// Its bytes, as far as they were captured.
    pub(super) bytes: &'a [u8],
    /// True if the packet had more of them.
    pub(super) cut: bool,
}

/// A packet with its headers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traffic<'a> {
    pub(super) path: Path,
    pub(super) content: Content<'a>,
}

impl<'a> Traffic<'a> {
    /// Reads the headers.
    pub(super) fn read(captured: &Captured<'a>) -> Result<Self, CaptureError> {
        let ip = match captured.bytes.first().map(|byte| byte >> 4) {
            Some(4) => read_ipv4(captured.bytes)?,
            Some(6) => read_ipv6(captured.bytes)?,
            _ => return Err(CaptureError::Unreadable),
        };
        let (ports, content) = match ip.protocol {
            UDP => read_udp(&ip)?,
            TCP => read_tcp(&ip)?,
            _ => return Err(CaptureError::Protocol),
        };
        let source = SocketAddr::new(ip.source, ports.source);
        let destination = SocketAddr::new(ip.destination, ports.destination);
        let (local, server) = match captured.direction {
            Direction::Sent => (source, destination),
            Direction::Received => (destination, source),
        };
        if server.port() != DNS_PORT {
            return Err(CaptureError::Port);
        }
        let path = Path {
            local,
            server: server.ip(),
            interface: captured.interface,
        };
        Ok(Self { path, content })
    }
}

struct Ip<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: etherparse::IpNumber,
    /// What is there of the payload.
    payload: &'a [u8],
    /// How long the payload is according to the header; nothing in a packet of more than 64 KiB,
    /// which has not been cut into segments yet.
    length: Option<usize>,
}

fn read_ipv4(bytes: &[u8]) -> Result<Ip<'_>, CaptureError> {
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|_| CaptureError::Unreadable)?;
    if header.is_fragmenting_payload() {
        return Err(CaptureError::Fragment);
    }
    let header_length = header.slice().len();
    let length = match usize::from(header.total_len()) {
        0 => None,
        total => Some(
            total
                .checked_sub(header_length)
                .ok_or(CaptureError::Unreadable)?,
        ),
    };
    Ok(Ip {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        protocol: header.protocol(),
        payload: at_most(bytes.get(header_length..).unwrap_or_default(), length),
        length,
    })
}

fn read_ipv6(bytes: &[u8]) -> Result<Ip<'_>, CaptureError> {
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|_| CaptureError::Unreadable)?;
    let length = match usize::from(header.payload_length()) {
        0 => None,
        length => Some(length),
    };
    let payload = bytes.get(header.slice().len()..).unwrap_or_default();
    Ok(Ip {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        protocol: header.next_header(),
        payload: at_most(payload, length),
        length,
    })
}

fn at_most(bytes: &[u8], length: Option<usize>) -> &[u8] {
    length.map_or(bytes, |length| bytes.get(..length).unwrap_or(bytes))
}

struct Ports {
    source: u16,
    destination: u16,
}

fn read_udp<'a>(ip: &Ip<'a>) -> Result<(Ports, Content<'a>), CaptureError> {
    let udp = UdpHeaderSlice::from_slice(ip.payload).map_err(|_| CaptureError::Unreadable)?;
    let length = usize::from(udp.length());
    if length < udp.slice().len() || ip.length.is_some_and(|most| length > most) {
        return Err(CaptureError::Unreadable);
    }
    let datagram = at_most(ip.payload, Some(length));
    let ports = Ports {
        source: udp.source_port(),
        destination: udp.destination_port(),
    };
    let content = datagram.get(udp.slice().len()..).unwrap_or_default();
    Ok((ports, Content::Datagram(content)))
}

fn read_tcp<'a>(ip: &Ip<'a>) -> Result<(Ports, Content<'a>), CaptureError> {
    let tcp = TcpHeaderSlice::from_slice(ip.payload).map_err(|_| CaptureError::Unreadable)?;
    let ports = Ports {
        source: tcp.source_port(),
        destination: tcp.destination_port(),
    };
    let segment = Segment {
        sequence: tcp.sequence_number(),
        syn: tcp.syn(),
        ack: tcp.ack(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        bytes: ip.payload.get(tcp.slice().len()..).unwrap_or_default(),
        cut: ip.length.is_some_and(|length| length > ip.payload.len()),
    };
    Ok((ports, Content::Segment(segment)))
}

#[cfg(test)]
mod tests;
