//! Which page of the log a row is on. Only where pages begin is known of most of them; what is on
//! them is in the [`super::cache::Cache`] or has to be asked for.

use bastion_ipc::wire::LogQuery;

/// Events on a page.
pub const PAGE: u32 = 250;

/// A page, named by the number of its newest event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The number of its newest event.
    pub newest: u64,
    /// How many events it has.
    pub rows: u32,
    /// The row its newest event is in.
    pub start: u32,
}

impl Page {
    /// What to ask for, to have its events.
    #[must_use]
    pub fn query(&self, filter: &LogQuery) -> LogQuery {
        LogQuery {
            before: Some(self.newest.saturating_add(1)),
            limit: Some(self.rows),
            ..filter.clone()
        }
    }
}

/// All pages, the newest first.
#[derive(Clone, Debug, Default)]
pub struct Pages(Vec<Page>);

impl Pages {
    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.0
            .last()
            .map_or(0, |page| page.start.saturating_add(page.rows))
    }

    /// The number of the newest event; 0 if there is none.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.0.first().map_or(0, |page| page.newest)
    }

    /// The page of a row.
    #[must_use]
    pub fn of_row(&self, row: u32) -> Option<Page> {
        let after = self.0.partition_point(|page| page.start <= row);
        let page = self.0.get(after.checked_sub(1)?)?;
        (row < self.rows()).then_some(*page)
    }

    /// The page whose newest event has this number.
    #[must_use]
    pub fn named(&self, newest: u64) -> Option<Page> {
        let place = self
            .0
            .binary_search_by(|page| newest.cmp(&page.newest))
            .ok()?;
        self.0.get(place).copied()
    }

    /// Every page, the oldest first.
    pub fn oldest_first(&self) -> impl Iterator<Item = Page> {
        self.0.iter().rev().copied()
    }

    /// Adds pages of older events.
    pub fn extend(&mut self, more: &[(u64, u32)]) {
        for (newest, rows) in more {
            let start = self.rows();
            // Lists end at four thousand million rows, pages in order of their numbers.
            let fits = start.checked_add(*rows).is_some() && *rows > 0;
            let is_older = self.0.last().is_none_or(|last| last.newest > *newest);
            if fits && is_older {
                self.0.push(Page {
                    newest: *newest,
                    rows: *rows,
                    start,
                });
            }
        }
    }

    /// Adds a new event at the beginning. Where the events of the first page are known it `joins`
    /// them while there is room, and the page has another name then.
    pub fn prepend(&mut self, id: u64, joins: bool) {
        match self.0.first_mut() {
            Some(page) if id <= page.newest => return,
            Some(page) if joins && page.rows < PAGE => {
                page.newest = id;
                page.rows += 1;
            }
            _ => {
                let page = Page {
                    newest: id,
                    rows: 1,
                    start: 0,
                };
                self.0.insert(0, page);
            }
        }
        for page in self.0.iter_mut().skip(1) {
            page.start = page.start.saturating_add(1);
        }
    }

    /// Notes that a page has only so many events by now: older ones were removed from the log, and
    /// so was whatever is on later pages.
    pub fn cut(&mut self, newest: u64, rows: u32) {
        let Ok(place) = self.0.binary_search_by(|page| newest.cmp(&page.newest)) else {
            return;
        };
        self.0.truncate(place + 1);
        match (self.0.last_mut(), rows) {
            (Some(_), 0) => {
                self.0.pop();
            }
            (Some(page), rows) => page.rows = page.rows.min(rows),
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(all: &[(u64, u32)]) -> Pages {
        let mut pages = Pages::default();
        pages.extend(all);
        pages
    }

    fn shown(pages: &Pages) -> Vec<(u64, u32, u32)> {
        let mut all: Vec<_> = pages
            .oldest_first()
            .map(|page| (page.newest, page.rows, page.start))
            .collect();
        all.reverse();
        all
    }

    #[test]
    fn each_row_has_its_page() {
        let mut pages = pages(&[(1_000, 250), (700, 250), (400, 3)]);
        let page = |pages: &Pages, row| pages.of_row(row).map(|page| (page.newest, page.start));
        assert_eq!(pages.rows(), 503);
        assert_eq!(page(&pages, 0), Some((1_000, 0)));
        assert_eq!(page(&pages, 249), Some((1_000, 0)));
        assert_eq!(page(&pages, 250), Some((700, 250)));
        assert_eq!(page(&pages, 502), Some((400, 500)));
        assert_eq!(page(&pages, 503), None);
        // The rest of the log comes later.
        pages.extend(&[(300, 250)]);
        assert_eq!(page(&pages, 503), Some((300, 503)));
        let query = pages
            .of_row(503)
            .map(|page| page.query(&LogQuery::default()));
        let query = query.map(|query| (query.before, query.limit));
        assert_eq!(query, Some((Some(301), Some(250))));
        assert_eq!(Pages::default().of_row(0), None);
    }

    #[test]
    fn pages_in_no_order_are_left_out() {
        let pages = pages(&[(10, 5), (12, 5), (4, 0), (3, 2), (2, u32::MAX)]);
        assert_eq!(shown(&pages), [(10, 5, 0), (3, 2, 5)]);
    }

    #[test]
    fn new_events_come_first_onto_pages_that_have_room() {
        let mut unknown = pages(&[(100, 249), (50, 10)]);
        unknown.prepend(101, false);
        assert_eq!(shown(&unknown), [(101, 1, 0), (100, 249, 1), (50, 10, 250)]);
        let mut known = pages(&[(100, 249), (50, 10)]);
        for id in [101, 102, 103, 103, 102] {
            known.prepend(id, true);
        }
        assert_eq!(shown(&known), [(103, 2, 0), (101, 250, 2), (50, 10, 252)]);
        let mut first = Pages::default();
        first.prepend(1, true);
        assert_eq!((first.rows(), first.newest()), (1, 1));
    }

    #[test]
    fn what_was_removed_from_the_log_ends_the_list() {
        let all = [(1_000, 250), (700, 250), (400, 250)];
        let mut some = pages(&all);
        some.cut(700, 20);
        assert_eq!(shown(&some), [(1_000, 250, 0), (700, 20, 250)]);
        let mut none = pages(&all);
        none.cut(700, 0);
        assert_eq!(shown(&none), [(1_000, 250, 0)]);
        none.cut(5, 0);
        assert_eq!(none.rows(), 250);
    }

    #[test]
    fn a_million_rows_take_little() {
        let first = |page: u64| (1_000_000 - page * u64::from(PAGE), PAGE);
        let pages = pages(&(0..4_000).map(first).collect::<Vec<_>>());
        assert_eq!(pages.rows(), 1_000_000);
        let last = pages.of_row(999_999);
        assert_eq!(last.map(|page| page.newest), Some(250));
        assert_eq!(pages.named(250), last);
        assert_eq!(pages.named(251), None);
    }
}
