//! A program of somebody's that keeps connections open, and uses them as it is told.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::json;

use crate::sandbox::As;
use crate::{Destination, Outcome, Result, Running, Sandbox};

/// Longer than the program itself waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program; it is killed when this is dropped.
pub struct Holder {
    running: Running,
}

impl Holder {
    /// Starts it as the program at `path`: one of [`crate::Firewall::program`], or python3.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(sandbox: &Sandbox, who: As<'_>, path: &str) -> Result<Self> {
        let command = [path, "/opt/bastion-tests/net/holder.py"];
        let mut running = sandbox.spawn(who, &command)?;
        running.answer("start", PATIENCE)?;
        Ok(Self { running })
    }

    /// Opens a connection, or a UDP socket that is not connected; gives its own end. What is sent
    /// to be begun with must be answered.
    ///
    /// # Errors
    /// When that came to nothing.
    pub fn open(&mut self, name: &str, to: Destination, connected: bool) -> Result<SocketAddr> {
        let request = json!({
            "name": name,
            "transport": to.transport.name(),
            "address": to.address,
            "port": to.port,
            "connected": connected,
        });
        let own: (IpAddr, u16) = self.running.perform_for("open", request, PATIENCE)?;
        Ok(own.into())
    }

    /// Waits for connections at a port, over IPv4.
    ///
    /// # Errors
    /// When it is taken.
    pub fn listen(&mut self, port: u16) -> Result<()> {
        let request = json!({ "port": port });
        self.running.perform_for("listen", request, PATIENCE)
    }

    /// Takes a connection that comes to the port, and sends back what comes first.
    ///
    /// # Errors
    /// When none comes.
    pub fn accept(&mut self, name: &str) -> Result<()> {
        let request = json!({ "name": name });
        self.running.perform_for("accept", request, PATIENCE)
    }

    /// Opens so many TCP connections besides.
    ///
    /// # Errors
    /// When one of them comes to nothing.
    pub fn crowd(&mut self, to: Destination, count: usize) -> Result<()> {
        let request = json!({ "address": to.address, "port": to.port, "count": count });
        self.running.perform_for("crowd", request, PATIENCE)
    }

    /// How many of these were aborted since this was asked last.
    ///
    /// # Errors
    /// When the program is gone.
    pub fn aborted(&mut self) -> Result<usize> {
        self.running.perform_for("aborted", json!({}), PATIENCE)
    }

    /// Makes the kernel keep the lock of a socket, so that it can't be ended; takes root.
    ///
    /// # Errors
    /// When the kernel does not do that.
    pub fn hold(&mut self, name: &str) -> Result<()> {
        let request = json!({ "name": name });
        self.running.perform_for("hold", request, PATIENCE)
    }

    /// Ends what [`Holder::hold`] began.
    ///
    /// # Errors
    /// When the program is gone.
    pub fn release(&mut self) -> Result<()> {
        self.running.perform_for("release", json!({}), PATIENCE)
    }

    /// Sends five bytes over an open connection, and waits a while for an answer.
    ///
    /// # Errors
    /// When the program is gone.
    pub fn use_again(&mut self, name: &str) -> Result<Outcome> {
        let request = json!({ "name": name });
        self.running.perform_for("use", request, PATIENCE)
    }
}
