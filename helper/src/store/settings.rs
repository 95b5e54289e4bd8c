//! The settings on disk, and the little that a restart of the helper must not forget.

use bastion_policy::escape;
use bastion_policy::rule::Action;
use bastion_policy::settings::{Mode, SettingError, Settings, WhenDown, prompt_default};
use bastion_policy::time::Timestamp;
use serde::Deserialize;
use toml_edit::{DocumentMut, Table, Value};

use super::Paths;
use super::edited::{Edited, Format, Reload};
use super::error::StoreError;
use super::toml::{self, TextError};

/// Far more than settings with long comments need.
const MAX_BYTES: u64 = 1 << 20;

static SETTINGS: Format<Settings> = Format {
    parse: parse_settings,
    initial: "\
# Settings of Bastion Firewall.
#
# You may edit this file. Bastion takes over what you save at once and leaves your comments as
# they are. As long as the file has an error, it is ignored as a whole, and Bastion says so. What
# is left out has the value given here. See bastion-settings(5).

version = 1

# What happens to connections that no rule decides: “ask” (the user is asked) or “learn” (they are
# allowed and kept as suggestions to review).
mode = \"ask\"

# What happens to new connections while Bastion is not running: “open” (they are let through) or
# “closed” (they are dropped).
when_down = \"open\"

# Seconds a question waits for its answer: 5 to 3600.
prompt_timeout = 60

# What becomes of a connection if nobody answers in time: “deny”, “drop” (without a word to the
# program) or “allow” (then whoever is away from the screen lets everything through).
prompt_default = \"deny\"

# Days a decision is kept in the log: 1 to 3650.
log_days = 30

# Most decisions kept in the log: 1000 to 10000000.
log_events = 1000000

# When too many connections that no rule decides come at once, they are dropped without asking for
# a while (Safeguard); those that a rule decides go on.
safeguard = true

# New questions of one user within ten seconds that are too many: 8 to 10000.
safeguard_questions = 40

# Waiting packets of one user that are too many: 16 to 10000.
safeguard_packets = 512

# Seconds of calm after which all is asked about again: 2 to 3600.
safeguard_calm = 15
",
    mode: 0o644,
    limit: MAX_BYTES,
};

static STATE: Format<Option<Timestamp>> = Format {
    parse: parse_state,
    initial: "version = 1\n",
    mode: 0o644,
    limit: MAX_BYTES,
};

/// The settings on disk and those in force, which are the same unless the file is broken.
#[derive(Debug)]
pub struct SettingsStore {
    settings: Edited<Settings>,
    state: Edited<Option<Timestamp>>,
    /// What `state` says, or should say where it can't be written.
    paused_until: Option<Timestamp>,
}

impl SettingsStore {
    /// Reads the settings and the state. A settings file that does not exist is made. Whatever
    /// goes wrong is told by [`Self::troubles`].
    #[must_use]
    pub fn open(paths: &Paths) -> Self {
        let last_good = Some(paths.settings_last_good.clone());
        let settings = Edited::open_or_make(paths.settings.clone(), last_good, &SETTINGS);
        let state = Edited::open(paths.state.clone(), None, &STATE);
        Self {
            settings,
            paused_until: *state.value(),
            state,
        }
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.settings.value()
    }

    /// Until when everything is allowed, as it was last noted; may lie in the past.
    #[must_use]
    pub fn paused_until(&self) -> Option<Timestamp> {
        self.paused_until
    }

    /// What does not work: sentences with the remedy.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let files = self.settings.troubles().chain(self.state.troubles());
        files.collect()
    }

    /// Takes over a hand edit of the settings. A broken file changes nothing.
    pub fn reload(&mut self) -> Reload {
        self.settings.reload()
    }

    /// Tries again to keep the copy of the settings for bad times, if that failed. True when
    /// [`Self::troubles`] has something else to say since.
    pub fn retry_last_good(&mut self) -> bool {
        self.settings.retry_last_good()
    }

    /// Writes the settings that differ from those in the file.
    ///
    /// # Errors
    /// If the file is broken or can't be written; the old settings stay in force.
    pub fn set(&mut self, settings: &Settings) -> Result<(), StoreError> {
        let current = self.settings.current()?;
        let broken = |problem| StoreError::Broken {
            path: self.settings.path().display().to_string(),
            problem,
        };
        let text = changed(&current.text, &current.value, settings).map_err(broken)?;
        self.settings.commit(text)
    }

    /// Notes until when everything is allowed, so that a restart of the helper keeps the pause;
    /// a restart of the computer ends it.
    ///
    /// # Errors
    /// If the file can't be written. The end holds all the same, until the helper restarts.
    pub fn set_paused_until(&mut self, end: Option<Timestamp>) -> Result<(), StoreError> {
        self.paused_until = end;
        let line = end.map(|end| format!("paused_until = \"{end}\"\n"));
        let text = format!("{}{}", STATE.initial, line.unwrap_or_default());
        self.state.commit(text)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsText {
    mode: Option<String>,
    when_down: Option<String>,
    prompt_timeout: Option<u32>,
    prompt_default: Option<String>,
    log_days: Option<u32>,
    log_events: Option<u32>,
    safeguard: Option<bool>,
    safeguard_questions: Option<u32>,
    safeguard_packets: Option<u32>,
    safeguard_calm: Option<u32>,
}

/// What a setting may be; none for what is no setting.
fn wanted(name: &str) -> Option<String> {
    fn words<T>(all: &[(T, &str)]) -> String {
        let words: Vec<_> = all.iter().map(|(_, word)| format!("“{word}”")).collect();
        format!("one of: {}", words.join(", "))
    }
    match name {
        "mode" => Some(words(Mode::ALL)),
        "when_down" => Some(words(WhenDown::ALL)),
        "prompt_default" => Some(words(Action::ALL)),
        "safeguard" => Some("true or false".into()),
        _ => Settings::RANGES
            .iter()
            .find(|(known, ..)| *known == name)
            .map(|(_, min, max)| format!("a whole number from {min} to {max}")),
    }
}

/// Looks for values of a type that a setting can't have: serde's words for them name no setting.
fn check_types(text: &str, root: &Table) -> Result<(), TextError> {
    for (name, item) in root {
        let Some(wanted) = wanted(name) else { continue };
        let fits = match name {
            "mode" | "when_down" | "prompt_default" => item.is_str(),
            "safeguard" => item.is_bool(),
            _ => item.as_integer().is_some_and(|i| u32::try_from(i).is_ok()),
        };
        if !fits {
            let is = match item.as_value() {
                Some(value) if !value.is_array() && !value.is_inline_table() => {
                    escape::excerpt(value.to_string().trim())
                }
                _ => format!("of type {}", item.type_name()),
            };
            let problem = format!("{name} is {is}, but must be {wanted}");
            return Err(TextError::at(text, toml::span(root, name), problem));
        }
    }
    Ok(())
}

/// Adds what a setting may be to an error of its line that is no TOML at all, such as a number of
/// too many digits.
fn explained(text: &str, mut error: TextError) -> TextError {
    let line = text.lines().nth(error.line.saturating_sub(1));
    let name = line
        .and_then(|line| line.split_once('='))
        .map(|l| l.0.trim());
    if let Some(name) = name
        && let Some(wanted) = wanted(name)
    {
        error.problem = format!("{}; {name} must be {wanted}", error.problem);
    }
    error
}

fn parse_settings(text: &str) -> Result<Settings, TextError> {
    let root = toml::parse(text).map_err(|error| explained(text, error))?;
    check_types(text, &root)?;
    let said: SettingsText = toml::record(text, &root)?;
    let wrong = |error: SettingError| {
        let (SettingError::OutOfRange { name, .. } | SettingError::Choice { name, .. }) = error;
        TextError::at(text, toml::span(&root, name), error)
    };
    let usual = Settings::default();
    Settings {
        mode: said
            .mode
            .map_or(Ok(usual.mode), |mode| mode.parse())
            .map_err(wrong)?,
        when_down: said
            .when_down
            .map_or(Ok(usual.when_down), |when_down| when_down.parse())
            .map_err(wrong)?,
        prompt_timeout: said.prompt_timeout.unwrap_or(usual.prompt_timeout),
        prompt_default: said
            .prompt_default
            .map_or(Ok(usual.prompt_default), |action| prompt_default(&action))
            .map_err(wrong)?,
        log_days: said.log_days.unwrap_or(usual.log_days),
        log_events: said.log_events.unwrap_or(usual.log_events),
        safeguard: said.safeguard.unwrap_or(usual.safeguard),
        safeguard_questions: said
            .safeguard_questions
            .unwrap_or(usual.safeguard_questions),
        safeguard_packets: said.safeguard_packets.unwrap_or(usual.safeguard_packets),
        safeguard_calm: said.safeguard_calm.unwrap_or(usual.safeguard_calm),
    }
    .checked()
    .map_err(wrong)
}

fn fields(settings: &Settings) -> [(&'static str, Value); 10] {
    let number = |value: u32| i64::from(value).into();
    [
        ("mode", settings.mode.to_string().into()),
        ("when_down", settings.when_down.to_string().into()),
        ("prompt_timeout", number(settings.prompt_timeout)),
        ("prompt_default", settings.prompt_default.to_string().into()),
        ("log_days", number(settings.log_days)),
        ("log_events", number(settings.log_events)),
        ("safeguard", settings.safeguard.into()),
        ("safeguard_questions", number(settings.safeguard_questions)),
        ("safeguard_packets", number(settings.safeguard_packets)),
        ("safeguard_calm", number(settings.safeguard_calm)),
    ]
}

fn changed(text: &str, before: &Settings, after: &Settings) -> Result<String, TextError> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|e: toml_edit::TomlError| TextError::at(text, e.span(), e.message()))?;
    for ((name, value), (_, old)) in fields(after).into_iter().zip(fields(before)) {
        if value.to_string() != old.to_string() {
            toml::set(document.as_table_mut(), name, value);
        }
    }
    Ok(document.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateText {
    paused_until: Option<String>,
}

fn parse_state(text: &str) -> Result<Option<Timestamp>, TextError> {
    let root = toml::parse(text)?;
    let said: StateText = toml::record(text, &root)?;
    let end = said.paused_until.map(|end| end.parse()).transpose();
    end.map_err(|e| TextError::at(text, toml::span(&root, "paused_until"), e).field("paused_until"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing;
    use std::fs;

    fn other() -> Settings {
        Settings {
            mode: Mode::Learn,
            when_down: WhenDown::Closed,
            prompt_timeout: 5,
            prompt_default: Action::Allow,
            log_days: 1,
            log_events: 1_000,
            safeguard: false,
            safeguard_questions: 8,
            safeguard_packets: 16,
            safeguard_calm: 2,
        }
    }

    #[test]
    fn a_new_file_holds_the_defaults_and_explains_every_setting() {
        let (_root, paths) = testing::paths();
        let store = SettingsStore::open(&paths);
        assert_eq!(*store.settings(), Settings::default());
        assert_eq!(store.troubles(), Vec::<String>::new());
        let text = fs::read_to_string(&paths.settings).unwrap();
        assert_eq!(parse_settings(&text), Ok(Settings::default()));
        for (name, value) in fields(&Settings::default()) {
            assert!(text.contains(&format!("\n{name} = {value}\n")), "{name}");
        }
        for (name, min, max) in Settings::RANGES {
            assert!(text.contains(&format!("{min} to {max}")), "{name}");
        }
    }

    #[test]
    fn settings_are_kept_and_comments_survive() {
        let (_root, paths) = testing::paths();
        let mut store = SettingsStore::open(&paths);
        let text = fs::read_to_string(&paths.settings).unwrap();
        let text = text.replace("prompt_timeout = 60", "prompt_timeout =  60   # mine");
        fs::write(&paths.settings, text.replace("log_days = 30\n", "")).unwrap();
        assert!(matches!(store.reload(), Reload::Changed));
        store.set(&other()).unwrap();
        assert_eq!(*SettingsStore::open(&paths).settings(), other());
        let text = fs::read_to_string(&paths.settings).unwrap();
        assert!(text.contains("prompt_timeout =  5   # mine"), "{text}");
        assert!(text.contains("# Most decisions kept"), "{text}");
        assert!(matches!(store.reload(), Reload::Unchanged));
    }

    #[test]
    fn a_broken_file_changes_nothing_and_is_not_overwritten() {
        let (_root, paths) = testing::paths();
        let mut store = SettingsStore::open(&paths);
        store.set(&other()).unwrap();
        for (text, place, says) in [
            (
                "version = 1\nmode = \"aks\"\n",
                "line 2, column 8",
                "ask, learn",
            ),
            (
                "version = 1\nlog_days = 0\n",
                "line 2, column 12",
                "from 1 to 3650",
            ),
            ("version = 1\nlog_days = -1\n", "line 2, column 12", "-1"),
            (
                "version = 1\nlog_dyas = 1\n",
                "line 2, column 1",
                "log_dyas",
            ),
            (
                "version = 1\nlog_days = \"1\"\n",
                "line 2, column 12",
                "log_days is \"1\", but must be a whole number",
            ),
            ("version = 1\nlog_days = \n", "line 2, column 12", "value"),
            ("mode = \"ask\"\n", "line 1, column 1", "version = 1"),
        ] {
            fs::write(&paths.settings, text).unwrap();
            let Reload::Kept(error) = store.reload() else {
                panic!("{text}")
            };
            let error = error.to_string();
            assert!(error.contains("settings.toml"), "{error}");
            assert!(error.contains(place) && error.contains(says), "{error}");
            assert_eq!(store.troubles(), vec![error]);
            assert!(store.set(&Settings::default()).is_err());
            assert_eq!(*store.settings(), other());
            assert_eq!(fs::read_to_string(&paths.settings).unwrap(), text);
            // A helper that starts now falls back on what made sense last.
            let started = SettingsStore::open(&paths);
            assert_eq!(*started.settings(), other());
            assert_eq!(started.troubles().len(), 1);
        }
        fs::write(&paths.settings, "version = 1\n").unwrap();
        assert!(matches!(store.reload(), Reload::Changed));
        assert_eq!(*store.settings(), Settings::default());
        assert_eq!(store.troubles(), Vec::<String>::new());
    }

    #[test]
    fn a_value_of_the_wrong_type_is_told_by_its_setting_and_what_that_may_be() {
        let values = [
            "-1",
            "4294967296",
            "99999999999999999999",
            "1.5",
            "true",
            "[1]",
            "{ x = 1 }",
            "1979-05-27",
        ];
        let numbers = Settings::RANGES
            .map(|(name, min, max)| (name, format!("a whole number from {min} to {max}")));
        let words = [
            ("mode", "one of: “ask”, “learn”".to_owned()),
            ("when_down", "one of: “open”, “closed”".to_owned()),
        ];
        for (name, wanted) in numbers.into_iter().chain(words) {
            for value in values {
                let text = format!("version = 1\n{name} = {value}\n");
                let error = parse_settings(&text).unwrap_err();
                assert_eq!((error.line, error.column), (2, name.len() + 4), "{error}");
                let end = format!("{name} must be {wanted}");
                let told = format!("{name} is {value}, but must be {wanted}");
                let of_type = format!("{name} is of type ");
                let problem = &error.problem;
                let named = *problem == told || problem.starts_with(&of_type);
                assert!(named || problem.ends_with(&end), "{problem}");
                assert!(problem.ends_with(&format!("must be {wanted}")), "{problem}");
            }
        }
        let quoted = parse_settings("version = 1\nprompt_timeout = \"60\"\n").unwrap_err();
        let says = "prompt_timeout is \"60\", but must be a whole number from 5 to 3600";
        assert_eq!(quoted.problem, says);
        let table = parse_settings("version = 1\n[mode]\nx = 1\n").unwrap_err();
        assert_eq!(
            table.problem,
            "mode is of type table, but must be one of: “ask”, “learn”"
        );
    }

    #[test]
    fn a_pause_outlives_the_helper() {
        let (_root, paths) = testing::paths();
        let mut store = SettingsStore::open(&paths);
        assert_eq!(store.paused_until(), None);
        let end = Some(Timestamp::from_millis(1_800_000_000_123));
        store.set_paused_until(end).unwrap();
        assert_eq!(SettingsStore::open(&paths).paused_until(), end);
        store.set_paused_until(None).unwrap();
        assert_eq!(SettingsStore::open(&paths).paused_until(), None);
        // Where it can't be written it holds all the same.
        let _blocked = testing::block_writes(&paths.state);
        assert!(store.set_paused_until(end).is_err());
        assert_eq!(store.paused_until(), end);
    }

    #[test]
    fn a_broken_state_is_no_pause_and_can_be_written_again() {
        let (_root, paths) = testing::paths();
        fs::write(&paths.state, "version = 1\npaused_until = \"soon\"").unwrap();
        let mut store = SettingsStore::open(&paths);
        assert_eq!(store.paused_until(), None);
        let troubles = store.troubles();
        assert!(troubles[0].contains("line 2, column 16"), "{troubles:?}");
        store.set_paused_until(None).unwrap();
        assert_eq!(store.troubles(), Vec::<String>::new());
    }
}
