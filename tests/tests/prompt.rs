//! The window that asks, with the real helper: what is killed under an open question lets nothing
//! out, and the question comes again.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::time::Duration;

use bastion_tests::{
    As, Desktop, Destination, Find, Firewall, Manner, Outcome, Program, Talker, Transport, Witness,
    eventually,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// Ports that are listened on.
const PORTS: std::ops::RangeInclusive<u16> = 7401..=7404;

/// A program that connects, and whoever counts what comes out.
struct Scene {
    talker: Talker,
    to: Destination,
    witness: Witness,
}

impl Scene {
    fn set(firewall: &mut Firewall) -> Self {
        let internet = firewall.internet();
        for port in PORTS {
            internet.listen(Transport::Udp, port, Manner::Echo).unwrap();
        }
        let to = Destination {
            // Sent once; TCP would try again by itself.
            transport: Transport::Udp,
            address: internet.v4(3),
            port: 0,
        };
        let witness = Witness::start(internet.sandbox(), "eth0").unwrap();
        let talker = talker(firewall);
        Self {
            talker,
            to,
            witness,
        }
    }

    /// The program sends, and the window asks.
    fn ask(&mut self, desktop: &mut Desktop<'_>, port: u16) {
        self.to.port = port;
        self.talker.begin(self.to, PATIENCE).unwrap();
        asked(desktop);
    }

    /// How many packets came out to a port.
    fn packets(&mut self, port: u16) -> u64 {
        let arrived = self.witness.arrived().unwrap();
        let to = arrived.iter().filter(|it| it.destination_port == port);
        to.map(|it| it.packets).sum()
    }
}

/// A program of alice's that connects when it is told to.
fn talker(firewall: &Firewall) -> Talker {
    let path = firewall.program("asker").unwrap();
    Talker::start(firewall, As::Background("alice"), &path).unwrap()
}

/// Waits for a question that can be answered.
fn asked(desktop: &mut Desktop<'_>) {
    desktop
        .wait_for(&Find::name("asker Wants to Connect"), PATIENCE)
        .unwrap();
    desktop.wait_state(&allow(), "sensitive", true).unwrap();
}

fn allow() -> Find {
    Find::button("Allow").in_window("Connection Request")
}

fn start(desktop: &mut Desktop<'_>) -> Program {
    desktop
        .spawn(&["bastion", "--background"], "/tmp/bastion.log")
        .unwrap()
}

#[test]
fn what_is_killed_under_an_open_question_lets_nothing_out() {
    let Some(mut firewall) = Firewall::boot_or_skip("prompt") else {
        return;
    };
    let mut scene = Scene::set(&mut firewall);
    let mut desktop = Desktop::start(firewall.sandbox(), "alice").unwrap();
    let app = start(&mut desktop);

    // The helper: its question goes with it, and what waited never leaves.
    scene.ask(&mut desktop, 7401);
    firewall.crash().unwrap();
    desktop.wait_gone(&allow(), PATIENCE).unwrap();
    scene.talker = talker(&firewall);
    scene.ask(&mut desktop, 7402);

    // The app: the question stays open, and is put to the next one.
    desktop.kill(app, "SIGKILL").unwrap();
    desktop.wait_gone(&allow(), PATIENCE).unwrap();
    scene.talker.waits().unwrap();
    start(&mut desktop);
    asked(&mut desktop);
    scene.talker.waits().unwrap();
    desktop.press(&Find::button("Deny")).unwrap();
    let denied = scene.talker.outcome(PATIENCE).unwrap();
    assert!(matches!(denied, Outcome::Error(_)), "{denied:?}");

    // What is allowed comes out, after which everything else would have.
    scene.ask(&mut desktop, 7403);
    desktop.press(&allow()).unwrap();
    let allowed = scene.talker.outcome(PATIENCE).unwrap();
    assert_eq!(allowed, Outcome::Reply("hello".into()));
    let out = eventually("a packet", PATIENCE, || {
        Some(scene.packets(7403)).filter(|n| *n > 0)
    });
    assert!(out.is_ok());
    for port in [7401, 7402] {
        assert_eq!(scene.packets(port), 0, "port {port}");
    }
}
