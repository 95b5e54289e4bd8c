//! Questions, what makes two packets ask the same one, and what waits for the answer.

use std::fmt;

use crate::flow::{Flow, Protocol};
use crate::matcher::{AppId, ExecutablePath};
use crate::process::{FileId, Identity, ProcessKey};
use crate::rule::Action;
use crate::time::Timestamp;
use std::net::IpAddr;

/// Number by which the kernel knows a packet that it holds. It does not repeat the number of a
/// packet it still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PacketId(pub u32);

/// Names a question; later ones have higher numbers, and none is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuestionId(pub u64);

impl fmt::Display for QuestionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which program a question is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// This executable file. Path, file and application all count: two sandboxes can have
    /// different programs at the same path.
    Program {
        /// Its path when it was executed.
        path: ExecutablePath,
        /// The file itself, where known.
        file: Option<FileId>,
        /// The application it belongs to.
        app: Option<AppId>,
    },
    /// The kernel itself.
    Kernel,
    /// A sender that is not proven.
    Unknown,
}

/// What a question is about. Packets with equal keys wait for the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QuestionKey {
    /// Who wants to connect.
    pub subject: Subject,
    /// On whose behalf; `None` when no user is known.
    pub uid: Option<u32>,
    /// Where to.
    pub destination: IpAddr,
    /// To which port; 0 for protocols without ports.
    pub port: u16,
    /// By which protocol.
    pub protocol: Protocol,
}

impl QuestionKey {
    /// The question that this flow of this sender asks.
    #[must_use]
    pub fn new(flow: &Flow, identity: &Identity) -> Self {
        let subject = match identity {
            Identity::Process(process) => Subject::Program {
                path: process.executable.path.clone(),
                file: process.executable.file,
                app: process.app.clone(),
            },
            Identity::Kernel => Subject::Kernel,
            Identity::Unknown { .. } => Subject::Unknown,
        };
        Self {
            subject,
            uid: identity.uid(),
            destination: flow.destination,
            port: flow.destination_port,
            protocol: flow.protocol,
        }
    }
}

/// How a question ends if nobody answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub deadline: Timestamp,
    /// What becomes of its packets then.
    pub otherwise: Action,
}

/// A question that is open, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name.
    pub id: QuestionId,
    /// What it is about.
    pub key: QuestionKey,
    /// The flow shown: that of the packet that has waited longest.
    pub flow: Flow,
    /// The sender of that packet.
    pub identity: Identity,
    /// When the question was opened.
    pub opened: Timestamp,
    /// When it ends without an answer. Packets that join later wait no longer than that.
    pub deadline: Timestamp,
    /// What becomes of its packets then.
    pub otherwise: Action,
}

/// A packet that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// The packet.
    pub packet: PacketId,
    /// Its flow.
    pub flow: Flow,
    /// Its sender.
    pub identity: Identity,
}

impl Waiter {
    /// The process that sent it, if proven.
    #[must_use]
    pub fn process(&self) -> Option<ProcessKey> {
        self.identity.process().map(|process| process.key)
    }
}

/// How much may wait: in all, and for one user ([`QuestionKey::uid`]), so that no user's programs
/// can use up the room of the others. What no user is known for has a share of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open questions. Default 256: more than anybody can answer before they run out of time.
    pub questions: usize,
    /// Packets over all questions. Default 3072: the helper's queue takes 4,980 bytes (measured)
    /// for each packet it holds, so these take 15 MiB.
    pub packets: usize,
    /// Packets of one question. Default 1536, so that no question can use up the room of all. The
    /// user's share ends it earlier where that is smaller, as it is by default.
    pub packets_per_question: usize,
    /// Open questions of one user. Default 64.
    pub questions_per_user: usize,
    /// Packets of one user over all questions. Default 1024: a third of the room of all.
    pub packets_per_user: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            questions: 256,
            packets: 3_072,
            packets_per_question: 1_536,
            questions_per_user: 64,
            packets_per_user: 1_024,
        }
    }
}

/// What became of a packet that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It waits, and opened this question.
    Opened(QuestionId),
    /// It waits for the answer to this question, which was open already.
    Joined(QuestionId),
    /// It does not wait: there is no room for it. The caller settles it.
    Full,
}

/// A question that is closed, with every packet that waited for it. Whoever holds it must give
/// each packet its verdict; the table has forgotten them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the packets in it are held by the kernel until they get a verdict"]
pub struct Settled {
    /// The question.
    pub question: Question,
    /// Its packets, in the order in which they came; at least one.
    pub waiters: Vec<Waiter>,
}

impl Settled {
    /// Its packets, in the order in which they came.
    pub fn packets(&self) -> impl Iterator<Item = PacketId> {
        self.waiters.iter().map(|waiter| waiter.packet)
    }
}

/// What the end of a process changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "the packets in it are held by the kernel until they get a verdict"]
pub struct ExitEffect {
    /// The packets of that process, each with the question it waited for. The table has forgotten
    /// them.
    pub released: Vec<(QuestionId, Waiter)>,
    /// Questions for which nothing waits any more; they are closed.
    pub closed: Vec<Question>,
    /// Questions that stay open, and now show another flow and sender.
    pub changed: Vec<QuestionId>,
}

/// What became of one question when its packets were judged anew.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the packets in it are held by the kernel until they get a verdict"]
pub struct Reconsidered<T> {
    /// The question as it is now; if it is closed, as it was.
    pub question: Question,
    /// The packets that are decided now, in the order in which they came; at least one. The table
    /// has forgotten them.
    pub decided: Vec<(Waiter, T)>,
    /// Nothing waits for the question any more.
    pub closed: bool,
    /// The question stays open, and now shows another flow and sender.
    pub changed: bool,
}
