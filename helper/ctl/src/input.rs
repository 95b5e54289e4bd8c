//! What people type, as the text forms of the policy.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use bastion_ipc::wire::WireRule;
use bastion_policy::escape;
use bastion_policy::rule::Rule;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::cli::RuleArgs;
use crate::error::Error;
use crate::output::clean;
use crate::users;

/// What typed text is read against.
pub(crate) struct Surroundings {
    /// Now.
    pub(crate) now: Timestamp,
    /// Where the reader is.
    pub(crate) zone: TimeZone,
    /// The logind session this program runs in.
    pub(crate) session: Option<String>,
    /// Directories in which commands are looked up.
    pub(crate) search_path: Vec<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self {
            now: Timestamp::now(),
            zone: TimeZone::system(),
            session: std::env::var("XDG_SESSION_ID").ok(),
            search_path: std::env::split_paths(&path).collect(),
        }
    }

    /// A program in its text form. Paths and commands are followed to the file that is run in the
    /// end: the firewall never sees a link's name.
    pub(crate) fn program(&self, text: &str) -> Result<String, Error> {
        let is_word = matches!(text, "" | "any" | "kernel" | "unknown");
        // A colon makes it one of pattern:…, flatpak:… and so on, if there is no slash before it.
        let has_kind = text
            .split_once(':')
            .is_some_and(|(kind, _)| !kind.contains('/'));
        if is_word || has_kind {
            return Ok(text.to_owned());
        }
        let file = |path: &Path| path.canonicalize().ok().filter(|path| path.is_file());
        let found = if text.contains('/') {
            file(Path::new(text))
        } else {
            self.search_path
                .iter()
                .find_map(|directory| file(&directory.join(text)))
        };
        match found {
            Some(path) => Ok(escape::bytes(path.as_os_str().as_bytes())),
            // Rules may be made before the program is there; the path may be in escaped form.
            None if text.starts_with('/') => Ok(text.to_owned()),
            None => Err(Error::Usage(format!(
                "“{}” is neither a command of the search path nor a file; write the whole path.",
                clean(text)
            ))),
        }
    }

    /// A uid, from a login name, a number or `me`.
    pub(crate) fn uid(&self, text: &str) -> Result<u32, Error> {
        if text == "me" {
            return Ok(users::own_uid());
        }
        text.parse()
            .ok()
            .or_else(|| users::uid(text))
            .ok_or_else(|| Error::Usage(format!("There is no user “{}”.", clean(text))))
    }

    /// A user matcher in its text form.
    fn user(&self, text: &str) -> Result<String, Error> {
        match text {
            "any" => Ok(text.to_owned()),
            name => self.uid(name).map(|uid| uid.to_string()),
        }
    }

    /// A lifetime in its text form, also from `session` and from durations.
    fn lifetime(&self, text: &str) -> Result<String, Error> {
        if text == "session" {
            return match &self.session {
                Some(id) => Ok(format!("session:{id}")),
                None => Err(Error::Usage(
                    "This terminal belongs to no login session, so a rule can't end with it; \
                     use “restart” or a duration."
                        .into(),
                )),
            };
        }
        if text == "forever" || text == "restart" || text.contains(':') {
            return Ok(text.to_owned());
        }
        let end = span(text).and_then(|span| self.now.checked_add(span).ok());
        match end {
            Some(end) if end > self.now => {
                let millis = u64::try_from(end.as_millisecond()).unwrap_or_default();
                let end = bastion_policy::time::Timestamp::from_millis(millis);
                Ok(format!("until:{end}"))
            }
            _ => Err(Error::Usage(format!(
                "“{}” is no lifetime; use forever, restart, session, a duration like “2h” or \
                 until:TIME (RFC 3339).",
                clean(text)
            ))),
        }
    }

    /// A point in time in the past, in milliseconds since the Unix epoch.
    pub(crate) fn since(&self, text: &str) -> Result<u64, Error> {
        let ago = span(text).and_then(|span| self.now.checked_sub(span).ok());
        let local = || {
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            Some(civil.to_zoned_datetime(self.zone.clone()).ok()?.timestamp())
        };
        ago.or_else(|| text.parse().ok())
            .or_else(local)
            .and_then(|time: Timestamp| u64::try_from(time.as_millisecond()).ok())
            .ok_or_else(|| {
                Error::Usage(format!(
                    "“{}” is no time; use “2h” (ago), “2026-11-24”, “2026-11-24 10:00” or RFC 3339.",
                    clean(text)
                ))
            })
    }

    /// Puts the fields given into the rule and checks the whole.
    ///
    /// # Errors
    /// Names the option that makes no sense.
    pub(crate) fn apply(&self, fields: &RuleArgs, mut rule: WireRule) -> Result<WireRule, Error> {
        let set = |field: &mut Option<String>, given: Option<String>| {
            if given.is_some() {
                *field = given;
            }
        };
        let read = |given: &Option<String>, read: &dyn Fn(&str) -> Result<String, Error>| {
            given.as_deref().map(read).transpose()
        };
        set(
            &mut rule.program,
            read(&fields.program, &|text| self.program(text))?,
        );
        set(
            &mut rule.started_by,
            read(&fields.started_by, &|text| self.program(text))?,
        );
        set(&mut rule.user, read(&fields.user, &|text| self.user(text))?);
        set(
            &mut rule.lifetime,
            read(&fields.lifetime, &|text| self.lifetime(text))?,
        );
        set(&mut rule.destination, fields.destination.clone());
        set(&mut rule.ports, fields.ports.clone());
        set(&mut rule.protocol, fields.protocol.clone());
        set(&mut rule.priority, fields.priority.clone());
        set(&mut rule.note, fields.note.clone());
        match &fields.name {
            Some(name) => rule.name.clone_from(name),
            None if rule.name.is_empty() => rule.name = name_for(&rule),
            None => {}
        }
        check(&rule)?;
        Ok(rule)
    }
}

/// A duration such as `90s`, `10m`, `1h 30m`, `2d`.
pub(crate) fn span(text: &str) -> Option<SignedDuration> {
    // Durations know no days, because calendars have days of 23 and 25 hours; here 24 are meant.
    if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse().ok()) {
        return SignedDuration::from_hours(24).checked_mul(days);
    }
    text.parse()
        .ok()
        .filter(|span: &SignedDuration| span.is_positive())
}

/// The helper checks rules too; here the message can name the option.
fn check(rule: &WireRule) -> Result<(), Error> {
    let with_id = WireRule {
        id: Some(rule.id.clone().unwrap_or_else(|| "new".into())),
        ..rule.clone()
    };
    match Rule::try_from(&with_id) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::Usage(format!(
            "--{}: {}",
            error.field.replace('_', "-"),
            error.problem
        ))),
    }
}

/// A name for a rule nobody named: `Allow curl to example.org, port 443`.
fn name_for(rule: &WireRule) -> String {
    let text = rule.text();
    let mut name = text.action.clone();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let program = match text.program.as_str() {
        "any" => "everything",
        path => path.rsplit('/').next().unwrap_or(path),
    };
    name = format!("{name} {program}");
    if text.destination != "any" {
        name = format!("{name} to {}", text.destination);
    }
    if text.ports != "any" {
        name = format!("{name}, port {}", text.ports);
    }
    // A rule's name has at most 200 characters.
    name.chars().take(200).collect()
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
