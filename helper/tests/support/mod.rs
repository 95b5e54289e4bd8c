//! Network namespaces for tests on the real kernel. Nothing here touches the host's network.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::{geteuid, gettid};

/// Addresses of the tested machine and of its peer, per family.
pub const NEAR: [&str; 2] = ["10.77.0.1", "fd77::1"];
pub const FAR: [&str; 2] = ["10.77.0.2", "fd77::2"];

/// Runs a test on a thread of its own in a new network namespace with loopback up. Without root
/// it fails if BASTION_REQUIRE_REAL=1, else says that it was skipped.
pub fn in_namespace(test: impl FnOnce() + Send + 'static) {
    if !geteuid().is_root() {
        let required = std::env::var("BASTION_REQUIRE_REAL").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "this test needs root, and BASTION_REQUIRE_REAL=1 is set"
        );
        println!("skipped: needs root");
        return;
    }
    let run = move || {
        enter_namespace();
        test();
    };
    if let Err(panic) = thread::spawn(run).join() {
        std::panic::resume_unwind(panic);
    }
}

fn enter_namespace() {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    ip("link set lo up");
}

/// Runs `ip` with these arguments.
pub fn ip(arguments: &str) {
    run("ip", arguments);
}

/// Runs a program with arguments that hold no spaces; gives its output.
pub fn run(program: &str, arguments: &str) -> String {
    let output = Command::new(program)
        .args(arguments.split_ascii_whitespace())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

type Job = Box<dyn FnOnce() + Send>;

/// Another machine: a namespace of its own, joined to the caller's by a cable.
pub struct Peer {
    jobs: mpsc::Sender<Job>,
}

impl Peer {
    /// Makes the machine and the cable between [`NEAR`] and [`FAR`].
    pub fn connect() -> Self {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (ready, started) = mpsc::channel();
        thread::spawn(move || {
            enter_namespace();
            ready.send(gettid()).unwrap();
            todo.into_iter().for_each(|job| job());
        });
        let peer = Self { jobs };
        let thread = started.recv().unwrap();
        ip(&format!(
            "link add near0 type veth peer name far0 netns {thread}"
        ));
        plug("near0", NEAR);
        peer.run(|| plug("far0", FAR));
        peer
    }

    /// Runs something on the machine.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = mpsc::channel();
        let job = move || done.send(job()).unwrap();
        self.jobs.send(Box::new(job)).unwrap();
        result.recv().expect("the job on the peer failed")
    }

    /// A socket on the machine that receives datagrams, with room for many.
    pub fn receiver(&self, family: usize) -> UdpSocket {
        let socket = self.run(move || UdpSocket::bind((FAR[family], 0)).unwrap());
        setsockopt(&socket.as_fd(), sockopt::RcvBufForce, &(64 << 20)).unwrap();
        socket
    }
}

fn plug(device: &str, [v4, v6]: [&str; 2]) {
    ip(&format!("link set {device} up"));
    ip(&format!("addr add {v4}/24 dev {device}"));
    ip(&format!("addr add {v6}/64 dev {device} nodad"));
}

/// Sends a datagram from a new socket, so as a flow of its own; gives its source port.
pub fn send(payload: &[u8], to: SocketAddr) -> u16 {
    let near: IpAddr = NEAR[usize::from(to.is_ipv6())].parse().unwrap();
    let socket = UdpSocket::bind((near, 0)).unwrap();
    socket.send_to(payload, to).unwrap();
    socket.local_addr().unwrap().port()
}

/// The datagrams that have arrived; veth delivers before the send returns, or before the
/// verdict that releases the packet does.
pub fn arrived(socket: &UdpSocket) -> Vec<Vec<u8>> {
    let mut buffer = [0; 64];
    let mut datagrams = Vec::new();
    socket.set_nonblocking(true).unwrap();
    while let Ok(length) = socket.recv(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
    }
    socket.set_nonblocking(false).unwrap();
    datagrams
}

/// Sends datagrams until stopped.
pub struct Flood {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Flood {
    pub fn start(to: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                send(b"flood", to);
            }
        });
        Self { stop, thread }
    }

    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}
