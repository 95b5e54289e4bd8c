//! The pages of the log whose rows are held, and those that are asked for.

use std::collections::HashMap;

/// Most pages held.
pub const MOST: usize = 24;
/// Most pages that wait to be asked for. Who scrolls fast passes pages by; the last ones are those
/// on screen.
pub const WAITING: usize = 4;
/// Most pages asked for at a time.
const ASKED: usize = 2;

/// Pages by name, with their rows.
#[derive(Debug)]
pub struct Cache<T> {
    held: HashMap<u64, Held<T>>,
    /// Counts uses, by which the page longest not used is found.
    uses: u64,
    /// The next to ask for is the last.
    waiting: Vec<u64>,
    asked: Vec<u64>,
}

#[derive(Debug)]
struct Held<T> {
    rows: Vec<T>,
    filled: bool,
    used: u64,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            uses: 0,
            waiting: Vec::new(),
            asked: Vec::new(),
        }
    }
}

impl<T: Clone> Cache<T> {
    /// The row at a place of a page. A page that is not held is made of empty rows, and waits to be
    /// asked for.
    pub fn row(&mut self, page: u64, rows: u32, place: u32, empty: impl Fn() -> T) -> Option<T> {
        self.uses += 1;
        let used = self.uses;
        let held = self.held.entry(page).or_insert_with(|| Held {
            rows: (0..rows).map(|_| empty()).collect(),
            filled: false,
            used,
        });
        held.used = used;
        let row = held.rows.get(place as usize).cloned();
        let wanted = !held.filled && !self.asked.contains(&page);
        if wanted && self.waiting.last() != Some(&page) {
            self.waiting.retain(|other| *other != page);
            self.waiting.push(page);
            let too_many = self.waiting.len().saturating_sub(WAITING);
            self.waiting.drain(..too_many);
        }
        self.forget();
        row
    }

    /// The page to ask for next, if any; it then counts as asked for.
    pub fn wanted(&mut self) -> Option<u64> {
        if self.asked.len() >= ASKED {
            return None;
        }
        let next = self.waiting.pop()?;
        self.asked.push(next);
        Some(next)
    }

    /// Takes note that what was asked about a page was answered; gives its rows, to be filled.
    pub fn answered(&mut self, page: u64) -> Vec<T> {
        self.asked.retain(|other| *other != page);
        self.waiting.retain(|other| *other != page);
        let Some(held) = self.held.get_mut(&page) else {
            return Vec::new();
        };
        held.filled = true;
        held.rows.clone()
    }

    /// Takes note that a page could not be had; it waits again once it is used again.
    pub fn failed(&mut self, page: u64) {
        self.asked.retain(|other| *other != page);
    }

    /// Holds a page whose rows are known.
    pub fn insert(&mut self, page: u64, rows: Vec<T>) {
        self.uses += 1;
        let held = Held {
            rows,
            filled: true,
            used: self.uses,
        };
        self.held.insert(page, held);
        self.waiting.retain(|other| *other != page);
        self.forget();
    }

    /// Takes a page out whose rows are known.
    pub fn take(&mut self, page: u64) -> Option<Vec<T>> {
        if !self.is_filled(page) {
            return None;
        }
        self.held.remove(&page).map(|held| held.rows)
    }

    /// True if the rows of a page are known.
    #[must_use]
    pub fn is_filled(&self, page: u64) -> bool {
        self.held.get(&page).is_some_and(|held| held.filled)
    }

    /// How many pages are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// True if none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Lets go of the pages that were longest not used.
    fn forget(&mut self) {
        while self.held.len() > MOST {
            let oldest = self.held.iter().min_by_key(|(_, held)| held.used);
            let Some(oldest) = oldest.map(|(page, _)| *page) else {
                return;
            };
            self.held.remove(&oldest);
            self.waiting.retain(|other| *other != oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn use_page(cache: &mut Cache<u64>, page: u64) {
        assert_eq!(cache.row(page, 10, 3, || page), Some(page));
    }

    #[test]
    fn what_is_held_is_bounded_and_what_is_in_use_stays() {
        let mut cache = Cache::default();
        for page in 0..1_000 {
            use_page(&mut cache, page);
            use_page(&mut cache, 0);
        }
        assert_eq!(cache.len(), MOST);
        assert!(cache.held.contains_key(&0));
        assert!(cache.held.contains_key(&999));
        assert!(!cache.held.contains_key(&(999 - MOST as u64)));
    }

    #[test]
    fn the_last_pages_seen_are_asked_for_first_and_those_passed_by_never() {
        let mut cache = Cache::default();
        for page in 0..100 {
            use_page(&mut cache, page);
        }
        let mut asked = Vec::new();
        while let Some(page) = cache.wanted() {
            asked.push(page);
        }
        assert_eq!(asked, [99, 98]);
        use_page(&mut cache, 99);
        assert_eq!(cache.wanted(), None, "these are under way");
        assert_eq!(cache.answered(99).len(), 10);
        assert_eq!(cache.wanted(), Some(97));
        cache.failed(98);
        use_page(&mut cache, 98);
        assert_eq!(cache.wanted(), Some(98), "it is tried again");
        cache.answered(97);
        cache.answered(98);
        assert_eq!(cache.wanted(), Some(96));
        cache.answered(96);
        assert_eq!(cache.wanted(), None);
        assert!(cache.waiting.is_empty());
    }

    #[test]
    fn a_page_that_is_known_is_not_asked_for() {
        let mut cache = Cache::default();
        cache.insert(7, vec![1, 2, 3]);
        assert_eq!(cache.row(7, 3, 1, || 0), Some(2));
        assert_eq!(cache.row(7, 3, 3, || 0), None);
        assert_eq!(cache.wanted(), None);
        assert!(cache.is_filled(7));
        assert_eq!(cache.take(7), Some(vec![1, 2, 3]));
        assert!(cache.is_empty());
        use_page(&mut cache, 7);
        assert_eq!(cache.take(7), None, "its rows are not known");
    }
}
