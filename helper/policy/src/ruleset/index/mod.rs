//! Finds the winner without looking at every rule.
//!
//! Rules are known by their rank: 0 for the one that beats all others. They are sorted into lists
//! by program, and where a program has many, by destination and port. Of all lists that could
//! hold a match, each in ascending order, the lowest rank that matches is the winner; as soon as
//! one is found, the others are read only as far as they could hold a lower one.
//!
//! Two kinds of rules stay in lists that are read one by one: those of one program and destination
//! that name several ports or none, and those whose patterns begin with the same directory and
//! end in no certain file name. A decision costs more only where there are thousands of one such
//! kind.
//!
//! The lists only narrow down: whether a rule matches is always for [`Rule::matches`] to say. So
//! the one thing an index can do wrong is to leave a rule out, which the tests look for by
//! comparing with a search through everything.

mod patterns;
mod places;

use std::collections::HashMap;

use crate::flow::Flow;
use crate::matcher::{AppId, ExecutablePath, ProgramMatcher};
use crate::process::Identity;
use crate::rule::Rule;
use patterns::Patterns;
use places::Places;

/// A rule's position in the order of precedence.
pub(super) type Rank = usize;

/// Ranks of enabled rules by program.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    paths: HashMap<ExecutablePath, Places>,
    apps: HashMap<AppId, Places>,
    patterns: Patterns,
    kernel: Places,
    unknown: Places,
    any: Places,
}

impl Index {
    /// Indexes rules given in order of precedence.
    pub(super) fn new(ranked: &[&Rule]) -> Self {
        let mut index = Self::default();
        for (rank, rule) in ranked.iter().enumerate() {
            if rule.spec().enabled {
                index.places_mut(&rule.spec().program).insert(rank, ranked);
            }
        }
        index
    }

    fn places_mut(&mut self, program: &ProgramMatcher) -> &mut Places {
        match program {
            ProgramMatcher::Any => &mut self.any,
            ProgramMatcher::Kernel => &mut self.kernel,
            ProgramMatcher::Unknown => &mut self.unknown,
            ProgramMatcher::Path(path) => self.paths.entry(path.clone()).or_default(),
            ProgramMatcher::App(app) => self.apps.entry(app.clone()).or_default(),
            ProgramMatcher::Pattern(pattern) => self.patterns.places_mut(pattern),
        }
    }

    /// The lowest rank that `matches` accepts, among those that could match this flow of this
    /// sender.
    pub(super) fn winner(
        &self,
        flow: &Flow,
        identity: &Identity,
        matches: impl Fn(Rank) -> bool,
    ) -> Option<Rank> {
        self.search(flow, identity, Search::new(None, matches))
    }

    /// As [`Self::winner`], among the ranks above this one alone.
    pub(super) fn winner_above(
        &self,
        rank: Rank,
        flow: &Flow,
        identity: &Identity,
        matches: impl Fn(Rank) -> bool,
    ) -> Option<Rank> {
        self.search(flow, identity, Search::new(Some(rank), matches))
            .filter(|found| *found < rank)
    }

    fn search<F: Fn(Rank) -> bool>(
        &self,
        flow: &Flow,
        identity: &Identity,
        mut search: Search<F>,
    ) -> Option<Rank> {
        match identity {
            Identity::Process(process) => {
                let path = &process.executable.path;
                if let Some(places) = self.paths.get(path) {
                    places.search(flow, &mut search);
                }
                if let Some(places) = process.app.as_ref().and_then(|app| self.apps.get(app)) {
                    places.search(flow, &mut search);
                }
                for places in self.patterns.candidates(path) {
                    places.search(flow, &mut search);
                }
            }
            Identity::Kernel => self.kernel.search(flow, &mut search),
            Identity::Unknown { .. } => self.unknown.search(flow, &mut search),
        }
        self.any.search(flow, &mut search);
        search.best
    }
}

/// A search for the lowest rank that matches.
struct Search<F> {
    best: Option<Rank>,
    matches: F,
}

impl<F: Fn(Rank) -> bool> Search<F> {
    /// A search for a rank lower than `best`.
    const fn new(best: Option<Rank>, matches: F) -> Self {
        Self { best, matches }
    }

    /// Looks through a list in ascending order.
    fn list(&mut self, ranks: &[Rank]) {
        let better = ranks
            .iter()
            .copied()
            .take_while(|rank| self.best.is_none_or(|best| *rank < best))
            .find(|rank| (self.matches)(*rank));
        self.best = better.or(self.best);
    }
}
