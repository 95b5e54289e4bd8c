//! The one thread that reads packets, decides, and gives verdicts.
//!
//! The thread owns the queue, the rules in force and the table of open questions, so nothing is
//! shared and nothing is locked between a packet and its verdict. The rest of the helper talks to
//! it through an [`EngineHandle`] (commands in) and hears from it through [`Notices`] (decisions
//! and questions out). It never waits for a person, the bus or the disk: an undecided packet
//! stays in the kernel while the thread goes on with the next one.

mod clock;
mod conclude;
mod core;
mod ender;
mod names;
mod once;
mod passes;
mod safeguard;

pub use self::clock::{Clock, SystemClock, now};
pub use self::core::{Engine, EngineParts};
pub use self::ender::SocketEnder;
pub use self::names::{NameSource, NoNames};
pub use self::passes::{Hit, Lesson, NoPasses, Passes, PassesError};

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use bastion_policy::flow::Flow;
use bastion_policy::matcher::HostName;
use bastion_policy::pending::{Question, QuestionId};
use bastion_policy::process::Identity;
use bastion_policy::rule::Action;
use bastion_policy::ruleset::{Reason, RuleSet};
use bastion_policy::safeguard::{Episode, Thresholds};
use bastion_policy::settings::ModeState;
use bastion_policy::time::Timestamp;
use tokio::sync::{Notify, mpsc as async_mpsc};

use crate::queue::{QueueError, Waker};

/// What the engine works by; replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The rules in force.
    pub rules: Arc<RuleSet>,
    /// The mode in force.
    pub mode: ModeState,
    /// How long a question waits for its answer, in milliseconds.
    pub prompt_timeout: u64,
    /// What becomes of connections that nobody answered for in time.
    pub prompt_default: Action,
    /// When Safeguard begins and ends, if there is one.
    pub safeguard: Option<Thresholds>,
}

/// What the engine can be told.
#[derive(Debug)]
pub enum Command {
    /// Work by this policy from now on; packets that wait are judged by it at once.
    Apply {
        /// What to work by.
        policy: Policy,
        /// Hears when nothing is allowed by an earlier policy any more.
        done: Option<mpsc::SyncSender<()>>,
    },
    /// Settle a question; tells whether it was open.
    Answer {
        /// Which.
        question: QuestionId,
        /// With what.
        action: Action,
        /// Why.
        reason: Reason,
        /// Gets `true` if it was open.
        done: mpsc::SyncSender<bool>,
    },
    /// Tell whether a question is open.
    IsOpen(QuestionId, mpsc::SyncSender<bool>),
    /// Show that the thread is alive, and tell how much waits and where Safeguard is on.
    Report(mpsc::SyncSender<Report>),
    /// Ask again instead of dropping: for this user (who may be nobody known), or for all.
    LeaveSafeguard(Option<Option<u32>>, mpsc::SyncSender<usize>),
    /// Tell under which names these addresses were looked up, best first.
    Names(Vec<IpAddr>, mpsc::SyncSender<Vec<Vec<HostName>>>),
    /// Drop what waits and end the thread.
    Stop,
}

/// How much the engine has at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Open questions.
    pub questions: usize,
    /// Packets that wait with them.
    pub waiting_packets: usize,
    /// Packets dropped because they could not be understood.
    pub malformed: u64,
    /// Decisions that were made but not reported, because nobody took them in time.
    pub unreported: u64,
    /// Where Safeguard is on, with times on the wall clock.
    pub safeguard: Vec<Episode>,
}

/// A decision that was made; the packet has its verdict already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// When.
    pub time: Timestamp,
    /// About which flow.
    pub flow: Flow,
    /// Of which sender.
    pub identity: Identity,
    /// What.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// For how many connections it stands: one, unless the kernel let them pass by itself.
    pub count: u64,
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionNotice {
    /// It was opened. Its times are points on the wall clock.
    Opened(Question),
    /// It shows another flow and sender now.
    Changed(Question),
    /// It is closed.
    Closed(QuestionId, Reason),
}

/// Where the engine reports.
#[derive(Clone, Debug)]
pub struct Notices {
    /// Decisions; bounded, and what does not fit is counted in [`Report::unreported`].
    pub decisions: async_mpsc::Sender<Decided>,
    /// Questions; bounded by the table of questions itself.
    pub questions: async_mpsc::UnboundedSender<QuestionNotice>,
    /// Safeguard has begun or ended for somebody.
    pub safeguard: Arc<Notify>,
}

/// The engine answers within one round, which takes microseconds; one that takes longer than
/// this hangs, and the watchdog is about to end it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the engine can't go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The packet queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Something would be allowed that is not any more.
    #[error(transparent)]
    Passes(#[from] PassesError),
}

/// The engine's thread has ended or hangs.
#[derive(Debug, thiserror::Error)]
#[error("the engine does not answer")]
pub struct EngineGone;

/// Tells the engine what to do; cheap to clone.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    commands: mpsc::Sender<Command>,
    waker: Waker,
}

impl EngineHandle {
    /// A handle, and the end that the engine reads from.
    #[must_use]
    pub fn new(waker: Waker) -> (Self, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel();
        (Self { commands, waker }, receiver)
    }

    /// Hands a command to the engine.
    ///
    /// # Errors
    /// When its thread has ended.
    pub fn send(&self, command: Command) -> Result<(), EngineGone> {
        self.commands.send(command).map_err(|_| EngineGone)?;
        self.waker.wake();
        Ok(())
    }

    /// Has the engine work by this policy; once this returns, nothing is allowed by an earlier one
    /// any more. Blocks for a moment.
    ///
    /// # Errors
    /// When the engine's thread has ended or hangs.
    pub fn apply(&self, policy: Policy) -> Result<(), EngineGone> {
        let (done, applied) = mpsc::sync_channel(1);
        self.send(Command::Apply {
            policy,
            done: Some(done),
        })?;
        applied.recv_timeout(PATIENCE).map_err(|_| EngineGone)
    }

    /// Settles a question; `false` if it was not open any more. Blocks for a moment.
    ///
    /// # Errors
    /// When the engine's thread has ended or hangs.
    pub fn answer(
        &self,
        question: QuestionId,
        action: Action,
        reason: Reason,
    ) -> Result<bool, EngineGone> {
        let (done, answer) = mpsc::sync_channel(1);
        self.send(Command::Answer {
            question,
            action,
            reason,
            done,
        })?;
        answer.recv_timeout(PATIENCE).map_err(|_| EngineGone)
    }

    /// True if a question is open. Blocks for a moment.
    ///
    /// # Errors
    /// When the engine's thread has ended or hangs.
    pub fn is_open(&self, question: QuestionId) -> Result<bool, EngineGone> {
        let (done, open) = mpsc::sync_channel(1);
        self.send(Command::IsOpen(question, done))?;
        open.recv_timeout(PATIENCE).map_err(|_| EngineGone)
    }

    /// Ends Safeguard for this user (who may be nobody known), or for all; tells for how many it
    /// was on. Blocks for a moment.
    ///
    /// # Errors
    /// When the engine's thread has ended or hangs.
    pub fn leave_safeguard(&self, whose: Option<Option<u32>>) -> Result<usize, EngineGone> {
        let (done, left) = mpsc::sync_channel(1);
        self.send(Command::LeaveSafeguard(whose, done))?;
        left.recv_timeout(PATIENCE).map_err(|_| EngineGone)
    }

    /// Under which names these addresses were looked up, best first: one list for each. No packet
    /// is judged meanwhile, so ask about few at a time. Blocks for a moment.
    ///
    /// # Errors
    /// When the engine's thread has ended or hangs.
    pub fn names(&self, addresses: Vec<IpAddr>) -> Result<Vec<Vec<HostName>>, EngineGone> {
        let (done, names) = mpsc::sync_channel(1);
        self.send(Command::Names(addresses, done))?;
        names.recv_timeout(PATIENCE).map_err(|_| EngineGone)
    }

    /// Asks for a sign of life. Blocks for a moment.
    ///
    /// # Errors
    /// When the engine's thread has ended or hangs.
    pub fn report(&self) -> Result<Report, EngineGone> {
        let (done, report) = mpsc::sync_channel(1);
        self.send(Command::Report(done))?;
        report.recv_timeout(PATIENCE).map_err(|_| EngineGone)
    }
}
