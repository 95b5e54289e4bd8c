//! Every kind of sending there is: how it is done, where to, and by whom.

mod list;

use std::net::IpAddr;

pub use list::KINDS;

/// Ports of the kinds, from the first of the list on.
const FIRST_PORT: u16 = 20_000;
/// Addresses of the machine with the firewall that the kernel would not choose by itself.
pub const OTHER_SOURCES: [&str; 2] = ["10.77.0.3", "fd77::3"];
/// The one it chooses.
const OWN_SOURCES: [&str; 2] = ["10.77.0.1", "fd77::1"];

/// Where a kind sends. Each has an address of its own, or a port, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A host that answers.
    Answers4,
    /// The same host's other address.
    Answers6,
    /// The same by an IPv4-mapped address.
    AnswersMapped,
    /// A place where nobody is, so that all is a first packet to connection tracking.
    Silent4,
    /// The same over IPv6.
    Silent6,
    /// The same by an IPv4-mapped address.
    SilentMapped,
    /// A group that nobody has joined.
    Multicast4,
    /// The same over IPv6.
    Multicast6,
    /// Of the cable.
    Broadcast,
    /// 255.255.255.255.
    LimitedBroadcast,
}

impl Place {
    fn is_v6(self) -> bool {
        matches!(self, Self::Answers6 | Self::Silent6 | Self::Multicast6)
    }
}

/// What else a sender is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// Nothing else.
    Nothing,
    /// To send from this source address.
    Source(&'static str),
    /// To send from this source address, and a port of its own.
    SourceAndPort,
    /// How many processes shall send, or for how many milliseconds.
    Count(&'static str),
    /// The program that shall send in its stead, which is the one to be named.
    Sender(&'static str),
    /// The program it becomes when it has sent; it is not to be named.
    Successor(&'static str),
}

/// A kind of sending.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name, and that of the program that does it.
    pub name: &'static str,
    /// The way, as `sender` knows it.
    pub way: &'static str,
    /// Protocol in the text form of the log.
    pub protocol: &'static str,
    /// Where it sends.
    pub place: Place,
    /// What else its program is told.
    pub more: More,
    /// Whether it takes root; else bob does it.
    pub root: bool,
    /// The largest number of packets of the program that come as one over the cable.
    pub merged: u64,
}

impl Kind {
    const fn by(mut self, more: More) -> Self {
        self.more = more;
        self
    }

    const fn root(mut self) -> Self {
        self.root = true;
        self
    }

    const fn merged(mut self, packets: u64) -> Self {
        self.merged = packets;
        self
    }

    /// Whether it goes on while others do theirs: packets that are sent again, and programs that
    /// keep the processors busy meanwhile.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        matches!(self.way, "busy" | "retransmit")
    }

    /// Its place in the list, which makes its port and its address.
    fn index(&self) -> u16 {
        let before = KINDS.iter().take_while(|kind| kind.name != self.name);
        before.map(|_| 1).sum()
    }

    /// The port it sends to, if its packets have ports.
    #[must_use]
    pub fn port(&self) -> u16 {
        FIRST_PORT + self.index()
    }

    /// Whether its packets have ports.
    #[must_use]
    pub fn has_ports(&self) -> bool {
        matches!(self.protocol, "tcp" | "udp" | "udplite" | "sctp")
    }

    /// Where it sends, as it is told.
    #[must_use]
    pub fn address(&self) -> String {
        let n = self.index() + 1;
        match self.place {
            Place::Answers4 => "203.0.113.3".to_owned(),
            Place::Answers6 => "2001:db8::3".to_owned(),
            Place::AnswersMapped => "::ffff:203.0.113.3".to_owned(),
            Place::Silent4 => format!("198.51.100.{n}"),
            Place::Silent6 => format!("2001:db8:1::{n:x}"),
            Place::SilentMapped => format!("::ffff:198.51.100.{n}"),
            Place::Multicast4 => format!("239.7.0.{n}"),
            Place::Multicast6 => format!("ff05::7:{n:x}"),
            Place::Broadcast => "10.77.0.255".to_owned(),
            Place::LimitedBroadcast => "255.255.255.255".to_owned(),
        }
    }

    /// Whether something that goes there, by this protocol, is of this kind.
    #[must_use]
    pub fn is_to(&self, protocol: &str, address: IpAddr, port: u16) -> bool {
        let there = || {
            let own = self.address().parse::<IpAddr>();
            own.is_ok_and(|own| own.to_canonical() == address)
        };
        protocol == self.protocol
            && if self.has_ports() {
                port == self.port()
            } else {
                there()
            }
    }

    /// The program that is to be named.
    #[must_use]
    pub fn sender(&self) -> &'static str {
        match self.more {
            More::Sender(name) => name,
            _ => self.name,
        }
    }

    /// All programs it takes.
    #[must_use]
    pub fn programs(&self) -> Vec<&'static str> {
        match self.more {
            More::Sender(other) | More::Successor(other) => vec![self.name, other],
            _ => vec![self.name],
        }
    }

    /// What its program is told, when all programs lie in this directory: the way, the address, the
    /// port, and more.
    #[must_use]
    pub fn arguments(&self, programs: &str) -> Vec<String> {
        let [address, port] = [self.address(), self.port().to_string()];
        let mut all = vec![self.way.to_owned(), address.clone(), port.clone()];
        let own = |[v4, v6]: [&str; 2]| if self.place.is_v6() { v6 } else { v4 }.to_owned();
        match self.more {
            More::Nothing if self.way == "raw-header" => {
                all.push(own(OWN_SOURCES));
            }
            More::Nothing => {}
            More::Source(source) => all.push(source.to_owned()),
            More::SourceAndPort => {
                let source_port = (self.port() + 10_000).to_string();
                all.extend([own(OTHER_SOURCES), source_port]);
            }
            More::Count(count) => all.push(count.to_owned()),
            More::Sender(other) | More::Successor(other) => {
                all.extend([format!("{programs}/{other}"), address, port]);
            }
        }
        all
    }
}

/// A kind that bob does in one process.
const fn kind(name: &'static str, way: &'static str, protocol: &'static str, place: Place) -> Kind {
    Kind {
        name,
        way,
        protocol,
        place,
        more: More::Nothing,
        root: false,
        merged: 1,
    }
}
