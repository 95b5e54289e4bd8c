//! What can go wrong between a test and the machine it drives.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A failure of the harness or of what it was asked to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host could not start a program at all.
    #[error("the command `{command}` could not be started")]
    Start {
        /// What was to run.
        command: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A command ran and reported failure.
    #[error(
        "the command `{command}` ended with status {status}\nstdout: {stdout}\nstderr: {stderr}"
    )]
    Failed {
        /// What ran.
        command: String,
        /// Its exit status; -1 where a signal ended it.
        status: i32,
        /// What it printed.
        stdout: String,
        /// What it complained.
        stderr: String,
    },
    /// Talking to a running program failed.
    #[error("the pipe to `{command}` broke\nstderr: {stderr}")]
    Pipe {
        /// What runs.
        command: String,
        /// What it complained so far.
        stderr: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A program ended its output where an answer was due.
    #[error("`{command}` ended before it answered\nstderr: {stderr}")]
    Ended {
        /// What ran.
        command: String,
        /// What it complained.
        stderr: String,
    },
    /// Nothing happened for too long.
    #[error("{what} did not happen within {} s", .after.as_secs_f32())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// For how long.
        after: Duration,
    },
    /// A driver answered something that is not the JSON it should be.
    #[error("`{command}` answered what can't be understood: {line}")]
    Answer {
        /// What answered.
        command: String,
        /// Its line.
        line: String,
        /// The parser's reason.
        #[source]
        source: serde_json::Error,
    },
    /// A driver could not do what it was asked.
    #[error("the driver could not {request}:\n{reason}")]
    Refused {
        /// The request.
        request: String,
        /// The driver's reason.
        reason: String,
    },
    /// A file of the host could not be read or written.
    #[error("the file {} could not be used", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A thread could not be held.
    #[error("the thread {tid} could not be held")]
    Hold {
        /// Its number on the host.
        tid: u32,
        /// The system's reason.
        #[source]
        source: nix::errno::Errno,
    },
    /// A machine has no such process.
    #[error("the machine has no process {0}")]
    NoProcess(u32),
    /// There is no package to install.
    #[error("there is no package in {}; make it with `make deb`", .0.display())]
    NoPackage(PathBuf),
}
