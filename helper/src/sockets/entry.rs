//! What the kernel tells about one socket.

use std::net::SocketAddr;

use bastion_policy::flow::{Flow, Protocol};

/// State of a socket, from the kernel's `TCP_*` numbers (include/net/tcp_states.h), which all
/// protocols share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketState {
    /// A TCP connection that is open, or another protocol's socket that has a fixed remote end.
    Established,
    /// A TCP connection that is being made (`SYN_SENT`, `SYN_RECV`, `NEW_SYN_RECV`).
    Connecting,
    /// A TCP connection of which one side has closed.
    Closing,
    /// A TCP connection that is over; no process has it any more.
    TimeWait,
    /// Waits for connections.
    Listening,
    /// Has no remote end.
    Unconnected,
}

impl SocketState {
    /// The state with this kernel number; numbers of later kernels count as closing, the state
    /// nothing is concluded from.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Established,
            2 | 3 | 12 => Self::Connecting,
            6 => Self::TimeWait,
            7 => Self::Unconnected,
            10 => Self::Listening,
            _ => Self::Closing,
        }
    }
}

/// A socket as the kernel's tables show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketEntry {
    /// Its protocol; of a raw socket the one it was opened for.
    pub protocol: Protocol,
    /// Its own address and port; unspecified address and port 0 where it has none. An IPv6
    /// socket that carries IPv4 shows IPv4 addresses.
    pub local: SocketAddr,
    /// The remote end; `None` if it has none.
    pub remote: Option<SocketAddr>,
    /// Its state.
    pub state: SocketState,
    /// Number of its inode on sockfs, as in `socket:[…]` of `/proc/PID/fd`; 0 when no process
    /// can hold it any more because it was closed.
    pub inode: u64,
    /// The user it belongs to: who made it, unless fchown(2) gave it to another.
    pub uid: u32,
    /// What tells it from every other socket since boot (`SO_COOKIE`, socket(7)); `None` when
    /// it was read from a text table, which has none.
    pub cookie: Option<u64>,
    /// Index of the interface it is bound to (`SO_BINDTODEVICE`); 0 for none.
    pub interface: u32,
    /// True for a socket of the IPv6 family, even where it carries IPv4.
    pub ipv6: bool,
    /// True if it is known to carry no IPv4 (`IPV6_V6ONLY`, ipv6(7)). Of connected sockets the
    /// kernel does not tell.
    pub ipv6_only: bool,
}

impl SocketEntry {
    /// True if it has a fixed remote end.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.remote.is_some()
            && matches!(
                self.state,
                SocketState::Established | SocketState::Connecting | SocketState::Closing
            )
    }

    /// True if its two ends are exactly those of the flow.
    #[must_use]
    pub fn has_tuple_of(&self, flow: &Flow) -> bool {
        self.protocol == flow.protocol
            && self.local == SocketAddr::new(flow.source, flow.source_port)
            && self.remote == Some(SocketAddr::new(flow.destination, flow.destination_port))
    }
}
