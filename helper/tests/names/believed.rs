//! What dnsmasq answers to the C library is known.

use crate::machine::{look_up, look_up_with, on_a_machine, python, use_servers};
use crate::observer::Observer;
use crate::servers::dnsmasq;
use crate::support::{FAR, NEAR, Peer};

const HOST: &str = "--host-record=host.example.test,192.0.2.70,2001:db8::70,7";
const BOTH: [&str; 2] = ["192.0.2.70", "2001:db8::70"];

const MINUTES: u64 = 60;
const HOURS: u64 = 60 * MINUTES;

/// That an address has a name for so many seconds and no longer.
fn lasts(observer: &mut Observer, address: &str, name: &str, seconds: u64) {
    assert_eq!(observer.of(address), [name]);
    assert_eq!(observer.after(seconds - 1, address), [name]);
    assert_eq!(observer.after(seconds, address), [""; 0], "{name}");
}

#[test]
fn addresses_of_both_families_have_the_names_on_the_way_to_them() {
    on_a_machine(|| {
        let _server = dnsmasq(
            "127.0.0.1",
            &[
                HOST,
                "--cname=www.example.test,middle.example.test",
                "--cname=middle.example.test,host.example.test",
                "--host-record=WWW.Elsewhere.test,192.0.2.71",
            ],
        );
        use_servers(&["127.0.0.1"]);
        let mut observer = Observer::of_packets("127.0.0.1");
        let mut found = look_up("www.example.test");
        found.sort();
        assert_eq!(found, BOTH);
        for address in BOTH {
            let names = [
                "www.example.test",
                "middle.example.test",
                "host.example.test",
            ];
            assert_eq!(observer.of(address), names, "{address}");
        }
        assert_eq!(observer.of("192.0.2.71"), [""; 0], "nobody asked");
        // What programs ask for comes first, and the latest of that.
        look_up("host.example.test");
        for address in BOTH {
            let names = [
                "host.example.test",
                "www.example.test",
                "middle.example.test",
            ];
            assert_eq!(observer.of(address), names, "{address}");
        }
        look_up("www.elsewhere.test");
        assert_eq!(observer.of("192.0.2.71"), ["www.elsewhere.test"]);
        assert_eq!(observer.segments, 0);
    });
}

#[test]
fn names_last_as_long_as_the_server_says_within_limits() {
    on_a_machine(|| {
        let _server = dnsmasq(
            "127.0.0.1",
            &[
                "--host-record=seconds.example.test,192.0.2.1,7",
                "--host-record=hour.example.test,192.0.2.2,3600",
                "--host-record=week.example.test,192.0.2.3,604800",
                "--host-record=target.example.test,192.0.2.4,604800",
                "--cname=alias.example.test,target.example.test,7200",
            ],
        );
        use_servers(&["127.0.0.1"]);
        let mut observer = Observer::of_packets("127.0.0.1");
        for name in ["seconds", "hour", "week", "alias"] {
            look_up(&format!("{name}.example.test"));
        }
        let observer = &mut observer;
        lasts(observer, "192.0.2.1", "seconds.example.test", 5 * MINUTES);
        lasts(observer, "192.0.2.2", "hour.example.test", HOURS);
        lasts(observer, "192.0.2.3", "week.example.test", 24 * HOURS);
        // An alias lasts no longer than it says itself.
        let names = ["alias.example.test", "target.example.test"];
        assert_eq!(observer.of("192.0.2.4"), names);
        assert_eq!(observer.after(2 * HOURS - 1, "192.0.2.4"), names);
        assert_eq!(observer.after(2 * HOURS, "192.0.2.4"), [""; 0]);
    });
}

/// Sixty addresses have no room in the 512 bytes of a plain answer.
#[test]
fn long_answers_count_over_tcp_and_in_longer_datagrams() {
    let addresses: Vec<_> = (1..=60).map(|n| format!("192.0.2.{n}")).collect();
    on_a_machine(move || {
        let hosts = addresses.iter();
        let hosts: Vec<_> = hosts
            .map(|it| format!("--host-record=long.example.test,{it}"))
            .collect();
        let hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
        let _server = dnsmasq("127.0.0.1", &hosts);
        use_servers(&["127.0.0.1"]);
        for (options, over_tcp) in [("", true), ("edns0", false), ("use-vc", true)] {
            let mut observer = Observer::of_packets("127.0.0.1");
            let found = look_up_with("long.example.test", options);
            assert_eq!(found.len(), addresses.len(), "{options}");
            for address in &addresses {
                let names = observer.of(address);
                assert_eq!(names, ["long.example.test"], "{options} {address}");
            }
            assert_eq!(observer.segments > 0, over_tcp, "{options}");
            assert_eq!(observer.datagrams > 0, options != "use-vc", "{options}");
        }
    });
}

#[test]
fn a_server_of_the_network_is_asked_over_either_family() {
    on_a_machine(|| {
        let peer = Peer::connect();
        for (family, server) in FAR.into_iter().enumerate() {
            let printer = format!("--host-record=printer,192.0.2.8{family}");
            let _server = peer.run(move || dnsmasq(server, &[HOST, &printer]));
            use_servers(&[server]);
            let mut observer = Observer::of_packets(server);
            let code =
                "print(*{it[4][0] for it in getaddrinfo('host.example.test', 80, AF_INET6)})";
            assert_eq!(python(code), BOTH[1]);
            assert_eq!(observer.of(BOTH[1]), ["host.example.test"]);
            assert_eq!(observer.of(BOTH[0]), [""; 0], "the other family");
            // This server can't have asked the neighbours.
            look_up("printer");
            let address = format!("192.0.2.8{family}");
            assert_eq!(observer.of(&address), ["printer"]);
        }
    });
}

/// A router or a container host is asked at an address that others see as well.
#[test]
fn a_server_on_this_machine_is_asked_at_an_address_other_than_loopback() {
    on_a_machine(|| {
        let _peer = Peer::connect();
        let _server = dnsmasq(NEAR[0], &[HOST, "--host-record=printer,192.0.2.80"]);
        use_servers(&[NEAR[0]]);
        let mut observer = Observer::of_packets(NEAR[0]);
        look_up("host.example.test");
        look_up("printer");
        assert_eq!(observer.of(BOTH[0]), ["host.example.test"]);
        // It might have asked the neighbours.
        assert_eq!(observer.of("192.0.2.80"), [""; 0]);
    });
}
