use proptest::prelude::*;

use super::*;

fn resolvers(texts: &[&str]) -> Vec<String> {
    let resolvers = Resolvers::from_texts(texts.iter().copied());
    resolvers.iter().map(|server| server.to_string()).collect()
}

#[test]
fn the_servers_of_all_texts_count_and_the_stubs() {
    let first = "# nameserver 192.0.2.1\n\
                 ; nameserver 192.0.2.2\n\
                 search example.org\n\
                 nameserver\t192.0.2.3 # the router\n\
                 nameserver fe80::1%wlan0\n\
                 \x20 nameserver ::ffff:192.0.2.4\n\
                 options edns0 trust-ad\n";
    let second = "nameserver 192.0.2.5\nnameserver\nnameserver router\nnameservers 192.0.2.6";
    assert_eq!(
        resolvers(&[first, second]),
        [
            "127.0.0.53",
            "127.0.0.54",
            "192.0.2.3",
            "192.0.2.4",
            "192.0.2.5",
            "fe80::1"
        ]
    );
}

#[test]
fn without_a_server_programs_ask_this_machine() {
    for texts in [&[][..], &["search example.org"]] {
        assert_eq!(
            resolvers(texts),
            ["127.0.0.1", "127.0.0.53", "127.0.0.54", "::1"]
        );
    }
    assert!(!Resolvers::none().contains("127.0.0.1".parse().unwrap()));
}

#[test]
fn one_text_names_a_bounded_number_of_servers() {
    let text: String = (0..100)
        .map(|n| format!("nameserver 192.0.2.{n}\n"))
        .collect();
    assert_eq!(resolvers(&[&text]).len(), SERVERS + STUBS.len());
}

proptest! {
    #[test]
    fn any_text_is_read(text: String, server in "(nameserver [0-9a-f.:%]{0,20}\n){0,5}") {
        resolvers(&[&text, &server]);
    }
}
