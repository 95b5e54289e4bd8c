//! A bounded map that forgets what was put in longest ago.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Holds at most a fixed number of entries. Where one more comes in, the entry goes that was put
/// in or renewed longest ago.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// The same keys, oldest first.
    order: BTreeMap<u64, K>,
    next: u64,
    limit: usize,
}

#[derive(Debug)]
struct Entry<V> {
    turn: u64,
    value: V,
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    /// An empty one for at most `limit` entries.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
            limit,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The value, which counts as put in now.
    pub(super) fn renew(&mut self, key: &K) -> Option<&mut V> {
        let turn = self.next;
        let entry = self.entries.get_mut(key)?;
        self.order.remove(&entry.turn);
        self.order.insert(turn, key.clone());
        entry.turn = turn;
        self.next += 1;
        Some(&mut entry.value)
    }

    /// Puts a value in, in place of one that is there under the same key. Gives what had to go
    /// for it.
    pub(super) fn put(&mut self, key: K, value: V) -> Option<(K, V)> {
        self.remove(&key);
        let gone = match self.len() < self.limit {
            true => None,
            false => self.remove_oldest(),
        };
        self.order.insert(self.next, key.clone());
        let turn = self.next;
        self.entries.insert(key, Entry { turn, value });
        self.next += 1;
        gone
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.turn);
        Some(entry.value)
    }

    /// What was put in or renewed longest ago.
    pub(super) fn oldest(&self) -> Option<(&K, &V)> {
        let (_, key) = self.order.first_key_value()?;
        Some((key, self.get(key)?))
    }

    pub(super) fn remove_oldest(&mut self) -> Option<(K, V)> {
        let (_, key) = self.order.pop_first()?;
        let entry = self.entries.remove(&key)?;
        Some((key, entry.value))
    }

    /// Keeps only the entries of which `keep` says so.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        let order = &mut self.order;
        self.entries.retain(|key, entry| {
            let stays = keep(key, &mut entry.value);
            if !stays {
                order.remove(&entry.turn);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Put(u8, u8),
        Renew(u8),
        Remove(u8),
        RemoveOldest,
        KeepEven,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..12u8, any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
            2 => (0..12u8).prop_map(Step::Renew),
            1 => (0..12u8).prop_map(Step::Remove),
            1 => Just(Step::RemoveOldest),
            1 => Just(Step::KeepEven),
        ];
        prop::collection::vec(step, 0..80)
    }

    proptest! {
        /// The model is a list, oldest first.
        #[test]
        fn it_does_what_a_list_does(steps in steps(), limit in 1..8usize) {
            let mut recent = Recent::new(limit);
            let mut model: Vec<(u8, u8)> = Vec::new();
            for step in steps {
                match step {
                    Step::Put(key, value) => {
                        model.retain(|(k, _)| *k != key);
                        let gone = (model.len() == limit).then(|| model.remove(0));
                        model.push((key, value));
                        prop_assert_eq!(recent.put(key, value), gone);
                    }
                    Step::Renew(key) => {
                        let position = model.iter().position(|(k, _)| *k == key);
                        let expected = position.map(|at| {
                            let entry = model.remove(at);
                            model.push(entry);
                            entry.1
                        });
                        prop_assert_eq!(recent.renew(&key).copied(), expected);
                    }
                    Step::Remove(key) => {
                        let position = model.iter().position(|(k, _)| *k == key);
                        prop_assert_eq!(recent.remove(&key), position.map(|at| model.remove(at).1));
                    }
                    Step::RemoveOldest => {
                        let expected = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(recent.remove_oldest(), expected);
                    }
                    Step::KeepEven => {
                        recent.retain(|_, value| *value % 2 == 0);
                        model.retain(|(_, value)| value % 2 == 0);
                    }
                }
                prop_assert_eq!(recent.len(), model.len());
                prop_assert_eq!(recent.order.len(), model.len());
                let oldest = recent.oldest().map(|(key, value)| (*key, *value));
                prop_assert_eq!(oldest, model.first().copied());
                for (key, value) in &model {
                    prop_assert_eq!(recent.get(key), Some(value));
                }
            }
        }
    }
}
