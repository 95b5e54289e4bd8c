//! The queue on the real kernel.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the functions that the tests share fail like tests"
)]

#[cfg(test)]
mod support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bastion_helper::netfilter::{KernelBypass, Netfilter, RulesetSpec};
use bastion_helper::packet::{self, Part};
use bastion_helper::queue::{HeldPacket, NfQueue, PacketQueue, PacketVerdict, QueueError};
use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::pending::PacketId;
use support::{FAR, Flood, NEAR, Peer, arrived, in_namespace, send};

const QUEUE: u16 = 77;

fn apply_rules() {
    let spec = RulesetSpec {
        queue: QUEUE,
        fail_open: false,
        kernel_bypass: KernelBypass::StandIn,
    };
    Netfilter::system().apply(&spec).unwrap();
}

/// A machine with rules and an open queue, and a peer.
fn guarded() -> (NfQueue, Peer) {
    let peer = Peer::connect();
    apply_rules();
    (NfQueue::open(QUEUE).unwrap().0, peer)
}

/// The next packet. It has long come when this gives up.
fn next(queue: &mut NfQueue) -> HeldPacket {
    for _ in 0..60 {
        if let Some(packet) = queue.receive().unwrap() {
            return packet;
        }
        queue.wait(Some(Duration::from_secs(1))).unwrap();
    }
    panic!("no packet came");
}

/// The datagrams that have arrived, when they are that many. They have long come when this gives
/// up.
fn arrive(receiver: &UdpSocket, count: usize) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    let mut buffer = [0; 64];
    receiver
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    while datagrams.len() < count {
        let length = receiver.recv(&mut buffer).unwrap();
        datagrams.push(buffer.iter().copied().take(length).collect());
    }
    datagrams.extend(arrived(receiver));
    datagrams
}

#[test]
fn a_tcp_connection_waits_until_it_is_accepted() {
    in_namespace(|| {
        let (mut queue, peer) = guarded();
        for family in 0..2 {
            let listener = peer.run(move || TcpListener::bind((FAR[family], 0)).unwrap());
            listener.set_nonblocking(true).unwrap();
            let to = listener.local_addr().unwrap();
            let (done, result) = mpsc::channel();
            thread::spawn(move || done.send(TcpStream::connect(to)).unwrap());

            let held = next(&mut queue);
            assert_eq!(held.owner, Some(0));
            let parsed = packet::parse(&held.bytes).unwrap();
            assert_eq!((parsed.part, parsed.midstream), (Part::Whole, false));
            assert_eq!(
                parsed.flow,
                Flow {
                    protocol: Protocol::Tcp,
                    source: NEAR[family].parse().unwrap(),
                    source_port: parsed.flow.source_port,
                    destination: to.ip(),
                    destination_port: to.port(),
                    hosts: Vec::new(),
                }
            );
            assert!(result.try_recv().is_err(), "connected without a verdict");
            assert!(listener.accept().is_err(), "arrived without a verdict");

            queue.verdict(held.id, PacketVerdict::Accept).unwrap();
            let mut stream = result.recv().unwrap().unwrap();
            assert_eq!(stream.local_addr().unwrap().port(), parsed.flow.source_port);
            listener.set_nonblocking(false).unwrap();
            let (mut other, _) = listener.accept().unwrap();
            stream.write_all(b"ping").unwrap();
            let mut buffer = [0; 4];
            other.read_exact(&mut buffer).unwrap();
            other.write_all(b"pong").unwrap();
            stream.read_exact(&mut buffer).unwrap();
            assert_eq!(&buffer, b"pong");
            assert_eq!(
                queue.receive().unwrap(),
                None,
                "an open connection asks no more"
            );
        }
    });
}

#[test]
fn connections_from_outside_are_answered_without_asking() {
    in_namespace(|| {
        let (mut queue, peer) = guarded();
        for near in NEAR {
            let listener = TcpListener::bind((near, 0)).unwrap();
            let to = listener.local_addr().unwrap();
            let mut client = peer.run(move || TcpStream::connect(to).unwrap());
            let (mut server, _) = listener.accept().unwrap();
            server.write_all(b"hello").unwrap();
            let mut buffer = [0; 5];
            client.read_exact(&mut buffer).unwrap();
            assert_eq!(queue.receive().unwrap(), None);
        }
    });
}

#[test]
fn a_dropped_packet_never_arrives_and_an_accepted_one_does() {
    in_namespace(|| {
        let (mut queue, peer) = guarded();
        for family in 0..2 {
            let receiver = peer.receiver(family);
            let to = receiver.local_addr().unwrap();
            send(b"dropped", to);
            send(b"accepted", to);
            let (first, second) = (next(&mut queue), next(&mut queue));
            assert_eq!(queue.stats().unwrap().waiting, 2);
            // In the other order than they came.
            queue.verdict(second.id, PacketVerdict::Accept).unwrap();
            queue.verdict(first.id, PacketVerdict::Drop).unwrap();
            assert_eq!(queue.stats().unwrap().waiting, 0);
            assert_eq!(arrive(&receiver, 1), [b"accepted"]);
        }
    });
}

#[test]
fn a_burst_of_5000_flows_loses_none_while_another_waits() {
    in_namespace(|| {
        const BURST: u16 = 5_000;
        let (mut queue, peer) = guarded();
        let receiver = peer.receiver(0);
        let to = receiver.local_addr().unwrap();
        send(b"waits", to);
        let waiting = next(&mut queue);

        // Nobody reads the queue meanwhile.
        for n in 0..BURST {
            send(&n.to_be_bytes(), to);
        }
        let stats = queue.stats().unwrap();
        assert_eq!((stats.lost(), stats.waiting), (0, u32::from(BURST) + 1));
        let mut ids = BTreeSet::new();
        for _ in 0..BURST {
            let held = next(&mut queue);
            packet::parse(&held.bytes).unwrap();
            assert!(ids.insert(held.id), "an id came twice");
        }
        assert_eq!(queue.receive().unwrap(), None);

        for id in ids {
            queue.verdict(id, PacketVerdict::Accept).unwrap();
        }
        let burst: BTreeSet<Vec<u8>> = arrive(&receiver, BURST.into()).into_iter().collect();
        let sent = (0..BURST).map(|n| n.to_be_bytes().to_vec()).collect();
        assert_eq!(burst, sent);
        queue.verdict(waiting.id, PacketVerdict::Accept).unwrap();
        assert_eq!(arrive(&receiver, 1), [b"waits"]);
    });
}

#[test]
fn closing_the_queue_drops_what_waits_in_it() {
    in_namespace(|| {
        let (mut queue, peer) = guarded();
        let receiver = peer.receiver(0);
        let to = receiver.local_addr().unwrap();
        send(b"read", to);
        next(&mut queue);
        send(b"not read", to);
        assert_eq!(queue.stats().unwrap().waiting, 2);
        drop(queue);
        send(b"nobody listens", to);

        let (mut queue, _) = NfQueue::open(QUEUE).unwrap();
        assert_eq!(queue.receive().unwrap(), None);
        assert_eq!(queue.stats().unwrap().waiting, 0);
        Netfilter::system().cleanup().unwrap();
        send(b"free", to);
        assert_eq!(arrive(&receiver, 1), [b"free"]);
    });
}

#[test]
fn a_queue_can_be_taken_once() {
    in_namespace(|| {
        let (first, _) = NfQueue::open(QUEUE).unwrap();
        assert!(matches!(
            NfQueue::open(QUEUE),
            Err(QueueError::Taken(QUEUE))
        ));
        assert!(NfQueue::open(QUEUE + 1).is_ok());
        assert_eq!(first.stats().unwrap().lost(), 0, "the first still holds it");
        drop(first);
        assert!(NfQueue::open(QUEUE).is_ok());
    });
}

#[test]
fn programs_that_the_helper_starts_do_not_hold_the_queue() {
    in_namespace(|| {
        let (queue, _) = NfQueue::open(QUEUE).unwrap();
        // Columns: address, protocol, port, groups, ..., inode.
        let table = std::fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
        let socket = table
            .lines()
            .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>())
            .find(|row| row.get(1) == Some(&"12") && row.get(2) != Some(&"0"))
            .and_then(|row| row.last().map(|inode| format!("socket:[{inode}]")))
            .unwrap();
        let held = std::fs::read_dir("/proc/self/fd").unwrap().filter(|file| {
            let target = std::fs::read_link(file.as_ref().unwrap().path());
            target.is_ok_and(|target| target.to_str() == Some(&socket))
        });
        assert!(held.count() >= 2, "the queue's socket is not {socket}");
        let child = support::run("ls", "-l /proc/self/fd");
        assert!(!child.contains(&socket), "{child}");
        drop(queue);
    });
}

#[test]
fn queues_that_are_opened_at_the_same_time_are_not_mixed_up() {
    in_namespace(|| {
        const QUEUES: u16 = 16;
        let peer = Peer::connect();
        apply_rules();
        let to = peer.receiver(0).local_addr().unwrap();
        for _ in 0..20 {
            let openers: Vec<_> = (0..QUEUES)
                .map(|n| thread::spawn(move || NfQueue::open(QUEUE + n).unwrap().0))
                .collect();
            let mut queues: Vec<_> = openers
                .into_iter()
                .map(|opener| opener.join().unwrap())
                .collect();
            for queue in &mut queues {
                // The answer to the last setting.
                assert_eq!(queue.receive().unwrap(), None);
            }
            send(b"x", to);
            // Only the right socket ends its queue's wait without a timeout.
            let (tell, told) = mpsc::channel();
            let mut first = queues.swap_remove(0);
            thread::spawn(move || {
                first.wait(None).unwrap();
                tell.send(first).unwrap();
            });
            let mut woken = told
                .recv_timeout(Duration::from_secs(60))
                .expect("the wait did not end");
            assert!(woken.receive().unwrap().is_some());
        }
    });
}

#[test]
fn without_privilege_the_error_says_what_is_missing() {
    in_namespace(|| {
        // SAFETY: no memory is involved. The system call, unlike the library's function of the
        // same name, changes this thread alone.
        let changed =
            unsafe { nix::libc::syscall(nix::libc::SYS_setresuid, 65_534, 65_534, 65_534) };
        assert_eq!(changed, 0);
        let Err(error) = NfQueue::open(QUEUE) else {
            panic!("an ordinary user opened a queue");
        };
        assert!(matches!(error, QueueError::NotPermitted(QUEUE)));
        assert!(error.to_string().contains("CAP_NET_ADMIN"));
    });
}

#[test]
fn a_waker_ends_the_wait_and_a_timeout_does() {
    in_namespace(|| {
        let (mut queue, waker) = NfQueue::open(QUEUE).unwrap();
        let (tell, told) = mpsc::channel();
        let waiting = thread::spawn(move || {
            for round in 0..3 {
                queue.wait(None).unwrap();
                tell.send(round).unwrap();
            }
            queue.wait(Some(Duration::from_millis(1))).unwrap();
        });
        for round in 0..3 {
            waker.clone().wake();
            let woken = told.recv_timeout(Duration::from_secs(60));
            assert_eq!(woken, Ok(round), "the wait did not end");
        }
        waiting.join().unwrap();
    });
}

#[test]
fn a_verdict_on_a_packet_that_is_gone_breaks_nothing() {
    in_namespace(|| {
        let (mut queue, peer) = guarded();
        let receiver = peer.receiver(0);
        let to = receiver.local_addr().unwrap();
        queue
            .verdict(PacketId(4_711), PacketVerdict::Accept)
            .unwrap();
        send(b"x", to);
        let held = next(&mut queue);
        // The kernel drops what waits for an interface that goes away.
        support::ip("link set near0 down");
        queue.verdict(held.id, PacketVerdict::Accept).unwrap();
        assert_eq!(queue.receive().unwrap(), None);
        assert_eq!(queue.stats().unwrap().waiting, 0);
        assert!(arrived(&receiver).is_empty());
    });
}

#[test]
fn packets_that_come_while_the_queue_is_opened_are_seen_or_dropped() {
    in_namespace(|| {
        let peer = Peer::connect();
        apply_rules();
        let receiver = peer.receiver(0);
        let to = receiver.local_addr().unwrap();
        let flood = Flood::start(to);
        let mut queue = None;
        for _ in 0..200 {
            drop(queue.take());
            let (mut opened, _) = NfQueue::open(QUEUE).unwrap();
            for n in 1..=20 {
                let held = next(&mut opened);
                // The kernel counts from 1 for each new holder.
                assert_eq!(held.id, PacketId(n), "a packet waits unseen");
                assert_eq!(held.owner, Some(0), "a packet came before the settings");
                assert!(packet::parse(&held.bytes).is_ok());
                opened.verdict(held.id, PacketVerdict::Drop).unwrap();
            }
            queue = Some(opened);
        }
        let mut queue = queue.unwrap();
        flood.stop();
        while let Some(held) = queue.receive().unwrap() {
            queue.verdict(held.id, PacketVerdict::Drop).unwrap();
        }
        assert_eq!(queue.stats().unwrap().waiting, 0, "a packet waits unseen");
        assert!(arrived(&receiver).is_empty());
    });
}
