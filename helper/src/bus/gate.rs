//! How many calls one peer may have under way, so that none can use up the helper.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what is under way by key, up to a limit each.
#[derive(Debug)]
pub(super) struct Gate<K> {
    limit: usize,
    inside: Arc<Mutex<HashMap<K, usize>>>,
}

/// A place inside a [`Gate`]; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Permit<K: Hash + Eq> {
    key: K,
    inside: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Hash + Eq + Clone> Gate<K> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            inside: Arc::default(),
        }
    }

    /// A place, or `None` when this key has all of its places already.
    pub(super) fn enter(&self, key: K) -> Option<Permit<K>> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inside.entry(key.clone()).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Permit {
            key,
            inside: Arc::clone(&self.inside),
        })
    }
}

impl<K: Hash + Eq> Drop for Permit<K> {
    fn drop(&mut self) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = inside.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_own_places_and_gets_them_back() {
        let gate = Gate::new(2);
        let first = gate.enter("a").unwrap();
        let second = gate.enter("a").unwrap();
        assert!(gate.enter("a").is_none());
        assert!(gate.enter("b").is_some(), "others have places of their own");
        drop(first);
        assert!(gate.enter("a").is_some());
        drop(second);
        assert!(gate.inside.lock().unwrap().is_empty(), "nothing is kept");
    }
}
