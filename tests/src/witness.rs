//! Somebody at the other end who sees every packet.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::json;

use crate::internet::ANSWER_TIMEOUT;
use crate::sandbox::{As, Sandbox};
use crate::{Result, Running};

/// Packets alike that have come over the cable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Packets {
    /// Their protocol's number.
    pub protocol: u8,
    /// Where they came from.
    pub source: IpAddr,
    /// From which port; 0 without ports.
    pub source_port: u16,
    /// Where they went.
    pub destination: IpAddr,
    /// To which port; 0 without ports.
    pub destination_port: u16,
    /// The type of an ICMP message, [`Packets::RESET`] for a reset of TCP, else 0.
    pub kind: u8,
    /// How many there were: of TCP opening segments and resets, of a datagram its first fragment.
    pub packets: u64,
    /// Their bytes after the IP header, over all of them.
    pub bytes: u64,
}

impl Packets {
    /// The kind of a reset.
    pub const RESET: u8 = 4;
}

/// Sees every packet that comes over a machine's cable, whether or not anybody there wants it.
pub struct Witness {
    running: Running,
}

impl Witness {
    /// Starts it at a machine's device.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(sandbox: &Sandbox, device: &str) -> Result<Self> {
        let command = ["python3", "/opt/bastion-tests/net/witness.py", device];
        let mut running = sandbox.spawn(As::Root, &command)?;
        running.answer("start the witness", ANSWER_TIMEOUT)?;
        Ok(Self { running })
    }

    /// All that has come so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn arrived(&mut self) -> Result<Vec<Packets>> {
        self.running
            .perform_for("arrived", json!({}), ANSWER_TIMEOUT)
    }
}
