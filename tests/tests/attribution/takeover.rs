//! A UDP flow that another program takes over while connection tracking still takes it for one
//! that was answered: it is judged as itself.

use std::net::IpAddr;

use bastion_tests::{Announced, As, Firewall, Manner, Packets, Sent, Transport};

use super::scene::{Scene, rule};
use super::table::{Event, Judged, Row};

/// The port from which all of them send.
const FROM: u16 = 45_000;
/// The port to which, by family.
const TO: [(&str, &str, u16); 2] = [("v4", "10.77.0.1", 21_004), ("v6", "fd77::1", 21_006)];
/// The programs in their order, and what their rules say.
const PROGRAMS: [(&str, &str); 3] = [("first", "allow"), ("denied", "deny"), ("next", "allow")];

/// What became of one flow.
pub struct Takeover {
    name: String,
    port: u16,
    /// Those who sent, and what their rules say.
    turns: Vec<(Announced, &'static str)>,
}

/// Lets the programs use the same flow one after the other, in each family.
pub fn play(scene: &mut Scene) -> Vec<Takeover> {
    let flow = |(family, from, port): (&str, &str, u16)| {
        let name = |program: &str| format!("takeover-{family}-{program}");
        let names = PROGRAMS.map(|(program, _)| name(program));
        let firewall = &mut scene.firewall;
        firewall
            .make_senders(&names.each_ref().map(String::as_str))
            .unwrap();
        let internet = firewall.internet();
        internet.listen(Transport::Udp, port, Manner::Echo).unwrap();
        let to = if family == "v4" {
            internet.v4(5)
        } else {
            internet.v6(5)
        };
        for (program, action) in PROGRAMS {
            rule(firewall, action, &name(program));
        }
        let turns: Vec<_> = PROGRAMS
            .iter()
            .map(|(program, action)| {
                let (sender, answered) = exchange(firewall, &name(program), to, port, from);
                // From now on connection tracking knows the flow as one that is answered.
                assert!(answered || *program != "first", "nobody answered");
                (sender, *action)
            })
            .collect();
        Takeover {
            name: format!("udp-takeover-{family}"),
            port,
            turns,
        }
    };
    TO.map(flow).into()
}

fn exchange(
    firewall: &Firewall,
    name: &str,
    to: IpAddr,
    port: u16,
    from: &str,
) -> (Announced, bool) {
    let [to, port, from_port] = [to.to_string(), port.to_string(), FROM.to_string()];
    let program = Firewall::sender(name);
    let command = [&program, "udp-exchange", &to, &port, from, &from_port];
    let printed = firewall.sandbox().run(As::Root, &command).unwrap();
    let sent = Sent::of(&printed).unwrap();
    (
        sent.senders()[0].clone(),
        printed.contains("\"answered\": true"),
    )
}

impl Takeover {
    /// Whether this was decided about one of its packets.
    pub fn is_of(&self, event: &Event) -> bool {
        event.protocol == "udp" && event.destination_port == self.port
    }

    /// Its row, without what was logged.
    pub fn row(&self, arrived: &[Packets]) -> Row {
        let mine = |it: &&Packets| it.destination_port == self.port && it.source_port == FROM;
        let mut row = Row {
            name: self.name.clone(),
            arrived: arrived.iter().filter(mine).map(|it| it.packets).sum(),
            merged: 1,
            ..Row::default()
        };
        for (sender, action) in &self.turns {
            row.expected.insert(Judged::by_its_rule(sender, action), 1);
            row.wanted_arrivals += u64::from(*action == "allow");
        }
        row
    }
}
