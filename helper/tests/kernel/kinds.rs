//! Every kind of sending there is, by each way to record senders: who sent each packet of it.

use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bastion_policy::process::Identity;
use bastion_tests::{Announced, KINDS, Kind, OTHER_SOURCES, Sent};

use crate::programs::copy_program;
use crate::station::{Station, hooks};
use crate::world::{FAR, in_world, run};

/// Far more than any kind needs, also where a kernel is emulated.
const PATIENCE: Duration = Duration::from_secs(50);
/// For how long packets are waited for once their program has ended.
const SETTLED: Duration = Duration::from_millis(50);
/// The user who sends what does not take root; nobody need know of him.
const SOMEBODY: &str = "1001";

/// The programs that send, in a directory of their own, which all users may look into.
struct Programs(tempfile::TempDir);

impl Programs {
    fn make() -> Self {
        let directory = tempfile::tempdir().unwrap();
        run("chmod", &format!("755 {}", directory.path().display()));
        let sender = sender(directory.path());
        for name in KINDS.iter().flat_map(Kind::programs) {
            copy_program(sender.to_str().unwrap(), &directory.path().join(name));
        }
        Self(directory)
    }

    fn directory(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn start(&self, kind: &Kind) -> Child {
        let program = self.0.path().join(kind.name);
        let mut command = if kind.root {
            Command::new(program)
        } else {
            let mut command = Command::new("setpriv");
            let user = ["--reuid", SOMEBODY, "--regid", SOMEBODY, "--clear-groups"];
            command.args(user).arg(program);
            command
        };
        let arguments = kind.arguments(self.directory());
        command.args(arguments).stdout(Stdio::piped());
        command.spawn().unwrap()
    }
}

/// The program that sends in every way: the one that is given, or built by the script that does it
/// for all tests.
fn sender(directory: &Path) -> PathBuf {
    if let Some(given) = std::env::var_os("BASTION_SENDER") {
        return given.into();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sandbox/senders.sh");
    let mut build = Command::new(script);
    let built = build.arg("--into").arg(directory).status().unwrap();
    assert!(built.success(), "the sender does not build");
    directory.join("sender")
}

/// Addresses at both ends, places where nobody is, and somebody who answers.
fn furnish(station: &Station) {
    for (family, source) in OTHER_SOURCES.iter().enumerate() {
        let [length, how] = [["24", ""], ["64", "nodad"]][family];
        run("ip", &format!("addr add {source}/{length} dev near0 {how}"));
        let option = ["-4", "-6"][family];
        run(
            "ip",
            &format!("{option} route add default via {}", FAR[family]),
        );
    }
    let pings = "0 2147483647";
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", pings).unwrap();
    station.peer.run(|| {
        run("ip", "addr add 203.0.113.3/32 dev far0");
        run("ip", "addr add 2001:db8::3/128 dev far0 nodad");
        run("ip", "route add blackhole 198.51.100.0/24");
        run("ip", "route add blackhole 2001:db8:1::/64");
        // For whoever asks, and from every listener (0x400, ip-sysctl of the kernel's documentation).
        std::fs::write("/proc/sys/net/ipv4/tcp_fastopen", "0x403").unwrap();
        for kind in KINDS.iter().filter(|kind| kind.protocol == "tcp") {
            answer(TcpListener::bind(("::", kind.port())).unwrap());
        }
    });
}

/// Sends back what comes, until the test ends.
fn answer(listener: TcpListener) {
    let echo = |stream: TcpStream| {
        thread::spawn(move || {
            // They end as they like.
            let _ = io::copy(&mut &stream, &mut &stream);
        })
    };
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            echo(stream);
        }
    });
}

/// Whom packets are attributed to: their process and program, or what is known instead.
type Seen = BTreeMap<String, u64>;

fn named(pid: u32, program: &str, uid: u32) -> String {
    let name = program.rsplit('/').next().unwrap_or(program);
    format!("{name} (process {pid}, user {uid})")
}

fn attributed(identity: &Identity) -> String {
    match identity.process() {
        Some(process) => {
            let path = process.executable.path.as_str();
            named(process.key.pid, path, process.uid)
        }
        None => format!("{identity:?}"),
    }
}

/// Lets everything go that is in the queue; notes by kind who is told to have sent it.
fn serve(station: &mut Station, seen: &mut BTreeMap<&'static str, Seen>) -> bool {
    let queued = station.queued();
    for packet in &queued {
        station.accept(packet);
        let flow = &packet.flow;
        let (protocol, to) = (flow.protocol.to_string(), flow.destination);
        let of = |kind: &&Kind| kind.is_to(&protocol, to, flow.destination_port);
        // The kernel's own, which finds neighbours, are of no kind.
        let name = KINDS.iter().find(of).map_or("", |kind| kind.name);
        if !name.is_empty() || packet.identity != Identity::Kernel {
            let all = seen.entry(name).or_default();
            *all.entry(attributed(&packet.identity)).or_default() += 1;
        }
    }
    !queued.is_empty()
}

/// Serves until the program has ended and nothing comes any more; gives what it said.
fn finish(
    station: &mut Station,
    kind: &Kind,
    mut program: Child,
    seen: &mut BTreeMap<&'static str, Seen>,
) -> Sent {
    let start = Instant::now();
    while program.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < PATIENCE, "{} does not end", kind.name);
        station.wait(Duration::from_millis(5));
        serve(station, seen);
    }
    let rest = Instant::now();
    while rest.elapsed() < SETTLED {
        station.wait(Duration::from_millis(5));
        serve(station, seen);
    }
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{} failed", kind.name);
    Sent::of(std::str::from_utf8(&output.stdout).unwrap()).unwrap()
}

/// What is wrong with what was seen of a kind, as a line each.
fn complaints(kind: &Kind, senders: &[Announced], seen: &Seen) -> Vec<String> {
    let mut rest = seen.clone();
    let mut wrong = Vec::new();
    if senders.is_empty() {
        wrong.push(format!("{}: nobody has sent", kind.name));
    }
    for sender in senders {
        let name = named(sender.pid, &sender.program, sender.uid);
        let wanted = match sender.packets {
            // As many as it takes.
            0 => 2..=u64::MAX,
            packets => packets.div_ceil(kind.merged)..=packets,
        };
        let count = rest.remove(&name).unwrap_or_default();
        if !wanted.contains(&count) {
            wrong.push(format!(
                "{}: {count} packets by {name}, not {wanted:?}",
                kind.name
            ));
        }
    }
    wrong.extend(
        rest.iter()
            .map(|(who, count)| format!("{}: {count} packets by {who}", kind.name)),
    );
    wrong
}

#[test]
fn every_kind_of_sending_is_attributed_to_its_sender() {
    for hook in hooks() {
        in_world(move || {
            let mut station = Station::with(hook);
            furnish(&station);
            let programs = Programs::make();
            let mut seen = BTreeMap::new();
            let (lasting, passing): (Vec<&Kind>, Vec<&Kind>) =
                KINDS.iter().partition(|kind| kind.goes_on());
            let begun: Vec<_> = lasting.iter().map(|kind| programs.start(kind)).collect();
            let mut sent = Vec::new();
            for kind in passing {
                let program = programs.start(kind);
                sent.push((kind, finish(&mut station, kind, program, &mut seen)));
            }
            for (kind, program) in lasting.into_iter().zip(begun) {
                sent.push((kind, finish(&mut station, kind, program, &mut seen)));
            }
            judge(&format!("{hook:?}"), &sent, &seen);
        });
    }
}

fn judge(hook: &str, sent: &[(&Kind, Sent)], seen: &BTreeMap<&'static str, Seen>) {
    let nothing = Seen::new();
    let of = |name| seen.get(name).unwrap_or(&nothing);
    let mut wrong: Vec<String> = of("")
        .iter()
        .map(|(who, n)| format!("{n} strays of {who}"))
        .collect();
    let (mut right, mut packets) = (0, 0);
    for (kind, sent) in sent {
        match sent {
            Sent::Unsupported(why) => println!("{hook}: {} skipped: {why}", kind.name),
            Sent::By(senders) => {
                let complaints = complaints(kind, senders, of(kind.name));
                right += usize::from(complaints.is_empty());
                packets += of(kind.name).values().sum::<u64>();
                wrong.extend(complaints);
            }
        }
    }
    println!(
        "{hook}: {right} kinds of {} are right, with {packets} packets",
        sent.len()
    );
    assert!(wrong.is_empty(), "{hook}:\n{}", wrong.join("\n"));
}
