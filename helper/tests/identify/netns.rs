//! A network of one's own for each test, and programs that run in it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::IpAddr;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bastion_helper::identify::SocketTableIdentifier;
use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::process::{Identity, Process, UnknownReason};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Addresses of the test network, from the ranges for documentation (RFC 5737, RFC 3849). What
/// is sent to the far ones goes nowhere and is never answered.
const SET_UP: [&[&str]; 5] = [
    &["link", "set", "lo", "up"],
    &["addr", "add", "192.0.2.1/32", "dev", "lo"],
    &["addr", "add", "2001:db8::1/128", "dev", "lo", "nodad"],
    &["route", "add", "198.51.100.0/24", "dev", "lo"],
    &["-6", "route", "add", "2001:db8:1::/48", "dev", "lo"],
];

/// Runs a test in a new network namespace. Where that is not possible it is skipped, or fails
/// if `BASTION_REQUIRE_REAL=1`.
pub fn in_network(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        match nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET) {
            Ok(()) => {}
            Err(error) if std::env::var_os("BASTION_REQUIRE_REAL").is_some_and(|v| v == "1") => {
                panic!("no network namespace can be made: {error}");
            }
            Err(error) => {
                eprintln!("skipped: no network namespace can be made: {error}");
                return;
            }
        }
        for arguments in SET_UP {
            let status = Command::new("ip").args(arguments).status().unwrap();
            assert!(status.success(), "ip {arguments:?}");
        }
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Has the kernel open a UDP socket with this port for a VXLAN tunnel.
pub fn tunnel(port: u16) {
    let port = port.to_string();
    let status = Command::new("ip")
        .args(["link", "add", "tunnel", "type", "vxlan", "id", "1"])
        .args(["local", "192.0.2.1", "dstport", &port, "dev", "lo"])
        .status()
        .unwrap();
    assert!(status.success(), "a tunnel");
    let status = Command::new("ip")
        .args(["link", "set", "tunnel", "up"])
        .status()
        .unwrap();
    assert!(status.success(), "the tunnel's socket");
}

/// The interpreter itself, not a script that starts it.
pub fn python() -> PathBuf {
    let output = Command::new("python3")
        .args(["-c", "import os; print(os.readlink('/proc/self/exe'))"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().into()
}

/// What every test program starts with: `tell` prints a flow, `wait` waits for the test.
const PRELUDE: &str = "\
import os, socket, struct, subprocess, sys, threading, ctypes, errno
from socket import *
V4, V6, MAPPED = '198.51.100.7', '2001:db8:1::7', '::ffff:198.51.100.7'
def say(*words): print(*words, flush=True)
def wait(): return sys.stdin.readline().strip()
def tell(protocol, s, to=V4, port=443, source='192.0.2.1'):
    say(protocol, source, s.getsockname()[1], to, port)
def connect(s, to=V4, port=443):
    s.setblocking(False)
    s.connect_ex((to, port))
    return s
";

/// A running test program; ended when dropped.
pub struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Program {
    /// Starts a program in the network of this thread.
    pub fn start(code: &str) -> Self {
        let mut child = Command::new(python())
            .args(["-c", &format!("{PRELUDE}{code}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the program ended");
        line.trim_end().to_owned()
    }

    /// The next line as a flow.
    pub fn flow(&mut self) -> Flow {
        flow(&self.line())
    }

    /// Ends a `wait()`.
    pub fn go_on(&mut self) {
        self.input.write_all(b"go\n").unwrap();
    }

    /// Waits until it has executed this file, as the kernel words its path. Its arguments are there a
    /// moment later than the file.
    pub fn becomes(&self, path: &str) {
        let process = format!("/proc/{}", self.pid());
        until(path, || {
            let file = std::fs::read_link(format!("{process}/exe")).unwrap();
            let arguments = std::fs::read(format!("{process}/cmdline")).unwrap();
            file.to_str() == Some(path) && !arguments.is_empty()
        });
    }

    /// Waits until it has ended.
    pub fn end(mut self) {
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // With its children. They may have ended by themselves.
        if let Ok(group) = self.pid().try_into() {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// Waits until something is so; fails if it never is.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed().as_secs() < 60, "never came about: {what}");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// `PROTOCOL SOURCE PORT DESTINATION PORT`
pub fn flow(text: &str) -> Flow {
    let words: Vec<&str> = text.split(' ').collect();
    let address = |at: usize| words[at].parse::<IpAddr>().unwrap().to_canonical();
    Flow {
        protocol: words[0].parse::<Protocol>().unwrap(),
        source: address(1),
        source_port: words[2].parse().unwrap(),
        destination: address(3),
        destination_port: words[4].parse().unwrap(),
        hosts: Vec::new(),
    }
}

/// Who sent this flow, by a look of its own.
pub fn identify(flow: &Flow, owner: Option<u32>) -> Identity {
    SocketTableIdentifier::new().unwrap().sender_of(flow, owner)
}

/// The process that must have sent it.
pub fn sender(flow: &Flow, owner: u32) -> Process {
    match identify(flow, Some(owner)) {
        Identity::Process(process) => Process::clone(&process),
        other => panic!("{flow:?} is from {other:?}"),
    }
}

/// That its sender can't be told, and why.
pub fn unknown(flow: &Flow, owner: Option<u32>) -> UnknownReason {
    match identify(flow, owner) {
        Identity::Unknown { reason, .. } => reason,
        other => panic!("{flow:?} is from {other:?}"),
    }
}
