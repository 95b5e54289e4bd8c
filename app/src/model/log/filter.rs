//! Which part of the log is shown.

use bastion_ipc::wire::{Event, LogQuery, WireError};
use gtk::glib;

use crate::i18n::{gettext, gettext_f};
use crate::model::names;
use crate::model::verdict::Verdict;

const HOUR: u64 = 60 * 60 * 1000;
const WEEK: u64 = 7 * 24 * HOUR;

/// A day by the calendar on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// The year.
    pub year: i32,
    /// The month, from 1.
    pub month: i32,
    /// The day of the month, from 1.
    pub day: i32,
}

impl Day {
    /// The day of a moment, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn of(millis: u64) -> Option<Self> {
        let seconds = i64::try_from(millis / 1000).ok()?;
        let time = glib::DateTime::from_unix_local(seconds).ok()?;
        let (year, month, day) = time.ymd();
        Some(Self { year, month, day })
    }

    fn midnight(self) -> Option<glib::DateTime> {
        glib::DateTime::from_local(self.year, self.month, self.day, 0, 0, 0.0).ok()
    }

    /// When it begins.
    #[must_use]
    pub fn start(self) -> Option<u64> {
        millis(&self.midnight()?)
    }

    /// When the next begins.
    #[must_use]
    pub fn end(self) -> Option<u64> {
        millis(&self.midnight()?.add_days(1).ok()?)
    }

    /// As the locale writes it.
    #[must_use]
    pub fn label(self) -> String {
        let text = self.midnight().and_then(|day| day.format("%x").ok());
        text.map(Into::into).unwrap_or_default()
    }
}

fn millis(time: &glib::DateTime) -> Option<u64> {
    u64::try_from(time.to_unix()).ok()?.checked_mul(1000)
}

/// A span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Period {
    /// Whenever.
    #[default]
    Always,
    /// The hour before now.
    Hour,
    /// Since midnight.
    Today,
    /// The seven days before now.
    Week,
    /// From the beginning of one day to the end of another.
    Days(Day, Day),
}

impl Period {
    /// When it begins and when it is over, seen from `now`.
    fn bounds(self, now: u64) -> (Option<u64>, Option<u64>) {
        match self {
            Self::Always => (None, None),
            Self::Hour => (Some(now.saturating_sub(HOUR)), None),
            Self::Today => (Day::of(now).and_then(Day::start), None),
            Self::Week => (Some(now.saturating_sub(WEEK)), None),
            Self::Days(one, other) => (one.min(other).start(), one.max(other).end()),
        }
    }

    /// For people.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Always => gettext("Any Time"),
            Self::Hour => gettext("Last Hour"),
            Self::Today => gettext("Today"),
            Self::Week => gettext("Last 7 Days"),
            Self::Days(one, other) if one == other => one.label(),
            Self::Days(one, other) => {
                let (first, last) = (one.min(other).label(), one.max(other).label());
                gettext_f("{first} – {last}", &[("first", &first), ("last", &last)])
            }
        }
    }
}

/// Which events to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Text in program, destination or host.
    pub text: String,
    /// When they were decided.
    pub period: Period,
    /// Path or file name of the program; empty for all.
    pub program: String,
    /// Address or host name; empty for all.
    pub destination: String,
    /// Id and name of the rule.
    pub rule: Option<(String, String)>,
    /// Text form of the only verdict to show.
    pub verdict: Option<&'static str>,
}

/// A part of the filter that is chosen, apart from the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// [`Filter::period`].
    Period,
    /// [`Filter::program`].
    Program,
    /// [`Filter::destination`].
    Destination,
    /// [`Filter::rule`].
    Rule,
    /// [`Filter::verdict`].
    Verdict,
}

/// A part that filters something, and what to call it.
pub type Pill = (Part, String);

impl Filter {
    /// True when everything is shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && self.pills().is_empty()
    }

    /// What is filtered by, apart from the search.
    #[must_use]
    pub fn pills(&self) -> Vec<Pill> {
        let mut pills = Vec::new();
        if self.period != Period::Always {
            pills.push((Part::Period, self.period.label()));
        }
        if !self.program.is_empty() {
            pills.push((Part::Program, names::program(&self.program)));
        }
        if !self.destination.is_empty() {
            pills.push((Part::Destination, self.destination.clone()));
        }
        if let Some((_, name)) = &self.rule {
            let named = gettext_f("Rule “{name}”", &[("name", name)]);
            pills.push((Part::Rule, named));
        }
        if let Some(verdict) = self.verdict {
            pills.push((Part::Verdict, Verdict::parse(verdict).label()));
        }
        pills
    }

    /// The filter without one of its parts.
    #[must_use]
    pub fn without(mut self, part: Part) -> Self {
        match part {
            Part::Period => self.period = Period::Always,
            Part::Program => self.program.clear(),
            Part::Destination => self.destination.clear(),
            Part::Rule => self.rule = None,
            Part::Verdict => self.verdict = None,
        }
        self
    }

    /// What to ask the helper for, `now` milliseconds after the epoch.
    ///
    /// # Errors
    /// If program or destination make no sense.
    pub fn query(&self, now: u64) -> Result<LogQuery, WireError> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (since, until) = self.period.bounds(now);
        let text = self.text.trim();
        let end = text.floor_char_boundary(LogQuery::MAX_TEXT);
        LogQuery {
            since,
            until,
            verdict: self.verdict.map(str::to_owned),
            program: given(self.program.trim()),
            destination: given(self.destination.trim()),
            rule: self.rule.as_ref().map(|(id, _)| id.clone()),
            text: text.get(..end).and_then(given),
            ..LogQuery::default()
        }
        .checked()
    }
}

/// The events of a batch that were logged and fit the query, newest first.
#[must_use]
pub(crate) fn fresh(events: &[Event], query: &LogQuery, newest: u64) -> Vec<Event> {
    let fits = |event: &&Event| event.id > newest && query.finds(event);
    let mut fresh: Vec<Event> = events.iter().filter(fits).cloned().collect();
    fresh.sort_by_key(|event| std::cmp::Reverse(event.id));
    fresh.dedup_by_key(|event| event.id);
    fresh
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_514_403_000;

    fn day(year: i32, month: i32, day: i32) -> Day {
        Day { year, month, day }
    }

    #[test]
    fn days_are_whole_and_in_either_order() {
        let (first, last) = (day(2026, 11, 20), day(2026, 11, 22));
        let bounds = Period::Days(first, last).bounds(NOW);
        assert_eq!(bounds, Period::Days(last, first).bounds(NOW));
        let (Some(since), Some(until)) = bounds else {
            panic!("both ends are days")
        };
        assert_eq!(until - since, 3 * 24 * HOUR);
        assert_eq!(Day::of(since), Some(first));
        assert_eq!(Day::of(until - 1), Some(last));
        assert_eq!(Period::Days(first, first).label(), first.label());
        // February has no 31st, whatever a calendar says.
        assert_eq!(day(2026, 2, 31).start(), None);
    }

    #[test]
    fn a_period_ends_now() {
        assert_eq!(Period::Hour.bounds(NOW), (Some(NOW - HOUR), None));
        assert_eq!(Period::Week.bounds(HOUR), (Some(0), None));
        let (since, until) = Period::Today.bounds(NOW);
        assert!(since.is_some_and(|since| NOW - since <= 24 * HOUR && since <= NOW));
        assert_eq!(until, None);
    }

    #[test]
    fn every_part_is_shown_and_can_be_taken_away() {
        let mut filter = Filter {
            period: Period::Hour,
            program: "/usr/bin/curl".into(),
            destination: "example.org".into(),
            rule: Some(("r1".into(), "Web".into())),
            verdict: Some("deny"),
            ..Filter::default()
        };
        let pills = filter.pills();
        let labels: Vec<&str> = pills.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(
            labels,
            ["Last Hour", "curl", "example.org", "Rule “Web”", "Denied"]
        );
        for (part, _) in pills {
            assert!(!filter.is_empty());
            filter = filter.without(part);
        }
        assert!(filter.is_empty());
        assert_eq!(filter.query(NOW).unwrap().since, None);
    }

    #[test]
    fn the_helper_is_asked_for_what_it_takes() {
        let filter = Filter {
            text: format!("  {} ", "ä".repeat(300)),
            rule: Some(("r1".into(), "Web".into())),
            destination: " Example.ORG ".into(),
            ..Filter::default()
        };
        let query = filter.query(NOW).unwrap();
        assert_eq!(query.text.map(|text| text.len()), Some(200));
        assert_eq!(query.rule.as_deref(), Some("r1"));
        assert_eq!(query.destination.as_deref(), Some("example.org"));
        let nonsense = Filter {
            destination: "a b".into(),
            ..Filter::default()
        };
        assert_eq!(nonsense.query(NOW).unwrap_err().field, "destination");
    }

    #[test]
    fn new_decisions_count_once_and_only_if_wanted() {
        let event = |id: u64, program: &str| Event {
            id,
            program: program.into(),
            ..Event::default()
        };
        let events = [
            event(0, "/usr/bin/curl"),
            event(4, "/usr/bin/curl"),
            event(5, "/usr/bin/wget"),
            event(6, "/usr/bin/curl"),
            event(6, "/usr/bin/curl"),
        ];
        let query = Filter {
            text: "CURL".into(),
            ..Filter::default()
        };
        let query = query.query(NOW).unwrap();
        let ids = |newest| {
            let fresh = fresh(&events, &query, newest);
            fresh.iter().map(|event| event.id).collect::<Vec<_>>()
        };
        // What could not be logged has no number.
        assert_eq!(ids(0), [6, 4]);
        assert_eq!(ids(4), [6]);
    }
}
