//! Words that sessions share: a million viewers have a few hundred countries, devices, players.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use serde::{Deserialize, Deserializer};

use super::epoch::Epoch;

/// Words below which nothing is looked through.
const FEW: usize = 1_024;

/// Each word once. One that no session says any more is dropped when there are twice as many
/// words as were in use the last time.
#[derive(Debug, Clone, Default)]
pub struct Words {
    known: FxHashSet<Arc<str>>,
    in_use: usize,
}

impl Words {
    /// The word, as everybody has it.
    pub(super) fn share(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.known.get(word) {
            return Arc::clone(known);
        }
        if self.known.len() >= FEW.max(2 * self.in_use) {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.in_use = self.known.len();
        }
        let word: Arc<str> = Arc::from(word);
        self.known.insert(Arc::clone(&word));
        word
    }

    /// Takes the shared word for one of a session's own.
    pub(super) fn replace(&mut self, word: &mut Option<Arc<str>>) {
        if let Some(own) = word {
            *own = self.share(own);
        }
    }
}

/// Places of epochs out of a snapshot, which has each session's words in full.
pub(super) fn sharing<'de, D>(from: D) -> Result<Vec<Option<Box<Epoch>>>, D::Error>
where
    D: Deserializer<'de>,
{
    let mut slots = Vec::<Option<Box<Epoch>>>::deserialize(from)?;
    let mut words = Words::default();
    slots.iter_mut().flatten().for_each(|epoch| epoch.share(&mut words));
    Ok(slots)
}

/// A queue that grows by little: there are as many as there are viewers.
pub(super) fn push_tight<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() == queue.capacity() {
        queue.reserve_exact(2.max(queue.len() / 8));
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_there_once_and_words_out_of_use_go() {
        let mut words = Words::default();
        let (one, same) = (words.share("DE"), words.share("DE"));
        assert!(Arc::ptr_eq(&one, &same));
        for n in 0..100_000 {
            words.share(&format!("word-{n}"));
        }
        assert!(words.known.len() <= FEW + 1, "{}", words.known.len());
        assert!(Arc::ptr_eq(&one, &words.share("DE")));
    }
}
