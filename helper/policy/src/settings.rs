//! Modes, and the settings an administrator can change, with their ranges.

use crate::rule::Action;
use crate::safeguard::Thresholds;
use crate::time::Timestamp;
use crate::words::words;

/// Why a setting is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingError {
    /// Outside its range.
    #[error("{name} is {value}, but must be from {min} to {max}")]
    OutOfRange {
        /// Name of the setting.
        name: &'static str,
        /// The value given.
        value: u64,
        /// Lowest value allowed.
        min: u64,
        /// Highest value allowed.
        max: u64,
    },
    /// A word that is none of the choices.
    #[error("{name} is “{value}”, but must be one of: {choices}")]
    Choice {
        /// Name of the setting.
        name: &'static str,
        /// The value given, escaped.
        value: String,
        /// What it may be.
        choices: &'static str,
    },
}

/// What happens to flows that no rule decides. Text: `ask` or `learn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The user is asked; see [`Settings::prompt_default`].
    #[default]
    Ask,
    /// They are allowed and kept as suggestions.
    Learn,
}

words!(Mode, SettingError, wrong_mode, Ask = "ask", Learn = "learn");

fn wrong_mode(value: String) -> SettingError {
    SettingError::Choice {
        name: "mode",
        value,
        choices: "ask, learn",
    }
}

/// Longest pause, in seconds: a day.
pub const MAX_PAUSE: u32 = 86_400;

/// The mode in force: that of the settings, unless everything is let through for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModeState {
    /// The mode of the settings.
    pub mode: Mode,
    /// Everything is allowed until this time.
    pub paused_until: Option<Timestamp>,
}

impl ModeState {
    /// True while everything is allowed. An end later than any pause can have is none: the clock
    /// was set back since, and the pause would last for who knows how long.
    #[must_use]
    pub fn is_paused(self, now: Timestamp) -> bool {
        let longest = now.after_millis(u64::from(MAX_PAUSE) * 1_000);
        self.paused_until
            .is_some_and(|end| now < end && end <= longest)
    }
}

/// What happens to new connections while the helper is not running. Text: `open` or `closed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WhenDown {
    /// They are let through: the network never fails because of Bastion.
    #[default]
    Open,
    /// They are dropped: nothing leaves undecided.
    Closed,
}

words!(
    WhenDown,
    SettingError,
    wrong_when_down,
    Open = "open",
    Closed = "closed"
);

fn wrong_when_down(value: String) -> SettingError {
    SettingError::Choice {
        name: "when_down",
        value,
        choices: "open, closed",
    }
}

/// What may become of a connection that nobody answered for.
///
/// # Errors
/// For what is no action.
pub fn prompt_default(text: &str) -> Result<Action, SettingError> {
    text.parse().map_err(|_| SettingError::Choice {
        name: "prompt_default",
        value: crate::escape::excerpt(text),
        choices: "allow, deny, drop",
    })
}

/// Settings, all within their ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What happens to flows that no rule decides.
    pub mode: Mode,
    /// What happens while the helper is not running.
    pub when_down: WhenDown,
    /// Seconds a question waits for its answer.
    pub prompt_timeout: u32,
    /// What becomes of the connections that a question is about if nobody answers it in time.
    pub prompt_default: Action,
    /// Days an event is kept.
    pub log_days: u32,
    /// Most events kept.
    pub log_events: u32,
    /// Undecided connections are dropped for a while when too many come at once.
    pub safeguard: bool,
    /// New questions of one user within ten seconds that are too many.
    pub safeguard_questions: u32,
    /// Waiting packets of one user that are too many.
    pub safeguard_packets: u32,
    /// Seconds of calm that end it.
    pub safeguard_calm: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            when_down: WhenDown::default(),
            prompt_timeout: 60,
            prompt_default: Action::default(),
            log_days: 30,
            log_events: 1_000_000,
            safeguard: true,
            safeguard_questions: 40,
            safeguard_packets: 512,
            safeguard_calm: 15,
        }
    }
}

impl Settings {
    /// Ranges of the numeric settings: name, lowest, highest.
    pub const RANGES: [(&'static str, u32, u32); 6] = [
        ("prompt_timeout", 5, 3600),
        ("log_days", 1, 3650),
        ("log_events", 1_000, 10_000_000),
        ("safeguard_questions", 8, 10_000),
        ("safeguard_packets", 16, 10_000),
        ("safeguard_calm", 2, 3600),
    ];

    /// The settings themselves, if every number is within its range.
    ///
    /// # Errors
    /// Names the first setting that is not.
    pub fn checked(self) -> Result<Self, SettingError> {
        let values = [
            self.prompt_timeout,
            self.log_days,
            self.log_events,
            self.safeguard_questions,
            self.safeguard_packets,
            self.safeguard_calm,
        ];
        for ((name, min, max), value) in Self::RANGES.into_iter().zip(values) {
            if !(min..=max).contains(&value) {
                return Err(SettingError::OutOfRange {
                    name,
                    value: value.into(),
                    min: min.into(),
                    max: max.into(),
                });
            }
        }
        Ok(self)
    }

    /// When Safeguard begins and ends, if there is one.
    #[must_use]
    pub fn thresholds(&self) -> Option<Thresholds> {
        self.safeguard.then_some(Thresholds {
            questions: self.safeguard_questions,
            packets: self.safeguard_packets,
            calm: self.safeguard_calm,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The defaults with the setting of this name changed.
    fn with(name: &str, value: u32) -> Settings {
        let mut settings = Settings::default();
        let field = match name {
            "prompt_timeout" => &mut settings.prompt_timeout,
            "log_days" => &mut settings.log_days,
            "log_events" => &mut settings.log_events,
            "safeguard_questions" => &mut settings.safeguard_questions,
            "safeguard_packets" => &mut settings.safeguard_packets,
            "safeguard_calm" => &mut settings.safeguard_calm,
            other => panic!("{other} is a range without a setting"),
        };
        *field = value;
        settings
    }

    #[test]
    fn each_setting_is_held_to_its_own_range() {
        assert!(Settings::default().checked().is_ok());
        for (range, min, max) in Settings::RANGES {
            for value in [min, max] {
                assert_eq!(with(range, value).checked(), Ok(with(range, value)));
            }
            for wrong in [min - 1, max + 1] {
                match with(range, wrong).checked() {
                    Err(SettingError::OutOfRange { name, value, .. }) => {
                        assert_eq!((name, value), (range, u64::from(wrong)));
                    }
                    other => panic!("{range} = {wrong}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn a_pause_holds_until_its_end_and_ends_when_the_clock_is_set_back() {
        let start = Timestamp::from_millis(1_900_000_000_000);
        let end = start.after_millis(u64::from(MAX_PAUSE) * 1_000);
        let paused_at = |millis| {
            let mode = ModeState {
                mode: Mode::Ask,
                paused_until: Some(end),
            };
            mode.is_paused(Timestamp::from_millis(millis))
        };
        assert!(paused_at(start.as_millis()) && paused_at(end.as_millis() - 1));
        assert!(!paused_at(end.as_millis()));
        assert!(!paused_at(start.as_millis() - 1) && !paused_at(0));
        assert!(!ModeState::default().is_paused(start));
    }

    #[test]
    fn choices_read_as_they_are_written() {
        for (mode, word) in Mode::ALL {
            assert_eq!(word.parse().as_ref(), Ok(mode));
        }
        for (when_down, word) in WhenDown::ALL {
            assert_eq!(word.parse().as_ref(), Ok(when_down));
        }
        for (action, word) in Action::ALL {
            assert_eq!(prompt_default(word).as_ref(), Ok(action));
        }
        let wrong = prompt_default("ask").unwrap_err().to_string();
        let says = "prompt_default is “ask”, but must be one of: allow, deny, drop";
        assert_eq!(wrong, says);
        let wrong = "Ask\n".parse::<Mode>().unwrap_err().to_string();
        assert_eq!(wrong, "mode is “Ask\\x0a”, but must be one of: ask, learn");
    }
}
