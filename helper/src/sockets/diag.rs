//! One conversation with the kernel over `NETLINK_SOCK_DIAG`, sock_diag(7).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bastion_policy::flow::Protocol;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};
use netlink_packet_sock_diag::{SockDiagDestroy, SockDiagMessage};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr as NetlinkAddr};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::TimeVal;

use super::{SocketEntry, SocketError, SocketState};

/// The kernel writes at most 32 KiB of a dump at once (`NLMSG_GOODSIZE` up to that, netlink(7)).
const BUFFER: usize = 32 * 1024;

/// The kernel answers at once; this only ends the wait for an answer that was lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// `INET_DIAG_NOCOOKIE` twice: any socket will do.
const ANY_COOKIE: u64 = u64::MAX;

/// Address family of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::V4 => AF_INET,
            Self::V6 => AF_INET6,
        }
    }

    fn unspecified(self) -> SocketId {
        match self {
            Self::V4 => SocketId::new_v4(),
            Self::V6 => SocketId::new_v6(),
        }
    }
}

/// Which one socket is meant.
pub(super) struct Key {
    pub protocol: Protocol,
    pub family: Family,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub interface: u32,
    pub cookie: Option<u64>,
}

impl Key {
    fn request(&self) -> InetRequest {
        InetRequest {
            family: self.family.number(),
            protocol: self.protocol.number(),
            extensions: ExtensionFlags::empty(),
            states: StateFlags::all(),
            socket_id: SocketId {
                source_port: self.local.port(),
                destination_port: self.remote.port(),
                source_address: self.local.ip(),
                destination_address: self.remote.ip(),
                interface_id: self.interface,
                cookie: self.cookie.unwrap_or(ANY_COOKIE).to_ne_bytes(),
            },
        }
    }
}

/// A netlink socket for requests about sockets, in the network namespace it was opened in.
#[derive(Debug)]
pub(super) struct Diag {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Diag {
    pub fn open() -> Result<Self, SocketError> {
        let open = || -> io::Result<Socket> {
            let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
            socket.bind_auto()?;
            let wait = TimeVal::new(PATIENCE.as_secs().try_into().unwrap_or(1), 0);
            setsockopt(&socket, sockopt::ReceiveTimeout, &wait)?;
            Ok(socket)
        };
        Ok(Self {
            socket: open().map_err(SocketError::Open)?,
            sequence: 0,
            buffer: Vec::with_capacity(BUFFER),
        })
    }

    /// The socket the kernel itself would find for this key.
    pub fn one(&mut self, key: &Key) -> Result<Option<SocketEntry>, SocketError> {
        let mut found = None;
        let message = SockDiagMessage::InetRequest(key.request());
        self.send(message, NLM_F_REQUEST)?;
        match self.receive(Expect::One, |response| {
            found = Some(entry(&response, key.protocol));
        }) {
            Ok(()) => Ok(found),
            Err(error) if is(&error, Errno::ENOENT) => Ok(None),
            Err(error) => Err(SocketError::Read(error)),
        }
    }

    /// Every socket of this family, protocol and set of states, and, unless it is 0, local port.
    pub fn all(
        &mut self,
        family: Family,
        protocol: Protocol,
        states: StateFlags,
        local_port: u16,
        mut each: impl FnMut(SocketEntry),
    ) -> Result<(), SocketError> {
        let request = InetRequest {
            family: family.number(),
            protocol: protocol.number(),
            extensions: ExtensionFlags::empty(),
            states,
            socket_id: SocketId {
                source_port: local_port,
                ..family.unspecified()
            },
        };
        let message = SockDiagMessage::InetRequest(request);
        self.send(message, NLM_F_REQUEST | NLM_F_DUMP)?;
        let wanted = |entry: &SocketEntry| local_port == 0 || entry.local.port() == local_port;
        self.receive(Expect::Many, |response| {
            let entry = entry(&response, protocol);
            if wanted(&entry) {
                each(entry);
            }
        })
        .map_err(SocketError::Read)
    }

    /// Ends the socket with this key.
    pub fn destroy(&mut self, key: &Key) -> Result<bool, SocketError> {
        let message = SockDiagDestroy::new(SockDiagMessage::InetRequest(key.request()));
        self.send(message, NLM_F_REQUEST | NLM_F_ACK)?;
        match self.receive(Expect::One, |_| ()) {
            Ok(()) => Ok(true),
            Err(error) if is(&error, Errno::ENOENT) => Ok(false),
            Err(error) if is(&error, Errno::EOPNOTSUPP) => Err(SocketError::Unsupported(error)),
            Err(error) => Err(SocketError::Destroy(error)),
        }
    }

    fn send<M>(&mut self, message: M, flags: u16) -> Result<(), SocketError>
    where
        M: NetlinkSerializable + Into<NetlinkPayload<M>>,
    {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(message);
        message.header.flags = flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket
            .send_to(&bytes, &NetlinkAddr::new(0, 0), 0)
            .map_err(SocketError::Read)?;
        Ok(())
    }

    /// Reads until the answer to the last request is complete. What belongs to an earlier
    /// request that was given up is skipped by its sequence number.
    fn receive(
        &mut self,
        expect: Expect,
        mut each: impl FnMut(InetResponse),
    ) -> Result<(), io::Error> {
        loop {
            self.buffer.clear();
            let (length, from) = match self.socket.recv_from(&mut self.buffer, 0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            // Any process may send to a netlink socket; the kernel's own port is 0.
            if length == 0 || from.port_number() != 0 {
                continue;
            }
            if read_datagram(&self.buffer, self.sequence, expect, &mut each)? {
                return Ok(());
            }
        }
    }
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// With its first message.
    One,
    /// With a message that says so.
    Many,
}

/// Reads the messages of one datagram; true when the answer is complete. Total: what can't be
/// read ends the datagram.
fn read_datagram(
    mut rest: &[u8],
    sequence: u32,
    expect: Expect,
    each: &mut impl FnMut(InetResponse),
) -> Result<bool, io::Error> {
    while let Some(length) = message_length(rest) {
        let (bytes, after) = rest.split_at(length.min(rest.len()));
        rest = after.get(align(length) - length..).unwrap_or_default();
        let Ok(message) = NetlinkMessage::<SockDiagMessage>::deserialize(bytes) else {
            continue;
        };
        if message.header.sequence_number != sequence {
            continue;
        }
        match message.payload {
            NetlinkPayload::Done(_) => return Ok(true),
            NetlinkPayload::Error(error) => {
                return match error.code {
                    None => Ok(true),
                    Some(code) => Err(io::Error::from_raw_os_error(code.get().saturating_abs())),
                };
            }
            NetlinkPayload::Overrun(_) => return Err(io::Error::from(Errno::ENOBUFS)),
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                each(*response);
                if expect == Expect::One {
                    return Ok(true);
                }
            }
            _ => {}
        }
    }
    Ok(false)
}

/// Length of the message at the start, header included; `None` when there is no whole header.
fn message_length(bytes: &[u8]) -> Option<usize> {
    const HEADER: usize = 16;
    let length = u32::from_ne_bytes(*bytes.first_chunk()?);
    usize::try_from(length)
        .ok()
        .filter(|&n| n >= HEADER && n <= bytes.len())
}

/// `NLMSG_ALIGN`, netlink(3).
fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

fn entry(response: &InetResponse, protocol: Protocol) -> SocketEntry {
    let header = &response.header;
    let id = &header.socket_id;
    let end = |address: IpAddr, port| SocketAddr::new(address.to_canonical(), port);
    let remote = end(id.destination_address, id.destination_port);
    let has_remote = !remote.ip().is_unspecified() || remote.port() != 0;
    SocketEntry {
        protocol,
        local: end(id.source_address, id.source_port),
        remote: has_remote.then_some(remote),
        state: SocketState::from_number(header.state),
        inode: header.inode.into(),
        uid: header.uid,
        cookie: Some(u64::from_ne_bytes(id.cookie)),
        interface: id.interface_id,
        ipv6: header.family == AF_INET6,
        ipv6_only: response.nlas.contains(&Nla::SkV6Only(true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One answer for a TCP socket in SYN_SENT, as Linux 6.18 gave it.
    fn answer(sequence: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(88u32.to_ne_bytes());
        bytes.extend(20u16.to_ne_bytes());
        bytes.extend(0u16.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend([AF_INET, 2, 1, 0]);
        bytes.extend(40000u16.to_be_bytes());
        bytes.extend(443u16.to_be_bytes());
        bytes.extend([192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([198, 51, 100, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(3u32.to_ne_bytes());
        bytes.extend(77u64.to_ne_bytes());
        for word in [900u32, 0, 1, 1000, 4711] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes
    }

    fn read(bytes: &[u8], expect: Expect) -> (io::Result<bool>, Vec<SocketEntry>) {
        let mut found = Vec::new();
        let done = read_datagram(bytes, 5, expect, &mut |response| {
            found.push(entry(&response, Protocol::Tcp));
        });
        (done, found)
    }

    #[test]
    fn an_answer_is_read_whole() {
        let (done, found) = read(&answer(5), Expect::One);
        assert!(done.unwrap());
        let expected = SocketEntry {
            protocol: Protocol::Tcp,
            local: "192.0.2.1:40000".parse().unwrap(),
            remote: Some("198.51.100.7:443".parse().unwrap()),
            state: SocketState::Connecting,
            inode: 4711,
            uid: 1000,
            cookie: Some(77),
            interface: 3,
            ipv6: false,
            ipv6_only: false,
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn answers_to_earlier_requests_are_skipped() {
        let both = [answer(4), answer(5)].concat();
        let (done, found) = read(&both, Expect::One);
        assert!(done.unwrap());
        assert_eq!(found.len(), 1);
        let (done, found) = read(&answer(4), Expect::One);
        assert!(!done.unwrap());
        assert!(found.is_empty());
    }

    #[test]
    fn an_error_is_an_error() {
        let mut bytes = Vec::new();
        bytes.extend(20u32.to_ne_bytes());
        bytes.extend(2u16.to_ne_bytes());
        bytes.extend(0u16.to_ne_bytes());
        bytes.extend(5u32.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend((-(Errno::EPERM as i32)).to_ne_bytes());
        let (done, _) = read(&bytes, Expect::One);
        assert!(is(&done.unwrap_err(), Errno::EPERM));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>, at in 0usize..88, value: u8) {
            let _ = read(&bytes, Expect::Many);
            let mut bent = answer(5);
            bent[at] = value;
            let _ = read(&bent, Expect::Many);
            let _ = read(&bent[..at], Expect::Many);
        }
    }
}
