//! A machine on which every kind of sending is done, and what its log says of it.

use std::time::{Duration, Instant};

use bastion_tests::{
    Announced, As, Firewall, KINDS, Kind, Manner, OTHER_SOURCES, Output, Packets, Running, Sent,
    Transport, Witness,
};

use super::table::{Counts, Event, Judged, Row};

/// Far more than anything should need.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long the log may take to have everything in it.
const SETTLED: Duration = Duration::from_secs(10);
/// bob.
const BOB: &str = "1001";

/// See the module's documentation.
pub struct Scene {
    pub firewall: Firewall,
    witness: Witness,
}

impl Scene {
    /// The machines, with a program and a rule for it by each of the kinds. What no rule decides
    /// is allowed as well: a sender that is not known sends all the same, and is seen in the log.
    pub fn set() -> Option<Self> {
        let mut firewall = Firewall::boot_or_skip("attribution")?;
        let names: Vec<&str> = KINDS.iter().flat_map(Kind::programs).collect();
        firewall.make_senders(&names).unwrap();
        firewall.ask(&["mode", "learn"]).unwrap();
        for name in &names {
            allow(&firewall, name);
        }
        let addresses = "ip addr add $0/24 dev eth0; ip addr add $1/64 dev eth0 nodad
            echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range";
        let command = [&["sh", "-euc", addresses], OTHER_SOURCES.as_slice()].concat();
        firewall.sandbox().run(As::Root, &command).unwrap();
        let internet = firewall.internet();
        let prepare = "echo 3 >/proc/sys/net/ipv4/tcp_fastopen
            ip route add blackhole 198.51.100.0/24; ip route add blackhole 2001:db8:1::/64";
        internet.sandbox().shell(prepare).unwrap();
        for kind in KINDS.iter().filter(|kind| kind.protocol == "tcp") {
            let echo = internet.listen(Transport::Tcp, kind.port(), Manner::Echo);
            echo.unwrap();
        }
        let witness = Witness::start(internet.sandbox(), "eth0").unwrap();
        Some(Self { firewall, witness })
    }

    /// Does one kind; gives who sent.
    pub fn send(&self, kind: &Kind) -> Sent {
        let command = command(kind);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let done = self.firewall.sandbox().output(As::Root, &words).unwrap();
        sent(kind, &done)
    }

    /// Begins a kind that goes on.
    pub fn start(&self, kind: &Kind) -> Running {
        let command = command(kind);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        self.firewall.sandbox().spawn(As::Root, &words).unwrap()
    }

    /// Waits until it has ended; gives who sent.
    pub fn finish(&self, kind: &Kind, mut running: Running) -> Sent {
        let done = running.finish(PATIENCE).unwrap();
        sent(kind, &done)
    }

    pub fn arrived(&mut self) -> Vec<Packets> {
        self.witness.arrived().unwrap()
    }

    /// The whole log.
    pub fn log(&self) -> Vec<Event> {
        let log = ["log", "--all", "-n", "1000000"];
        serde_json::from_value(self.firewall.ask(&log).unwrap()).unwrap()
    }

    /// Fills the rows from the log, by `file`, again and again until all are right or the log has
    /// had its time; gives those that are of no row.
    pub fn fill(&self, rows: &mut [Row], file: impl Fn(&Event) -> Option<usize>) -> Vec<Event> {
        let end = Instant::now() + SETTLED;
        loop {
            rows.iter_mut().for_each(|row| row.seen.clear());
            let mut strays = Vec::new();
            for event in self.log() {
                match file(&event) {
                    Some(index) => rows[index].see(&event),
                    None => strays.push(event),
                }
            }
            if rows.iter().all(Row::is_right) || Instant::now() > end {
                return strays;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

/// Makes the rule for a program: it is called like it.
pub fn rule(firewall: &Firewall, action: &str, name: &str) {
    let program = Firewall::sender(name);
    let options = ["--name", name, "--program", &program];
    firewall.add_rule(action, &options).unwrap();
}

fn allow(firewall: &Firewall, name: &str) {
    rule(firewall, "allow", name);
}

/// What is run, as whom.
fn command(kind: &Kind) -> Vec<String> {
    let mut command = Vec::new();
    if !kind.root {
        command.extend(["setpriv", "--reuid", BOB, "--regid", BOB, "--clear-groups"]);
    }
    let mut command: Vec<String> = command.into_iter().map(str::to_owned).collect();
    command.push(Firewall::sender(kind.name));
    command.extend(kind.arguments(Firewall::PROGRAMS));
    command
}

/// Who sent, as they said; they must be whom the test has started.
fn sent(kind: &Kind, done: &Output) -> Sent {
    if !done.success() {
        // What it has said before it failed is looked for in the log all the same.
        eprintln!("{} failed: {}", kind.name, done.stderr);
    }
    let sent = Sent::of(&done.stdout).unwrap();
    let program = Firewall::sender(kind.sender());
    let uid = if kind.root { 0 } else { 1001 };
    let is_it = |sender: &Announced| sender.program == program && sender.uid == uid;
    assert!(sent.senders().iter().all(is_it), "{}: {sent:?}", kind.name);
    sent
}

/// The row of a kind, without what was logged.
pub fn row(kind: &Kind, sent: &Sent, arrived: &[Packets]) -> Row {
    let of_kind = |packets: &&Packets| {
        let (protocol, port) = (protocol(packets.protocol), packets.destination_port);
        let reset = protocol == "tcp" && packets.kind == Packets::RESET;
        kind.is_to(&protocol, packets.destination, port) && !reset
    };
    let arrived = arrived.iter().filter(of_kind).map(|it| it.packets).sum();
    let mut row = Row {
        name: kind.name.to_owned(),
        arrived,
        merged: kind.merged,
        ..Row::default()
    };
    match sent {
        Sent::Unsupported(why) => row.skipped = Some(why.clone()),
        Sent::By(senders) => {
            row.expected = expected(senders, arrived);
            // Who says nothing has not sent, which is wrong.
            row.wanted_arrivals = row.expected.values().sum::<u64>().max(1);
        }
    }
    row
}

/// What should be logged of processes that a rule allows. Who could not know how many packets it
/// would be has sent as many as arrived, and more than one.
fn expected(senders: &[Announced], arrived: u64) -> Counts {
    let mut counts = Counts::new();
    for sender in senders {
        let packets = match sender.packets {
            0 => arrived.max(2),
            known => known,
        };
        *counts
            .entry(Judged::by_its_rule(sender, "allow"))
            .or_default() += packets;
    }
    counts
}

/// The text form of a protocol, as in the log.
pub fn protocol(number: u8) -> String {
    match number {
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        58 => "icmpv6".to_owned(),
        132 => "sctp".to_owned(),
        136 => "udplite".to_owned(),
        other => other.to_string(),
    }
}
