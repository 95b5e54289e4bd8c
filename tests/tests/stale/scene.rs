//! A machine with the firewall, programs that a rule names, programs that none does, and somebody
//! at the other end who tells which of them came through.

use std::time::Duration;

use bastion_tests::{Acceptor, Arrival, As, Firewall, Running, built};
use serde::Deserialize;
use serde_json::Value;

/// Far more than anything should need.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Where all of them send.
pub const HOST: &str = "203.0.113.3";
pub const HOST6: &str = "2001:db8::3";
pub const PORT: &str = "7300";

/// See the module's documentation.
pub struct Scene {
    pub firewall: Firewall,
    acceptor: Acceptor,
}

/// When a command began and ended; nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Span {
    pub began: u64,
    pub ended: u64,
}

impl Scene {
    /// Nobody is asked: what no rule allows is denied, by a rule for any program.
    pub fn set(purpose: &str) -> Option<Self> {
        let scene = Self::set_without_rules(purpose)?;
        let options = ["--name", "everybody else", "--program", "any"];
        scene.firewall.add_rule("deny", &options).unwrap();
        Some(scene)
    }

    /// As [`Scene::set`]; what no rule allows is asked about.
    pub fn set_without_rules(purpose: &str) -> Option<Self> {
        let mut firewall = Firewall::boot_or_skip(purpose)?;
        let port = PORT.parse().unwrap();
        let acceptor = Acceptor::start(firewall.internet().sandbox(), port).unwrap();
        Some(Self { firewall, acceptor })
    }

    /// Makes a program and a rule for it that is called like it; gives the program's path.
    pub fn program(&self, name: &str, action: &str) -> String {
        let program = self.program_without_rule(name);
        let options = ["--name", name, "--program", &program];
        self.firewall.add_rule(action, &options).unwrap();
        program
    }

    /// Makes a program; gives its path.
    pub fn program_without_rule(&self, name: &str) -> String {
        self.firewall.make_senders(&[name]).unwrap();
        Firewall::sender(name)
    }

    /// Starts a program in one of its ways, with further arguments after host and port.
    pub fn start(&self, program: &str, way: &str, arguments: &[&str]) -> Running {
        let command = [&[program, way, HOST, PORT], arguments].concat();
        self.firewall.sandbox().spawn(As::Root, &command).unwrap()
    }

    /// Runs a shell script; gives what it prints, and when it began and ended.
    pub fn timed(&self, script: &str) -> (String, Span) {
        let command = [&built("timed").unwrap(), "sh", "-euc", script];
        let printed = self.firewall.sandbox().run(As::Root, &command).unwrap();
        let (text, span) = printed
            .trim_end()
            .rsplit_once('\n')
            .unwrap_or(("", &printed));
        (text.to_owned(), serde_json::from_str(span).unwrap())
    }

    /// What has come through since this was asked last.
    pub fn arrivals(&mut self) -> Vec<Arrival> {
        self.acceptor.arrivals().unwrap()
    }
}

/// How many connections of a program came through, by its letter.
pub fn connections(arrivals: &[Arrival], letter: char) -> usize {
    let its = |it: &&Arrival| it.letter == letter && it.transport == "tcp";
    arrivals.iter().filter(its).count()
}

/// Fails if anything came through that is not from the program with this letter.
pub fn assert_only(letter: char, arrivals: &[Arrival]) {
    let others: Vec<_> = arrivals.iter().filter(|it| it.letter != letter).collect();
    let first = &others[..others.len().min(5)];
    assert!(
        others.is_empty(),
        "{} came through, such as {first:?}",
        others.len()
    );
}

/// The last thing a program said.
pub fn last_word(running: &mut Running) -> Value {
    let done = running.finish(PATIENCE).unwrap();
    assert!(done.success(), "{done:?}");
    serde_json::from_str(done.stdout.lines().last().unwrap()).unwrap()
}
