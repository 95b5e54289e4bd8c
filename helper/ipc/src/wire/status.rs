use bastion_policy::settings::{Mode, Settings};
use zbus::{DeserializeDict, SerializeDict, Type};

use super::WireError;

/// The helper's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct Status {
    /// Version of the helper.
    pub version: String,
    /// When it started.
    pub started: u64,
    /// `ask` or `learn`.
    pub mode: String,
    /// Everything is allowed until then; 0 when not paused.
    pub paused_until: u64,
    /// `open` or `closed`: what happens while the helper is not running.
    pub when_down: String,
    /// How senders are identified: `packet-path`, `queue-hook` or `socket-table`.
    pub identification: String,
    /// What of the kernel programs is attached: `iptables`, `fentry` or `kprobe`, `processes`,
    /// `names`.
    pub hooks: Vec<String>,
    /// Questions that wait for an answer.
    pub questions: u32,
    /// Packets that wait with them.
    pub waiting_packets: u32,
    /// Agents that can ask.
    pub agents: u32,
    /// Rules in force.
    pub rules: u32,
    /// Flows allowed since the helper started.
    pub allowed: u64,
    /// Flows denied or dropped since the helper started.
    pub denied: u64,
    /// Questions asked since the helper started.
    pub asked: u64,
    /// Packets lost because the queue was full, as the kernel counts them.
    pub queue_lost: u64,
    /// What does not work as it should: sentences with the remedy. Empty when all is well.
    pub troubles: Vec<String>,
}

/// The settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct WireSettings {
    /// `ask` or `learn`.
    pub mode: String,
    /// `open` or `closed`.
    pub when_down: String,
    /// Seconds a question waits.
    pub prompt_timeout: u32,
    /// Days an event is kept.
    pub log_days: u32,
    /// Most events kept.
    pub log_events: u32,
}

impl From<&Settings> for WireSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            mode: settings.mode.to_string(),
            when_down: settings.when_down.to_string(),
            prompt_timeout: settings.prompt_timeout,
            log_days: settings.log_days,
            log_events: settings.log_events,
        }
    }
}

impl TryFrom<&WireSettings> for Settings {
    type Error = WireError;

    fn try_from(wire: &WireSettings) -> Result<Self, Self::Error> {
        Self {
            mode: mode(&wire.mode)?,
            when_down: wire
                .when_down
                .parse()
                .map_err(|e| WireError::new("when_down", e))?,
            prompt_timeout: wire.prompt_timeout,
            log_days: wire.log_days,
            log_events: wire.log_events,
        }
        .checked()
        .map_err(|e| WireError::new("settings", e))
    }
}

/// The mode with this text form.
///
/// # Errors
/// If there is none.
pub fn mode(text: &str) -> Result<Mode, WireError> {
    text.parse().map_err(|e| WireError::new("mode", e))
}
