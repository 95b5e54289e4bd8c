//! DNS messages and the packets that carry them, for tests.

use std::net::IpAddr;

use etherparse::PacketBuilder;

use super::{Captured, Direction};

pub(super) const A: u16 = 1;
pub(super) const CNAME: u16 = 5;
pub(super) const TXT: u16 = 16;
pub(super) const AAAA: u16 = 28;
pub(super) const HTTPS: u16 = 65;
pub(super) const ANY: u16 = 255;

pub(super) const CLIENT: &str = "192.0.2.10";
pub(super) const SERVER: &str = "192.0.2.53";
pub(super) const CLIENT_PORT: u16 = 40_000;
pub(super) const NAMESPACE: u32 = 4_026_531_840;
pub(super) const INTERFACE: u32 = 2;

/// A name on the wire, without compression.
pub(super) fn wire(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// A record of class IN.
pub(super) fn record(owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = wire(owner);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(1u16.to_be_bytes());
    bytes.extend(ttl.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(data);
    bytes
}

pub(super) fn address(owner: &str, ttl: u32, address: &str) -> Vec<u8> {
    match address.parse().unwrap() {
        IpAddr::V4(v4) => record(owner, A, ttl, &v4.octets()),
        IpAddr::V6(v6) => record(owner, AAAA, ttl, &v6.octets()),
    }
}

pub(super) fn alias(owner: &str, ttl: u32, target: &str) -> Vec<u8> {
    record(owner, CNAME, ttl, &wire(target))
}

/// A record of type HTTPS with these hints (RFC 9460, section 7.3).
pub(super) fn service(owner: &str, target: &str, hints: &[&str]) -> Vec<u8> {
    let mut data = vec![0, 1];
    data.extend(wire(target));
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for hint in hints {
        match hint.parse().unwrap() {
            IpAddr::V4(hint) => v4.extend(hint.octets()),
            IpAddr::V6(hint) => v6.extend(hint.octets()),
        }
    }
    for (key, value) in [(4u16, v4), (6, v6)] {
        if !value.is_empty() {
            data.extend(key.to_be_bytes());
            data.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            data.extend(value);
        }
    }
    record(owner, HTTPS, 300, &data)
}

pub(super) fn question(name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = wire(name);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(1u16.to_be_bytes());
    bytes
}

/// A message with these flags, questions and answers.
pub(super) fn message(id: u16, flags: u16, questions: &[Vec<u8>], answers: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let counts = [questions.len(), answers.len(), 0, 0];
    let counts = counts.map(|count| u16::try_from(count).unwrap());
    for number in [id, flags].iter().chain(&counts) {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(questions.concat());
    bytes.extend(answers.concat());
    bytes
}

/// A query that wants recursion.
pub(super) fn query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    message(id, 0x0100, &[question(name, kind)], &[])
}

/// An answer without an error.
pub(super) fn answer(id: u16, name: &str, kind: u16, answers: &[Vec<u8>]) -> Vec<u8> {
    message(id, 0x8180, &[question(name, kind)], answers)
}

/// The ends of an exchange with a server.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) client: IpAddr,
    pub(super) client_port: u16,
    pub(super) server: IpAddr,
    pub(super) server_port: u16,
}

pub(super) fn ends() -> Ends {
    Ends {
        client: CLIENT.parse().unwrap(),
        client_port: CLIENT_PORT,
        server: SERVER.parse().unwrap(),
        server_port: 53,
    }
}

impl Ends {
    pub(super) fn at(server: &str) -> Self {
        let server: IpAddr = server.parse().unwrap();
        let client = match server {
            IpAddr::V4(_) if server.is_loopback() => "127.0.0.1",
            IpAddr::V4(_) => CLIENT,
            IpAddr::V6(_) => "2001:db8::10",
        };
        Self {
            client: client.parse().unwrap(),
            server,
            ..ends()
        }
    }

    fn ip(self, direction: Direction) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
        let (source, destination) = match direction {
            Direction::Sent => (self.client, self.server),
            Direction::Received => (self.server, self.client),
        };
        match (source, destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ip(etherparse::IpHeaders::Ipv4(
                etherparse::Ipv4Header::new(
                    0,
                    64,
                    etherparse::ip_number::UDP,
                    from.octets(),
                    to.octets(),
                )
                .unwrap(),
                etherparse::Ipv4Extensions::default(),
            )),
            (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ip(etherparse::IpHeaders::Ipv6(
                etherparse::Ipv6Header {
                    hop_limit: 64,
                    source: from.octets(),
                    destination: to.octets(),
                    ..etherparse::Ipv6Header::default()
                },
                etherparse::Ipv6Extensions::default(),
            )),
            _ => panic!("the ends are of different families"),
        }
    }

    fn ports(self, direction: Direction) -> (u16, u16) {
        match direction {
            Direction::Sent => (self.client_port, self.server_port),
            Direction::Received => (self.server_port, self.client_port),
        }
    }

    /// A datagram from its IP header on.
    pub(super) fn udp(self, direction: Direction, payload: &[u8]) -> Vec<u8> {
        let (source, destination) = self.ports(direction);
        let mut bytes = Vec::new();
        self.ip(direction)
            .udp(source, destination)
            .write(&mut bytes, payload)
            .unwrap();
        bytes
    }

    /// A TCP segment from its IP header on. `flags` holds some of the letters SAFR.
    pub(super) fn tcp(
        self,
        direction: Direction,
        flags: &str,
        sequence: u32,
        payload: &[u8],
    ) -> Vec<u8> {
        let (source, destination) = self.ports(direction);
        let mut step = self
            .ip(direction)
            .tcp(source, destination, sequence, 64_240);
        for flag in flags.chars() {
            step = match flag {
                'S' => step.syn(),
                'A' => step.ack(1),
                'F' => step.fin(),
                'R' => step.rst(),
                _ => panic!("{flag} is no flag"),
            };
        }
        let mut bytes = Vec::new();
        step.write(&mut bytes, payload).unwrap();
        bytes
    }
}

/// A packet as the kernel side hands it over.
pub(super) fn captured(direction: Direction, bytes: &[u8]) -> Captured<'_> {
    Captured {
        direction,
        network_namespace: NAMESPACE,
        interface: INTERFACE,
        bytes,
    }
}
