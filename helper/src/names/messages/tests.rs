use proptest::prelude::*;

use super::super::testing::{
    A, AAAA, ANY, CNAME, HTTPS, TXT, address, alias, answer, message, query, question, record,
    service, wire,
};
use super::*;

fn name(text: &str) -> WireName {
    (&text.parse::<HostName>().unwrap()).into()
}

fn records(bytes: &[u8]) -> Result<Vec<Record>, MessageError> {
    DnsMessage::read(bytes)?.records()
}

#[test]
fn a_query_says_what_it_asks_in_lower_case() {
    for (kind, wanted) in [
        (A, Wanted::Ipv4),
        (AAAA, Wanted::Ipv6),
        (HTTPS, Wanted::Service),
        (ANY, Wanted::Any),
    ] {
        let bytes = query(0xabcd, "wWw.ExaMPLE.org", kind);
        let message = DnsMessage::read(&bytes).unwrap();
        assert_eq!(message.id(), 0xabcd);
        assert!(!message.is_response());
        let name = name("www.example.org");
        assert_eq!(message.question(), Ok(Question { name, wanted }));
    }
}

#[test]
fn what_is_not_about_addresses_is_left_alone() {
    let of = |bytes: &[u8]| DnsMessage::read(bytes).and_then(DnsMessage::question);
    assert_eq!(
        of(&query(1, "example.org", TXT)),
        Err(MessageError::OtherType)
    );
    assert_eq!(
        of(&query(1, "example.org", CNAME)),
        Err(MessageError::OtherType)
    );
    let questions = [question("example.org", A), question("example.net", A)];
    assert_eq!(
        of(&message(1, 0x0100, &questions, &[])),
        Err(MessageError::Malformed)
    );
    assert_eq!(
        of(&message(1, 0x0100, &[], &[])),
        Err(MessageError::Malformed)
    );
    // An update (RFC 2136), and a question of class CHAOS.
    assert_eq!(
        of(&message(1, 0x2800, &questions[..1], &[])),
        Err(MessageError::OtherBusiness)
    );
    let mut chaos = query(1, "example.org", A);
    *chaos.last_mut().unwrap() = 3;
    assert_eq!(of(&chaos), Err(MessageError::OtherBusiness));
}

#[test]
fn records_about_addresses_are_read_and_others_skipped() {
    let bytes = answer(
        7,
        "www.example.org",
        ANY,
        &[
            alias("WWW.example.org", 60, "Host.example.net"),
            record("host.example.net", TXT, 60, b"\x02hi"),
            address("host.example.net", 70, "192.0.2.1"),
            address("host.example.net", 80, "2001:db8::1"),
            service("host.example.net", ".", &["192.0.2.2", "2001:db8::2"]),
        ],
    );
    let record = |owner: &str, ttl, data| Record {
        owner: name(owner),
        ttl,
        data,
    };
    let ip = |text: &str| text.parse().unwrap();
    assert_eq!(
        records(&bytes),
        Ok(vec![
            record("www.example.org", 60, Data::Alias(name("host.example.net"))),
            record("host.example.net", 70, Data::Address(ip("192.0.2.1"))),
            record("host.example.net", 80, Data::Address(ip("2001:db8::1"))),
            record(
                "host.example.net",
                300,
                Data::Hints(vec![ip("192.0.2.2"), ip("2001:db8::2")])
            ),
        ])
    );
}

#[test]
fn compressed_names_are_read() {
    // The owner is a pointer to the question's name, behind the header of 12 bytes.
    let mut compressed = vec![0xc0, 12];
    compressed.extend(&address("", 60, "192.0.2.1")[1..]);
    let bytes = answer(7, "www.example.org", A, &[compressed]);
    assert_eq!(
        records(&bytes).unwrap()[0],
        Record {
            owner: name("www.example.org"),
            ttl: 60,
            data: Data::Address("192.0.2.1".parse().unwrap()),
        }
    );
    // One that points to itself is no name, however long one follows it.
    let mut circle = vec![0xc0, 33];
    circle.extend(&address("", 60, "192.0.2.1")[1..]);
    assert_eq!(
        circle[1],
        u8::try_from(wire("www.example.org").len() + 16).unwrap()
    );
    let bytes = answer(7, "www.example.org", A, &[circle]);
    assert_eq!(records(&bytes), Ok(vec![]));
}

#[test]
fn an_answer_that_is_cut_says_what_stands_before_the_cut() {
    let bytes = answer(
        7,
        "example.org",
        A,
        &[
            address("example.org", 60, "192.0.2.1"),
            address("example.org", 60, "192.0.2.2"),
        ],
    );
    assert_eq!(records(&bytes).unwrap().len(), 2);
    for cut in 1..27 {
        let rest = &bytes[..bytes.len() - cut];
        assert_eq!(records(rest).unwrap().len(), 1, "{cut} bytes cut");
    }
    assert_eq!(records(&bytes[..bytes.len() - 28]).unwrap().len(), 0);
    assert_eq!(
        DnsMessage::read(&bytes[..11]).err(),
        Some(MessageError::Malformed)
    );
}

#[test]
fn an_error_tells_nothing() {
    let records_of = |flags| {
        let answers = [address("example.org", 60, "192.0.2.1")];
        records(&message(7, flags, &[question("example.org", A)], &answers))
    };
    assert_eq!(records_of(0x8180).unwrap().len(), 1);
    // NXDOMAIN and SERVFAIL.
    for flags in [0x8183, 0x8182] {
        assert_eq!(records_of(flags), Err(MessageError::NotFound));
    }
}

#[test]
fn no_answer_is_read_without_bound() {
    let one = address("a.example", 60, "192.0.2.1");
    let bytes = answer(7, "a.example", A, &vec![one; RECORDS + 1]);
    assert_eq!(records(&bytes).unwrap().len(), RECORDS);
}

#[test]
fn only_names_of_hosts_are_host_names() {
    let of = |labels: &[&[u8]]| {
        let mut bytes = Vec::new();
        for label in labels {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend_from_slice(label);
        }
        bytes.push(0);
        bytes.extend(&question("", A)[1..]);
        let bytes = message(1, 0x0100, &[bytes], &[]);
        let question = DnsMessage::read(&bytes).unwrap().question().unwrap();
        question.name.host_name().map(|name| name.to_string())
    };
    assert_eq!(of(&[b"WWW", b"example"]).as_deref(), Some("www.example"));
    // A dot within a label, a byte that is no ASCII, a line break, a backslash, the root.
    for labels in [
        &[b"www.example".as_slice(), b"org"][..],
        &[b"m\xfcnchen", b"de"],
        &[b"a\nb", b"org"],
        &[b"a\\046b", b"org"],
        &[],
    ] {
        assert_eq!(of(labels), None);
    }
}

/// Bytes that are a message but for a few mistakes.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let bytes = answer(
        7,
        "www.example.org",
        A,
        &[
            alias("www.example.org", 60, "host.example.net"),
            address("host.example.net", 70, "192.0.2.1"),
            service("host.example.net", ".", &["192.0.2.2", "2001:db8::2"]),
        ],
    );
    let mistakes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (mistakes, any::<prop::sample::Index>()).prop_map(move |(mistakes, end)| {
        let mut bytes = bytes.clone();
        for (at, value) in mistakes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - end.index(bytes.len()) / 4);
        bytes
    })
}

fn read_all(bytes: &[u8]) {
    if let Ok(message) = DnsMessage::read(bytes) {
        if let Ok(question) = message.question() {
            question.name.host_name();
        }
        for record in message.records().unwrap_or_default() {
            record.owner.host_name();
        }
    }
    Record::read(bytes);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        read_all(&bytes);
    }

    #[test]
    fn any_damaged_message_is_read_or_refused(bytes in damaged()) {
        read_all(&bytes);
    }

    #[test]
    fn a_host_name_survives_the_wire(name in "[a-z0-9_]{1,20}(\\.[a-z]{1,20}){0,4}\\.[a-z]{2,9}") {
        let name: HostName = name.parse().unwrap();
        prop_assert_eq!(WireName::from(&name).host_name(), Some(name));
    }
}
