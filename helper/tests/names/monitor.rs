//! What systemd-resolved answers is known from its monitor.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::Command;

use bastion_helper::names::Refusal;

use crate::machine::{eventually, look_up, look_up_in_vain, on_a_machine, use_file};
use crate::observer::Observer;
use crate::servers::{self, dnsmasq, resolved};
use crate::support::Peer;

const STUB: &str = "/run/systemd/resolve/stub-resolv.conf";
const HOST: &str = "--host-record=host.example.test,192.0.2.70,2001:db8::70,600";
const BOTH: [&str; 2] = ["192.0.2.70", "2001:db8::70"];

/// Asks systemd-resolved for a name by its own interface; gives what it says.
fn resolve(name: &str) -> Option<String> {
    let output = Command::new("varlinkctl")
        .args(["call", "--json=short"])
        .args(["/run/systemd/resolve/io.systemd.Resolve"])
        .args(["io.systemd.Resolve.ResolveHostname"])
        .arg(format!("{{\"name\":\"{name}\"}}"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then_some(text)
}

#[test]
fn what_is_looked_up_by_either_way_into_resolved_is_told() {
    on_a_machine(|| {
        let _peer = Peer::connect();
        let alias = "--cname=www.example.test,host.example.test";
        let other = "--host-record=other.example.test,192.0.2.71";
        let server = dnsmasq("127.0.0.1", &[HOST, alias, other]);
        let _resolved = resolved(&["DNS=127.0.0.1", "LLMNR=no", "CacheFromLocalhost=yes"]);
        let mut observer = Observer::of_the_monitor();
        assert!(observer.status().monitored);
        use_file(STUB);
        look_up("www.example.test");
        let names = ["www.example.test", "host.example.test"];
        for address in BOTH {
            observer.until_known(address, &names);
        }
        eventually("an answer", || resolve("other.example.test"));
        observer.until_known("192.0.2.71", &["other.example.test"]);
        // What it still knows, it tells without asking anybody.
        drop(server);
        let mut later = Observer::of_the_monitor();
        eventually("an answer", || resolve("host.example.test"));
        for address in BOTH {
            later.until_known(address, &["host.example.test"]);
        }
    });
}

/// The packets between programs and systemd-resolved tell the same.
#[test]
fn packets_and_the_monitor_agree() {
    on_a_machine(|| {
        let _peer = Peer::connect();
        let _server = dnsmasq("127.0.0.1", &[HOST]);
        let _resolved = resolved(&["DNS=127.0.0.1", "LLMNR=no"]);
        use_file(STUB);
        let mut observer = Observer::of_packets("127.0.0.53");
        look_up("host.example.test");
        // The C library's with systemd-resolved, and systemd-resolved's with the server.
        for address in BOTH {
            assert_eq!(observer.of(address), ["host.example.test"]);
        }
        assert!(observer.status().learned >= 4, "{:?}", observer.status());
    });
}

/// A server that tells an alias alone, so that its target has to be asked for anew.
#[test]
fn the_name_that_was_asked_for_is_known_after_redirections() {
    on_a_machine(|| {
        let _peer = Peer::connect();
        let _server = dnsmasq("127.0.0.1", &[HOST, "--server=/a.test/127.0.0.2"]);
        let authority = [
            "--auth-server=ns.a.test,127.0.0.2",
            "--auth-zone=a.test",
            "--cname=www.a.test,host.example.test",
        ];
        let _authority = dnsmasq("127.0.0.2", &authority);
        let _resolved = resolved(&["DNS=127.0.0.1", "LLMNR=no"]);
        let mut observer = Observer::of_the_monitor();
        eventually("an answer", || resolve("www.a.test"));
        for address in BOTH {
            observer.until_known(address, &["www.a.test", "host.example.test"]);
        }
    });
}

/// Answers over LLMNR that its name is an alias of another's, which has its address.
const NEIGHBOUR: &str = r"
def name(text): return b''.join(bytes([len(it)]) + it.encode() for it in text.split('.')) + b'\0'
def record(owner, kind, data):
    return owner + struct.pack('>HHIH', kind, 1, 30, len(data)) + data
s = socket(AF_INET, SOCK_DGRAM); s.bind(('', 5355))
s.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, inet_aton('224.0.0.252') + inet_aton('10.77.0.2'))
ready()
own, other = name('printer'), name('www.bank.test')
while True:
    query, client = s.recvfrom(999)
    if query[12:] == own + b'\0\1\0\1':
        answers = record(own, 5, other) + record(other, 1, bytes([192, 0, 2, 66]))
        s.sendto(query[:2] + b'\x80\0\0\1\0\2\0\0\0\0' + query[12:] + answers, client)
";

#[test]
fn a_neighbour_names_nothing() {
    on_a_machine(|| {
        let peer = Peer::connect();
        let _neighbour = peer.run(|| servers::python(NEIGHBOUR));
        let _server = dnsmasq("127.0.0.1", &[HOST]);
        let _resolved = resolved(&["DNS=127.0.0.1", "LLMNR=yes"]);
        let mut observer = Observer::of_the_monitor();
        eventually("the neighbour's answer", || {
            // Nothing comes of it, because systemd-resolved does not believe the address either.
            resolve("printer");
            observer.read();
            observer
                .told
                .iter()
                .any(|it| it.by_neighbours)
                .then_some(())
        });
        let told = observer.told.iter().find(|it| it.by_neighbours).unwrap();
        assert_eq!(told.targets, ["www.bank.test".parse().unwrap()]);
        assert_eq!(observer.of("192.0.2.66"), [""; 0]);
        assert!(observer.refusals().contains(&Refusal::Neighbours));
        assert_eq!(observer.status().addresses, 0);
    });
}

#[test]
fn a_name_that_does_not_exist_has_no_addresses() {
    on_a_machine(|| {
        let _peer = Peer::connect();
        let _server = dnsmasq("127.0.0.1", &[HOST]);
        let _resolved = resolved(&["DNS=127.0.0.1", "LLMNR=no"]);
        let mut observer = Observer::of_the_monitor();
        use_file(STUB);
        look_up_in_vain("nothing.example.test");
        look_up("host.example.test");
        observer.until_known(BOTH[0], &["host.example.test"]);
        assert!(observer.status().monitored);
    });
}

#[test]
fn a_resolver_that_starts_again_is_found_again() {
    on_a_machine(|| {
        let _peer = Peer::connect();
        let _server = dnsmasq("127.0.0.1", &[HOST]);
        let first = resolved(&["DNS=127.0.0.1", "LLMNR=no"]);
        let mut observer = Observer::of_the_monitor();
        drop(first);
        observer.until_monitored(false);
        let _second = resolved(&["DNS=127.0.0.1", "LLMNR=no"]);
        observer.until_monitored(true);
        eventually("an answer", || resolve("host.example.test"));
        observer.until_known(BOTH[0], &["host.example.test"]);
    });
}

/// Listens in systemd-resolved's place as another user, and says what it is sent.
const IMPOSTOR: &str = r"
os.setuid(65534)
s = socket(AF_UNIX); s.bind('/run/systemd/resolve/io.systemd.Resolve.Monitor'); s.listen(); ready()
client = s.accept()[0]
open('/run/systemd/resolve/received', 'wb').write(b'%d bytes' % len(client.recv(999)))
";

#[test]
fn another_user_in_its_place_is_sent_nothing() {
    on_a_machine(|| {
        let directory = "/run/systemd/resolve";
        let user = nix::unistd::User::from_name("systemd-resolve").unwrap();
        fs::create_dir(directory).unwrap();
        chown(directory, user.map(|user| user.uid.as_raw()), None).unwrap();
        fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
        let _impostor = servers::python(IMPOSTOR);
        let mut observer = Observer::of_sources();
        let received = eventually("a connection", || {
            let text = fs::read_to_string("/run/systemd/resolve/received").ok();
            text.filter(|text| !text.is_empty())
        });
        assert_eq!(received, "0 bytes");
        observer.read();
        assert!(!observer.status().monitored);
    });
}
