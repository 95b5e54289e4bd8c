//! First packets that are sent again: they are the sender's, whoever runs by then, and pass or wait
//! as the first did.

use std::time::{Duration, Instant};

use bastion_helper::engine::Passes as _;
use bastion_policy::process::{Identity, UnknownReason};

use crate::station::{Queued, Station, hooks};
use crate::world::{in_world, run};

/// The kernel sends a SYN again after a second, and then after two more.
const PATIENCE: Duration = Duration::from_secs(20);

/// Nobody answers there, so that TCP sends its first packet again and again.
const SILENT: &str = "198.51.100.1";

/// A station with a place where nobody is.
fn station() -> Station {
    at_silence(Station::new())
}

/// The same with such a place.
fn at_silence(station: Station) -> Station {
    run(
        "ip",
        &format!("route add {SILENT} via {}", crate::world::FAR[0]),
    );
    station.peer.run(|| {
        run("ip", &format!("route add blackhole {SILENT}"));
    });
    station
}

/// A program that begins to connect from this port when it is told, each time by the same socket.
const CONNECTS: &str = "s = socket()\ns.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)\ns.setblocking(False)\n\
    s.bind(('10.77.0.1', 5000))\n\
    def go():\n    s.connect_ex(('198.51.100.1', 443))\n";

/// Waits for the next packet that is queued.
fn next(station: &mut Station) -> Queued {
    let start = Instant::now();
    loop {
        let mut queued = station.queued();
        if !queued.is_empty() {
            assert_eq!(queued.len(), 1);
            return queued.remove(0);
        }
        assert!(start.elapsed() < PATIENCE, "nothing is queued");
        station.wait(Duration::from_millis(50));
    }
}

/// Waits until so many more have passed by lessons.
fn passes(station: &mut Station, count: u64) {
    let start = Instant::now();
    let mut seen = 0;
    while seen < count {
        let hits = station.passes.hits();
        seen += hits.iter().map(|hit| hit.count).sum::<u64>();
        assert!(start.elapsed() < PATIENCE, "{seen} of {count} have passed");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_passed_passes_when_it_is_sent_again() {
    in_world(|| {
        let mut station = station();
        let mut program = station.program(&format!("{CONNECTS}step()\ngo()"));
        program.step();
        let first = next(&mut station);
        assert_eq!(first.pid(), program.pid());
        station.teach(&first, true);
        station.accept(&first);
        // By a timer, in the time of whatever process runs then.
        passes(&mut station, 2);
        assert!(station.queued().is_empty());
    });
}

#[test]
fn what_is_sent_again_after_the_rules_changed_is_judged_as_its_senders() {
    in_world(|| {
        let mut station = station();
        let mut program = station.program(&format!("{CONNECTS}step()\ngo()"));
        program.step();
        let first = next(&mut station);
        station.teach(&first, true);
        station.accept(&first);
        passes(&mut station, 1);
        station.passes.forget().unwrap();
        assert_eq!(next(&mut station).pid(), program.pid());
    });
}

/// What is sent again while the programs are interrupted recording has no record of its own.
#[test]
fn what_is_sent_again_without_a_record_is_the_senders_while_it_has_the_socket() {
    for hook in hooks() {
        in_world(move || {
            let mut station = at_silence(Station::with(hook));
            let mut program =
                station.program(&format!("{CONNECTS}step()\ngo()\nstep()\ns.close()"));
            program.step();
            let first = next(&mut station);
            let Identity::Process(sender) = station.identify_unrecorded(&first) else {
                panic!("by {hook:?} it is nobody's");
            };
            assert_eq!(sender.key.pid, program.pid());
            program.step();
            let unknown = Identity::Unknown {
                uid: Some(0),
                reason: UnknownReason::NoRecord,
            };
            assert_eq!(station.identify_unrecorded(&first), unknown);
        });
    }
}

/// A datagram is not sent again: one without a record is nobody's, whoever has the socket.
#[test]
fn a_datagram_without_a_record_is_nobodys() {
    in_world(|| {
        let mut station = Station::new();
        let mut program = station.program("step()\ns = send('word')");
        program.step();
        let first = station.one();
        assert_eq!(first.pid(), program.pid());
        let identity = station.identify_unrecorded(&first);
        assert!(matches!(identity, Identity::Unknown { .. }), "{identity:?}");
    });
}

/// One socket on one tuple, of a process that is asked about, then of one that may pass, and of the
/// first again: each packet is of the one that sent it, also when the kernel sends it again.
#[test]
fn a_socket_that_is_handed_on_takes_no_record_along() {
    in_world(|| {
        let mut station = station();
        let code = format!(
            "{CONNECTS}import ctypes\n\
             def again():\n    ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16); go()\n\
             a, b = socketpair()\n\
             if not os.fork():\n    a.close()\n    while b.recv(1): again(); b.send(b'.')\n    os._exit(0)\n\
             b.close()\n\
             def theirs(): a.send(b'!'); a.recv(1)\n\
             step()\ngo()\nstep()\ntheirs()\nstep()\ntheirs()\nstep()\nagain()"
        );
        let mut program = station.program(&code);
        program.step();
        let first = next(&mut station);
        assert_eq!(first.pid(), program.pid());
        station.accept(&first);
        program.step();
        let others = loop {
            let queued = next(&mut station);
            // The first may have been sent again before the socket was handed on.
            if queued.pid() != program.pid() {
                break queued;
            }
        };
        station.teach(&others, true);
        station.accept(&others);
        program.step();
        passes(&mut station, 2);
        assert!(station.queued().is_empty());
        program.step();
        for _ in 0..2 {
            let queued = next(&mut station);
            assert_eq!(queued.pid(), program.pid());
            station.accept(&queued);
        }
    });
}
