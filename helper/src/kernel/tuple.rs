//! Flows and packets as the kernel programs know them.

use std::net::IpAddr;

use bastion_ebpf as ebpf;
use bastion_policy::flow::{Flow, Protocol};

/// Where a flow's records are kept in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub(super) ebpf::Tuple);

impl From<&Flow> for Key {
    fn from(flow: &Flow) -> Self {
        let (source, family) = address(flow.source);
        let (destination, _) = address(flow.destination);
        Self(ebpf::Tuple {
            source,
            destination,
            source_port: flow.source_port.to_be_bytes(),
            destination_port: flow.destination_port.to_be_bytes(),
            protocol: flow.protocol.number(),
            family,
            unused: 0,
        })
    }
}

impl Key {
    /// The flow, whose names the kernel does not know.
    pub(super) fn flow(&self) -> Flow {
        let Self(tuple) = self;
        let address = |bytes: [u8; 16]| match (tuple.family, bytes) {
            (4, [a, b, c, d, ..]) => IpAddr::from([a, b, c, d]),
            _ => IpAddr::from(bytes),
        };
        Flow {
            protocol: Protocol::from_number(tuple.protocol),
            source: address(tuple.source),
            source_port: u16::from_be_bytes(tuple.source_port),
            destination: address(tuple.destination),
            destination_port: u16::from_be_bytes(tuple.destination_port),
            hosts: Vec::new(),
        }
    }
}

/// An address in the kernel programs' form, and its family.
pub(super) fn address(address: IpAddr) -> ([u8; 16], u8) {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            ([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4)
        }
        IpAddr::V6(address) => (address.octets(), 6),
    }
}

/// Bytes of a packet that tell it from others of its tuple: `FINGERPRINT` of `kernel/tuple.h`.
const FINGERPRINT: usize = 64;

/// Fewest bytes of a packet that the programs see in one piece: an IPv4 header.
const SHORTEST: usize = 20;

/// What `fingerprint_of` of `kernel/tuple.h` may have made of the same packet, likeliest first:
/// FNV-1a over its first bytes, taken as words. The programs see the packet's linear part alone,
/// which may end earlier: a datagram that a program puts together from pieces is in several.
pub(super) fn fingerprints(packet: &[u8]) -> impl Iterator<Item = u32> {
    let longest = packet.len().min(FINGERPRINT);
    let shortest = longest.min(SHORTEST);
    (shortest..=longest)
        .rev()
        .map(|length| fingerprint(packet, length))
}

fn fingerprint(packet: &[u8], length: usize) -> u32 {
    let mut words = [0; FINGERPRINT];
    if let (Some(to), Some(from)) = (words.get_mut(..length), packet.get(..length)) {
        to.copy_from_slice(from);
    }
    let (words, _) = words.as_chunks::<4>();
    words.iter().fold(2_166_136_261, |hash: u32, word| {
        (hash ^ u32::from_ne_bytes(*word)).wrapping_mul(16_777_619)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_laid_out_as_the_programs_read_it() {
        let flow = Flow {
            protocol: Protocol::Udp,
            source: "192.0.2.1".parse().unwrap(),
            source_port: 0x1234,
            destination: "2001:db8::1".parse().unwrap(),
            destination_port: 53,
            hosts: vec![],
        };
        let Key(tuple) = Key::from(&flow);
        assert_eq!(tuple.source[..5], [192, 0, 2, 1, 0]);
        assert_eq!(tuple.destination[..4], [0x20, 0x01, 0x0d, 0xb8]);
        assert_eq!(tuple.source_port, [0x12, 0x34]);
        assert_eq!((tuple.protocol, tuple.family), (17, 4));
    }

    proptest::proptest! {
        #[test]
        fn a_flow_comes_back_as_it_was(four: [u8; 4], six: [u8; 16], ports: (u16, u16)) {
            for (source, destination) in [
                (IpAddr::from(four), IpAddr::from([192, 0, 2, 1])),
                (IpAddr::from(six), IpAddr::from(six)),
            ] {
                let flow = Flow {
                    protocol: Protocol::UdpLite,
                    source,
                    source_port: ports.0,
                    destination,
                    destination_port: ports.1,
                    hosts: vec![],
                };
                assert_eq!(Key::from(&flow).flow(), flow);
            }
        }

        #[test]
        fn only_the_first_bytes_count(packet: Vec<u8>) {
            let first = packet.get(..FINGERPRINT).unwrap_or(&packet);
            assert!(fingerprints(&packet).eq(fingerprints(first)));
            let cut = packet.get(..SHORTEST).unwrap_or(&packet);
            assert_eq!(fingerprints(&packet).last(), fingerprints(cut).next());
        }
    }
}
