use proptest::prelude::*;

use super::super::testing::{CLIENT, CLIENT_PORT, Ends, INTERFACE, SERVER, captured, ends};
use super::*;

fn read(direction: Direction, bytes: &[u8]) -> Result<Traffic<'_>, CaptureError> {
    Traffic::read(&captured(direction, bytes))
}

fn path() -> Path {
    Path {
        local: SocketAddr::new(CLIENT.parse().unwrap(), CLIENT_PORT),
        server: SERVER.parse().unwrap(),
        interface: INTERFACE,
    }
}

#[test]
fn both_ways_have_the_same_ends() {
    for direction in [Direction::Sent, Direction::Received] {
        let bytes = ends().udp(direction, b"hello");
        let traffic = Traffic {
            path: path(),
            content: Content::Datagram(b"hello"),
        };
        assert_eq!(read(direction, &bytes), Ok(traffic));
    }
    let bytes = Ends::at("2001:db8::53").udp(Direction::Received, b"hello");
    let traffic = read(Direction::Received, &bytes).unwrap();
    assert_eq!(
        traffic.path.server,
        "2001:db8::53".parse::<IpAddr>().unwrap()
    );
    assert_eq!(traffic.content, Content::Datagram(b"hello"));
}

#[test]
fn a_segment_has_its_number_and_flags() {
    let bytes = ends().tcp(Direction::Received, "AF", 17, b"hello");
    let segment = Segment {
        sequence: 17,
        syn: false,
        ack: true,
        fin: true,
        rst: false,
        bytes: b"hello",
        cut: false,
    };
    let traffic = read(Direction::Received, &bytes).unwrap();
    assert_eq!(traffic.content, Content::Segment(segment));
    let cut = Segment {
        bytes: b"hel",
        cut: true,
        ..segment
    };
    let traffic = read(Direction::Received, &bytes[..bytes.len() - 2]).unwrap();
    assert_eq!(traffic.content, Content::Segment(cut));
}

#[test]
fn a_datagram_may_be_cut_and_padded() {
    let mut bytes = ends().udp(Direction::Sent, b"hello");
    let cut = read(Direction::Sent, &bytes[..bytes.len() - 2]);
    assert_eq!(cut.unwrap().content, Content::Datagram(b"hel"));
    // Ethernet pads short packets.
    bytes.extend([0; 20]);
    let padded = read(Direction::Sent, &bytes);
    assert_eq!(padded.unwrap().content, Content::Datagram(b"hello"));
}

#[test]
fn the_servers_end_is_not_taken_for_the_clients() {
    // What a server on this machine received, and what it sent.
    let query = ends().udp(Direction::Sent, b"hello");
    let answer = ends().udp(Direction::Received, b"hello");
    for (direction, bytes) in [(Direction::Received, &query), (Direction::Sent, &answer)] {
        assert_eq!(read(direction, bytes), Err(CaptureError::Port));
    }
}

#[test]
fn other_packets_are_refused() {
    let direction = Direction::Sent;
    let bytes = ends().udp(direction, b"hello");
    let with = |change: fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        read(direction, &bytes).map(|_| ())
    };
    assert_eq!(with(|_| ()), Ok(()));
    for cut in 0..28 {
        let refused = read(direction, &bytes[..cut]);
        assert_eq!(refused, Err(CaptureError::Unreadable), "{cut} bytes");
    }
    // More fragments; the last fragment.
    assert_eq!(with(|b| b[6] |= 0x20), Err(CaptureError::Fragment));
    assert_eq!(with(|b| b[7] = 1), Err(CaptureError::Fragment));
    // SCTP.
    assert_eq!(with(|b| b[9] = 132), Err(CaptureError::Protocol));
    // A total length below the header's; a UDP length below its header's, or beyond the packet.
    assert_eq!(with(|b| b[3] = 19), Err(CaptureError::Unreadable));
    assert_eq!(with(|b| b[25] = 7), Err(CaptureError::Unreadable));
    assert_eq!(with(|b| b[25] = 14), Err(CaptureError::Unreadable));
    // A fragment of IPv6 has an extension header.
    let mut v6 = Ends::at("2001:db8::53").udp(direction, b"hello");
    v6[6] = 44;
    assert_eq!(read(direction, &v6), Err(CaptureError::Protocol));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        first in prop_oneof![Just(0x45u8), Just(0x60), any::<u8>()],
        protocol in prop_oneof![Just(6u8), Just(17), any::<u8>()],
        mut bytes in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        for (at, value) in [(0, first), (6, protocol), (9, protocol)] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        for direction in [Direction::Sent, Direction::Received] {
            let _ = read(direction, &bytes);
        }
    }
}
