//! What is open or waits at this moment, and the part of it that somebody wants to see.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use bastion_ipc::wire::{Connection, Ends};

use super::FlowRow;
use crate::i18n::ngettext_f;
use crate::model::names::{self, Directory};

/// Most live connections shown; the list must stay small however busy the network is.
pub const MOST: usize = 1_000;

/// A live connection as the table shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRow {
    /// Tells it from others: its two ends. The question about a connection and the connection that
    /// comes of it are one row.
    pub ends: Rc<Ends>,
    /// What there is to show of it.
    pub flow: Rc<FlowRow>,
}

/// By what connections can be told apart to show some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facet {
    /// Whether it is open or waits.
    State,
    /// Whose it is.
    Program,
    /// Its protocol.
    Protocol,
    /// As which user the program runs.
    User,
}

impl Facet {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::State, Self::Program, Self::Protocol, Self::User];

    /// What a row has there.
    #[must_use]
    pub fn of(self, flow: &FlowRow) -> &str {
        match self {
            Self::State => &flow.state,
            Self::Program => &flow.program_path,
            Self::Protocol => &flow.protocol,
            Self::User => &flow.user,
        }
    }
}

/// Which connections are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Words that occur in them, in lower case.
    pub query: String,
    /// What they have in common.
    pub chosen: BTreeMap<Facet, String>,
}

impl Filter {
    fn wants(&self, flow: &FlowRow) -> bool {
        let chosen = |(facet, value): (&Facet, &String)| facet.of(flow) == value;
        self.chosen.iter().all(chosen) && flow.matches(&self.query)
    }
}

/// Those that are wanted.
#[derive(Debug, Default)]
pub struct Listing {
    /// What waits first, then the newest; at most [`MOST`].
    pub rows: Vec<LiveRow>,
    /// How many there would be.
    pub matching: usize,
}

impl Listing {
    /// A sentence where not all are shown.
    #[must_use]
    pub fn notice(&self) -> Option<String> {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let (shown, matching) = (count(self.rows.len()), count(self.matching));
        (shown < matching).then(|| {
            let numbers = [
                ("shown", names::number(shown)),
                ("matching", names::number(matching)),
            ];
            ngettext_f(
                "The newest {shown} of {matching} connection are shown.",
                "The newest {shown} of {matching} connections are shown.",
                matching,
                &numbers
                    .each_ref()
                    .map(|(name, text)| (*name, text.as_str())),
            )
        })
    }
}

/// All there are.
#[derive(Debug, Default)]
pub struct Live {
    rows: Vec<LiveRow>,
}

impl Live {
    /// Takes what the helper listed in place of what it listed before.
    pub fn update(&mut self, mut connections: Vec<Connection>, directory: &Directory) {
        connections.sort_by_key(|it| {
            let waits = it.state == "waiting";
            (!waits, Reverse(it.event.time), Reverse(it.event.id))
        });
        // Most were listed before, and are what they were.
        let before = std::mem::take(&mut self.rows).into_iter();
        let mut before: HashMap<_, _> = before
            .map(|row| ((row.ends, row.flow.time, row.flow.ends.is_some()), row.flow))
            .collect();
        let row = |connection: Connection| {
            let mut ends = Ends::from(&connection.event);
            ends.time = None;
            let open = connection.state != "waiting";
            let key = (Rc::new(ends), connection.event.time, open);
            let flow = before
                .remove(&key)
                .unwrap_or_else(|| Rc::new(FlowRow::of_connection(&connection, directory)));
            LiveRow { ends: key.0, flow }
        };
        self.rows = connections.into_iter().map(row).collect();
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Those that are wanted.
    #[must_use]
    pub fn listing(&self, filter: &Filter) -> Listing {
        let wanted = || self.rows.iter().filter(|row| filter.wants(&row.flow));
        Listing {
            rows: wanted().take(MOST).cloned().collect(),
            matching: wanted().count(),
        }
    }

    /// What there is to choose from, in order; what is chosen is in it even if there is none such
    /// any more.
    #[must_use]
    pub fn choices(&self, facet: Facet, filter: &Filter) -> Vec<String> {
        let present = self.rows.iter().map(|row| facet.of(&row.flow));
        let chosen = filter.chosen.get(&facet).map(String::as_str);
        let choices: BTreeSet<&str> = present.chain(chosen).collect();
        let named = choices.into_iter().filter(|value| !value.is_empty());
        named.map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{connection, directory};
    use super::*;

    fn live(connections: Vec<Connection>) -> Live {
        let mut live = Live::default();
        live.update(connections, &directory());
        live
    }

    fn ids(listing: &Listing) -> Vec<u64> {
        listing.rows.iter().map(|row| row.flow.id).collect()
    }

    fn chosen(facet: Facet, value: &str) -> Filter {
        Filter {
            chosen: [(facet, value.to_owned())].into(),
            ..Filter::default()
        }
    }

    /// Two of curl's that are open, and one of another program and user that waits.
    fn three() -> Vec<Connection> {
        let mut other = connection(2, "waiting");
        other.event.program = "/usr/bin/ntpd".into();
        other.event.protocol = "udp".into();
        other.event.uid = 4_000_000;
        vec![connection(1, "open"), other, connection(3, "open")]
    }

    #[test]
    fn what_waits_comes_first_then_the_newest() {
        let all = live(three()).listing(&Filter::default());
        assert_eq!(ids(&all), [2, 3, 1]);
        assert_eq!(all.notice(), None);
    }

    #[test]
    fn the_list_is_bounded_and_says_so() {
        let many = (0..5_000).map(|id| connection(id, "open")).collect();
        let live = live(many);
        let all = live.listing(&Filter::default());
        assert_eq!(
            (live.len(), all.rows.len(), all.matching),
            (5_000, MOST, 5_000)
        );
        assert_eq!(all.rows[0].flow.id, 4_999);
        let notice = "The newest 1\u{202f}000 of 5\u{202f}000 connections are shown.";
        assert_eq!(all.notice().as_deref(), Some(notice));
        // What is looked for is found among all of them.
        let found = live.listing(&Filter {
            query: "nowhere".into(),
            ..Filter::default()
        });
        assert_eq!((found.matching, found.notice()), (0, None));
        let mut old = connection(0, "open");
        old.event.host = "old.example.net".into();
        let many = (1..5_000).map(|id| connection(id, "open"));
        let with_old = self::live(many.chain([old]).collect());
        let found = with_old.listing(&Filter {
            query: "old.example".into(),
            ..Filter::default()
        });
        assert_eq!(ids(&found), [0]);
    }

    #[test]
    fn each_filter_leaves_what_it_says_and_together_what_all_say() {
        let live = live(three());
        let left = |filter: &Filter| ids(&live.listing(filter));
        assert_eq!(left(&chosen(Facet::State, "Waiting")), [2]);
        assert_eq!(left(&chosen(Facet::State, "Open")), [3, 1]);
        assert_eq!(left(&chosen(Facet::Program, "/usr/bin/curl")), [3, 1]);
        assert_eq!(left(&chosen(Facet::Protocol, "UDP")), [2]);
        assert_eq!(left(&chosen(Facet::User, "alice")), [3, 1]);
        let mut both = chosen(Facet::State, "Waiting");
        both.chosen.insert(Facet::Protocol, "TCP".into());
        assert_eq!(left(&both), [0u64; 0]);
        let mut with_query = chosen(Facet::Protocol, "TCP");
        with_query.query = "example.org alice".into();
        assert_eq!(left(&with_query), [3, 1]);
    }

    #[test]
    fn there_is_to_choose_from_what_there_is_and_what_is_chosen() {
        let live = live(three());
        let choices = |facet, filter: &Filter| live.choices(facet, filter);
        let none = Filter::default();
        assert_eq!(choices(Facet::State, &none), ["Open", "Waiting"]);
        assert_eq!(choices(Facet::Protocol, &none), ["TCP", "UDP"]);
        assert_eq!(choices(Facet::User, &none), ["4000000", "alice"]);
        let gone = chosen(Facet::Program, "/usr/bin/vanished");
        assert_eq!(
            choices(Facet::Program, &gone),
            ["/usr/bin/curl", "/usr/bin/ntpd", "/usr/bin/vanished"]
        );
    }

    #[test]
    fn what_was_listed_before_is_kept() {
        let mut live = live(three());
        let before = live.listing(&Filter::default());
        let mut now = three();
        now[1].state = "open".into();
        live.update(now, &directory());
        let after = live.listing(&Filter::default());
        assert_eq!(ids(&after), [3, 2, 1]);
        assert!(Rc::ptr_eq(&after.rows[0].flow, &before.rows[1].flow));
        assert_eq!(after.rows[2].flow, before.rows[2].flow);
        // Waited for, and open now: the same row with something else to show.
        assert_eq!(after.rows[1].ends, before.rows[0].ends);
        assert_eq!(after.rows[1].flow.state, "Open");
    }
}
