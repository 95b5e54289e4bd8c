//! Programs that send in every way there is, from `tests/net/senders`.

use std::process::Command;

use serde::Deserialize;

use crate::process::checked;
use crate::sandbox::{As, Sandbox, project};
use crate::{Error, Firewall, Result};

/// Where the machines see the programs that were built.
const BUILT: &str = "/mnt/share/senders";

/// What a process said of itself before it sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Announced {
    /// Its process number inside the machine.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// The executable that it ran then.
    pub program: String,
    /// How many packets it was about to send; 0 where it could not know.
    pub packets: u64,
}

/// What a run of a sender came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// All was sent, by these processes.
    By(Vec<Announced>),
    /// The kernel has no such way to send.
    Unsupported(String),
}

impl Sent {
    /// Reads what a sender has printed; lines that are about other things are passed over.
    ///
    /// # Errors
    /// [`Error::Answer`] for what is no JSON.
    pub fn of(printed: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Line {
            unsupported: Option<String>,
            #[serde(flatten)]
            sender: Option<Announced>,
        }
        let mut senders = Vec::new();
        for line in printed.lines() {
            let line: Line = said(line)?;
            if let Some(why) = line.unsupported {
                return Ok(Self::Unsupported(why));
            }
            senders.extend(line.sender);
        }
        Ok(Self::By(senders))
    }

    /// Who sent.
    #[must_use]
    pub fn senders(&self) -> &[Announced] {
        match self {
            Self::By(senders) => senders,
            Self::Unsupported(_) => &[],
        }
    }
}

fn said<T: for<'a> Deserialize<'a>>(line: &str) -> Result<T> {
    serde_json::from_str(line).map_err(|source| Error::Answer {
        command: "a sender".to_owned(),
        line: line.to_owned(),
        source,
    })
}

/// Builds the programs, if that was not done since they were changed; gives the path by which
/// machines know one of them: `sender`, which sends in the way it is told; `acceptor`, `crowd` or
/// `member`.
///
/// # Errors
/// [`Error::Failed`] with the compiler's messages.
pub fn built(program: &str) -> Result<String> {
    checked(Command::new(project().join("tests/sandbox/senders.sh")))?;
    Ok(format!("{BUILT}/{program}"))
}

impl Firewall {
    /// Makes programs that send: copies of `sender`, each an executable of its own at
    /// [`Firewall::PROGRAMS`]`/NAME`.
    ///
    /// # Errors
    /// When the sender does not build or can't be copied.
    pub fn make_senders(&self, names: &[&str]) -> Result<()> {
        let sender = built("sender")?;
        let copy = "d=$0 s=$1; shift; mkdir -p \"$d\"; for n; do cp \"$s\" \"$d/$n\"; done";
        let command = [&["sh", "-euc", copy, Self::PROGRAMS, &sender], names].concat();
        self.sandbox().run(As::Root, &command).map(drop)
    }

    /// The path of a program by this name; see [`Firewall::make_senders`].
    #[must_use]
    pub fn sender(name: &str) -> String {
        format!("{}/{name}", Self::PROGRAMS)
    }
}

/// Somebody at the other end who takes every connection and datagram to one port, whatever the
/// address.
pub struct Acceptor {
    running: crate::Running,
}

/// What has come to an [`Acceptor`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Arrival {
    /// The address it was sent to; not told of datagrams (`::`).
    pub to: String,
    /// The letter in its note, `?` without one.
    pub letter: char,
    /// When its sender began to send it, or when it came if it has no note; nanoseconds of
    /// `CLOCK_MONOTONIC`, which all machines share.
    pub stamp: u64,
    /// When it came, on the same clock.
    pub came: u64,
    /// `tcp` or `udp`.
    pub transport: String,
}

impl Acceptor {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start, for example because the port is taken.
    pub fn start(sandbox: &Sandbox, port: u16) -> Result<Self> {
        let mut running = sandbox.spawn(As::Root, &[&built("acceptor")?, &port.to_string()])?;
        running.line_with("ready", crate::internet::ANSWER_TIMEOUT)?;
        Ok(Self { running })
    }

    /// All that has come since it was asked last.
    ///
    /// # Errors
    /// When it is gone.
    pub fn arrivals(&mut self) -> Result<Vec<Arrival>> {
        self.running.send("report")?;
        let line = self
            .running
            .line_with("[", crate::internet::ANSWER_TIMEOUT)?;
        said(&line)
    }
}
