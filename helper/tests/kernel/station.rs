//! Rules, a queue, and the kernel programs, in a network with a peer: what the helper has, with
//! the test in the engine's place.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bastion_helper::engine::{Hit, Lesson, Passes as _};
use bastion_helper::identify::{Identifier as _, PacketPathIdentifier, SocketTableIdentifier};
use bastion_helper::kernel::{Kernel, KernelPasses, SenderHook};
use bastion_helper::netfilter::{KernelBypass, Netfilter, RulesetSpec};
use bastion_helper::packet;
use bastion_helper::queue::{HeldPacket, NfQueue, PacketQueue as _, PacketVerdict};
use bastion_policy::flow::Flow;
use bastion_policy::process::{Identity, Process};
use bastion_policy::ruleset::Reason;

use crate::world::{FAR, Peer};

const QUEUE: u16 = 77;

/// See the module's documentation.
pub struct Station {
    _kernel: Kernel,
    identifier: PacketPathIdentifier,
    pub passes: KernelPasses,
    queue: NfQueue,
    pub peer: Peer,
    pub receiver: UdpSocket,
}

/// A packet in the queue.
pub struct Queued {
    pub flow: Flow,
    pub identity: Identity,
    packet: HeldPacket,
}

impl Queued {
    pub fn process(&self) -> &Process {
        match &self.identity {
            Identity::Process(process) => process,
            other => panic!("{} was sent by {other:?}", self.flow),
        }
    }

    pub fn pid(&self) -> u32 {
        self.process().key.pid
    }
}

impl Station {
    /// With senders recorded by the program in iptables.
    pub fn new() -> Self {
        Self::with(SenderHook::Iptables)
    }

    /// With senders recorded this way alone.
    pub fn with(hook: SenderHook) -> Self {
        let peer = Peer::connect();
        let receiver = peer.receiver(0);
        let (mut kernel, parts) = Kernel::load().unwrap();
        kernel.attach_processes().unwrap();
        let kernel_bypass = attach(&mut kernel, hook);
        let (queue, _waker) = NfQueue::open(QUEUE).unwrap();
        let spec = RulesetSpec {
            queue: QUEUE,
            fail_open: false,
            kernel_bypass,
        };
        Netfilter::system().apply(&spec).unwrap();
        let fallback = SocketTableIdentifier::new().unwrap();
        Self {
            identifier: PacketPathIdentifier::new(
                parts.senders,
                parts.history,
                fallback,
                Arc::new(AtomicBool::new(true)),
            ),
            passes: parts.passes,
            _kernel: kernel,
            queue,
            peer,
            receiver,
        }
    }

    /// Where the receiver is.
    pub fn to(&self) -> SocketAddr {
        self.receiver.local_addr().unwrap()
    }

    /// Waits for packets, but not for longer than this.
    pub fn wait(&mut self, most: Duration) {
        self.queue.wait(Some(most)).unwrap();
    }

    /// The packets that are in the queue now.
    pub fn queued(&mut self) -> Vec<Queued> {
        self.queue.wait(Some(Duration::ZERO)).unwrap();
        let mut all = Vec::new();
        while let Some(packet) = self.queue.receive().unwrap() {
            let flow = packet::parse(&packet.bytes).unwrap().flow;
            let identity = self.identifier.identify(&flow, &packet);
            all.push(Queued {
                flow,
                identity,
                packet,
            });
        }
        all
    }

    /// Who sent a packet of this one's connection, with other bytes, of which there is no record.
    pub fn identify_unrecorded(&mut self, queued: &Queued) -> Identity {
        let mut bytes = queued.packet.bytes.clone();
        // An IPv4 packet's identification.
        bytes[4] ^= 0xff;
        let packet = HeldPacket {
            id: queued.packet.id,
            bytes,
            owner: queued.packet.owner,
        };
        self.identifier.identify(&queued.flow, &packet)
    }

    /// The one packet in the queue.
    pub fn one(&mut self) -> Queued {
        let mut all = self.queued();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    /// Lets a packet go.
    pub fn accept(&mut self, queued: &Queued) {
        self.passes.judged(&queued.flow, &queued.identity);
        let accept = PacketVerdict::Accept;
        self.queue.verdict(queued.packet.id, accept).unwrap();
    }

    /// Teaches that all like this one may pass.
    pub fn teach(&mut self, queued: &Queued, lasting: bool) -> Vec<Hit> {
        let lesson = Lesson {
            flow: queued.flow.clone(),
            identity: queued.identity.clone(),
            reason: Reason::Learn,
            lasting,
        };
        self.passes.teach(lesson).unwrap()
    }

    /// What has arrived at the receiver since it was last asked.
    pub fn arrived(&self) -> Vec<String> {
        let datagrams = crate::world::arrived(&self.receiver);
        let text = datagrams
            .into_iter()
            .map(|it| String::from_utf8(it).unwrap());
        text.collect()
    }

    /// Starts a Python program with these definitions and the receiver's address as `to`.
    pub fn program(&self, code: &str) -> Program {
        Program::start(&format!(
            "to = ({:?}, {})\n{code}",
            FAR[0],
            self.to().port()
        ))
    }
}

/// Has senders recorded this way; gives the rules' part in it.
fn attach(kernel: &mut Kernel, hook: SenderHook) -> KernelBypass {
    match hook {
        SenderHook::Iptables => {
            let pins = kernel.pin().unwrap();
            return KernelBypass::Pinned {
                pass: pins.pass,
                taken_over: pins.taken_over,
            };
        }
        SenderHook::Fentry => kernel.attach_fentry().unwrap(),
        SenderHook::Kprobe => kernel.attach_kprobe().unwrap(),
        SenderHook::None => panic!("nothing would be recorded"),
    }
    kernel.attach_cookies().unwrap();
    KernelBypass::StandIn
}

/// The ways to record senders that are tested here: those at `nf_queue` only where programs may
/// trace the kernel, which `BASTION_REQUIRE_TRACING=1` says that they may.
pub fn hooks() -> Vec<SenderHook> {
    let mut hooks = vec![SenderHook::Iptables];
    if std::env::var_os("BASTION_REQUIRE_TRACING").is_some_and(|value| value == "1") {
        hooks.extend([SenderHook::Fentry, SenderHook::Kprobe]);
    }
    hooks
}

/// A Python program that does something for each line it is sent, and says when it has.
pub struct Program {
    child: Child,
}

/// What programs begin with: `send(text)` from a new socket, `step()` waits to be told to go on.
const PRELUDE: &str = r#"
import os, sys
from socket import *
def send(text, port=0, reuse=False):
    s = socket(AF_INET, SOCK_DGRAM)
    if reuse: s.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
    if port: s.bind(("0.0.0.0", port))
    s.sendto(text.encode(), to)
    return s
def step():
    os.write(1, b".")
    if os.read(0, 1) != b"!": sys.exit()
"#;

impl Program {
    fn start(code: &str) -> Self {
        let child = Command::new("/usr/bin/python3")
            .args(["-c", &format!("{PRELUDE}\n{code}\nstep()")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut program = Self { child };
        program.wait();
        program
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has it go on to its next step.
    pub fn step(&mut self) {
        use std::io::Write as _;
        self.child.stdin.as_mut().unwrap().write_all(b"!").unwrap();
        self.wait();
    }

    fn wait(&mut self) {
        use std::io::Read as _;
        let mut done = [0];
        let output = self.child.stdout.as_mut().unwrap();
        output.read_exact(&mut done).unwrap();
    }

    /// Has it end, and waits until it has.
    pub fn end(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
