use super::super::messages::DnsMessage;
use super::super::testing::{A, AAAA, ANY, HTTPS, address, alias, answer, service};
use super::*;

fn resolve(name: &str, kind: u16, answers: &[Vec<u8>]) -> Option<Resolution> {
    let bytes = answer(7, name, kind, answers);
    let message = DnsMessage::read(&bytes).unwrap();
    Resolution::new(&message.question().unwrap(), &message.records().unwrap())
}

fn names(resolution: &Resolution) -> Vec<&str> {
    let names = resolution.asked.iter().chain(&resolution.targets);
    names.map(HostName::as_str).collect()
}

fn addresses(resolution: &Resolution) -> Vec<String> {
    let addresses = resolution.addresses.iter();
    addresses.map(|lease| lease.address.to_string()).collect()
}

#[test]
fn an_address_has_the_names_on_the_way_from_the_question_to_it() {
    // The order of records means nothing.
    let resolution = resolve(
        "www.example.org",
        A,
        &[
            address("c.example.net", 300, "192.0.2.1"),
            alias("b.example.net", 200, "c.example.net"),
            address("c.example.net", 50, "192.0.2.2"),
            alias("www.example.org", 100, "b.example.net"),
        ],
    )
    .unwrap();
    assert_eq!(
        names(&resolution),
        ["www.example.org", "b.example.net", "c.example.net"]
    );
    // An address holds no longer than what leads to it.
    let lease = |address: &str, ttl| Lease {
        address: address.parse().unwrap(),
        ttl: Duration::from_secs(ttl),
    };
    assert_eq!(
        resolution.addresses,
        [lease("192.0.2.1", 100), lease("192.0.2.2", 50)]
    );
}

#[test]
fn what_nobody_asked_for_has_no_say() {
    let bank = address("bank.example", 300, "192.0.2.66");
    assert_eq!(resolve("evil.example", A, from_ref(&bank)), None);
    let resolution = resolve(
        "evil.example",
        A,
        &[
            bank.clone(),
            alias("bank.example", 300, "evil.example"),
            address("evil.example", 300, "192.0.2.1"),
        ],
    )
    .unwrap();
    assert_eq!(names(&resolution), ["evil.example"]);
    assert_eq!(addresses(&resolution), ["192.0.2.1"]);
    // Nor has an address of a name that is an alias, nor one of the other family.
    let resolution = resolve(
        "www.example.org",
        A,
        &[
            address("www.example.org", 300, "192.0.2.66"),
            alias("www.example.org", 300, "host.example.org"),
            address("host.example.org", 300, "192.0.2.1"),
            address("host.example.org", 300, "2001:db8::66"),
        ],
    )
    .unwrap();
    assert_eq!(addresses(&resolution), ["192.0.2.1"]);
}

#[test]
fn hints_count_for_the_name_that_was_asked_for_alone() {
    // The target is the word of whoever owns the name, which nobody has checked.
    let resolution = resolve(
        "evil.example",
        HTTPS,
        &[service("evil.example", "bank.example", &["192.0.2.1"])],
    )
    .unwrap();
    assert_eq!(names(&resolution), ["evil.example"]);
    assert_eq!(addresses(&resolution), ["192.0.2.1"]);
    // Hints were not asked for here.
    let hints = service("a.example", ".", &["2001:db8::1"]);
    assert_eq!(resolve("a.example", AAAA, from_ref(&hints)), None);
    assert!(resolve("a.example", ANY, &[hints]).is_some());
}

#[test]
fn aliases_in_circles_and_without_end_lead_nowhere() {
    let circle = [
        alias("a.example", 60, "b.example"),
        alias("b.example", 60, "a.example"),
        address("b.example", 60, "192.0.2.1"),
    ];
    assert_eq!(resolve("a.example", A, &circle), None);
    assert_eq!(
        resolve("a.example", A, &[alias("a.example", 60, "a.example")]),
        None
    );
    let chain = |length: usize| {
        let mut records: Vec<_> = (0..length)
            .map(|n| alias(&format!("n{n}.example"), 60, &format!("n{}.example", n + 1)))
            .collect();
        records.push(address(&format!("n{length}.example"), 60, "192.0.2.1"));
        resolve("n0.example", A, &records)
    };
    assert_eq!(names(&chain(ALIASES).unwrap()).len(), ALIASES + 1);
    assert_eq!(chain(ALIASES + 1), None);
}

#[test]
fn only_places_have_names() {
    for nowhere in ["0.0.0.0", "127.0.0.1", "224.0.0.251", "255.255.255.255"] {
        let records = [address("a.example", 60, nowhere)];
        assert_eq!(resolve("a.example", A, &records), None, "{nowhere}");
    }
    for nowhere in ["::", "::1", "ff02::fb", "::ffff:127.0.0.1"] {
        let records = [address("a.example", 60, nowhere)];
        assert_eq!(resolve("a.example", AAAA, &records), None, "{nowhere}");
    }
    let mapped = [address("a.example", 60, "::ffff:192.0.2.1")];
    let resolution = resolve("a.example", AAAA, &mapped).unwrap();
    assert_eq!(addresses(&resolution), ["192.0.2.1"]);
}

#[test]
fn one_answer_gives_a_bounded_number_of_addresses() {
    let records: Vec<_> = (0..200)
        .map(|n| address("a.example", 60, &format!("192.0.2.{n}")))
        .collect();
    let resolution = resolve("a.example", A, &records).unwrap();
    assert_eq!(resolution.addresses.len(), ADDRESSES);
}

#[test]
fn one_name_that_neighbours_may_answer_for_is_enough() {
    let by_neighbours = |asked, target| {
        let records = [alias(asked, 60, target), address(target, 60, "192.0.2.1")];
        resolve(asked, A, &records).unwrap().by_neighbours
    };
    for name in ["host.example.net", "local.example", "nas.home.arpa"] {
        assert!(!by_neighbours("www.example.org", name), "{name}");
        assert!(!by_neighbours(name, "www.example.org"), "{name}");
    }
    let neighbours = [
        "printer",
        "local",
        "printer.local",
        "my printer.local",
        "www.corp.LOCAL",
        "1.2.0.192.in-addr.arpa",
        "1.0.ip6.arpa",
    ];
    for name in neighbours {
        assert!(by_neighbours("www.example.org", name), "{name}");
        // A neighbour that answers for its own name may say that it is an alias of any other.
        assert!(by_neighbours(name, "www.example.org"), "{name}");
    }
}

#[test]
fn earlier_aliases_are_names_as_well() {
    let records = [
        alias("c.example", 50, "d.example"),
        address("d.example", 60, "192.0.2.1"),
    ];
    let bytes = answer(7, "c.example", A, &records);
    let message = DnsMessage::read(&bytes).unwrap();
    let after = |earlier: &[&str]| {
        let names = earlier.iter().map(|text| text.parse::<HostName>().unwrap());
        let aliases: Vec<_> = names.map(|name| WireName::from(&name)).collect();
        let records = message.records().unwrap();
        Resolution::at_the_end_of(&aliases, &message.question().unwrap(), &records)
    };
    let resolution = after(&["a.example", "b.example"]).unwrap();
    let expected = ["a.example", "b.example", "c.example", "d.example"];
    assert_eq!(names(&resolution), expected);
    assert!(!resolution.by_neighbours);
    assert!(after(&["printer"]).unwrap().by_neighbours);
    assert_eq!(after(&["a.example"; ALIASES + 1]), None);
}
