use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{
    IpFragOffset, IpHeaders, IpNumber, Ipv4Header, Ipv6Extensions, Ipv6FragmentHeader, Ipv6Header,
    Ipv6RawExtHeader, PacketBuilder,
};
use proptest::prelude::*;

use super::*;

const FROM4: [u8; 4] = [192, 0, 2, 1];
const TO4: [u8; 4] = [198, 51, 100, 7];
const FROM6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const TO6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

fn flow(v6: bool, protocol: Protocol, source_port: u16, destination_port: u16) -> Flow {
    let (source, destination) = if v6 {
        (Ipv6Addr::from(FROM6).into(), Ipv6Addr::from(TO6).into())
    } else {
        (Ipv4Addr::from(FROM4).into(), Ipv4Addr::from(TO4).into())
    };
    Flow {
        protocol,
        source,
        source_port,
        destination,
        destination_port,
        hosts: Vec::new(),
    }
}

fn whole(flow: Flow) -> ParsedPacket {
    ParsedPacket {
        flow,
        part: Part::Whole,
        midstream: false,
    }
}

/// An IPv4 packet with this protocol and payload.
fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let mut bytes = Ipv4Header::new(length, 64, IpNumber(protocol), FROM4, TO4)
        .unwrap()
        .to_bytes()
        .to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

/// An IPv6 packet: `next` names the first header of the payload.
fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header {
        payload_length: u16::try_from(payload.len()).unwrap(),
        next_header: IpNumber(next),
        hop_limit: 64,
        source: FROM6,
        destination: TO6,
        ..Ipv6Header::default()
    };
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

fn fragment_header(next: u8, offset: u16, more: bool) -> Vec<u8> {
    Ipv6FragmentHeader::new(
        IpNumber(next),
        IpFragOffset::try_new(offset).unwrap(),
        more,
        7,
    )
    .to_bytes()
    .to_vec()
}

fn built(step: etherparse::PacketBuilderStep<etherparse::UdpHeader>) -> Vec<u8> {
    let mut bytes = Vec::new();
    step.write(&mut bytes, b"payload").unwrap();
    bytes
}

/// Packets that can be read, with what they say; the property tests cut and bend them.
fn readable() -> Vec<(Vec<u8>, ParsedPacket)> {
    let mut syn = Vec::new();
    PacketBuilder::ipv4(FROM4, TO4, 64)
        .tcp(40000, 443, 1, 1024)
        .syn()
        .write(&mut syn, &[])
        .unwrap();
    let mut syn6 = Vec::new();
    PacketBuilder::ipv6(FROM6, TO6, 64)
        .tcp(40000, 443, 1, 1024)
        .syn()
        .write(&mut syn6, &[])
        .unwrap();
    let mut data = Vec::new();
    PacketBuilder::ipv4(FROM4, TO4, 64)
        .tcp(40000, 443, 1, 1024)
        .ack(9)
        .write(&mut data, b"middle")
        .unwrap();
    let mut ping = Vec::new();
    PacketBuilder::ipv4(FROM4, TO4, 64)
        .icmpv4_echo_request(77, 1)
        .write(&mut ping, b"x")
        .unwrap();
    let mut ping6 = Vec::new();
    PacketBuilder::ipv6(FROM6, TO6, 64)
        .icmpv6_echo_request(78, 1)
        .write(&mut ping6, b"x")
        .unwrap();
    let ports = [0x9c, 0x40, 0, 53, 0, 0, 0, 0, 1, 2, 3, 4];
    let tcp = |v6| whole(flow(v6, Protocol::Tcp, 40000, 443));
    vec![
        (syn, tcp(false)),
        (syn6, tcp(true)),
        (
            data,
            ParsedPacket {
                midstream: true,
                ..tcp(false)
            },
        ),
        (
            built(PacketBuilder::ipv4(FROM4, TO4, 64).udp(40000, 53)),
            whole(flow(false, Protocol::Udp, 40000, 53)),
        ),
        (
            built(PacketBuilder::ipv6(FROM6, TO6, 64).udp(40000, 53)),
            whole(flow(true, Protocol::Udp, 40000, 53)),
        ),
        (
            ipv4(136, &ports),
            whole(flow(false, Protocol::UdpLite, 40000, 53)),
        ),
        (
            ipv6(136, &ports),
            whole(flow(true, Protocol::UdpLite, 40000, 53)),
        ),
        (
            ipv4(132, &ports),
            whole(flow(false, Protocol::Sctp, 40000, 53)),
        ),
        (
            ipv6(132, &ports),
            whole(flow(true, Protocol::Sctp, 40000, 53)),
        ),
        (ping, whole(flow(false, Protocol::Icmp, 77, 0))),
        (ping6, whole(flow(true, Protocol::IcmpV6, 78, 0))),
        (ipv4(47, &[]), whole(flow(false, Protocol::Other(47), 0, 0))),
        (ipv6(50, &[1]), whole(flow(true, Protocol::Other(50), 0, 0))),
        (ipv6(59, &[]), whole(flow(true, Protocol::Other(59), 0, 0))),
        (extended(), whole(flow(true, Protocol::Udp, 40000, 53))),
    ]
}

/// UDP behind a hop-by-hop, a destination options and an atomic fragment header.
fn extended() -> Vec<u8> {
    let extensions = Ipv6Extensions {
        hop_by_hop_options: Some(
            Ipv6RawExtHeader::new_raw(IpNumber(60), &[1, 4, 0, 0, 0, 0]).unwrap(),
        ),
        destination_options: Some(
            Ipv6RawExtHeader::new_raw(IpNumber(44), &[1, 4, 0, 0, 0, 0]).unwrap(),
        ),
        fragment: Some(Ipv6FragmentHeader::new(
            IpNumber::UDP,
            IpFragOffset::ZERO,
            false,
            7,
        )),
        ..Ipv6Extensions::default()
    };
    let header = Ipv6Header {
        next_header: IpNumber(0),
        hop_limit: 64,
        source: FROM6,
        destination: TO6,
        ..Ipv6Header::default()
    };
    built(PacketBuilder::ip(IpHeaders::Ipv6(header, extensions)).udp(40000, 53))
}

#[test]
fn reads_every_protocol_of_both_families() {
    for (bytes, expected) in readable() {
        assert_eq!(parse(&bytes).as_ref(), Ok(&expected), "{bytes:02x?}");
    }
}

#[test]
fn reads_ipv4_options_and_needs_no_total_length() {
    let header = Ipv4Header {
        // The kernel writes 0 for a packet that segmentation offload will cut up.
        total_len: 0,
        options: [1u8; 8].into(),
        protocol: IpNumber::UDP,
        source: FROM4,
        destination: TO4,
        ..Ipv4Header::default()
    };
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend_from_slice(&[0x9c, 0x40, 0, 53, 0, 8, 0, 0]);
    assert_eq!(
        parse(&bytes),
        Ok(whole(flow(false, Protocol::Udp, 40000, 53)))
    );
}

#[test]
fn a_packet_cut_behind_its_headers_is_complete() {
    let mut bytes = Vec::new();
    PacketBuilder::ipv6(FROM6, TO6, 64)
        .udp(40000, 443)
        .write(&mut bytes, &[0; 1200])
        .unwrap();
    bytes.truncate(48);
    assert_eq!(
        parse(&bytes),
        Ok(whole(flow(true, Protocol::Udp, 40000, 443)))
    );
}

#[test]
fn the_first_fragment_has_ports_and_later_ones_say_they_have_none() {
    let udp = [0x9c, 0x40, 0, 53, 0, 8, 0, 0];
    let with = |offset: u16, more: bool, payload: &[u8]| {
        let header = Ipv4Header {
            more_fragments: more,
            fragment_offset: IpFragOffset::try_new(offset).unwrap(),
            ..Ipv4Header::new(8, 64, IpNumber::UDP, FROM4, TO4).unwrap()
        };
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend_from_slice(payload);
        parse(&bytes)
    };
    let expected = |part, source_port, destination_port| {
        Ok(ParsedPacket {
            flow: flow(false, Protocol::Udp, source_port, destination_port),
            part,
            midstream: false,
        })
    };
    assert_eq!(
        with(0, true, &udp),
        expected(Part::FirstFragment, 40000, 53)
    );
    assert_eq!(with(1, true, &udp), expected(Part::LaterFragment, 0, 0));
    assert_eq!(with(1, false, &[]), expected(Part::LaterFragment, 0, 0));
}

#[test]
fn ipv6_fragments_likewise_whatever_their_middle_looks_like() {
    let expected = |part, protocol, source_port, destination_port| {
        Ok(ParsedPacket {
            flow: flow(true, protocol, source_port, destination_port),
            part,
            midstream: false,
        })
    };
    let udp = [0x9c, 0x40, 0, 53, 0, 8, 0, 0];
    let first = [fragment_header(17, 0, true), udp.to_vec()].concat();
    assert_eq!(
        parse(&ipv6(44, &first)),
        expected(Part::FirstFragment, Protocol::Udp, 40000, 53)
    );
    // Behind the fragment header stands the middle of a datagram that began with destination
    // options: read as a header, its bytes would claim to be TCP, or be malformed.
    for middle in [vec![6, 0, 1, 4, 0, 0, 0, 0], vec![0, 200], vec![]] {
        let later = [fragment_header(60, 9, false), middle].concat();
        assert_eq!(
            parse(&ipv6(44, &later)),
            expected(Part::LaterFragment, Protocol::Other(60), 0, 0)
        );
    }
}

#[test]
fn unreadable_packets_say_what_is_wrong() {
    use std::error::Error as _;
    assert_eq!(parse(&[]), Err(PacketError::NotIp));
    assert_eq!(parse(&[0x55; 60]), Err(PacketError::NotIp));
    for bytes in [[0x45; 19], [0x44; 19]] {
        assert!(matches!(parse(&bytes), Err(PacketError::Ipv4(_))));
    }
    assert!(matches!(
        parse(&ipv6(17, &[0; 8])[..39]),
        Err(PacketError::Ipv6(_))
    ));
    for (protocol, needed) in [(17, 8), (136, 8), (132, 12), (1, 8)] {
        let error = parse(&ipv4(protocol, &[0; 7])).unwrap_err();
        assert_eq!(
            error,
            PacketError::Truncated {
                protocol: Protocol::from_number(protocol),
                destination: Ipv4Addr::from(TO4).into(),
                length: 7,
                needed,
            }
        );
        assert!(error.to_string().contains("to 198.51.100.7 has 7 bytes"));
    }
    // A data offset of 4 words is shorter than the header itself.
    let mut tcp = [0; 20];
    tcp[12] = 0x40;
    for payload in [&tcp[..], &tcp[..19]] {
        let error = parse(&ipv4(6, payload)).unwrap_err();
        assert!(matches!(error, PacketError::Tcp { .. }));
        assert!(error.source().is_some());
    }
    // A hop-by-hop header behind another, and one that is cut.
    for extension in [&[0, 0, 1, 4, 0, 0, 0, 0][..], &[17, 9, 1, 4]] {
        assert!(matches!(
            parse(&ipv6(60, extension)),
            Err(PacketError::Extension { .. })
        ));
    }
}

#[test]
fn an_ipv4_address_in_ipv6_clothes_is_refused() {
    let mut bytes = ipv6(17, &[0; 8]);
    bytes[24..40].copy_from_slice(&Ipv4Addr::from(TO4).to_ipv6_mapped().octets());
    assert!(matches!(
        parse(&bytes),
        Err(PacketError::MappedDestination(_))
    ));
}

/// What holds for every packet that can be read.
fn assert_sound(bytes: &[u8]) {
    let Ok(packet) = parse(bytes) else { return };
    let flow = &packet.flow;
    assert!(flow.hosts.is_empty());
    assert_eq!(flow.source.is_ipv4(), bytes[0] >> 4 == 4);
    assert_eq!(flow.source.is_ipv4(), flow.destination.is_ipv4());
    assert_eq!(flow.destination.to_canonical(), flow.destination);
    if packet.part == Part::LaterFragment || !flow.protocol.has_ports() {
        assert_eq!(flow.destination_port, 0);
    }
    if packet.part == Part::LaterFragment {
        assert_eq!(flow.source_port, 0);
    }
    if packet.midstream {
        assert_eq!(flow.protocol, Protocol::Tcp);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn total_on_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        assert_sound(&bytes);
    }

    #[test]
    fn total_on_bytes_that_begin_like_a_packet(
        six: bool,
        mut bytes in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        bytes[0] = if six { 0x60 } else { 0x45 };
        assert_sound(&bytes);
    }

    #[test]
    fn total_on_bent_and_cut_packets(
        which in 0..readable().len(),
        bends in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep in any::<prop::sample::Index>(),
    ) {
        let (mut bytes, _) = readable().swap_remove(which);
        for (at, value) in bends {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(keep.index(bytes.len() + 1));
        assert_sound(&bytes);
    }

    #[test]
    fn a_cut_packet_tells_the_same_flow_or_none(
        which in 0..readable().len(),
        keep in any::<prop::sample::Index>(),
    ) {
        let (mut bytes, expected) = readable().swap_remove(which);
        bytes.truncate(keep.index(bytes.len() + 1));
        if let Ok(packet) = parse(&bytes) {
            prop_assert_eq!(packet, expected);
        }
    }
}

#[test]
fn an_authentication_header_is_skipped_in_ipv6_and_a_protocol_in_ipv4() {
    // RFC 4302: next header, length in words less 2, reserved, SPI, sequence, no check value.
    let mut payload = vec![17, 1, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1];
    payload.extend_from_slice(&[0x9c, 0x40, 0, 53, 0, 8, 0, 0]);
    assert_eq!(
        parse(&ipv6(51, &payload)),
        Ok(whole(flow(true, Protocol::Udp, 40000, 53)))
    );
    assert_eq!(
        parse(&ipv4(51, &payload)),
        Ok(whole(flow(false, Protocol::Other(51), 0, 0)))
    );
    payload[1] = 0;
    for bytes in [&payload[..], &payload[..5]] {
        assert!(matches!(
            parse(&ipv6(51, bytes)),
            Err(PacketError::Extension { .. })
        ));
    }
}
