//! Who sent a packet, as far as that is proven.

use std::fmt;
use std::sync::Arc;

use crate::matcher::{AppId, ExecutablePath};

/// A file by device and inode number, as `stat(2)` gives them. A path can be made to name another
/// file; this can't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
}

/// The file a process is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// Where it was when it was executed.
    pub path: ExecutablePath,
    /// The file itself; unknown where only a record of the path survived.
    pub file: Option<FileId>,
    /// True when the path no longer names that file: it was deleted or replaced since.
    pub replaced: bool,
}

impl Executable {
    /// True if the path can name this file when the process is gone; only then can a rule for
    /// the path outlast the process.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.path.is_lasting()
    }
}

/// A process named by what no other process can have at the same time or later: its pid together
/// with its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessKey {
    /// Process (thread group) id in the initial pid namespace.
    pub pid: u32,
    /// Start time in clock ticks since boot: field 22 of `/proc/pid/stat`, proc_pid_stat(5).
    pub start_time: u64,
}

/// An ancestor of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// Its pid and start time.
    pub key: ProcessKey,
    /// What it runs.
    pub path: ExecutablePath,
}

/// What the identification rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// The kernel-side program saw this process send this packet.
    PacketPath,
    /// The socket tables and `/proc` agreed while the packet was held.
    SocketTable,
}

/// A process that sent a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Pid and start time.
    pub key: ProcessKey,
    /// The user on whose behalf it sent: the owner of the socket.
    pub uid: u32,
    /// The file it runs.
    pub executable: Executable,
    /// Its arguments, escaped for display; the program itself chose them and may lie.
    pub arguments: Vec<String>,
    /// Its working directory, escaped for display; empty when unknown.
    pub working_directory: String,
    /// Its path in the cgroup2 hierarchy, such as `/user.slice/…`; empty when unknown.
    pub cgroup: String,
    /// The Flatpak, Snap or AppImage it belongs to.
    pub app: Option<AppId>,
    /// Its ancestors, nearest first.
    pub parents: Vec<Ancestor>,
    /// What the identification rests on.
    pub evidence: Evidence,
    /// How often the process, and what it was forked from, has executed a program, as the kernel
    /// counts; with [`Self::key`] it names this program of this process for good. `None` where
    /// the kernel-side program did not tell.
    pub execs: Option<u64>,
}

impl Process {
    /// A process of which nothing is known but what it runs, and as which user: to ask what rules
    /// would decide about such a one. No rule looks at what it rests on.
    #[must_use]
    pub fn imagined(path: ExecutablePath, app: Option<AppId>, uid: u32) -> Self {
        Self {
            key: ProcessKey {
                pid: 0,
                start_time: 0,
            },
            uid,
            executable: Executable {
                path,
                file: None,
                replaced: false,
            },
            arguments: Vec::new(),
            working_directory: String::new(),
            cgroup: String::new(),
            app,
            parents: Vec::new(),
            evidence: Evidence::SocketTable,
            execs: None,
        }
    }

    /// True if there is a name by which a rule can mean this program, and no other, when the
    /// process is gone: its application or its executable.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.app.is_some() || self.executable.is_lasting()
    }
}

/// Why a packet's sender could not be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnknownReason {
    /// No socket with the packet's addresses exists any more.
    NoSocket,
    /// The socket exists, but no process holds it any more.
    NoProcess,
    /// Several different programs hold the same socket.
    Ambiguous,
    /// Facts about the process changed while it was looked at.
    Changed,
    /// The kernel refused to tell.
    Unreadable,
    /// The kernel-side program made no record of the packet, or had to make room for others.
    NoRecord,
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSocket => "its socket was gone",
            Self::NoProcess => "its process was gone",
            Self::Ambiguous => "several programs share its socket",
            Self::Changed => "its process changed meanwhile",
            Self::Unreadable => "the kernel did not tell",
            Self::NoRecord => "the kernel kept no record of it",
        })
    }
}

/// Who sent a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// This process, proven.
    Process(Arc<Process>),
    /// No process: the kernel made the packet itself (a tunnel, an ICMP error).
    Kernel,
    /// Some process of this user, but which is not proven. The user is known when the kernel
    /// told the owner of the socket.
    Unknown {
        /// Owner of the socket, where the kernel told.
        uid: Option<u32>,
        /// Why it is not known.
        reason: UnknownReason,
    },
}

impl Identity {
    /// The user on whose behalf the packet was sent; `None` for the kernel's own.
    #[must_use]
    pub fn uid(&self) -> Option<u32> {
        match self {
            Self::Process(process) => Some(process.uid),
            Self::Kernel => None,
            Self::Unknown { uid, .. } => *uid,
        }
    }

    /// The process, if it is proven.
    #[must_use]
    pub fn process(&self) -> Option<&Arc<Process>> {
        match self {
            Self::Process(process) => Some(process),
            _ => None,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(p) => write!(f, "{} (pid {})", p.executable.path, p.key.pid),
            Self::Kernel => f.write_str("kernel"),
            Self::Unknown { .. } => f.write_str("unknown"),
        }
    }
}
