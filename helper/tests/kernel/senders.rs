//! Who sent a packet, by each way to record it.

use crate::station::{Station, hooks};
use crate::world::in_world;

/// Runs a test at a station of its own for each way to record senders.
fn by_each_hook(test: fn(Station)) {
    for hook in hooks() {
        println!("by {hook:?}");
        in_world(move || test(Station::with(hook)));
    }
}

#[test]
fn a_sender_is_named_also_when_it_is_gone() {
    by_each_hook(|mut station| {
        let program = station.program("send('a')");
        let pid = program.pid();
        program.end();
        let queued = station.one();
        let process = queued.process();
        assert_eq!(process.key.pid, pid);
        let path = process.executable.path.as_str();
        assert!(path.starts_with("/usr/bin/python3"), "{path}");
        assert!(!process.executable.replaced);
        assert!(process.arguments[2].contains("send('a')"), "{process:?}");
        let parent = process.parents.first().unwrap();
        assert_eq!(parent.key.pid, std::process::id());
        let own = std::env::current_exe().unwrap();
        assert_eq!(parent.path.as_str(), own.to_str().unwrap());
    });
}

#[test]
fn a_program_that_was_executed_since_is_not_blamed() {
    by_each_hook(|mut station| {
        let code = "step()\nsend('a')\nos.execv('/bin/sh', ['sh', '-c', 'printf .; sleep 600'])";
        let mut program = station.program(code);
        program.step();
        let queued = station.one();
        assert_eq!(queued.pid(), program.pid());
        let path = queued.process().executable.path.as_str();
        assert!(path.starts_with("/usr/bin/python3"), "{path}");
        let now = std::fs::read_link(format!("/proc/{}/exe", program.pid())).unwrap();
        assert!(!now.ends_with("python3"), "{now:?}");
    });
}

#[test]
fn each_of_two_programs_with_one_tuple_is_named() {
    by_each_hook(|mut station| {
        let mut one =
            station.program("step()\na = send('a', 5000, True)\nstep()\na.sendto(b'aa', to)");
        let mut other =
            station.program("step()\nb = send('b', 5000, True)\nstep()\nb.sendto(b'bb', to)");
        // All four wait before the first is looked at, each program's between the other's.
        one.step();
        other.step();
        one.step();
        other.step();
        let queued = station.queued();
        let pids: Vec<_> = queued
            .iter()
            .map(|it| it.identity.process().map(|it| it.key.pid))
            .collect();
        let (one, other) = (Some(one.pid()), Some(other.pid()));
        assert_eq!(pids, [one, other, one, other]);
    });
}
