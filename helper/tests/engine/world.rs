//! An engine on a thread of its own, in a world that does nothing unless told: the packets, the
//! senders and the time are the test's. A round of the engine is run when the test says so and
//! has ended when [`World::round`] returns, so nothing depends on how fast a machine is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use bastion_helper::engine::{
    Clock, Command, Decided, Engine, EngineError, EngineParts, Hit, Lesson, NoNames, Notices,
    Passes, PassesError, Policy, QuestionNotice, Report, SocketEnder,
};
use bastion_helper::identify::Identifier;
use bastion_helper::queue::{HeldPacket, PacketQueue, PacketVerdict, QueueError};
use bastion_policy::flow::Flow;
use bastion_policy::pending::{PacketId, Question, QuestionId};
use bastion_policy::process::{Evidence, Executable, Identity, Process, ProcessKey, UnknownReason};
use bastion_policy::rule::Action;
use bastion_policy::ruleset::{Reason, RuleSet};
use bastion_policy::safeguard::{Episode, Thresholds};
use bastion_policy::settings::{Mode, ModeState};
use bastion_policy::time::Timestamp;
use etherparse::PacketBuilder;
use tokio::sync::mpsc as async_mpsc;

/// How long a question waits, in milliseconds.
pub const TIMEOUT: u64 = 60_000;

/// What the wall clock says at first.
pub const WALL: u64 = 1_800_000_000_000;

/// Room for decisions that nobody has taken yet.
pub const DECISIONS: usize = 1_000;

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Program {
    pub path: &'static str,
    pub pid: u32,
    pub uid: u32,
}

/// Processes that have ended. [`EngineParts::alive`] is a plain function, so this is everybody's;
/// each world has pids of its own.
static ENDED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn alive(key: ProcessKey) -> bool {
    !ENDED.lock().unwrap().contains(&key.pid)
}

#[derive(Default)]
struct State {
    inbox: VecDeque<HeldPacket>,
    verdicts: Vec<(PacketId, PacketVerdict)>,
    senders: BTreeMap<u16, Identity>,
    steady: u64,
    wall: u64,
    broken: bool,
    full: bool,
    lessons: Vec<Lesson>,
    hits: Vec<Hit>,
}

type Shared = Arc<Mutex<State>>;

struct ScriptedQueue {
    state: Shared,
    /// Tells how long the engine means to sleep.
    asleep: Sender<Option<Duration>>,
    go: Receiver<()>,
}

fn broken() -> QueueError {
    QueueError::Io(std::io::ErrorKind::BrokenPipe.into())
}

impl PacketQueue for ScriptedQueue {
    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), QueueError> {
        self.asleep.send(timeout).map_err(|_| broken())?;
        self.go.recv().map_err(|_| broken())
    }

    fn receive(&mut self) -> Result<Option<HeldPacket>, QueueError> {
        let mut state = self.state.lock().unwrap();
        match state.broken {
            true => Err(broken()),
            false => Ok(state.inbox.pop_front()),
        }
    }

    fn is_nearly_full(&mut self) -> bool {
        self.state.lock().unwrap().full
    }

    fn verdict(&mut self, id: PacketId, verdict: PacketVerdict) -> Result<(), QueueError> {
        self.state.lock().unwrap().verdicts.push((id, verdict));
        Ok(())
    }
}

struct Senders(Shared);

impl Identifier for Senders {
    fn identify(&mut self, flow: &Flow, _packet: &HeldPacket) -> Identity {
        let state = self.0.lock().unwrap();
        let nobody = Identity::Unknown {
            uid: None,
            reason: UnknownReason::NoSocket,
        };
        state
            .senders
            .get(&flow.source_port)
            .cloned()
            .unwrap_or(nobody)
    }
}

/// Learns what it is taught, and tells the hits that the test has put there.
struct Pupil(Shared);

impl Passes for Pupil {
    fn judged(&mut self, _flow: &Flow, _identity: &Identity) {}

    fn teach(&mut self, lesson: Lesson) -> Result<Vec<Hit>, PassesError> {
        self.0.lock().unwrap().lessons.push(lesson);
        Ok(Vec::new())
    }

    fn forget(&mut self) -> Result<Vec<Hit>, PassesError> {
        self.0.lock().unwrap().lessons.clear();
        Ok(self.hits())
    }

    fn hits(&mut self) -> Vec<Hit> {
        std::mem::take(&mut self.0.lock().unwrap().hits)
    }
}

struct Hands(Shared);

impl Clock for Hands {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.0.lock().unwrap().wall)
    }

    fn steady(&self) -> Timestamp {
        Timestamp::from_millis(self.0.lock().unwrap().steady)
    }
}

/// See the module's documentation.
pub struct World {
    state: Shared,
    go: Option<Sender<()>>,
    asleep: Receiver<Option<Duration>>,
    commands: Option<Sender<Command>>,
    decisions: async_mpsc::Receiver<Decided>,
    questions: async_mpsc::UnboundedReceiver<QuestionNotice>,
    ended_sockets: Receiver<Flow>,
    engine: Option<JoinHandle<Result<(), EngineError>>>,
    next_packet: u32,
    /// How long the engine means to sleep now.
    pub sleep: Option<Duration>,
}

impl World {
    /// A world in which these rules hold, and what they don't decide is asked.
    pub fn new(rules: RuleSet) -> Self {
        let state = Shared::default();
        state.lock().unwrap().wall = WALL;
        let (asleep_in, asleep) = mpsc::channel();
        let (go_in, go) = mpsc::channel();
        let (commands, received) = mpsc::channel();
        let (decisions_in, decisions) = async_mpsc::channel(DECISIONS);
        let (questions_in, questions) = async_mpsc::unbounded_channel();
        let (ended_in, ended_sockets) = mpsc::channel();
        let end = move |flow: &Flow| drop(ended_in.send(flow.clone()));
        let parts = EngineParts {
            queue: ScriptedQueue {
                state: Arc::clone(&state),
                asleep: asleep_in,
                go,
            },
            identifier: Senders(Arc::clone(&state)),
            passes: Box::new(Pupil(Arc::clone(&state))),
            names: Box::new(NoNames),
            clock: Hands(Arc::clone(&state)),
            alive,
            ender: SocketEnder::start(end).unwrap(),
            notices: Notices {
                decisions: decisions_in,
                questions: questions_in,
                safeguard: Arc::default(),
            },
            commands: received,
            policy: policy(rules, ModeState::default()),
        };
        let engine = std::thread::spawn(move || Engine::new(parts).run());
        let sleep = asleep.recv().unwrap();
        Self {
            state,
            go: Some(go_in),
            asleep,
            commands: Some(commands),
            decisions,
            questions,
            ended_sockets,
            engine: Some(engine),
            next_packet: 1,
            sleep,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A program that runs, with a pid that no other test's has.
    pub fn program(&self, path: &'static str, uid: u32) -> Program {
        static PIDS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1_000);
        let pid = PIDS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Program { path, pid, uid }
    }

    /// Ends the process; the engine is not told.
    pub fn end(&self, program: Program) {
        ENDED.lock().unwrap().insert(program.pid);
    }

    /// Lays the first packet of a connection into the queue. The source port names the connection.
    pub fn send(&mut self, program: Program, source_port: u16, to: (Ipv4Addr, u16)) -> PacketId {
        let identity = identity(program);
        self.lock().senders.insert(source_port, identity);
        self.send_bytes(syn(source_port, to), Some(program.uid))
    }

    /// Lays a datagram of a program into the queue.
    pub fn send_datagram(&mut self, program: Program, source_port: u16, to: (Ipv4Addr, u16)) {
        let identity = identity(program);
        self.lock().senders.insert(source_port, identity);
        self.send_bytes(datagram(source_port, to), Some(program.uid));
    }

    /// Lays any bytes into the queue.
    pub fn send_bytes(&mut self, bytes: Vec<u8>, owner: Option<u32>) -> PacketId {
        let id = PacketId(self.next_packet);
        self.next_packet += 1;
        self.lock().inbox.push_back(HeldPacket { id, bytes, owner });
        id
    }

    /// Lets the engine work until it sleeps again with an empty queue.
    pub fn round(&mut self) {
        loop {
            self.wake();
            self.sleep = self.asleep.recv().unwrap();
            if self.lock().inbox.is_empty() {
                return;
            }
        }
    }

    fn wake(&self) {
        self.go.as_ref().unwrap().send(()).unwrap();
    }

    /// Lets both clocks go on, without waking the engine.
    pub fn pass(&self, millis: u64) {
        let mut state = self.lock();
        state.steady += millis;
        state.wall += millis;
    }

    /// Sets the wall clock alone.
    pub fn set_wall(&self, millis: u64) {
        self.lock().wall = millis;
    }

    /// Breaks the queue.
    pub fn break_queue(&self) {
        self.lock().broken = true;
    }

    pub fn command(&self, command: Command) {
        self.commands.as_ref().unwrap().send(command).unwrap();
    }

    /// Puts other rules and another mode into force.
    pub fn apply(&mut self, rules: RuleSet, mode: ModeState) {
        self.command(Command::Apply {
            policy: policy(rules, mode),
            done: None,
        });
        self.round();
    }

    /// Has connections that nobody answers for end so from now on.
    pub fn otherwise(&mut self, prompt_default: Action) {
        self.command(Command::Apply {
            policy: Policy {
                prompt_default,
                ..policy(RuleSet::default(), ModeState::default())
            },
            done: None,
        });
        self.round();
    }

    /// Has Safeguard begin and end by these; what no rule decides is asked.
    pub fn guard_by(&mut self, rules: RuleSet, thresholds: Option<Thresholds>) {
        self.command(Command::Apply {
            policy: Policy {
                safeguard: thresholds,
                ..policy(rules, ModeState::default())
            },
            done: None,
        });
        self.round();
    }

    /// Where Safeguard is on.
    pub fn guarded(&mut self) -> Vec<Episode> {
        self.report().safeguard
    }

    /// Ends Safeguard; for how many it was on.
    pub fn leave(&mut self, whose: Option<Option<u32>>) -> usize {
        let (done, left) = mpsc::sync_channel(1);
        self.command(Command::LeaveSafeguard(whose, done));
        self.round();
        left.recv().unwrap()
    }

    /// Has little room left in the queue.
    pub fn fill_queue(&self) {
        self.lock().full = true;
    }

    /// Answers a question for user 1000; whether it was open.
    pub fn answer(&mut self, question: QuestionId, action: Action) -> bool {
        let (done, answered) = mpsc::sync_channel(1);
        self.command(Command::Answer {
            question,
            action,
            reason: Reason::Answer(1000),
            done,
        });
        self.round();
        answered.recv().unwrap()
    }

    pub fn report(&mut self) -> Report {
        let (done, report) = mpsc::sync_channel(1);
        self.command(Command::Report(done));
        self.round();
        report.recv().unwrap()
    }

    /// The verdicts so far, in order.
    pub fn verdicts(&self) -> Vec<(PacketId, PacketVerdict)> {
        self.lock().verdicts.clone()
    }

    /// The decisions reported since the last call: what, and why.
    pub fn decided(&mut self) -> Vec<Decided> {
        std::iter::from_fn(|| self.decisions.try_recv().ok()).collect()
    }

    /// What the kernel knows by what it was taught.
    pub fn lessons(&self) -> Vec<Lesson> {
        self.lock().lessons.clone()
    }

    /// Lets connections pass in the kernel.
    pub fn hit(&self, lesson: Lesson, count: u64) {
        self.lock().hits.push(Hit { lesson, count });
    }

    /// What became of questions since the last call.
    pub fn notices(&mut self) -> Vec<QuestionNotice> {
        std::iter::from_fn(|| self.questions.try_recv().ok()).collect()
    }

    /// The one question that was opened since the last call.
    pub fn opened(&mut self) -> Question {
        match self.notices().as_slice() {
            [QuestionNotice::Opened(question)] => question.clone(),
            other => panic!("not one new question, but {other:?}"),
        }
    }

    /// Has the engine stop, and waits for its end.
    pub fn stop(&mut self) -> Result<(), EngineError> {
        self.command(Command::Stop);
        self.join()
    }

    /// Leaves the engine without anybody to tell it anything, and waits for its end.
    pub fn forsake(&mut self) -> Result<(), EngineError> {
        self.commands = None;
        self.join()
    }

    /// Wakes the engine for the last time, and waits for its end.
    pub fn join(&mut self) -> Result<(), EngineError> {
        self.wake();
        self.engine.take().unwrap().join().unwrap()
    }

    /// Flows whose sockets were ended, all of them once the engine has ended.
    pub fn ended_sockets(&self) -> Vec<Flow> {
        assert!(self.engine.is_none(), "more may come");
        self.ended_sockets.iter().collect()
    }
}

fn policy(rules: RuleSet, mode: ModeState) -> Policy {
    Policy {
        rules: Arc::new(rules),
        mode,
        prompt_timeout: TIMEOUT,
        prompt_default: Action::Deny,
        safeguard: None,
    }
}

/// The mode in which everything undecided is allowed.
pub fn learning() -> ModeState {
    ModeState {
        mode: Mode::Learn,
        paused_until: None,
    }
}

fn identity(program: Program) -> Identity {
    Identity::Process(Arc::new(Process {
        key: ProcessKey {
            pid: program.pid,
            start_time: 7,
        },
        uid: program.uid,
        executable: Executable {
            path: program.path.parse().unwrap(),
            file: None,
            replaced: false,
        },
        arguments: Vec::new(),
        working_directory: String::new(),
        cgroup: String::new(),
        app: None,
        parents: Vec::new(),
        evidence: Evidence::SocketTable,
        execs: None,
    }))
}

/// The first packet of a TCP connection.
pub fn syn(source_port: u16, (address, port): (Ipv4Addr, u16)) -> Vec<u8> {
    let builder = PacketBuilder::ipv4([10, 0, 0, 2], address.octets(), 64)
        .tcp(source_port, port, 1, 64_000)
        .syn();
    let mut bytes = Vec::new();
    builder.write(&mut bytes, &[]).unwrap();
    bytes
}

/// A datagram.
pub fn datagram(source_port: u16, (address, port): (Ipv4Addr, u16)) -> Vec<u8> {
    let builder = PacketBuilder::ipv4([10, 0, 0, 2], address.octets(), 64).udp(source_port, port);
    let mut bytes = Vec::new();
    builder.write(&mut bytes, b"x").unwrap();
    bytes
}

/// True if a flow goes there.
pub fn goes_to(flow: &Flow, (address, port): (Ipv4Addr, u16)) -> bool {
    (flow.destination, flow.destination_port) == (IpAddr::V4(address), port)
}
