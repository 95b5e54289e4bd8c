//! The harness itself: machines, networks between them, and what is left of them.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bastion_tests::{Arrived, As, Internet, Manner, Sandbox, Transport, boot_or_skip, eventually};

const PATIENCE: Duration = Duration::from_secs(10);

/// Sends five bytes and prints what comes back.
const SEND: &str = r"
import socket, sys
transport, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
kind = socket.SOCK_STREAM if transport == 'tcp' else socket.SOCK_DGRAM
s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, kind)
s.settimeout(5)
s.connect((address, port))
s.send(b'hello')
print(s.recv(100).decode())
";

fn send(sandbox: &Sandbox, who: As<'_>, transport: &str, address: IpAddr, port: &str) -> String {
    let address = address.to_string();
    sandbox
        .run(who, &["python3", "-c", SEND, transport, &address, port])
        .unwrap()
}

#[test]
fn a_machine_boots_with_every_unit_started() {
    let Some(sandbox) = boot_or_skip("boot") else {
        return;
    };
    assert_eq!(
        sandbox
            .run(As::Root, &["systemctl", "is-system-running"])
            .unwrap()
            .trim(),
        "running"
    );
    assert_eq!(
        sandbox
            .run(As::Service, &["cat", "/proc/1/comm"])
            .unwrap()
            .trim(),
        "systemd"
    );
    let bus = [
        "busctl",
        "call",
        "org.freedesktop.DBus",
        "/",
        "org.freedesktop.DBus",
        "GetId",
    ];
    assert!(
        sandbox
            .run(As::Background("bob"), &bus)
            .unwrap()
            .starts_with("s \"")
    );
}

#[test]
fn a_user_at_the_screen_is_active_and_local_and_one_elsewhere_is_not() {
    let Some(sandbox) = boot_or_skip("session") else {
        return;
    };
    // logind's own action for restarting: allowed to an active local session alone.
    let may_reboot = |who| {
        let ask = [
            "sh",
            "-c",
            "pkcheck --action-id org.freedesktop.login1.reboot --process $$",
        ];
        sandbox.output(who, &ask).unwrap().success()
    };
    assert!(
        may_reboot(As::Active("alice")),
        "a user at the screen was refused"
    );
    assert!(
        may_reboot(As::Active("bob")),
        "a user at the screen was refused"
    );
    assert!(
        !may_reboot(As::Background("alice")),
        "a background session was taken for one at the screen"
    );
    let show = "loginctl show-session $XDG_SESSION_ID -P Active -P Seat -P Remote -P Class";
    let shown = sandbox
        .run(As::Active("alice"), &["sh", "-c", show])
        .unwrap();
    let mut shown: Vec<&str> = shown.split_whitespace().collect();
    shown.sort_unstable();
    assert_eq!(shown, ["no", "seat0", "user", "yes"]);
}

#[test]
fn the_internet_is_reached_and_counts_over_both_families_and_transports() {
    let Some(sandbox) = boot_or_skip("net") else {
        return;
    };
    let mut internet = Internet::boot(&sandbox).unwrap();
    internet.listen(Transport::Tcp, 7000, Manner::Echo).unwrap();
    internet.listen(Transport::Udp, 7000, Manner::Echo).unwrap();
    for address in [internet.v4(5), internet.v6(5)] {
        for (name, transport) in [("tcp", Transport::Tcp), ("udp", Transport::Udp)] {
            assert_eq!(
                internet.arrived(transport, address, 7000).unwrap(),
                Arrived::default()
            );
            assert_eq!(
                send(&sandbox, As::Background("alice"), name, address, "7000").trim(),
                "hello"
            );
            let arrived = internet.arrived(transport, address, 7000).unwrap();
            let (connections, datagrams) = if name == "tcp" { (1, 0) } else { (0, 1) };
            assert_eq!(
                arrived,
                Arrived {
                    connections,
                    datagrams,
                    bytes: 5
                }
            );
        }
    }
    internet.forget().unwrap();
    assert_eq!(
        internet
            .arrived(Transport::Tcp, internet.v4(5), 7000)
            .unwrap(),
        Arrived::default()
    );
}

#[test]
fn the_internet_has_names() {
    let Some(sandbox) = boot_or_skip("names") else {
        return;
    };
    let mut internet = Internet::boot(&sandbox).unwrap();
    internet.listen(Transport::Tcp, 80, Manner::Http).unwrap();
    internet.name("www.example.org", 7).unwrap();
    for family in ["-4", "-6"] {
        let page = sandbox
            .run(
                As::Background("bob"),
                &["curl", "-sS", family, "http://www.example.org/"],
            )
            .unwrap();
        assert_eq!(page.trim(), "hello from the internet");
    }
    let missing = sandbox
        .output(As::Root, &["curl", "-sS", "http://nowhere.example.org/"])
        .unwrap();
    assert_eq!(
        missing.status, 6,
        "curl says otherwise than that the name is unknown: {}",
        missing.stderr
    );
}

#[test]
fn the_kernel_offers_queues_and_programs_to_a_machine() {
    let Some(sandbox) = boot_or_skip("kernel") else {
        return;
    };
    for iptables in ["iptables", "ip6tables"] {
        let rule = format!(
            "{iptables} -w -t mangle -A OUTPUT -m conntrack --ctstate NEW -m comment --comment test \
             -j NFQUEUE --queue-num 77 --queue-bypass; {iptables} -t mangle -S OUTPUT"
        );
        let rules = sandbox.run(As::Service, &["sh", "-euc", &rule]).unwrap();
        assert!(
            rules.contains("-j NFQUEUE --queue-num 77 --queue-bypass"),
            "{rules}"
        );
    }
    let map = "bpftool map create /sys/fs/bpf/test type hash key 4 value 4 entries 4 name test
               bpftool map update pinned /sys/fs/bpf/test key 1 0 0 0 value 7 0 0 0
               bpftool --json map lookup pinned /sys/fs/bpf/test key 1 0 0 0";
    let found = sandbox.run(As::Service, &["sh", "-euc", map]).unwrap();
    assert!(found.contains("\"0x07\""), "{found}");
}

#[test]
fn programs_beside_the_test_talk_and_end_with_it() {
    let Some(sandbox) = boot_or_skip("spawn") else {
        return;
    };
    for who in [
        As::Root,
        As::Service,
        As::Active("alice"),
        As::Background("bob"),
    ] {
        let mut program = sandbox
            .spawn(
                who,
                &["sh", "-c", "read line; echo got $line; exec sleep 4242"],
            )
            .unwrap();
        program.send("word").unwrap();
        assert_eq!(program.line_with("got", PATIENCE).unwrap(), "got word");
        let sleeping = || {
            sandbox
                .output(As::Root, &["pgrep", "-fx", "sleep 4242"])
                .unwrap()
                .success()
        };
        eventually("the program's sleep", PATIENCE, || sleeping().then_some(())).unwrap();
        drop(program);
        eventually("the program's end", PATIENCE, || {
            (!sleeping()).then_some(())
        })
        .unwrap();
    }
}

/// Cgroups, cables, state and processes that bear the machine's name.
fn traces(name: &str) -> String {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let look = r#"
        awk '$3 == "cgroup2" { print $2 }' /proc/mounts | while read -r at; do ls -d "$at/bastion.$1" 2>/dev/null; done
        ls -d "$2/target/sandbox/state/machine.$1" "$2/target/sandbox/share/$1" 2>/dev/null
        ls -d /run/systemd/nspawn/*/"$1" 2>/dev/null
        grep -s "$1" /proc/mounts
        for process in /proc/[0-9]*; do
          [ "${process#/proc/}" = $$ ] || tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -e "machine=$1" -e "down $1"
        done
        true"#;
    let done = Command::new("bash")
        .args(["-c", look, "traces", name])
        .arg(project)
        .output()
        .unwrap();
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn nothing_is_left_of_a_machine_that_went_down() {
    let Some(sandbox) = boot_or_skip("down") else {
        return;
    };
    let Some(other) = boot_or_skip("down-other") else {
        return;
    };
    sandbox
        .link("eth0", &["10.1.0.1/24"], &other, &["10.1.0.2/24"])
        .unwrap();
    let name = sandbox.name().to_owned();
    let leader = Path::new("/proc").join(sandbox.leader().to_string());
    let _busy = sandbox
        .spawn(As::Active("alice"), &["sleep", "infinity"])
        .unwrap();
    sandbox.shared_directory().unwrap();
    assert!(leader.exists());
    assert_ne!(
        traces(&name),
        "",
        "the traces of a machine that is up were not found"
    );
    sandbox.down().unwrap();
    eventually("the end of the machine's process 1", PATIENCE, || {
        (!leader.exists()).then_some(())
    })
    .unwrap();
    assert_eq!(traces(&name), "");
    // The cable is gone from the other machine, too.
    eventually("the end of the cable", PATIENCE, || {
        (!other
            .output(As::Root, &["ip", "link", "show", "eth0"])
            .unwrap()
            .success())
        .then_some(())
    })
    .unwrap();
}

#[test]
fn a_machine_goes_down_with_the_process_that_owns_it() {
    if boot_or_skip("owner-probe").is_none() {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sandbox/sandbox.sh");
    let name = format!("owner-{}", std::process::id());
    let mut owner = Command::new("sleep").arg("infinity").spawn().unwrap();
    let up = Command::new(&script)
        .args(["up", &name, "--owner", &owner.id().to_string()])
        .output();
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(up.unwrap().status.success());
    eventually("the end of an orphaned machine", PATIENCE, || {
        traces(&name).is_empty().then_some(())
    })
    .unwrap();
}
