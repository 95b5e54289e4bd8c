//! Identification by the socket tables, with real programs and sockets in networks of their own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a panic is a failure"
)]

mod destroy;
mod files;
mod netns;
#[path = "../support/programs.rs"]
mod programs;
mod sharing;

use bastion_policy::process::{Evidence, Identity, UnknownReason};
use netns::{Program, identify, in_network, python, sender, unknown};

/// Starts a program that tells one flow, and asserts that it is found to be the sender.
fn is_found(code: &str) {
    let code = format!("{code}\nwait()");
    in_network(move || {
        let mut program = Program::start(&code);
        let flow = program.flow();
        let process = sender(&flow, 0);
        assert_eq!(process.key.pid, program.pid());
        assert_eq!(process.executable.path.as_str(), python().to_str().unwrap());
        assert!(!process.executable.replaced);
        assert_eq!(process.uid, 0);
        assert_eq!(process.evidence, Evidence::SocketTable);
        assert_eq!(process.arguments.get(1).map(String::as_str), Some("-c"));
        assert_eq!(process.parents[0].key.pid, std::process::id());
        assert!(process.parents[0].key.start_time <= process.key.start_time);
    });
}

#[test]
fn tcp_over_ipv4() {
    is_found("s = connect(socket()); tell('tcp', s)");
}

#[test]
fn tcp_over_ipv6() {
    is_found("s = connect(socket(AF_INET6), V6); tell('tcp', s, V6, source='2001:db8::1')");
}

#[test]
fn tcp_over_ipv4_from_an_ipv6_socket() {
    is_found("s = connect(socket(AF_INET6), MAPPED); tell('tcp', s)");
}

#[test]
fn tcp_bound_to_an_interface() {
    is_found(
        "s = socket(); s.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, b'lo')\n\
         connect(s); tell('tcp', s)",
    );
}

#[test]
fn multipath_tcp() {
    is_found("s = connect(socket(AF_INET, SOCK_STREAM, 262)); tell('tcp', s)");
}

#[test]
fn connected_udp() {
    is_found(
        "s = socket(AF_INET, SOCK_DGRAM); s.connect((V4, 53)); s.send(b'x'); tell('udp', s, port=53)",
    );
}

#[test]
fn unconnected_udp() {
    is_found("s = socket(AF_INET, SOCK_DGRAM); s.sendto(b'x', (V4, 53)); tell('udp', s, port=53)");
}

#[test]
fn udp_to_elsewhere_than_where_it_is_connected() {
    is_found(
        "s = socket(AF_INET, SOCK_DGRAM); s.connect(('198.51.100.9', 9))\n\
         s.sendto(b'x', (V4, 53)); tell('udp', s, port=53)",
    );
}

#[test]
fn udp_over_ipv6() {
    is_found(
        "s = socket(AF_INET6, SOCK_DGRAM); s.sendto(b'x', (V6, 53))\n\
         tell('udp', s, V6, 53, '2001:db8::1')",
    );
}

#[test]
fn udp_over_ipv4_from_an_ipv6_socket() {
    is_found(
        "s = socket(AF_INET6, SOCK_DGRAM); s.sendto(b'x', (MAPPED, 53)); tell('udp', s, port=53)",
    );
}

#[test]
fn udp_over_ipv4_from_a_connected_ipv6_socket() {
    is_found(
        "s = socket(AF_INET6, SOCK_DGRAM); s.connect((MAPPED, 53)); s.send(b'x'); tell('udp', s, port=53)",
    );
}

#[test]
fn udp_lite() {
    is_found(
        "s = socket(AF_INET, SOCK_DGRAM, 136); s.sendto(b'x', (V4, 9)); tell('udplite', s, port=9)",
    );
}

#[test]
fn ping_sockets() {
    const ALLOW: &str = "open('/proc/sys/net/ipv4/ping_group_range', 'w').write('0 1000')\n";
    const CODE: &str = "s.sendto(struct.pack('!BBHHH', TYPE, 0, 0, 0, 1), (TO, 0))\n";
    let v4 = "s = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP); TYPE = 8; TO = V4\n";
    is_found(&format!("{ALLOW}{v4}{CODE}tell('icmp', s, V4, 0)"));
    let v6 = "s = socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6); TYPE = 128; TO = V6\n";
    is_found(&format!(
        "{ALLOW}{v6}{CODE}tell('icmpv6', s, V6, 0, '2001:db8::1')"
    ));
}

#[test]
fn raw_sockets() {
    is_found("s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); say('icmp 192.0.2.1 77', V4, 0)");
    is_found("s = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6); say('icmpv6 2001:db8::1 77', V6, 0)");
    is_found("s = socket(AF_INET, SOCK_RAW, 253); say('253 192.0.2.1 0', V4, 0)");
    is_found("s = socket(AF_INET, SOCK_RAW, IPPROTO_RAW); say('tcp 192.0.2.1 4000', V4, 80)");
}

#[test]
fn a_raw_socket_does_not_hide_an_ordinary_one() {
    is_found(
        "r = socket(AF_INET, SOCK_RAW, IPPROTO_RAW); p = os.fork()\n\
         if not p: r.close(); os.execvp('sleep', ['sleep', '1000'])\n\
         s = connect(socket()); tell('tcp', s)",
    );
}

/// Its files below `/proc` are root's, as it changed its user.
#[test]
fn another_user() {
    in_network(|| {
        let mut program = Program::start(
            "os.setgid(65534); os.setuid(65534); s = connect(socket()); tell('tcp', s); wait()",
        );
        let flow = program.flow();
        let process = sender(&flow, 65534);
        assert_eq!((process.key.pid, process.uid), (program.pid(), 65534));
        assert_eq!(unknown(&flow, Some(0)), UnknownReason::NoSocket);
    });
}

#[test]
fn multipath_tcp_of_another_user_without_an_owner() {
    in_network(|| {
        let mut program = Program::start(
            "os.setgid(65534); os.setuid(65534)\n\
             s = connect(socket(AF_INET, SOCK_STREAM, 262)); tell('tcp', s); wait()",
        );
        let identity = identify(&program.flow(), None);
        let process = identity.process().expect("is a process");
        assert_eq!((process.key.pid, process.uid), (program.pid(), 65534));
    });
}

#[test]
fn a_program_that_ended() {
    in_network(|| {
        let mut program = Program::start("s = connect(socket()); tell('tcp', s)");
        let flow = program.flow();
        program.end();
        assert_eq!(unknown(&flow, Some(0)), UnknownReason::NoSocket);
    });
}

#[test]
fn no_owner_and_no_socket_is_the_kernel() {
    in_network(|| {
        for text in [
            "tcp 192.0.2.1 4000 198.51.100.7 80",
            "udp 192.0.2.1 4000 198.51.100.7 80",
        ] {
            assert_eq!(identify(&netns::flow(text), None), Identity::Kernel);
        }
    });
}

/// A socket that a user's call made but no process holds, as the kernel opens one for
/// `AF_RXRPC` (UDP) and `AF_SMC` (TCP). Here it waits in a Unix socket's queue.
#[test]
fn a_users_socket_that_nobody_holds_is_not_the_kernels() {
    const HIDE: &str = "a, b = socketpair(); send_fds(a, [b'x'], [s.fileno()])\n";
    for (open, tell) in [
        ("socket(AF_INET, SOCK_DGRAM); s.bind(('', 0))", "udp"),
        ("socket(AF_INET6, SOCK_DGRAM); s.bind(('', 0))", "udp"),
        ("connect(socket())", "tcp"),
    ] {
        in_network(move || {
            let mut program = Program::start(&format!(
                "os.setgid(65534); os.setuid(65534); s = {open}\n\
                 {HIDE}tell('{tell}', s); s.close(); say('closed'); wait()"
            ));
            let flow = program.flow();
            program.line();
            match identify(&flow, None) {
                Identity::Unknown { uid, reason } => {
                    assert_eq!(uid, Some(65534));
                    // Or a process that can't be looked at may have it, where there is one.
                    let hidden = [UnknownReason::NoProcess, UnknownReason::Unreadable];
                    assert!(hidden.contains(&reason), "{reason}");
                }
                other => panic!("{flow:?} is from {other:?}"),
            }
        });
    }
}

/// What a program sends from a socket that it holds has an owner.
#[test]
fn a_port_that_a_program_has_may_be_the_kernels_too() {
    in_network(|| {
        let mut program = Program::start(
            "os.setgid(65534); os.setuid(65534)\n\
             s = socket(AF_INET, SOCK_DGRAM); s.bind(('', 0)); tell('udp', s); wait()",
        );
        assert_eq!(identify(&program.flow(), None), Identity::Kernel);
    });
}

/// A tunnel's socket is the kernel's own: root had it opened.
#[test]
fn a_tunnel_is_the_kernel() {
    in_network(|| {
        netns::tunnel(4789);
        let flow = netns::flow("udp 192.0.2.1 4789 198.51.100.7 4789");
        assert_eq!(identify(&flow, None), Identity::Kernel);
        let sockets = bastion_helper::sockets::SocketTables::open()
            .unwrap()
            .lookup(&flow)
            .unwrap();
        let owners: Vec<_> = sockets.iter().map(|s| (s.uid, s.inode != 0)).collect();
        assert_eq!(owners, [(0, true)]);
    });
}

/// Its program closed it, but the kernel still delivers what was written.
#[test]
fn a_closed_connection_is_not_the_kernels_own() {
    in_network(|| {
        let mut program = Program::start(
            "l = socket(); l.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096); l.bind(('192.0.2.1', 0)); l.listen()\n\
             s = socket(); s.connect(l.getsockname()); c = l.accept(); s.setblocking(False)\n\
             try:\n  while True: s.send(bytes(65536))\n\
             except BlockingIOError: pass\n\
             port = s.getsockname()[1]; s.close()\n\
             say('tcp 192.0.2.1', port, *l.getsockname()); wait()",
        );
        let flow = program.flow();
        assert_eq!(unknown(&flow, None), UnknownReason::NoProcess);
    });
}

#[test]
fn one_identifier_serves_many_flows() {
    in_network(|| {
        let mut identifier = bastion_helper::identify::SocketTableIdentifier::new().unwrap();
        let mut programs: Vec<_> = (0..5)
            .map(|_| {
                let code = "s = [connect(socket()) for _ in range(20)]\n\
                            for c in s: tell('tcp', c)\n\
                            wait()";
                Program::start(code)
            })
            .collect();
        for program in &mut programs {
            for _ in 0..20 {
                let identity = identifier.sender_of(&program.flow(), Some(0));
                let process = identity.process().unwrap();
                assert_eq!(process.key.pid, program.pid());
                assert_eq!(process.evidence, Evidence::SocketTable);
            }
        }
    });
}
