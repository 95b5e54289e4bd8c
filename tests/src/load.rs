//! Programs that connect as fast as they can, and count what arrives: `bastion-load`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sandbox::{As, Sandbox, share};
use crate::{Error, Result, Running};

/// What is asked for takes seconds; with lost packets, minutes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(180);

/// Where a server listens, and so where a client sends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadTarget {
    /// The server's address.
    pub address: IpAddr,
    /// Its port for connections.
    pub port: u16,
    /// The first of its ports for datagrams.
    pub first: u16,
    /// How many of those it has.
    pub datagrams: u16,
}

/// What a client is asked, and what a server is asked, one a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum LoadRequest {
    /// Of a client: make so many connections one after another, from each of so many threads.
    Connect {
        /// Threads that connect at the same time.
        threads: u32,
        /// Connections of each.
        each: u32,
        /// Microseconds that a thread is busy otherwise after each connection.
        pause_us: u32,
    },
    /// Of a client: make so many connections a second for so many seconds, one at a time, and
    /// sleep in between.
    Steady {
        /// Connections of each second.
        per_second: u32,
        /// How long.
        seconds: u32,
    },
    /// Of a client: send one datagram to each of the server's ports, without a pause.
    Burst,
    /// Of a server: tell at how many ports datagrams have arrived.
    Received,
    /// Of a server: forget what has arrived.
    Forget,
}

/// How long connections took to make.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Connected {
    /// How many there were.
    pub connections: u32,
    /// Half of the calls of `connect` took no longer than this, in microseconds.
    pub p50_us: f64,
    /// 99 of 100 took no longer than this, in microseconds.
    pub p99_us: f64,
    /// Seconds from the first to the end of the last, with all that belongs to one: making the
    /// socket, connecting and closing.
    pub seconds: f64,
    /// Connections whose first packet had to be sent again, because it or its answer was lost.
    pub resent: u32,
}

/// A program that makes traffic, or one that takes it, in a machine.
pub struct Load {
    program: Running,
}

impl Load {
    /// Where the program lies inside a machine, once [`Load::install`] has put it there.
    pub const PROGRAM: &'static str = "/usr/local/bin/bastion-load";

    /// A program of this crate, as `tests/sandbox/build.sh build --release` leaves it.
    #[must_use]
    pub fn built(name: &str) -> PathBuf {
        share().with_file_name("build/release").join(name)
    }

    /// Copies a program of this crate to `/usr/local/bin` of a machine.
    ///
    /// # Errors
    /// [`Error::File`] when it has not been built.
    pub fn install(sandbox: &Sandbox, name: &str) -> Result<()> {
        let (host, inside) = sandbox.shared_directory()?;
        let built = Self::built(name);
        std::fs::copy(&built, host.join(name)).map_err(|source| Error::File {
            path: built,
            source,
        })?;
        sandbox
            .shell(&format!(
                "install -m 755 {inside}/{name} /usr/local/bin/{name}"
            ))
            .map(drop)
    }

    /// Starts a server, and waits until it can be reached. It stays on one processor.
    ///
    /// # Errors
    /// When it can't have its ports.
    pub fn serve(sandbox: &Sandbox, at: LoadTarget, processor: usize) -> Result<Self> {
        Self::start(sandbox, As::Root, "serve", at, processor)
    }

    /// Starts somebody's client of that server. It stays on one processor.
    ///
    /// # Errors
    /// When it does not start.
    pub fn client(
        sandbox: &Sandbox,
        who: As<'_>,
        to: LoadTarget,
        processor: usize,
    ) -> Result<Self> {
        Self::start(sandbox, who, "client", to, processor)
    }

    fn start(
        sandbox: &Sandbox,
        who: As<'_>,
        role: &str,
        target: LoadTarget,
        processor: usize,
    ) -> Result<Self> {
        let (target, processor) = (json!(target).to_string(), processor.to_string());
        let command = [Self::PROGRAM, role, &target, &processor];
        let mut program = sandbox.spawn(who, &command)?;
        program.answer("start", ANSWER_TIMEOUT)?;
        Ok(Self { program })
    }

    /// Has a client connect as fast as it can; see [`LoadRequest::Connect`].
    ///
    /// # Errors
    /// When a connection fails.
    pub fn connect(&mut self, threads: u32, each: u32) -> Result<Connected> {
        self.connect_with_pauses(threads, each, 0)
    }

    /// Has a client connect now and then; see [`LoadRequest::Connect`].
    ///
    /// # Errors
    /// When a connection fails.
    pub fn connect_with_pauses(
        &mut self,
        threads: u32,
        each: u32,
        pause_us: u32,
    ) -> Result<Connected> {
        self.ask(LoadRequest::Connect {
            threads,
            each,
            pause_us,
        })
    }

    /// Has a client connect at a steady pace; see [`LoadRequest::Steady`].
    ///
    /// # Errors
    /// When a connection fails.
    pub fn connect_steadily(&mut self, per_second: u32, seconds: u32) -> Result<Connected> {
        self.ask(LoadRequest::Steady {
            per_second,
            seconds,
        })
    }

    /// Has a client send its burst; gives how many datagrams the kernel took.
    ///
    /// # Errors
    /// When nothing can be sent.
    pub fn burst(&mut self) -> Result<u64> {
        self.ask(LoadRequest::Burst)
    }

    /// Asks a server at how many ports datagrams have arrived since it was told to forget.
    ///
    /// # Errors
    /// When it has ended.
    pub fn received(&mut self) -> Result<u64> {
        self.ask(LoadRequest::Received)
    }

    /// Has a server forget what has arrived.
    ///
    /// # Errors
    /// When it has ended.
    pub fn forget(&mut self) -> Result<()> {
        self.ask::<Option<()>>(LoadRequest::Forget).map(drop)
    }

    fn ask<T: serde::de::DeserializeOwned>(&mut self, request: LoadRequest) -> Result<T> {
        let answer = self.program.request(&json!(request), ANSWER_TIMEOUT)?;
        let line = answer.to_string();
        serde_json::from_value(answer).map_err(|source| Error::Answer {
            command: Self::PROGRAM.to_owned(),
            line,
            source,
        })
    }
}
