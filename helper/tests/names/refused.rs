//! What a program can arrange without privileges is believed nowhere, nor what looks like an
//! answer and is none.

use std::fs;

use bastion_helper::names::Refusal;

use crate::machine::{look_up, on_a_machine, python, use_servers};
use crate::observer::Observer;
use crate::servers::{self, dnsmasq, dnsmasq_at};
use crate::support::Peer;

const HOST: &str = "--host-record=www.example.test,192.0.2.66";
const REAL: &str = "--host-record=www.example.test,192.0.2.1";

/// Asks a server at a port for www.example.test by hand.
fn ask(server: &str, port: u16) -> String {
    python(&format!(
        "q = b'\\0\\7\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\3www\\7example\\4test\\0\\0\\1\\0\\1'\n\
         s = socket(AF_INET, SOCK_DGRAM); s.settimeout(60)\n\
         s.sendto(q, ('{server}', {port})); print(inet_ntoa(s.recv(999)[-4:]))"
    ))
}

#[test]
fn a_server_that_the_machine_is_not_set_up_to_ask_is_not_believed() {
    on_a_machine(|| {
        let _real = dnsmasq("127.0.0.1", &[REAL]);
        let _other = dnsmasq("127.0.0.3", &[HOST]);
        let _unprivileged = dnsmasq_at("127.0.0.1", 5_353, &[HOST]);
        use_servers(&["127.0.0.1"]);
        let mut observer = Observer::of_packets("127.0.0.1");
        assert_eq!(ask("127.0.0.3", 53), "192.0.2.66");
        assert_eq!(observer.of("192.0.2.66"), [""; 0]);
        assert_eq!(observer.refusals(), [Refusal::Server].into());
        // At another port it is not even looked at.
        let datagrams = observer.datagrams;
        assert_eq!(ask("127.0.0.1", 5_353), "192.0.2.66");
        assert_eq!(observer.of("192.0.2.66"), [""; 0]);
        assert_eq!(observer.datagrams, datagrams);
        // The same question at the right place counts.
        assert_eq!(ask("127.0.0.1", 53), "192.0.2.1");
        assert_eq!(observer.of("192.0.2.1"), ["www.example.test"]);
    });
}

/// A server of the machine's own that answers with the right number, another question's, and more
/// than once, and tells something unasked to whoever calls at another socket.
const LIAR: &str = r"
def name(text): return b''.join(bytes([len(it)]) + it.encode() for it in text.split('.')) + b'\0'
def answer(number, asked, last):
    question = name(asked) + b'\0\1\0\1'
    record = b'\xc0\x0c\0\1\0\1\0\0\x0e\x10\0\4' + bytes([192, 0, 2, last])
    return struct.pack('>HHHHHH', number, 0x8180, 1, 1, 0, 0) + question + record
s = socket(AF_INET, SOCK_DGRAM); s.bind(('127.0.0.2', 53)); ready()
while True:
    query, client = s.recvfrom(999)
    number = struct.unpack('>H', query[:2])[0]
    for forged in [answer(number ^ 1, 'www.example.test', 61),
                   answer(number, 'bank.example.test', 62),
                   answer(number, 'www.example.test', 1),
                   answer(number, 'www.example.test', 63)]:
        s.sendto(forged, client)
    unasked = ('127.0.0.1', int(open('/run/port').read()))
    s.sendto(answer(number, 'www.example.test', 64), unasked)
";

#[test]
fn only_the_answer_that_was_asked_for_is_believed() {
    on_a_machine(|| {
        let _server = servers::python(LIAR);
        use_servers(&["127.0.0.2"]);
        let mut observer = Observer::of_packets("127.0.0.2");
        let received = python(
            "unasked = socket(AF_INET, SOCK_DGRAM); unasked.settimeout(60)\n\
             unasked.bind(('127.0.0.1', 0))\n\
             open('/run/port', 'w').write(str(unasked.getsockname()[1]))\n\
             q = b'\\0\\7\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\3www\\7example\\4test\\0\\0\\1\\0\\1'\n\
             s = socket(AF_INET, SOCK_DGRAM); s.settimeout(60)\n\
             s.sendto(q, ('127.0.0.2', 53))\n\
             print(*[it.recv(999)[-1] for it in [s, s, s, s, unasked]])",
        );
        assert_eq!(received, "61 62 1 63 64");
        assert_eq!(observer.of("192.0.2.1"), ["www.example.test"]);
        for last in 61..=64 {
            assert_eq!(observer.of(&format!("192.0.2.{last}")), [""; 0]);
        }
        assert_eq!(observer.refusals(), [Refusal::Unasked].into());
        assert_eq!(observer.status().refused[&Refusal::Unasked], 4);
        assert_eq!(observer.status().learned, 1);
    });
}

#[test]
fn what_is_looked_up_in_a_namespace_of_a_programs_own_is_not_seen() {
    on_a_machine(|| {
        let peer = Peer::connect();
        use_servers(&["127.0.0.1"]);
        let mut observer = Observer::of_packets("127.0.0.1");
        let found = peer.run(|| {
            let _server = dnsmasq("127.0.0.1", &[HOST]);
            look_up("www.example.test")
        });
        assert_eq!(found, ["192.0.2.66"]);
        observer.read();
        assert_eq!((observer.datagrams, observer.segments), (0, 0));
        assert_eq!(observer.status().learned, 0);
    });
}

#[test]
fn where_every_program_may_be_a_server_none_is_believed() {
    on_a_machine(|| {
        let other = "--host-record=other.example.test,192.0.2.67";
        let _server = dnsmasq("127.0.0.1", &[HOST, other]);
        use_servers(&["127.0.0.1"]);
        let mut observer = Observer::of_packets("127.0.0.1");
        let first_free_port = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
        fs::write(first_free_port, "53").unwrap();
        observer.until_no_server();
        look_up("www.example.test");
        assert_eq!(observer.of("192.0.2.66"), [""; 0]);
        assert!(observer.refusals().contains(&Refusal::Server));
        fs::write(first_free_port, "54").unwrap();
        observer.until_server("127.0.0.1");
        look_up("other.example.test");
        assert_eq!(observer.of("192.0.2.67"), ["other.example.test"]);
        // What came before is not believed afterwards.
        assert_eq!(observer.of("192.0.2.66"), [""; 0]);
    });
}
