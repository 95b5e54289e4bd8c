//! Which part of the log is asked for.

use std::net::IpAddr;

use bastion_policy::escape;
use bastion_policy::matcher::{ExecutablePath, HostName};
use bastion_policy::rule::Action;
use zbus::{DeserializeDict, SerializeDict, Type};

use super::{Event, WireError};

/// Which part of the log to return, newest first. What is left out filters nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct LogQuery {
    /// Only events with a lower id; 0 for the newest.
    pub before: Option<u64>,
    /// Only events at or after this time.
    pub since: Option<u64>,
    /// Only events before this time.
    pub until: Option<u64>,
    /// At most so many, or so many a page; capped at [`LogQuery::MAX`].
    pub limit: Option<u32>,
    /// Only this verdict.
    pub verdict: Option<String>,
    /// Only this program: a path, `kernel`, `unknown` or [`Event::BASTION`]; or a file's name, for
    /// every program of that name.
    pub program: Option<String>,
    /// Only to there: an address, or a host name with all below it.
    pub destination: Option<String>,
    /// Only what the rule of this id or name decided or ended.
    pub rule: Option<String>,
    /// Only events whose program, destination or host contains this text.
    pub text: Option<String>,
}

impl LogQuery {
    /// Most events in one reply; keeps a reply far below the bus's message limit.
    pub const MAX: u32 = 1_000;
    /// Longest text, in bytes.
    pub const MAX_TEXT: usize = 200;
    /// Longest name of a file, in bytes.
    const MAX_NAME: usize = 255;
    /// Longest name of a rule, in bytes: 200 characters.
    const MAX_RULE: usize = 800;

    /// The query with every limit applied and names in the form that the log has them in.
    ///
    /// # Errors
    /// If a field makes no sense or is too long.
    pub fn checked(mut self) -> Result<Self, WireError> {
        if let Some(verdict) = &self.verdict
            && verdict != Event::MENDED
        {
            verdict
                .parse::<Action>()
                .map_err(|e| WireError::new("verdict", e))?;
        }
        if let Some(program) = &self.program {
            check_program(program)?;
        }
        if let Some(destination) = &mut self.destination {
            *destination = place(destination)?;
        }
        if self.rule.as_ref().is_some_and(|r| r.len() > Self::MAX_RULE) {
            return Err(WireError::new("rule", "no rule's name is that long"));
        }
        if self.text.as_ref().is_some_and(|t| t.len() > Self::MAX_TEXT) {
            return Err(WireError::new("text", "at most 200 bytes, please"));
        }
        self.limit = Some(self.limit.unwrap_or(100).clamp(1, Self::MAX));
        Ok(self)
    }

    /// True if the log would give this event for the query, which is a checked one.
    #[must_use]
    pub fn finds(&self, event: &Event) -> bool {
        self.before.is_none_or(|id| id == 0 || event.id < id)
            && self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
            && self.verdict.as_ref().is_none_or(|v| *v == event.verdict)
            && self.program.as_ref().is_none_or(|p| is_program(p, event))
            && self.destination.as_ref().is_none_or(|d| goes_to(d, event))
            && self.rule.as_ref().is_none_or(|rule| is_by(rule, event))
            && self.text.as_ref().is_none_or(|text| has(text, event))
    }
}

fn check_program(program: &str) -> Result<(), WireError> {
    let whole = program.starts_with('/');
    if whole {
        let path = program.parse::<ExecutablePath>();
        return path.map(|_| ()).map_err(|e| WireError::new("program", e));
    }
    let is_name = (1..=LogQuery::MAX_NAME).contains(&program.len()) && !program.contains('/');
    if is_name && escape::is_printable(program) {
        return Ok(());
    }
    let shown = escape::excerpt(program);
    let problem = format!("“{shown}” is neither an absolute path nor the name of a file");
    Err(WireError::new("program", problem))
}

/// An address or a host name, in the form that the log has it in.
fn place(text: &str) -> Result<String, WireError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let host = text.parse::<HostName>();
    host.map(|host| host.as_str().to_owned()).map_err(|_| {
        let shown = escape::excerpt(text);
        let problem = format!("“{shown}” is neither an address nor a host name");
        WireError::new("destination", problem)
    })
}

fn is_program(program: &str, event: &Event) -> bool {
    let name = event.program.rsplit_once('/').map(|(_, name)| name);
    event.program == program || name == Some(program)
}

fn goes_to(place: &str, event: &Event) -> bool {
    let within = |above: &str| above.is_empty() || above.ends_with('.');
    event.destination == place || event.host.strip_suffix(place).is_some_and(within)
}

fn is_by(rule: &str, event: &Event) -> bool {
    let by_id = ["rule:", "ended:"]
        .into_iter()
        .any(|by| event.reason.strip_prefix(by) == Some(rule));
    by_id || event.rule_name == rule
}

fn has(text: &str, event: &Event) -> bool {
    let text = text.to_ascii_lowercase();
    [&event.program, &event.destination, &event.host]
        .into_iter()
        .any(|part| part.to_ascii_lowercase().contains(&text))
}

/// Where the pages of a part of the log begin, so that each of them can be asked for by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct LogPages {
    /// Newest first: the id of a page's newest event, and how many events the page has, mostly as
    /// many as the query's limit.
    pub pages: Vec<(u64, u32)>,
    /// Where to go on, as [`LogQuery::before`], where not all of the log was looked through: one
    /// call looks for a moment only.
    pub next: Option<u64>,
}

impl LogPages {
    /// About so many pages are in one reply at most.
    pub const MAX: usize = 10_000;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(change: impl FnOnce(&mut LogQuery)) -> Result<LogQuery, WireError> {
        let mut query = LogQuery::default();
        change(&mut query);
        query.checked()
    }

    #[test]
    fn what_can_be_no_program_or_place_is_refused() {
        for (program, fine) in [
            ("/usr/bin/curl", true),
            ("curl", true),
            ("kernel", true),
            ("usr/bin/curl", false),
            ("/usr/../curl", false),
            ("", false),
            ("a\u{7}b", false),
            (&"x".repeat(256), false),
        ] {
            let checked = query(|q| q.program = Some(program.into()));
            assert_eq!(checked.is_ok(), fine, "{program}");
        }
        for (place, expected) in [
            ("Example.ORG.", Some("example.org")),
            ("2001:DB8:0::1", Some("2001:db8::1")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("a b", None),
            ("192.0.2.0/24", None),
            ("", None),
        ] {
            let checked = query(|q| q.destination = Some(place.into()));
            let place = checked.ok().and_then(|query| query.destination);
            assert_eq!(place.as_deref(), expected);
        }
    }

    #[test]
    fn nothing_is_longer_than_it_may_be() {
        assert!(query(|q| q.rule = Some("ä".repeat(400))).is_ok());
        assert!(query(|q| q.rule = Some("ä".repeat(401))).is_err());
        assert!(query(|q| q.text = Some("x".repeat(201))).is_err());
        assert_eq!(query(|q| q.limit = Some(0)).unwrap().limit, Some(1));
        let most = query(|q| q.limit = Some(u32::MAX)).unwrap();
        assert_eq!(most.limit, Some(LogQuery::MAX));
    }

    #[test]
    fn names_mean_whole_labels_and_whole_file_names() {
        let event = Event {
            program: "/opt/curl/my curl".into(),
            host: "www.example.org".into(),
            reason: "ended:r1".into(),
            ..Event::default()
        };
        let finds = |change: fn(&mut LogQuery)| query(change).unwrap().finds(&event);
        assert!(finds(|q| q.program = Some("my curl".into())));
        assert!(!finds(|q| q.program = Some("curl".into())));
        assert!(finds(|q| q.destination = Some("example.org".into())));
        assert!(!finds(|q| q.destination = Some("ample.org".into())));
        assert!(!finds(|q| q.destination = Some("an.www.example.org".into())));
        assert!(finds(|q| q.rule = Some("r1".into())));
        assert!(!finds(|q| q.rule = Some("r".into())));
    }
}
