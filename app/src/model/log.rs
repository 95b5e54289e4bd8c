//! The part of the log that is on screen, and how to get more of it.

use bastion_ipc::wire::{Event, LogQuery};

use super::connections::FlowRow;
use super::names::Directory;

/// Events asked for at a time.
pub const PAGE: u32 = 200;
/// Most rows kept; older ones have to be searched for.
pub const MOST: usize = 5_000;
/// Longest search text the helper accepts, in bytes.
const MAX_TEXT: usize = 200;

/// Which events to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Text in program, destination or host.
    pub text: String,
    /// Text form of the only verdict to show.
    pub verdict: Option<&'static str>,
}

impl Filter {
    /// True when everything is shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && self.verdict.is_none()
    }

    fn shows(&self, event: &Event) -> bool {
        let text = self.text.trim().to_lowercase();
        let contains = |part: &str| part.to_lowercase().contains(&text);
        self.verdict.is_none_or(|verdict| event.verdict == verdict)
            && [&event.program, &event.destination, &event.host]
                .into_iter()
                .any(|part| contains(part))
    }

    fn query(&self, before: u64) -> LogQuery {
        let mut text = self.text.trim();
        while text.len() > MAX_TEXT {
            let mut shorter = text.chars();
            shorter.next_back();
            text = shorter.as_str();
        }
        LogQuery {
            before: Some(before),
            limit: Some(PAGE),
            verdict: self.verdict.map(str::to_owned),
            text: (!text.is_empty()).then(|| text.to_owned()),
            since: None,
        }
    }
}

/// The events on screen, newest first.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Which events are shown.
    pub filter: Filter,
    events: Vec<Event>,
    at_end: bool,
    /// Counts the filters; a page asked for under an earlier one is not shown.
    generation: u64,
}

/// A page to ask the helper for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What to ask.
    pub query: LogQuery,
    generation: u64,
}

impl Log {
    /// Starts anew, with this filter.
    pub fn restart(&mut self, filter: Filter) -> Request {
        self.filter = filter;
        self.events.clear();
        self.at_end = false;
        self.generation += 1;
        self.more()
    }

    /// The next page.
    #[must_use]
    pub fn more(&self) -> Request {
        let oldest = self.events.last().map_or(0, |event| event.id);
        Request {
            query: self.filter.query(oldest),
            generation: self.generation,
        }
    }

    /// True when there may be older events to ask for.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.at_end && self.events.len() < MOST
    }

    /// Takes a page in. A page that answers another filter's request is left out.
    pub fn page(&mut self, request: &Request, page: Vec<Event>) {
        if request.generation != self.generation {
            return;
        }
        self.at_end = page.len() < PAGE as usize;
        let oldest = self.events.last().map_or(u64::MAX, |event| event.id);
        self.events
            .extend(page.into_iter().filter(|event| event.id < oldest));
    }

    /// Takes new decisions in, in the order in which they were made.
    pub fn decided(&mut self, events: &[Event]) {
        let newest = self.events.first().map_or(0, |event| event.id);
        let fresh = events
            .iter()
            .filter(|event| event.id > newest && self.filter.shows(event));
        let mut new: Vec<Event> = fresh.cloned().collect();
        new.sort_by_key(|event| std::cmp::Reverse(event.id));
        self.events.splice(0..0, new);
        if self.events.len() > MOST {
            self.events.truncate(MOST);
            self.at_end = false;
        }
    }

    /// The rows to show.
    #[must_use]
    pub fn rows(&self, directory: &Directory) -> Vec<FlowRow> {
        self.events
            .iter()
            .map(|event| FlowRow::of_event(event, directory))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u64, program: &str) -> Event {
        Event {
            id,
            program: program.into(),
            verdict: "allow".into(),
            ..Event::default()
        }
    }

    fn ids(log: &Log) -> Vec<u64> {
        log.events.iter().map(|event| event.id).collect()
    }

    #[test]
    fn pages_follow_one_another_until_a_short_one() {
        let mut log = Log::default();
        let first = log.restart(Filter::default());
        assert_eq!(first.query.before, Some(0));
        log.page(
            &first,
            (101..=300).rev().map(|id| event(id, "/a")).collect(),
        );
        assert!(log.has_more());
        let second = log.more();
        assert_eq!(second.query.before, Some(101));
        log.page(&second, vec![event(100, "/a")]);
        assert!(!log.has_more());
        assert_eq!(log.events.len(), 201);
    }

    #[test]
    fn a_page_for_an_older_filter_is_left_out() {
        let mut log = Log::default();
        let old = log.restart(Filter::default());
        let filter = Filter {
            text: "curl".into(),
            verdict: Some("deny"),
        };
        let new = log.restart(filter);
        assert_eq!(new.query.text.as_deref(), Some("curl"));
        assert_eq!(new.query.verdict.as_deref(), Some("deny"));
        log.page(&old, vec![event(1, "/a")]);
        assert!(log.events.is_empty());
        assert!(log.has_more());
    }

    #[test]
    fn new_decisions_come_on_top_once_and_only_if_wanted() {
        let mut log = Log::default();
        let _ = log.restart(Filter {
            text: "CURL".into(),
            verdict: None,
        });
        let new = [
            event(1, "/usr/bin/curl"),
            event(2, "/usr/bin/wget"),
            event(3, "/usr/bin/curl"),
        ];
        log.decided(&new);
        log.decided(&new);
        assert_eq!(ids(&log), [3, 1]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut log = Log::default();
        let _ = log.restart(Filter::default());
        let many: Vec<_> = (1..=6_000).map(|id| event(id, "/a")).collect();
        log.decided(&many);
        assert_eq!(log.events.len(), MOST);
        assert_eq!(log.events[0].id, 6_000);
        assert!(!log.has_more());
    }

    #[test]
    fn a_long_search_is_cut_to_what_the_helper_takes() {
        let filter = Filter {
            text: "ä".repeat(300),
            verdict: None,
        };
        assert!(filter.query(0).checked().is_ok());
    }
}
