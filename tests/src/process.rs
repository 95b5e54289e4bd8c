//! Programs that a test starts and talks to.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result, eventually};

/// What a finished command left.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Output {
    /// The exit status; 128 plus the signal's number where a signal ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Whether the command reported success.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status == 0
    }
}

/// Runs a command of the host to its end.
pub(crate) fn output(mut command: Command) -> Result<Output> {
    let shown = show(&command);
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::Start {
            command: shown,
            source,
        })?;
    Ok(Output {
        status: code(done.status),
        stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
    })
}

/// Runs a command of the host to its end; gives its standard output.
pub(crate) fn checked(command: Command) -> Result<String> {
    let shown = show(&command);
    let done = output(command)?;
    if done.success() {
        return Ok(done.stdout);
    }
    Err(Error::Failed {
        command: shown,
        status: done.status,
        stdout: done.stdout,
        stderr: done.stderr,
    })
}

fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(std::ffi::OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A program that runs beside the test, with its input and output kept. It is
/// killed, with all it started, when this is dropped.
pub struct Running {
    command: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Arc<Mutex<String>>,
    /// What to run to end the program where killing the child does not reach it.
    stop: Option<Command>,
}

impl Running {
    pub(crate) fn start(mut command: Command, stop: Option<Command>) -> Result<Self> {
        let shown = show(&command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Start {
                command: shown.clone(),
                source,
            })?;
        let stderr = Arc::new(Mutex::new(String::new()));
        if let Some(pipe) = child.stderr.take() {
            let sink = Arc::clone(&stderr);
            thread::spawn(move || collect(pipe, &sink));
        }
        let (sender, lines) = channel();
        if let Some(pipe) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(pipe)
                    .split(b'\n')
                    .map_while(std::result::Result::ok)
                {
                    if sender
                        .send(String::from_utf8_lossy(&line).into_owned())
                        .is_err()
                    {
                        break;
                    }
                }
            });
        }
        Ok(Self {
            command: shown,
            stdin: child.stdin.take(),
            child,
            lines,
            stderr,
            stop,
        })
    }

    /// Writes a line to the program's input.
    ///
    /// # Errors
    /// [`Error::Pipe`] when it no longer reads.
    pub fn send(&mut self, line: &str) -> Result<()> {
        let closed = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let written = match self.stdin.as_mut() {
            Some(pipe) => writeln!(pipe, "{line}").and_then(|()| pipe.flush()),
            None => Err(closed()),
        };
        written.map_err(|source| Error::Pipe {
            command: self.command.clone(),
            stderr: self.stderr(),
            source,
        })
    }

    /// Ends the program's input.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// The next line of the program's output, None when it has ended.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when none comes in time.
    pub fn next_line(&mut self, timeout: Duration) -> Result<Option<String>> {
        match self.lines.recv_timeout(timeout) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                let what = format!("a line from `{}`", self.command);
                Err(Error::TimedOut {
                    what,
                    after: timeout,
                })
            }
        }
    }

    /// Waits for a line that contains `text`; gives it.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when none comes in time, [`Error::Ended`] when the output ends first.
    pub fn line_with(&mut self, text: &str, timeout: Duration) -> Result<String> {
        let end = Instant::now() + timeout;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.next_line(left)? {
                Some(line) if line.contains(text) => return Ok(line),
                Some(_) => {}
                None => return Err(self.ended()),
            }
        }
    }

    /// Reads one answer of a driver: its `ok`, or its `error` as an error.
    pub(crate) fn answer(&mut self, request: &str, timeout: Duration) -> Result<Value> {
        let line = self.next_line(timeout)?.ok_or_else(|| self.ended())?;
        let mut answer: Value = serde_json::from_str(&line).map_err(|source| Error::Answer {
            command: self.command.clone(),
            line: line.clone(),
            source,
        })?;
        match answer.get("error").and_then(Value::as_str) {
            Some(reason) => Err(Error::Refused {
                request: request.to_owned(),
                reason: reason.to_owned(),
            }),
            None => Ok(answer.get_mut("ok").map_or(Value::Null, Value::take)),
        }
    }

    /// Sends a request to a driver and reads its answer.
    pub(crate) fn request(&mut self, request: &Value, timeout: Duration) -> Result<Value> {
        let request = request.to_string();
        self.send(&request)?;
        self.answer(&request, timeout)
    }

    /// Has a driver carry out an operation, and reads its answer.
    pub(crate) fn perform(
        &mut self,
        operation: &str,
        mut request: Value,
        timeout: Duration,
    ) -> Result<Value> {
        if let Some(fields) = request.as_object_mut() {
            fields.insert("op".to_owned(), operation.into());
        }
        self.request(&request, timeout)
    }

    /// The same, for an answer of a certain form.
    pub(crate) fn perform_for<T: DeserializeOwned>(
        &mut self,
        operation: &str,
        request: Value,
        timeout: Duration,
    ) -> Result<T> {
        let answer = self.perform(operation, request, timeout)?;
        let line = answer.to_string();
        serde_json::from_value(answer).map_err(|source| Error::Answer {
            command: format!("{operation} of {}", self.command),
            line,
            source,
        })
    }

    fn ended(&self) -> Error {
        Error::Ended {
            command: self.command.clone(),
            stderr: self.stderr(),
        }
    }

    /// What the program has complained so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the program's end; its output is what no one has read yet.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when it does not end in time.
    pub fn finish(&mut self, timeout: Duration) -> Result<Output> {
        let what = format!("the end of `{}`", self.command);
        let status = eventually(&what, timeout, || self.child.try_wait().ok().flatten())?;
        let mut stdout = String::new();
        // Ends when the reading thread does, which is when the pipe closes.
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(1)) {
            stdout.push_str(&line);
            stdout.push('\n');
        }
        Ok(Output {
            status: code(status),
            stdout,
            stderr: self.stderr(),
        })
    }

    /// Ends the program and all it started.
    pub fn kill(&mut self) {
        if let Some(mut stop) = self.stop.take() {
            // The program may be gone already, with its unit.
            let _ = stop
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
        if self.is_running()
            && let Ok(group) = i32::try_from(self.child.id())
        {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn collect(mut pipe: impl Read, sink: &Mutex<String>) {
    let mut buffer = [0_u8; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        let text = String::from_utf8_lossy(buffer.get(..count).unwrap_or_default());
        sink.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_str(&text);
    }
}
