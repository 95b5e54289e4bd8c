//! A program of somebody's that uses the network again and again, as one process.

use std::time::Duration;

use serde_json::{Value, json};

use crate::sandbox::As;
use crate::{Destination, Error, Firewall, Outcome, Result, Running};

const START: Duration = Duration::from_secs(20);

/// The program; it is killed when this is dropped.
pub struct Talker {
    running: Running,
    pid: u64,
}

impl Talker {
    /// Starts it, as the program at `path` (see [`Firewall::program`]).
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(firewall: &Firewall, who: As<'_>, path: &str) -> Result<Self> {
        let command = [path, "/opt/bastion-tests/net/program.py"];
        let mut running = firewall.sandbox().spawn(who, &command)?;
        let pid = running.answer("start", START)?.as_u64().unwrap_or_default();
        Ok(Self { running, pid })
    }

    /// Its process number inside the machine.
    #[must_use]
    pub fn pid(&self) -> u64 {
        self.pid
    }

    /// Has it send five bytes and wait so long for an answer.
    ///
    /// # Errors
    /// When it is gone.
    pub fn begin(&mut self, to: Destination, patience: Duration) -> Result<()> {
        self.order(to, patience, false)
    }

    /// As [`Talker::begin`]; the socket stays open afterwards.
    ///
    /// # Errors
    /// When it is gone.
    pub fn begin_and_keep(&mut self, to: Destination, patience: Duration) -> Result<()> {
        self.order(to, patience, true)
    }

    fn order(&mut self, to: Destination, patience: Duration, keep: bool) -> Result<()> {
        let order = json!({
            "transport": to.transport.name(),
            "address": to.address,
            "port": to.port,
            "seconds": patience.as_secs_f64(),
            "keep": keep,
        });
        self.running.send(&order.to_string())
    }

    /// What came of what it was told to begin.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when it does not end in time.
    pub fn outcome(&mut self, patience: Duration) -> Result<Outcome> {
        let answer = self.running.answer("send", patience)?;
        Self::parse(answer)
    }

    /// True while nothing has come of what it was told to begin. Asked only before
    /// [`Talker::outcome`].
    ///
    /// # Errors
    /// [`Error::Refused`] with the outcome, when there is one; or when it is gone.
    pub fn waits(&mut self) -> Result<()> {
        match self.running.answer("send", Duration::ZERO) {
            Err(Error::TimedOut { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(outcome) => Err(Error::Refused {
                request: "go on waiting".to_owned(),
                reason: outcome.to_string(),
            }),
        }
    }

    /// [`Talker::begin`] and [`Talker::outcome`] in one.
    ///
    /// # Errors
    /// As theirs.
    pub fn send(&mut self, to: Destination, patience: Duration) -> Result<Outcome> {
        self.begin(to, patience)?;
        self.outcome(patience * 2)
    }

    fn parse(answer: Value) -> Result<Outcome> {
        let line = answer.to_string();
        serde_json::from_value(answer).map_err(|source| Error::Answer {
            command: "program.py".to_owned(),
            line,
            source,
        })
    }
}
