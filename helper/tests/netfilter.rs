//! The iptables rules on the real kernel, in both of iptables' implementations.

#![expect(
    clippy::unwrap_used,
    reason = "the functions that the tests share fail like tests"
)]

#[cfg(test)]
#[path = "netfilter/kernel_bypass.rs"]
mod kernel_bypass;
#[cfg(test)]
mod support;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bastion_helper::netfilter::{
    Backend, Fault, KernelBypass, Netfilter, NetfilterError, Role, RulesetSpec,
};
use bastion_helper::queue::{NfQueue, PacketQueue, PacketVerdict};
use support::{Flood, Peer, arrived, in_namespace, run, send};

const QUEUE: u16 = 77;

/// The implementations of iptables, with the suffix of their programs' names.
const BACKENDS: [(Backend, &str); 2] = [(Backend::Nft, "-nft"), (Backend::Legacy, "-legacy")];
const FAMILIES: [&str; 2] = ["iptables", "ip6tables"];

fn spec() -> RulesetSpec {
    RulesetSpec {
        queue: QUEUE,
        fail_open: false,
        kernel_bypass: KernelBypass::StandIn,
    }
}

/// Rules and chains as `iptables-save` prints them, one a line; no counters, no policies.
fn saved(program: &str) -> Vec<String> {
    let text = run(&format!("{program}-save"), "");
    text.lines()
        .filter_map(|line| match line.as_bytes() {
            [b'*', ..] | [b'-', b'A', ..] => Some(line.to_owned()),
            [b':', ..] if line.contains(" - ") => line.split(' ').next().map(str::to_owned),
            _ => None,
        })
        .collect()
}

fn restore(program: &str, text: &str) {
    let mut child = Command::new(format!("{program}-restore"))
        // The lock of the legacy kind is shared with tests that run at the same time.
        .args(["--noflush", "--wait"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success(), "{text}");
}

/// Runs iptables with arguments that hold no spaces.
fn iptables(program: &str, arguments: &str) {
    run(program, &format!("-w {arguments}"));
}

/// What `-S OUTPUT` of mangle says, but for the policy.
fn mangle_output(program: &str) -> Vec<String> {
    let text = run(program, "-w -t mangle -S OUTPUT");
    text.lines().skip(1).map(str::to_owned).collect()
}

const OURS: [&str; 3] = [
    "-A OUTPUT -o lo -m comment --comment BASTION_BYPASS -j ACCEPT",
    "-A OUTPUT -m comment --comment BASTION_BYPASS -j BASTION_KERNEL",
    "-A OUTPUT -m conntrack --ctstate NEW,RELATED -m comment --comment BASTION_NFQUEUE \
     -j NFQUEUE --queue-num 77",
];

/// Other people's rules, among them some that look a little like ours.
fn plant_foreign(program: &str) {
    restore(
        program,
        r#"*mangle
:ours - [0:0]
-A ours -j RETURN
-A OUTPUT -p udp -m udp --dport 1 -j ACCEPT
-A OUTPUT -m comment --comment "a \"BASTION_BYPASS\" it\'s not" -j ACCEPT
-A OUTPUT -m comment --comment BASTION_BYPASSED -j ours
-A PREROUTING -p tcp -m tcp --dport 2 -j ACCEPT
COMMIT
*raw
-A OUTPUT -p udp -m udp --dport 3 -j CT --notrack
COMMIT
*filter
-A OUTPUT -p tcp -m state --state NEW -j NFQUEUE --queue-num 1
-A OUTPUT -m string --string "BASTION_BYPASS -j" --algo bm -j DROP
-A INPUT -m state --state NEW -j NFQUEUE --queue-num 1
COMMIT
*nat
-A OUTPUT -p tcp -m tcp --dport 4 -j REDIRECT --to-ports 5
COMMIT
"#,
    );
}

/// Duplicates around, between and behind other people's rules, in places where none belong, and
/// what older versions left.
fn plant_ours(program: &str) {
    let duplicates: String = OURS.map(|rule| format!("{rule}\n").repeat(50)).concat();
    let between: String = OURS
        .map(|rule| rule.replace("-A OUTPUT", "-I OUTPUT 2") + "\n")
        .concat();
    let other_queue = OURS[2].replace("77", "3 --queue-bypass");
    restore(
        program,
        &format!(
            "*mangle
:BASTION_KERNEL - [0:0]
-A BASTION_KERNEL -p udp -j ACCEPT
{between}{duplicates}{other_queue}
-A ours -m comment --comment BASTION_BYPASS -j ACCEPT
COMMIT
*raw
-A PREROUTING -m comment --comment BASTION_BYPASS -j ACCEPT
COMMIT
*nat
-A OUTPUT -m comment --comment BASTION_NFQUEUE -j RETURN
COMMIT
*security
-A OUTPUT -m comment --comment BASTION_NFQUEUE -j ACCEPT
COMMIT
*filter
-I OUTPUT 1 -m owner --uid-owner 0 -m comment --comment \"BASTION_BYPASS\" -j ACCEPT
-I OUTPUT 2 -m owner --gid-owner 65534 -m comment --comment \"BASTION_BYPASS\" -j ACCEPT
-I OUTPUT 3 -m state --state NEW -j NFQUEUE --queue-num 1 --queue-bypass
-A OUTPUT -m state --state NEW -j NFQUEUE --queue-num 1
COMMIT
"
        ),
    );
}

fn is_ours(line: &str) -> bool {
    line == ":BASTION_KERNEL" || OURS.contains(&line)
}

/// Tables come into being by being used and then stay; only what is in them counts.
fn contents(program: &str) -> Vec<String> {
    let mut table = String::new();
    let mut contents = Vec::new();
    for line in saved(program) {
        match line.strip_prefix('*') {
            Some(name) => name.clone_into(&mut table),
            None if !is_ours(&line) => contents.push(format!("{table} {line}")),
            None => {}
        }
    }
    contents.sort_by_key(|line| line.split(' ').next().map(str::to_owned));
    contents
}

#[test]
fn everything_of_ours_is_replaced_by_three_rules_and_others_rules_stay() {
    in_namespace(|| {
        for (backend, suffix) in BACKENDS {
            let programs = FAMILIES.map(|family| format!("{family}{suffix}"));
            let foreign = programs.each_ref().map(|program| {
                plant_foreign(program);
                let foreign = contents(program);
                assert_eq!(foreign.len(), 11, "{foreign:#?}");
                plant_ours(program);
                foreign
            });
            let netfilter = Netfilter::of(backend);
            for round in ["first", "second"] {
                netfilter.apply(&spec()).unwrap();
                assert!(netfilter.check(&spec()).unwrap().is_sound());
                for (program, foreign) in programs.iter().zip(&foreign) {
                    assert_eq!(&contents(program), foreign, "{program}, {round} time");
                    let lines = saved(program);
                    assert_eq!(lines.iter().filter(|line| is_ours(line)).count(), 4);
                    assert_eq!(mangle_output(program)[..3], OURS, "{program}");
                }
            }
            for _ in 0..2 {
                netfilter.cleanup().unwrap();
                for (program, foreign) in programs.iter().zip(&foreign) {
                    assert_eq!(&contents(program), foreign, "{program}");
                    assert!(!saved(program).iter().any(|line| is_ours(line)));
                }
            }
        }
    });
}

#[test]
fn cleaning_up_where_nothing_is_changes_nothing() {
    in_namespace(|| {
        Netfilter::system().cleanup().unwrap();
        for (_, suffix) in BACKENDS {
            for family in FAMILIES {
                assert!(saved(&format!("{family}{suffix}")).is_empty());
            }
        }
    });
}

#[test]
fn rules_in_the_unused_backend_are_seen_and_removed() {
    in_namespace(|| {
        for (used, other) in [
            (Backend::Nft, Backend::Legacy),
            (Backend::Legacy, Backend::Nft),
        ] {
            Netfilter::of(other).apply(&spec()).unwrap();
            let health = Netfilter::of(used).check(&spec()).unwrap();
            let found = |fault: &&Fault| matches!(fault, Fault::OtherBackend { backend, rules: 3, .. } if *backend == other);
            assert_eq!(health.faults.iter().filter(found).count(), 2, "{health}");
            Netfilter::of(used).apply(&spec()).unwrap();
            assert!(Netfilter::of(used).check(&spec()).unwrap().is_sound());
            let missing = Netfilter::of(other).check(&spec()).unwrap();
            assert!(!missing.is_sound());
        }
        Netfilter::of(Backend::Nft).cleanup().unwrap();
        for (_, suffix) in BACKENDS {
            for family in FAMILIES {
                let program = format!("{family}{suffix}");
                assert!(!saved(&program).iter().any(|line| is_ours(line)));
            }
        }
    });
}

#[test]
fn faults_made_by_others_are_named_and_mended() {
    in_namespace(|| {
        for (backend, suffix) in BACKENDS {
            let netfilter = Netfilter::of(backend);
            let program = format!("ip6tables{suffix}");
            let delete = |rule: &str| rule.replace("-A", "-t mangle -D");
            let damages = [
                (delete(OURS[0]), "BASTION_BYPASS (loopback) is missing"),
                (delete(OURS[2]), "BASTION_NFQUEUE is missing"),
                (
                    OURS[2].replace("-A", "-t mangle -A"),
                    "BASTION_NFQUEUE is there 2 times",
                ),
                (
                    "-t mangle -I OUTPUT 2 -j ACCEPT".to_owned(),
                    "not in its place",
                ),
                (
                    "-t mangle -A BASTION_KERNEL -j ACCEPT".to_owned(),
                    "chain BASTION_KERNEL",
                ),
                (
                    "-t raw -A OUTPUT -m comment --comment BASTION_BYPASS -j ACCEPT".to_owned(),
                    "table raw holds a stray IPv6 rule",
                ),
                (
                    "-t mangle -F".to_owned(),
                    "allowed in the kernel) is missing",
                ),
            ];
            for (damage, expected) in damages {
                netfilter.apply(&spec()).unwrap();
                iptables(&program, &damage);
                let health = netfilter.check(&spec()).unwrap().to_string();
                assert!(health.contains(expected), "{damage}: {health}");
                assert!(!health.contains("IPv4"), "{damage}: {health}");
            }
            netfilter.apply(&spec()).unwrap();
            assert!(netfilter.check(&spec()).unwrap().is_sound());
            netfilter.cleanup().unwrap();
            let missing = netfilter.check(&spec()).unwrap();
            for role in Role::ALL {
                assert!(
                    missing
                        .to_string()
                        .contains(&format!("IPv4 rule {role} is missing"))
                );
            }
        }
    });
}

#[test]
fn while_nobody_holds_the_queue_the_choice_decides_and_loopback_works() {
    for (backend, _) in BACKENDS {
        in_namespace(move || {
            let peer = Peer::connect();
            let netfilter = Netfilter::of(backend);
            for (family, local) in ["127.0.0.1", "::1"].into_iter().enumerate() {
                let receiver = peer.receiver(family);
                let to = receiver.local_addr().unwrap();
                netfilter.apply(&spec()).unwrap();
                send(b"closed", to);
                let listener = TcpListener::bind((local, 0)).unwrap();
                TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let open = RulesetSpec {
                    fail_open: true,
                    ..spec()
                };
                netfilter.apply(&open).unwrap();
                send(b"open", to);
                assert_eq!(arrived(&receiver), [b"open"]);
            }
        });
    }
}

/// Drops whatever comes until told to stop.
fn deny_all(stop: Arc<AtomicBool>) -> thread::JoinHandle<u64> {
    let (mut queue, _) = NfQueue::open(QUEUE).unwrap();
    thread::spawn(move || {
        let mut denied = 0;
        while !stop.load(Ordering::Relaxed) {
            queue.wait(Some(Duration::from_millis(20))).unwrap();
            while let Some(held) = queue.receive().unwrap() {
                queue.verdict(held.id, PacketVerdict::Drop).unwrap();
                denied += 1;
            }
        }
        denied
    })
}

#[test]
fn no_packet_slips_through_while_the_rules_are_replaced() {
    for (backend, suffix) in BACKENDS {
        in_namespace(move || {
            let peer = Peer::connect();
            let receiver = peer.receiver(0);
            let to = receiver.local_addr().unwrap();
            let netfilter = Netfilter::of(backend);
            netfilter.apply(&spec()).unwrap();
            let stop = Arc::new(AtomicBool::new(false));
            let denying = deny_all(Arc::clone(&stop));
            let flood = Flood::start(to);
            for round in 0..30 {
                if round % 3 == 0 {
                    plant_duplicates(&format!("iptables{suffix}"));
                }
                netfilter.apply(&spec()).unwrap();
            }
            flood.stop();
            stop.store(true, Ordering::Relaxed);
            let denied = denying.join().unwrap();
            assert!(denied > 1_000, "the flood was a trickle: {denied}");
            assert_eq!(arrived(&receiver).len(), 0, "of {denied}");

            netfilter.cleanup().unwrap();
            send(b"free", to);
            assert_eq!(arrived(&receiver), [b"free"], "the receiver works");
        });
    }
}

fn plant_duplicates(program: &str) {
    let duplicates = OURS.map(|rule| format!("{rule}\n").repeat(3)).concat();
    restore(program, &format!("*mangle\n{duplicates}COMMIT\n"));
}

#[test]
fn rules_that_others_add_at_the_same_time_survive() {
    for (backend, suffix) in BACKENDS {
        in_namespace(move || {
            let program = format!("iptables{suffix}");
            let rule = |port: u16| format!("OUTPUT -p udp -m udp --dport {port} -j ACCEPT");
            let adding = {
                let program = program.clone();
                move || {
                    for port in 1..=60 {
                        iptables(&program, &format!("-t mangle -I {}", rule(port)));
                    }
                }
            };
            let adding = thread::spawn(adding);
            while !adding.is_finished() {
                // The other's newest rule may stand at the head when the result is read back.
                match Netfilter::of(backend).apply(&spec()) {
                    Ok(()) | Err(NetfilterError::NotAsMade(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            adding.join().unwrap();
            Netfilter::of(backend).apply(&spec()).unwrap();
            let foreign = (1..=60).rev().map(|port| format!("-A {}", rule(port)));
            let expected: Vec<String> =
                OURS.map(str::to_owned).into_iter().chain(foreign).collect();
            assert_eq!(mangle_output(&program), expected);
        });
    }
}

#[test]
fn without_iptables_the_error_names_the_remedy() {
    in_namespace(|| {
        // A view of the file system of this thread's own, in which the programs are hidden.
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        run("mount", "--make-rprivate /");
        let empty = tempfile::tempdir().unwrap();
        let programs = Path::new("/usr/sbin").canonicalize().unwrap();
        let mount = format!("--bind {} {}", empty.path().display(), programs.display());
        run("mount", &mount);
        let netfilter = Netfilter::system();
        for outcome in [
            netfilter.apply(&spec()),
            netfilter.cleanup(),
            netfilter.check(&spec()).map(drop),
        ] {
            let error = outcome.unwrap_err();
            assert!(matches!(error, NetfilterError::NotInstalled { .. }));
            assert!(error.to_string().contains("install the package iptables"));
        }
    });
}
