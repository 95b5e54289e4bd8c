//! Programs of a test that try to use the network.

use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

use crate::{Error, Result, Running, Transport};

/// What came of an attempt to use the network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It went through; this came back.
    Reply(String),
    /// It failed: the errno's name, or `TIMEOUT` when nothing came back in time.
    Error(String),
}

impl Outcome {
    /// Whether it went through.
    #[must_use]
    pub fn passed(&self) -> bool {
        matches!(self, Self::Reply(_))
    }

    fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line).map_err(|source| Error::Answer {
            command: "client.py".to_owned(),
            line: line.to_owned(),
            source,
        })
    }
}

/// A program that tries to use the network while the test goes on.
pub struct Attempt {
    program: Running,
}

impl Attempt {
    pub(crate) fn of(program: Running) -> Self {
        Self { program }
    }

    /// Waits until the attempt has come to something.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when it does not.
    pub fn outcome(mut self, timeout: Duration) -> Result<Outcome> {
        Outcome::parse(&self.program.line_with("{", timeout)?)
    }

    /// Whether it still waits.
    pub fn is_waiting(&mut self) -> bool {
        self.program.is_running()
    }
}

/// Where something is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// How.
    pub transport: Transport,
    /// To which host.
    pub address: IpAddr,
    /// To which port.
    pub port: u16,
}
