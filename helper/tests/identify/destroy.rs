//! Ending connections, and listing them.

use std::time::{Duration, Instant};

use bastion_helper::identify::SocketTableIdentifier;
use bastion_helper::sockets::{
    Destroyed, Destroyer, SocketEntry, SocketError, SocketState, SocketTables,
};
use bastion_policy::flow::{Flow, Protocol};

use crate::netns::{Program, flow, in_network, until};

/// By the real program.
fn destroyer() -> Destroyer {
    Destroyer::by(env!("CARGO_BIN_EXE_bastion-helper"))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn destroy(flow: &Flow) -> Destroyed {
    let mut tables = SocketTables::open().unwrap();
    let destroyer = destroyer();
    let destroying = destroyer.destroy(&mut tables, flow).unwrap();
    destroying.wait(soon()).unwrap()
}

fn destroy_socket(entry: &SocketEntry) -> Destroyed {
    destroyer().destroy_socket(entry).wait(soon()).unwrap()
}

/// Ends the connection of a program that tells its flow and then waits in some call, and asserts
/// the error that call ends with.
fn is_aborted(code: &str) {
    let code = format!(
        "def failing():\n{code}\n\
        try: failing()\n\
        except OSError as e: say(errno.errorcode[e.errno])\n\
        else: say('no error')\n"
    );
    in_network(move || {
        let mut program = Program::start(&code);
        let flow = program.flow();
        let mut tables = SocketTables::open().unwrap();
        // The flow is told before the call that makes the connection.
        until("connect", || {
            let found = tables.lookup(&flow).unwrap();
            found.iter().any(|socket| socket.has_tuple_of(&flow))
        });
        assert_eq!(destroy(&flow), Destroyed::Ended);
        assert_eq!(program.line(), "ECONNABORTED");
    });
}

#[test]
fn a_connect_that_hangs_ends() {
    is_aborted(" s = socket(); s.bind(('192.0.2.1', 0)); tell('tcp', s); s.connect((V4, 443))");
}

#[test]
fn a_connect_over_ipv6_ends() {
    is_aborted(
        " s = socket(AF_INET6); s.bind(('2001:db8::1', 0))\n \
         tell('tcp', s, V6, source='2001:db8::1'); s.connect((V6, 443))",
    );
}

#[test]
fn a_connect_over_ipv4_from_an_ipv6_socket_ends() {
    is_aborted(
        " s = socket(AF_INET6); s.bind(('::ffff:192.0.2.1', 0)); tell('tcp', s)\n \
         s.connect((MAPPED, 443))",
    );
}

#[test]
fn a_connect_by_multipath_tcp_ends() {
    is_aborted(
        " s = socket(AF_INET, SOCK_STREAM, 262); s.bind(('192.0.2.1', 0)); tell('tcp', s)\n \
         s.connect((V4, 443))",
    );
}

#[test]
fn a_connection_bound_to_an_interface_ends() {
    is_aborted(
        " s = socket(); s.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, b'lo')\n \
         s.bind(('192.0.2.1', 0)); tell('tcp', s); s.connect((V4, 443))",
    );
}

#[test]
fn an_open_connection_ends() {
    is_aborted(
        " l = socket(); l.bind(('192.0.2.1', 0)); l.listen()\n \
         s = socket(); s.connect(l.getsockname()); c = l.accept()\n \
         tell('tcp', s, *l.getsockname()); s.recv(1)",
    );
}

#[test]
fn connected_udp_ends() {
    is_aborted(
        " s = socket(AF_INET, SOCK_DGRAM); s.connect((V4, 53)); s.send(b'x')\n \
         tell('udp', s, port=53); s.recv(1)",
    );
}

#[test]
fn connected_udp_from_an_ipv6_socket_ends() {
    is_aborted(
        " s = socket(AF_INET6, SOCK_DGRAM); s.connect((MAPPED, 53)); s.send(b'x')\n \
         tell('udp', s, port=53); s.recv(1)",
    );
}

#[test]
fn connected_udp_over_ipv6_ends() {
    is_aborted(
        " s = socket(AF_INET6, SOCK_DGRAM); s.connect((V6, 53)); s.send(b'x')\n \
         tell('udp', s, V6, 53, '2001:db8::1'); s.recv(1)",
    );
}

#[test]
fn unconnected_udp_is_left_alone() {
    in_network(|| {
        let mut program = Program::start(
            "s = socket(AF_INET, SOCK_DGRAM); s.bind(('192.0.2.1', 0)); s.sendto(b'x', (V4, 53))\n\
             tell('udp', s, port=53); wait()\n\
             s.sendto(b'to myself', s.getsockname()); say(s.recv(99).decode())",
        );
        let flow = program.flow();
        let mut tables = SocketTables::open().unwrap();
        assert_eq!(destroy(&flow), Destroyed::Connectionless);
        let found = tables.lookup(&flow).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(destroy_socket(&found[0]), Destroyed::Connectionless);
        program.go_on();
        assert_eq!(program.line(), "to myself");
    });
}

#[test]
fn udp_connected_elsewhere_is_left_alone() {
    in_network(|| {
        let mut program = Program::start(
            "s = socket(AF_INET, SOCK_DGRAM); s.connect(('198.51.100.9', 9))\n\
             s.sendto(b'x', (V4, 53)); tell('udp', s, port=53); wait(); say(s.getpeername()[0])",
        );
        let flow = program.flow();
        let destroyed = destroy(&flow);
        assert_eq!(destroyed, Destroyed::Connectionless);
        program.go_on();
        assert_eq!(program.line(), "198.51.100.9");
    });
}

#[test]
fn two_sockets_with_the_same_ends_are_left_alone() {
    in_network(|| {
        let mut program = Program::start(
            "def one():\n\
             \x20 s = socket(AF_INET, SOCK_DGRAM); s.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)\n\
             \x20 s.bind(('192.0.2.1', 5000)); s.connect((V4, 53)); return s\n\
             a, b = one(), one(); tell('udp', a, port=53); wait()\n\
             say(a.getpeername()[0], b.getpeername()[0])",
        );
        let flow = program.flow();
        let destroyed = destroy(&flow);
        assert_eq!(destroyed, Destroyed::Ambiguous);
        program.go_on();
        assert_eq!(program.line(), "198.51.100.7 198.51.100.7");
    });
}

#[test]
fn a_listening_socket_is_left_alone() {
    in_network(|| {
        let mut program = Program::start(
            "l = socket(); l.bind(('192.0.2.1', 0)); l.listen(); tell('tcp', l); wait()\n\
             s = socket(); s.connect(l.getsockname()); l.accept(); say('accepted')",
        );
        let flow = program.flow();
        let mut tables = SocketTables::open().unwrap();
        assert!(tables.lookup(&flow).unwrap().is_empty());
        assert_eq!(destroy(&flow), Destroyed::Gone);
        program.go_on();
        assert_eq!(program.line(), "accepted");
    });
}

#[test]
fn what_is_gone_is_gone() {
    in_network(|| {
        let mut program = Program::start("s = connect(socket()); tell('tcp', s); wait()");
        let flow = program.flow();
        let mut tables = SocketTables::open().unwrap();
        let found = tables.lookup(&flow).unwrap();
        program.go_on();
        program.end();
        assert_eq!(destroy_socket(&found[0]), Destroyed::Gone);
        assert_eq!(destroy(&flow), Destroyed::Gone);
    });
}

/// Only the socket that was seen may be ended, not one that has its place by now.
#[test]
fn another_socket_with_the_same_ends_is_left_alone() {
    in_network(|| {
        let mut program = Program::start(
            "def one():\n\
             \x20 s = socket(); s.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)\n\
             \x20 s.bind(('192.0.2.1', 5000)); return connect(s)\n\
             s = one(); tell('tcp', s); wait(); s.close(); s = one(); say('again'); wait()",
        );
        let flow = program.flow();
        let mut tables = SocketTables::open().unwrap();
        let first = tables.lookup(&flow).unwrap();
        program.go_on();
        program.line();
        assert_eq!(destroy_socket(&first[0]), Destroyed::Gone);
        let second = tables.lookup(&flow).unwrap();
        assert_ne!(second[0].cookie, first[0].cookie);
        assert_eq!(second[0].state, SocketState::Connecting);
    });
}

#[test]
fn icmp_has_no_connections() {
    in_network(|| {
        let flow = flow("icmp 192.0.2.1 7 198.51.100.7 0");
        let destroyed = destroy(&flow);
        assert_eq!(destroyed, Destroyed::Connectionless);
    });
}

#[test]
fn the_list_has_connections_and_nothing_else() {
    in_network(|| {
        let mut program = Program::start(
            "l = socket(); l.bind(('192.0.2.1', 8000)); l.listen()\n\
             o = socket(); o.connect(l.getsockname()); a = l.accept()\n\
             h = connect(socket(AF_INET6), MAPPED, 8001); s = connect(socket(AF_INET6), V6, 8002)\n\
             u = socket(AF_INET, SOCK_DGRAM); u.connect((V4, 8003))\n\
             n = socket(AF_INET6, SOCK_DGRAM); n.connect((V6, 8004))\n\
             x = socket(AF_INET, SOCK_DGRAM); x.bind(('0.0.0.0', 8005)); say('ready'); wait()",
        );
        program.line();
        let list = SocketTables::open().unwrap().list().unwrap();
        let mut found: Vec<_> = list
            .iter()
            .map(|s| (s.remote.unwrap().to_string(), s.protocol, s.state))
            .filter(|(remote, _, _)| !remote.starts_with("192.0.2.1") || remote.ends_with(":8000"))
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
        let (connecting, open) = (SocketState::Connecting, SocketState::Established);
        assert_eq!(
            found,
            [
                ("192.0.2.1:8000".into(), tcp, open),
                ("198.51.100.7:8001".into(), tcp, connecting),
                ("198.51.100.7:8003".into(), udp, open),
                ("[2001:db8:1::7]:8002".into(), tcp, connecting),
                ("[2001:db8:1::7]:8004".into(), udp, open),
            ]
        );
        // With the accepting side of the first.
        assert_eq!(list.len(), 6);
        let mut identifier = SocketTableIdentifier::new().unwrap();
        for socket in &list {
            let identity = identifier.identify_socket(socket);
            assert_eq!(identity.process().unwrap().key.pid, program.pid());
        }
    });
}

/// Sends from memory whose page never comes, until its file is closed (userfaultfd(2)); the kernel
/// holds the socket's lock meanwhile, as parts of a datagram are put together under it (`MSG_MORE`).
const HOLD: &str = "
import ctypes, fcntl, mmap, platform, threading
libc = ctypes.CDLL(None, use_errno=True)
def hold(s):
    number = {'x86_64': 323, 'aarch64': 282}[platform.machine()]
    faults = libc.syscall(number, os.O_CLOEXEC | os.O_NONBLOCK)
    if faults < 0: raise OSError(ctypes.get_errno(), 'userfaultfd')
    memory = mmap.mmap(-1, 4096)
    at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(faults, 0xc018aa3f, bytearray(struct.pack('QQQ', 0xaa, 0, 0)))
    fcntl.ioctl(faults, 0xc020aa00, bytearray(struct.pack('QQQQ', at, 4096, 1, 0)))
    send = lambda: libc.send(s.fileno(), ctypes.c_void_p(at), 100, MSG_MORE)
    thread = threading.Thread(target=send)
    thread.start()
    select.select([faults], [], [])
    return faults, thread, memory
def code(s):
    try: s.recv(1)
    except OSError as e: return errno.errorcode[e.errno]
    return 'no error'
a = socket(AF_INET, SOCK_DGRAM); a.connect((V4, 53)); a.send(b'x')
b = socket(AF_INET, SOCK_DGRAM); b.connect((V4, 54)); b.send(b'x')
tell('udp', a, port=53); tell('udp', b, port=54)
faults, thread, memory = hold(a)
say('held'); say(code(b))
wait(); os.close(faults); thread.join(); say(code(a))
";

#[test]
fn a_program_that_holds_its_socket_holds_up_nobody() {
    in_network(|| {
        let mut program = Program::start(&format!("import select\n{HOLD}"));
        let (held, free) = (program.flow(), program.flow());
        assert_eq!(program.line(), "held");
        let mut tables = SocketTables::open().unwrap();
        let mut find = |flow: &Flow| tables.lookup(flow).unwrap().remove(0);
        let (held, free) = (find(&held), find(&free));

        let destroyer = destroyer();
        let destroying = destroyer.destroy_socket(&held);
        let freed = destroyer.destroy_socket(&free).wait(soon());
        assert_eq!(freed.unwrap(), Destroyed::Ended);
        assert_eq!(program.line(), "ECONNABORTED");
        let error = destroying.wait(Instant::now() + Duration::from_millis(300));
        assert!(matches!(error, Err(SocketError::Held)), "{error:?}");
        // Nor is who stops held up; and it is ended once it can be.
        drop(destroyer);
        program.go_on();
        assert_eq!(program.line(), "ECONNABORTED");
    });
}
