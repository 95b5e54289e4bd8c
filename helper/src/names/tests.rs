use proptest::prelude::*;

use super::testing::{
    A, AAAA, CNAME, Ends, INTERFACE, NAMESPACE, SERVER, TXT, address, alias, answer, captured,
    ends, query,
};
use super::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// One that believes [`SERVER`], the same over IPv6, and what listens on loopback.
fn names() -> Names {
    let mut names = Names::new(NAMESPACE);
    let text = format!("nameserver {SERVER}\nnameserver 2001:db8::53");
    names.use_resolvers(Resolvers::from_texts([text.as_str()]), at(0));
    names
}

/// A question, and an answer to it.
struct Exchange {
    ends: Ends,
    query: Vec<u8>,
    answer: Vec<u8>,
}

/// `www.example.org` is asked for, and has the address 192.0.2.1.
fn exchange() -> Exchange {
    exchange_about("www.example.org")
}

fn exchange_about(name: &str) -> Exchange {
    Exchange {
        ends: ends(),
        query: query(7, name, A),
        answer: answer(7, name, A, &[address(name, 300, "192.0.2.1")]),
    }
}

impl Exchange {
    fn sent(&self) -> Vec<u8> {
        self.ends.udp(Direction::Sent, &self.query)
    }

    fn received(&self) -> Vec<u8> {
        self.ends.udp(Direction::Received, &self.answer)
    }

    /// Has it observed; gives what changed.
    fn observed_by(&self, names: &mut Names) -> BTreeSet<IpAddr> {
        let sent = self.sent();
        let unchanged = names.observe(&captured(Direction::Sent, &sent), at(0));
        assert_eq!(unchanged, BTreeSet::new());
        names.observe(&captured(Direction::Received, &self.received()), at(5))
    }
}

fn of(names: &Names, address: &str) -> Vec<String> {
    let names = names.of(ip(address), at(10));
    names.iter().map(ToString::to_string).collect()
}

fn nothing_learned(names: &Names, refusal: Refusal) {
    assert_eq!(names.status().learned, 0);
    assert_eq!(names.status().addresses, 0);
    assert_eq!(names.status().refused, BTreeMap::from([(refusal, 1)]));
}

#[test]
fn an_answer_that_was_asked_for_gives_names() {
    for server in [SERVER, "2001:db8::53", "127.0.0.53"] {
        let mut names = names();
        let exchange = Exchange {
            ends: Ends::at(server),
            ..exchange()
        };
        let changed = exchange.observed_by(&mut names);
        assert_eq!(changed, BTreeSet::from([ip("192.0.2.1")]), "{server}");
        assert_eq!(of(&names, "192.0.2.1"), ["www.example.org"]);
        assert_eq!(of(&names, "::ffff:192.0.2.1"), ["www.example.org"]);
        let status = names.status();
        assert_eq!((status.learned, status.addresses), (1, 1));
        assert_eq!((status.queries, status.refused.len()), (0, 0));
    }
}

#[test]
fn letters_of_either_case_are_the_same() {
    let mut names = names();
    let mixed = Exchange {
        query: query(7, "wWw.eXample.ORG", A),
        ..exchange()
    };
    mixed.observed_by(&mut names);
    assert_eq!(of(&names, "192.0.2.1"), ["www.example.org"]);
}

#[test]
fn an_answer_that_nobody_asked_for_counts_nothing() {
    let asked = exchange();
    let answers = [address("www.example.org", 300, "192.0.2.1")];
    let other_port = Ends {
        client_port: 40_001,
        ..ends()
    };
    let other_server = Ends::at("192.0.2.54");
    let forgeries = [
        ("number", ends(), answer(8, "www.example.org", A, &answers)),
        ("name", ends(), answer(7, "example.org", A, &answers)),
        ("type", ends(), answer(7, "www.example.org", AAAA, &answers)),
        ("port", other_port, asked.answer.clone()),
        ("server", other_server, asked.answer.clone()),
    ];
    for (what, ends, answer) in forgeries {
        let mut names = names();
        let forged = Exchange {
            ends,
            query: Vec::new(),
            answer,
        };
        names.observe(&captured(Direction::Sent, &asked.sent()), at(0));
        names.observe(&captured(Direction::Received, &forged.received()), at(1));
        nothing_learned(&names, Refusal::Unasked);
        // It does not keep the real one from counting.
        names.observe(&captured(Direction::Received, &asked.received()), at(2));
        assert_eq!(of(&names, "192.0.2.1"), ["www.example.org"], "{what}");
    }
    let mut names = names();
    names.observe(&captured(Direction::Received, &asked.received()), at(1));
    nothing_learned(&names, Refusal::Unasked);
}

#[test]
fn only_the_first_answer_counts() {
    let mut names = names();
    exchange().observed_by(&mut names);
    let second = Exchange {
        answer: answer(
            7,
            "www.example.org",
            A,
            &[address("www.example.org", 300, "192.0.2.66")],
        ),
        ..exchange()
    };
    names.observe(&captured(Direction::Received, &second.received()), at(6));
    assert_eq!(of(&names, "192.0.2.66"), [""; 0]);
    assert_eq!(
        names.status().refused,
        BTreeMap::from([(Refusal::Unasked, 1)])
    );
}

#[test]
fn a_server_of_a_programs_own_gives_no_names() {
    let mut names = names();
    for server in ["192.0.2.54", "127.0.0.1", "10.0.0.1"] {
        let exchange = Exchange {
            ends: Ends::at(server),
            ..exchange()
        };
        assert_eq!(exchange.observed_by(&mut names), BTreeSet::new());
    }
    assert_eq!(
        names.status().refused,
        BTreeMap::from([(Refusal::Server, 3)])
    );
    assert_eq!(of(&names, "192.0.2.1"), [""; 0]);
    // Nor does it at another port.
    let exchange = Exchange {
        ends: Ends {
            server_port: 5_353,
            ..ends()
        },
        ..exchange()
    };
    assert_eq!(exchange.observed_by(&mut names), BTreeSet::new());
    let refused = names.status().refused;
    assert_eq!(refused[&Refusal::Packet(CaptureError::Port)], 2);
}

#[test]
fn a_namespace_of_a_programs_own_gives_no_names() {
    let exchange = exchange();
    for foreign in [Direction::Sent, Direction::Received] {
        let mut names = names();
        for direction in [Direction::Sent, Direction::Received] {
            let bytes = match direction {
                Direction::Sent => exchange.sent(),
                Direction::Received => exchange.received(),
            };
            let packet = Captured {
                network_namespace: NAMESPACE + u32::from(direction == foreign),
                ..captured(direction, &bytes)
            };
            names.observe(&packet, at(0));
        }
        assert_eq!(of(&names, "192.0.2.1"), [""; 0]);
        assert_eq!(names.status().refused[&Refusal::Namespace], 1);
    }
}

#[test]
fn an_answer_by_another_interface_gives_no_names() {
    let exchange = exchange();
    let mut names = names();
    names.observe(&captured(Direction::Sent, &exchange.sent()), at(0));
    let received = exchange.received();
    let elsewhere = Captured {
        interface: INTERFACE + 1,
        ..captured(Direction::Received, &received)
    };
    names.observe(&elsewhere, at(1));
    nothing_learned(&names, Refusal::Unasked);
}

#[test]
fn messages_the_wrong_way_round_give_no_names() {
    let exchange = exchange();
    let mut names = names();
    // A query that comes from a server, and an answer that a program sends to one.
    let query = exchange.ends.udp(Direction::Received, &exchange.query);
    let answer = exchange.ends.udp(Direction::Sent, &exchange.answer);
    names.observe(&captured(Direction::Received, &query), at(0));
    nothing_learned(&names, Refusal::WrongWay);
    names.observe(&captured(Direction::Sent, &answer), at(0));
    names.observe(&captured(Direction::Received, &exchange.received()), at(1));
    assert_eq!(
        names.status().refused,
        BTreeMap::from([(Refusal::WrongWay, 2), (Refusal::Unasked, 1)])
    );
}

#[test]
fn what_neighbours_can_answer_counts_only_from_a_server_that_asks_none() {
    for name in ["printer.local", "printer"] {
        let exchange = exchange_about(name);
        let mut trusting = names();
        exchange.observed_by(&mut trusting);
        assert_eq!(of(&trusting, "192.0.2.1"), [name]);
        let mut names = names();
        let local = Exchange {
            ends: Ends::at("127.0.0.53"),
            ..exchange
        };
        local.observed_by(&mut names);
        nothing_learned(&names, Refusal::Neighbours);
    }
}

#[test]
fn a_server_on_this_machine_may_ask_neighbours_whatever_its_address() {
    let exchange = exchange_about("printer.local");
    let mut names = names();
    for direction in [Direction::Sent, Direction::Received] {
        let bytes = match direction {
            Direction::Sent => exchange.sent(),
            Direction::Received => exchange.received(),
        };
        let within = Captured {
            interface: 1,
            ..captured(direction, &bytes)
        };
        names.observe(&within, at(0));
    }
    nothing_learned(&names, Refusal::Neighbours);
}

#[test]
fn a_neighbour_gives_no_other_name_to_an_address_by_an_alias() {
    let aliased = |asked: &str, target: &str| Exchange {
        ends: Ends::at("127.0.0.53"),
        query: query(7, asked, A),
        answer: answer(
            7,
            asked,
            A,
            &[alias(asked, 60, target), address(target, 60, "192.0.2.66")],
        ),
    };
    for (asked, target) in [
        ("printer", "www.bank.example"),
        ("my printer.local", "www.bank.example"),
        ("www.example.org", "printer.local"),
    ] {
        let mut names = names();
        aliased(asked, target).observed_by(&mut names);
        assert_eq!(of(&names, "192.0.2.66"), [""; 0], "{asked}");
        nothing_learned(&names, Refusal::Neighbours);
    }
}

#[test]
fn what_is_not_about_addresses_is_refused_for_its_reason() {
    let about = |kind| Exchange {
        query: query(7, "www.example.org", kind),
        answer: answer(7, "www.example.org", kind, &[]),
        ..exchange()
    };
    let mut names = names();
    about(TXT).observed_by(&mut names);
    about(CNAME).observed_by(&mut names);
    about(A).observed_by(&mut names);
    assert_eq!(
        names.status().refused,
        BTreeMap::from([
            (Refusal::Message(MessageError::OtherType), 4),
            (Refusal::NoAddresses, 1)
        ])
    );
    assert_eq!(names.status().queries, 0);
}

#[test]
fn answers_over_tcp_count() {
    let framed = |message: &[u8]| {
        let mut bytes = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(message);
        bytes
    };
    let Exchange {
        ends,
        query,
        answer,
    } = exchange();
    let (sent, received) = (framed(&query), framed(&answer));
    let (first, second) = received.split_at(20);
    let packets = [
        (Direction::Sent, "S", 100, &[][..]),
        (Direction::Received, "SA", 200, &[]),
        (Direction::Sent, "A", 101, &sent),
        (Direction::Received, "A", 201, first),
        (Direction::Received, "A", 221, second),
    ];
    let mut names = names();
    let mut changed = BTreeSet::new();
    for (direction, flags, sequence, payload) in packets {
        let bytes = ends.tcp(direction, flags, sequence, payload);
        changed.extend(names.observe(&captured(direction, &bytes), at(0)));
    }
    assert_eq!(changed, BTreeSet::from([ip("192.0.2.1")]));
    assert_eq!(of(&names, "192.0.2.1"), ["www.example.org"]);
    assert_eq!(names.status().connections, 1);
    // A query over TCP is not answered by a datagram.
    let bytes = ends.tcp(
        Direction::Sent,
        "A",
        101 + u32::try_from(sent.len()).unwrap(),
        &sent,
    );
    names.observe(&captured(Direction::Sent, &bytes), at(0));
    let bytes = ends.udp(Direction::Received, &answer);
    names.observe(&captured(Direction::Received, &bytes), at(0));
    assert_eq!(
        names.status().refused,
        BTreeMap::from([(Refusal::Unasked, 1)])
    );
}

#[test]
fn answers_that_come_just_before_the_network_is_known_to_have_changed_count() {
    let new = || Resolvers::from_texts(["nameserver 192.0.2.54"]);
    let exchange = Exchange {
        ends: Ends::at("192.0.2.54"),
        ..exchange()
    };
    let mut names = names();
    exchange.observed_by(&mut names);
    assert_eq!(
        names.use_resolvers(new(), at(5 + EARLY + 1)),
        BTreeSet::new()
    );
    exchange.observed_by(&mut names);
    assert_eq!(
        names.use_resolvers(Resolvers::none(), at(5)),
        BTreeSet::new()
    );
    assert_eq!(names.use_resolvers(new(), at(5)), BTreeSet::new());
    let mut names = self::names();
    exchange.observed_by(&mut names);
    let changed = names.use_resolvers(new(), at(5 + EARLY));
    assert_eq!(changed, BTreeSet::from([ip("192.0.2.1")]));
}

#[test]
fn nothing_that_came_while_every_program_may_be_a_server_counts_later() {
    let exchange = exchange();
    let believed = || Resolvers::from_texts([format!("nameserver {SERVER}").as_str()]);
    let mut names = names();
    names.use_resolvers(Resolvers::none(), at(0));
    exchange.observed_by(&mut names);
    assert_eq!(
        names.status().refused,
        BTreeMap::from([(Refusal::Server, 1)])
    );
    assert_eq!(names.use_resolvers(believed(), at(5)), BTreeSet::new());
    assert_eq!(of(&names, "192.0.2.1"), [""; 0]);
    exchange.observed_by(&mut names);
    assert_eq!(of(&names, "192.0.2.1"), ["www.example.org"]);
}

#[test]
fn what_the_monitor_tells_counts_but_for_neighbours() {
    let resolution = |by_neighbours| Resolution {
        asked: Some("www.example.org".parse().unwrap()),
        targets: vec!["host.example.net".parse().unwrap()],
        addresses: vec![Lease {
            address: ip("192.0.2.1"),
            ttl: SHORTEST,
        }],
        by_neighbours,
    };
    let mut names = names();
    names.learned(&resolution(true), at(0));
    nothing_learned(&names, Refusal::Neighbours);
    let changed = names.learned(&resolution(false), at(0));
    assert_eq!(changed, BTreeSet::from([ip("192.0.2.1")]));
    assert_eq!(
        of(&names, "192.0.2.1"),
        ["www.example.org", "host.example.net"]
    );
}

#[test]
fn time_takes_everything_away() {
    let mut names = names();
    exchange().observed_by(&mut names);
    let open = ends().tcp(Direction::Sent, "S", 100, b"");
    names.observe(&captured(Direction::Sent, &open), at(5));
    names.observe(&captured(Direction::Sent, &exchange().sent()), at(5));
    let status = names.status();
    assert_eq!(
        (status.addresses, status.queries, status.connections),
        (1, 1, 1)
    );
    let changed = names.tick(at(5 + 86_400_000));
    assert_eq!(changed, BTreeSet::from([ip("192.0.2.1")]));
    let status = names.status();
    assert_eq!(
        (status.addresses, status.queries, status.connections),
        (0, 0, 0)
    );
}

proptest! {
    #[test]
    fn any_packets_are_taken_or_refused(
        packets in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..8),
    ) {
        let mut names = names();
        for (tcp, payload) in packets {
            for direction in [Direction::Sent, Direction::Received] {
                let bytes = match tcp {
                    true => ends().tcp(direction, "SA", 5, &payload),
                    false => ends().udp(direction, &payload),
                };
                names.observe(&captured(direction, &bytes), at(0));
                names.observe(&captured(direction, &payload), at(0));
            }
        }
    }

    /// Whatever else the answer holds, addresses get names from the question on alone.
    #[test]
    fn no_answer_names_what_was_not_asked_for(
        records in prop::collection::vec((0..6u8, 0..6u8, any::<bool>()), 0..12),
    ) {
        let name = |n: u8| format!("n{n}.example");
        let records: Vec<_> = records
            .iter()
            .map(|(owner, other, is_alias)| match is_alias {
                true => alias(&name(*owner), 60, &name(*other)),
                false => address(&name(*owner), 60, &format!("192.0.2.{other}")),
            })
            .collect();
        let mut names = names();
        let exchange = Exchange {
            ends: ends(),
            query: query(7, "n0.example", A),
            answer: answer(7, "n0.example", A, &records),
        };
        for address in exchange.observed_by(&mut names) {
            let known = names.of(address, at(5));
            prop_assert_eq!(known[0].as_str(), "n0.example");
        }
    }
}
