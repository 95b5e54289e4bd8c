//! Packets that the kernel makes itself, in whatever process's time: they are no program's.

use std::net::IpAddr;

use bastion_tests::{Packets, built};

use super::scene::{Scene, protocol};
use super::table::{Event, Judged, Row};

/// A port of the machine with the firewall on which nobody listens.
const CLOSED: &str = "9";
const TIMES: u64 = 5;

/// A kind of packet that only the kernel makes.
struct Own {
    name: &'static str,
    protocol: &'static str,
    /// The machine that provokes it, and so gets it.
    to: &'static str,
    /// The kind, as the witness tells it.
    kind: u8,
    /// The rule that lets it pass; None where connection tracking knows that it belongs to
    /// something, so that nobody need decide.
    rule: Option<&'static str>,
}

#[rustfmt::skip]
const OWN: [Own; 6] = [
    Own { name: "kernel-unreachable-v4", protocol: "icmp", to: "10.77.0.2", kind: 3,
          rule: Some("The kernel reports errors (IPv4)") },
    Own { name: "kernel-unreachable-v6", protocol: "icmpv6", to: "fd77::2", kind: 1,
          rule: Some("The kernel finds neighbours and reports errors (IPv6)") },
    Own { name: "kernel-echo-v4", protocol: "icmp", to: "203.0.113.9", kind: 0, rule: None },
    Own { name: "kernel-echo-v6", protocol: "icmpv6", to: "2001:db8::9", kind: 129, rule: None },
    Own { name: "kernel-reset-v4", protocol: "tcp", to: "10.77.0.2", kind: Packets::RESET, rule: None },
    Own { name: "kernel-reset-v6", protocol: "tcp", to: "fd77::2", kind: Packets::RESET, rule: None },
];

impl Own {
    fn is_it(&self, protocol: &str, to: IpAddr) -> bool {
        protocol == self.protocol && self.to.parse() == Ok(to)
    }
}

/// Has the other machine do what the kernel answers.
pub fn provoke(scene: &mut Scene) {
    let sender = built("sender").unwrap();
    let script = format!(
        "for to in 10.77.0.1 fd77::1; do
           for i in $(seq {TIMES}); do
             {sender} udp $to {CLOSED}
             {sender} tcp $to {CLOSED} 2>&1 | grep -q ECONNREFUSED
           done
         done
         ping -q -c {TIMES} -i 0.01 -I 203.0.113.9 10.77.0.1
         ping -q -c {TIMES} -i 0.01 -I 2001:db8::9 fd77::1"
    );
    // Errors would be sent at a limited rate: icmp_ratelimit, ip-sysctl.
    let unlimited = "cd /proc/sys/net; echo 0 >ipv4/icmp_ratelimit; echo 0 >ipv6/icmp/ratelimit";
    scene.firewall.sandbox().shell(unlimited).unwrap();
    scene.firewall.internet().sandbox().shell(&script).unwrap();
}

/// Their rows, without what was logged.
pub fn rows(arrived: &[Packets]) -> Vec<Row> {
    let row = |own: &Own| {
        let mine = |it: &&Packets| {
            own.is_it(&protocol(it.protocol), it.destination) && it.kind == own.kind
        };
        let arrived = arrived.iter().filter(mine).map(|it| it.packets).sum();
        let mut row = Row {
            name: own.name.to_owned(),
            arrived,
            wanted_arrivals: TIMES,
            merged: 1,
            ..Row::default()
        };
        if let Some(rule) = own.rule {
            row.expected.insert(Judged::kernel(rule), TIMES);
        }
        row
    };
    OWN.iter().map(row).collect()
}

/// Which of the rows a decision belongs to. What need not be decided may be, if it is known to be
/// the kernel's; that is of no row.
pub fn index(event: &Event) -> Option<usize> {
    let found = |own: &Own| {
        let may = own.rule.is_none() && event.program == "kernel";
        own.is_it(&event.protocol, event.destination) && !may
    };
    OWN.iter().position(found)
}
