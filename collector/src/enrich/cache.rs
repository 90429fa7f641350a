//! A bounded cache of computed values.

use std::sync::Arc;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Two generations: a value that is requested again moves to the young one, and when that is full
/// the old one is dropped. So the cache holds at most twice its size, and common values stay.
#[derive(Debug)]
pub(super) struct Cache<T> {
    size: usize,
    generations: Mutex<Generations<T>>,
}

#[derive(Debug)]
struct Generations<T> {
    young: FxHashMap<u64, Arc<T>>,
    old: FxHashMap<u64, Arc<T>>,
}

impl<T> Cache<T> {
    pub(super) fn new(size: usize) -> Self {
        let generations = Generations { young: FxHashMap::default(), old: FxHashMap::default() };
        Self { size, generations: Mutex::new(generations) }
    }

    /// The value cached under `key`, or else the one that `make` returns now.
    pub(super) fn get_or_insert_with(&self, key: u64, make: impl FnOnce() -> T) -> Arc<T> {
        let mut generations = self.generations.lock();
        if let Some(known) = generations.young.get(&key) {
            return Arc::clone(known);
        }
        let known = match generations.old.remove(&key) {
            Some(known) => known,
            None => {
                // Other threads continue meanwhile; making a value twice is harmless.
                drop(generations);
                let made = Arc::new(make());
                generations = self.generations.lock();
                made
            }
        };
        if generations.young.len() >= self.size {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, Arc::clone(&known));
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_values_stay_and_memory_is_bounded() {
        let cache = Cache::new(10);
        let mut made = 0;
        for n in 0..1_000 {
            for key in [7, 1_000 + n] {
                let got = cache.get_or_insert_with(key, || {
                    made += 1;
                    key
                });
                assert_eq!(*got, key);
            }
        }
        assert_eq!(made, 1_001, "the common one is made once");
        let held = cache.generations.lock();
        assert!(held.young.len() + held.old.len() <= 20);
    }
}
