//! What the kernel is taught to let pass.

use std::net::SocketAddr;

use bastion_helper::engine::Passes as _;

use crate::station::Station;
use crate::world::{NEAR, in_world};

#[test]
fn a_lesson_is_for_one_program_of_one_process_until_it_is_forgotten() {
    in_world(|| {
        let mut station = Station::new();
        let mut program = station.program("send('1')\nstep()\nsend('2')\nstep()\nsend('3')");
        let first = station.one();
        assert_eq!(first.pid(), program.pid());
        station.accept(&first);
        assert_eq!(station.teach(&first, true), []);

        // From another socket.
        program.step();
        assert!(station.queued().is_empty());
        // The same program in another process.
        let other = station.program("send('other')");
        assert_eq!(station.one().pid(), other.pid());
        assert_eq!(station.arrived(), ["1", "2"]);

        let hits = station.passes.forget().unwrap();
        assert_eq!(hits.iter().map(|hit| hit.count).collect::<Vec<_>>(), [1]);
        program.step();
        assert_eq!(station.one().pid(), program.pid());
        assert_eq!(station.arrived(), <[&str; 0]>::default());
    });
}

#[test]
fn what_is_executed_in_the_same_process_learns_nothing_from_before() {
    in_world(|| {
        let mut station = Station::new();
        let mut program = station.program(
            "send('1')\nstep()\n\
             if len(sys.argv) < 2: os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], 'again'])",
        );
        let first = station.one();
        station.accept(&first);
        station.teach(&first, true);
        station.teach(&first, false);
        program.step();
        let again = station.one();
        assert_eq!(again.pid(), program.pid());
        assert!(
            again
                .process()
                .arguments
                .last()
                .is_some_and(|last| last == "again")
        );
        assert_eq!(station.arrived(), ["1"]);
    });
}

#[test]
fn datagrams_of_one_socket_may_go_on_and_those_of_the_next_are_judged() {
    in_world(|| {
        let mut station = Station::new();
        let mut program = station.program(
            "s = send('1', 5000)\nstep()\ns.sendto(b'2', to)\nstep()\n\
             s.close()\nsend('3', 5000)",
        );
        let first = station.one();
        station.accept(&first);
        station.teach(&first, false);
        program.step();
        assert!(station.queued().is_empty());
        program.step();
        assert_eq!(station.one().pid(), program.pid());
        assert_eq!(station.arrived(), ["1", "2"]);
    });
}

/// Connection tracking takes the second program's datagrams for the first one's connection.
#[test]
fn a_program_that_takes_over_anothers_connection_is_judged() {
    in_world(|| {
        let mut station = Station::new();
        let mut first =
            station.program("s = send('1', 5000)\nstep()\ns.recv(9)\ns.sendto(b'2', to)");
        let queued = station.one();
        station.accept(&queued);
        let near: SocketAddr = format!("{}:5000", NEAR[0]).parse().unwrap();
        station.receiver.send_to(b"reply", near).unwrap();
        first.step();
        let queued: Vec<_> = station
            .queued()
            .into_iter()
            .map(|it| (it.flow, it.identity))
            .collect();
        assert_eq!(queued, [], "its own connection goes on");
        first.end();

        let second = station.program("s = send('3', 5000)\nstep()\ns.sendto(b'4', to)");
        let taken = station.one();
        assert_eq!(taken.pid(), second.pid());
        assert_eq!(station.arrived(), ["1", "2"]);
        // Once it was judged it goes on as well.
        station.accept(&taken);
        let mut second = second;
        second.step();
        assert!(station.queued().is_empty());
        assert_eq!(station.arrived(), ["3", "4"]);
    });
}
