use bastion_policy::rule::Action;
use bastion_policy::settings::{Mode, Settings, prompt_default};
use zbus::{DeserializeDict, SerializeDict, Type};

use super::question::or_denial;
use super::{Guard, WireError};

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
    /// Faults of the iptables rules (missing, doubled, moved) that were mended since the helper
    /// started.
    pub mended: u64,
    /// Packets lost because the queue was full, as the kernel counts them.
    pub queue_lost: u64,
    /// For whom Safeguard is on.
    pub safeguard: Vec<Guard>,
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
    /// What becomes of connections if nobody answers in time: an action, `deny` unless told
    /// otherwise.
    pub prompt_default: Option<String>,
    /// Days an event is kept.
    pub log_days: u32,
    /// Most events kept.
    pub log_events: u32,
    /// Undecided connections are dropped for a while when too many come at once; `true` unless
    /// told otherwise. Likewise, what follows has its default.
    pub safeguard: Option<bool>,
    /// New questions of one user within ten seconds that are too many.
    pub safeguard_questions: Option<u32>,
    /// Waiting packets of one user that are too many.
    pub safeguard_packets: Option<u32>,
    /// Seconds of calm that end it.
    pub safeguard_calm: Option<u32>,
}

impl WireSettings {
    /// What becomes of connections if nobody answers.
    #[must_use]
    pub fn unanswered(&self) -> Action {
        or_denial(self.prompt_default.as_deref())
    }
}

impl From<&Settings> for WireSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            mode: settings.mode.to_string(),
            when_down: settings.when_down.to_string(),
            prompt_timeout: settings.prompt_timeout,
            prompt_default: Some(settings.prompt_default.to_string()),
            log_days: settings.log_days,
            log_events: settings.log_events,
            safeguard: Some(settings.safeguard),
            safeguard_questions: Some(settings.safeguard_questions),
            safeguard_packets: Some(settings.safeguard_packets),
            safeguard_calm: Some(settings.safeguard_calm),
        }
    }
}

impl TryFrom<&WireSettings> for Settings {
    type Error = WireError;

    fn try_from(wire: &WireSettings) -> Result<Self, Self::Error> {
        let usual = Self::default();
        Self {
            mode: mode(&wire.mode)?,
            when_down: wire
                .when_down
                .parse()
                .map_err(|e| WireError::new("when_down", e))?,
            prompt_timeout: wire.prompt_timeout,
            prompt_default: wire
                .prompt_default
                .as_deref()
                .map_or(Ok(usual.prompt_default), prompt_default)
                .map_err(|e| WireError::new("prompt_default", e))?,
            log_days: wire.log_days,
            log_events: wire.log_events,
            safeguard: wire.safeguard.unwrap_or(usual.safeguard),
            safeguard_questions: wire
                .safeguard_questions
                .unwrap_or(usual.safeguard_questions),
            safeguard_packets: wire.safeguard_packets.unwrap_or(usual.safeguard_packets),
            safeguard_calm: wire.safeguard_calm.unwrap_or(usual.safeguard_calm),
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
