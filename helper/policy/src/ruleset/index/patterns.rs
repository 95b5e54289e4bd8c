//! Rules with path patterns, by the parts of the pattern that stand for themselves.

use std::collections::{BTreeSet, HashMap};

use super::Places;
use crate::matcher::{ExecutablePath, PathPattern};

/// Rules by the directory their pattern begins with, and by file name.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns {
    dirs: HashMap<Box<str>, Dir>,
    /// Lengths of the keys of `dirs`, in bytes: a path has as many leading directories as an
    /// unprivileged user likes, but only those of these lengths need a look.
    lengths: BTreeSet<usize>,
}

#[derive(Clone, Debug, Default)]
struct Dir {
    by_file_name: HashMap<Box<str>, Places>,
    any_file_name: Places,
}

impl Patterns {
    /// Where rules with this pattern are kept.
    pub(super) fn places_mut(&mut self, pattern: &PathPattern) -> &mut Places {
        let dir = pattern.literal_dir();
        self.lengths.insert(dir.len());
        let dir = self.dirs.entry(dir.into()).or_default();
        match pattern.literal_file_name() {
            Some(name) => dir.by_file_name.entry(name.into()).or_default(),
            None => &mut dir.any_file_name,
        }
    }

    /// Every place where rules are kept whose pattern could match this path.
    pub(super) fn candidates(&self, path: &ExecutablePath) -> impl Iterator<Item = &Places> {
        let name = path.file_name();
        self.lengths
            .iter()
            // `get` gives nothing beyond the end, or in the middle of a character.
            .map_while(|length| {
                (*length <= path.as_str().len()).then(|| path.as_str().get(..*length))
            })
            .filter_map(|dir| self.dirs.get(dir?))
            .flat_map(move |dir| {
                dir.by_file_name
                    .get(name)
                    .into_iter()
                    .chain([&dir.any_file_name])
            })
    }
}
