use proptest::prelude::*;

use super::super::testing::{CLIENT, INTERFACE, SERVER};
use super::*;

fn path(port: u16) -> Path {
    Path {
        local: (CLIENT.parse::<std::net::IpAddr>().unwrap(), port).into(),
        server: SERVER.parse().unwrap(),
        interface: INTERFACE,
    }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn segment<'a>(flags: &str, sequence: u32, bytes: &'a [u8]) -> Segment<'a> {
    let has = |flag| flags.contains(flag);
    Segment {
        sequence,
        syn: has('S'),
        ack: has('A'),
        fin: has('F'),
        rst: has('R'),
        bytes,
        cut: has('c'),
    }
}

/// Messages with their lengths before them.
fn framed(messages: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        bytes.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(message);
    }
    bytes
}

const SENT: Direction = Direction::Sent;
const RECEIVED: Direction = Direction::Received;

/// One connection, opened with these numbers.
struct Talk {
    streams: Streams,
    now: u64,
}

impl Talk {
    fn open(client: u32, server: u32) -> Self {
        let streams = Streams::new();
        let mut talk = Self { streams, now: 0 };
        assert_eq!(talk.push(SENT, segment("S", client, b"")), Ok(vec![]));
        assert_eq!(talk.push(RECEIVED, segment("SA", server, b"")), Ok(vec![]));
        talk
    }

    fn push(
        &mut self,
        direction: Direction,
        segment: Segment<'_>,
    ) -> Result<Vec<Vec<u8>>, StreamError> {
        let now = at(self.now);
        match self.streams.push(path(4_000), direction, &segment, now) {
            (messages, None) => Ok(messages),
            (_, Some(error)) => Err(error),
        }
    }
}

const FIRST: &[u8] = b"the first message";
const SECOND: &[u8] = b"the second message";

#[test]
fn messages_come_out_whole_however_they_were_cut() {
    let bytes = framed(&[FIRST, SECOND]);
    for border in 0..=bytes.len() {
        let mut talk = Talk::open(100, 200);
        let (one, two) = bytes.split_at(border);
        let mut messages = talk.push(RECEIVED, segment("A", 201, one)).unwrap();
        let next = 201 + u32::try_from(border).unwrap();
        messages.extend(talk.push(RECEIVED, segment("A", next, two)).unwrap());
        assert_eq!(messages, [FIRST, SECOND], "cut at {border}");
    }
}

#[test]
fn both_directions_count_on_their_own() {
    let mut talk = Talk::open(u32::MAX, u32::MAX - 5);
    let sent = framed(&[FIRST]);
    assert_eq!(
        talk.push(SENT, segment("A", 0, &sent)),
        Ok(vec![FIRST.to_vec()])
    );
    // Numbers go round.
    let received = framed(&[SECOND, FIRST]);
    let (one, two) = received.split_at(10);
    assert_eq!(
        talk.push(RECEIVED, segment("A", u32::MAX - 4, one)),
        Ok(vec![])
    );
    let both = vec![SECOND.to_vec(), FIRST.to_vec()];
    assert_eq!(talk.push(RECEIVED, segment("A", 5, two)), Ok(both));
}

#[test]
fn what_is_sent_again_counts_once() {
    let mut talk = Talk::open(100, 200);
    let bytes = framed(&[FIRST, SECOND]);
    assert_eq!(talk.push(SENT, segment("S", 100, b"")), Ok(vec![]));
    assert_eq!(talk.push(RECEIVED, segment("SA", 200, b"")), Ok(vec![]));
    let first = &bytes[..FIRST.len() + 2];
    assert_eq!(
        talk.push(RECEIVED, segment("A", 201, first)),
        Ok(vec![FIRST.to_vec()])
    );
    assert_eq!(talk.push(RECEIVED, segment("A", 201, first)), Ok(vec![]));
    // Together with more.
    assert_eq!(
        talk.push(RECEIVED, segment("A", 201, &bytes)),
        Ok(vec![SECOND.to_vec()])
    );
    // A keep-alive has the number before the next.
    let last = 201 + u32::try_from(bytes.len()).unwrap() - 1;
    assert_eq!(talk.push(RECEIVED, segment("A", last, b"")), Ok(vec![]));
}

#[test]
fn data_in_the_syn_counts() {
    let mut streams = Streams::new();
    let bytes = framed(&[FIRST]);
    let opened = streams.push(path(4_000), SENT, &segment("S", 100, &bytes), at(0));
    assert_eq!(opened, (vec![FIRST.to_vec()], None));
    // The server did not take it: it is sent again, and counts once.
    let again = streams.push(path(4_000), SENT, &segment("A", 101, &bytes), at(0));
    assert_eq!(again, (vec![], None));
}

#[test]
fn a_gap_ends_the_observation() {
    let bytes = framed(&[FIRST]);
    let mut talk = Talk::open(100, 200);
    assert_eq!(
        talk.push(RECEIVED, segment("A", 202, &bytes)),
        Err(StreamError::Gap)
    );
    assert_eq!(
        talk.push(RECEIVED, segment("A", 201, &bytes)),
        Err(StreamError::Unknown)
    );
    assert_eq!(talk.streams.len(), 0);
    // What was not captured whole is a gap, but what was captured counts.
    let mut talk = Talk::open(100, 200);
    let cut = segment("Ac", 201, &bytes);
    let (messages, error) = talk.streams.push(path(4_000), RECEIVED, &cut, at(0));
    assert_eq!(
        (messages, error),
        (vec![FIRST.to_vec()], Some(StreamError::Gap))
    );
    assert_eq!(talk.streams.len(), 0);
}

#[test]
fn what_can_be_no_dns_is_not_observed() {
    for length in 0..12 {
        let mut talk = Talk::open(100, 200);
        let bytes = framed(&[&[0; 12][..length], FIRST]);
        let pushed = talk.push(SENT, segment("A", 101, &bytes));
        assert_eq!(pushed, Err(StreamError::Malformed), "{length} bytes");
        assert_eq!(talk.streams.len(), 0);
    }
}

#[test]
fn only_what_was_observed_from_its_opening_counts() {
    let mut streams = Streams::new();
    let bytes = framed(&[FIRST]);
    let unknown = (vec![], Some(StreamError::Unknown));
    for (direction, flags) in [(SENT, "A"), (RECEIVED, "A"), (RECEIVED, "SA"), (SENT, "SA")] {
        let pushed = streams.push(path(4_000), direction, &segment(flags, 5, &bytes), at(0));
        assert_eq!(pushed, unknown);
    }
    // An answer before the server accepted.
    streams.push(path(4_000), SENT, &segment("S", 100, b""), at(0));
    let pushed = streams.push(path(4_000), RECEIVED, &segment("A", 5, &bytes), at(0));
    assert_eq!(pushed, (vec![], Some(StreamError::Gap)));
}

#[test]
fn a_new_connection_at_the_same_place_starts_afresh() {
    let mut talk = Talk::open(100, 200);
    let bytes = framed(&[FIRST]);
    assert_eq!(
        talk.push(RECEIVED, segment("A", 201, &bytes[..5])),
        Ok(vec![])
    );
    assert_eq!(talk.push(SENT, segment("S", 900, b"")), Ok(vec![]));
    assert_eq!(talk.push(RECEIVED, segment("SA", 800, b"")), Ok(vec![]));
    assert_eq!(
        talk.push(RECEIVED, segment("A", 801, &bytes)),
        Ok(vec![FIRST.to_vec()])
    );
}

#[test]
fn connections_end() {
    let mut talk = Talk::open(100, 200);
    // One side is done; the other still answers.
    assert_eq!(talk.push(SENT, segment("AF", 101, b"")), Ok(vec![]));
    let bytes = framed(&[FIRST]);
    assert_eq!(
        talk.push(RECEIVED, segment("AF", 201, &bytes)),
        Ok(vec![FIRST.to_vec()])
    );
    assert_eq!(talk.streams.len(), 0);
    let mut talk = Talk::open(100, 200);
    assert_eq!(talk.push(RECEIVED, segment("R", 0, b"")), Ok(vec![]));
    assert_eq!(talk.streams.len(), 0);
    let mut talk = Talk::open(100, 200);
    talk.now = 10;
    assert_eq!(talk.push(SENT, segment("A", 101, b"")), Ok(vec![]));
    talk.streams.tick(at(10 + IDLE));
    assert_eq!(talk.streams.len(), 1);
    talk.streams.tick(at(11 + IDLE));
    assert_eq!(talk.streams.len(), 0);
}

#[test]
fn connections_and_what_is_kept_of_them_are_bounded() {
    let mut streams = Streams::new();
    let most = u16::try_from(CONNECTIONS).unwrap();
    for port in 0..=most {
        streams.push(path(port), SENT, &segment("S", 100, b""), at(0));
        // The first one is in use again and again.
        streams.push(path(0), SENT, &segment("A", 101, b""), at(0));
    }
    assert_eq!(streams.len(), CONNECTIONS);
    assert!(streams.0.get(&path(0)).is_some());
    assert!(streams.0.get(&path(1)).is_none());
    // The largest message that can be, byte by byte at its end.
    let message = vec![7; usize::from(u16::MAX)];
    let bytes = framed(&[&message]);
    let (most, last) = bytes.split_at(bytes.len() - 1);
    streams.push(path(0), SENT, &segment("A", 101, most), at(0));
    let kept = |streams: &Streams| streams.0.get(&path(0)).map(|c| c.sent.buffer.len());
    assert_eq!(kept(&streams), Some(usize::from(u16::MAX) + 1));
    let end = 101 + u32::try_from(most.len()).unwrap();
    let pushed = streams.push(path(0), SENT, &segment("A", end, last), at(0));
    assert_eq!(pushed, (vec![message], None));
    assert_eq!(kept(&streams), Some(0));
}

proptest! {
    /// Messages, cut anywhere, with pieces sent again.
    #[test]
    fn what_goes_in_in_order_comes_out(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 12..90), 1..5),
        pieces in prop::collection::vec((0..40usize, 1..60usize), 0..30),
        opening: u32,
    ) {
        let messages: Vec<_> = messages.iter().map(Vec::as_slice).collect();
        let bytes = framed(&messages);
        let mut talk = Talk::open(opening, 0);
        let mut out = Vec::new();
        let mut done = 0;
        for (back, length) in pieces.into_iter().chain([(0, bytes.len())]) {
            let start = done - back.min(done);
            let end = (done + length).min(bytes.len());
            let number = opening.wrapping_add(1).wrapping_add(u32::try_from(start).unwrap());
            out.extend(talk.push(SENT, segment("A", number, &bytes[start..end])).unwrap());
            done = end;
        }
        prop_assert_eq!(out, messages);
    }

    #[test]
    fn any_segments_are_taken_or_refused(
        segments in prop::collection::vec(
            (any::<bool>(), "[SAFRc]{0,3}", 0..40u32, prop::collection::vec(0..20u8, 0..60)),
            0..40,
        ),
    ) {
        let mut talk = Talk::open(3, 4);
        for (sent, flags, sequence, bytes) in segments {
            let direction = if sent { SENT } else { RECEIVED };
            let _ = talk.push(direction, segment(&flags, sequence, &bytes));
            prop_assert!(talk.streams.len() <= 1);
        }
    }
}
