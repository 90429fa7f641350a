//! Words that sessions share: a million viewers have a few hundred countries, devices, players.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// With fewer new words than this sessions are not searched for unused ones.
const FEW: usize = 1_024;
/// Sessions are searched once there is a new word for each group of this many: so a new word costs
/// the search of a few sessions, however many there are.
const SESSIONS_A_WORD: usize = 8;

/// A word by its number in the [`Words`] of its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Word(NonZeroU32);

impl Word {
    /// The word in a place of [`Words::texts`].
    pub(super) fn at(place: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(place))
    }

    fn at_index(place: usize) -> Self {
        Self::at(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// Its place among [`Words::texts`].
    pub(crate) fn place(self) -> u32 {
        self.0.get() - 1
    }
}

/// Each word once, by number. The number of a word that no session has any more is reused, but only
/// after all sessions were searched.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Written")]
pub struct Words {
    texts: Vec<Option<Arc<str>>>,
    /// With the standard hash, which is keyed: players choose the words, and could choose colliding
    /// ones.
    known: HashMap<Arc<str>, Word>,
    /// Numbers without a word, the smallest last.
    free: Vec<Word>,
    in_use: usize,
}

/// The form in a snapshot; the rest follows from it.
#[derive(Serialize, Deserialize)]
struct Written {
    texts: Vec<Option<Arc<str>>>,
    in_use: usize,
}

impl Serialize for Words {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Written { texts: self.texts.clone(), in_use: self.in_use }.serialize(to)
    }
}

impl From<Written> for Words {
    fn from(Written { texts, in_use }: Written) -> Self {
        let there = texts.iter().enumerate();
        let known =
            there.filter_map(|(at, text)| Some((Arc::clone(text.as_ref()?), Word::at_index(at))));
        let (known, free) = (known.collect(), holes(&texts));
        Self { texts, known, free, in_use }
    }
}

fn holes(texts: &[Option<Arc<str>>]) -> Vec<Word> {
    let free = texts.iter().enumerate().rev().filter(|(_, text)| text.is_none());
    free.map(|(at, _)| Word::at_index(at)).collect()
}

impl Words {
    /// The number of a word.
    pub(super) fn share(&mut self, text: &str) -> Word {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let text: Arc<str> = Arc::from(text);
        let word = match self.free.pop() {
            Some(word) => {
                self.texts[word.place() as usize] = Some(Arc::clone(&text));
                word
            }
            None => {
                self.texts.push(Some(Arc::clone(&text)));
                Word::at_index(self.texts.len() - 1)
            }
        };
        self.known.insert(text, word);
        word
    }

    /// The text of a word.
    pub(crate) fn text(&self, word: Word) -> &str {
        self.texts.get(word.place() as usize).and_then(Option::as_deref).unwrap_or("")
    }

    /// The same for an optional word.
    pub(crate) fn maybe(&self, word: Option<Word>) -> Option<&str> {
        word.map(|word| self.text(word))
    }

    /// The same, to keep.
    pub(crate) fn owned(&self, word: Option<Word>) -> Option<String> {
        self.maybe(word).map(str::to_owned)
    }

    /// Every number's word, in order; none where a number is free.
    pub(crate) fn texts(&self) -> &[Option<Arc<str>>] {
        &self.texts
    }

    /// Number of words.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are so many new words that unused ones are worth searching for in `sessions`.
    pub(super) fn are_many(&self, sessions: usize) -> bool {
        let new = self.len().saturating_sub(self.in_use);
        new >= FEW.max(self.in_use).max(sessions / SESSIONS_A_WORD)
    }

    /// Forgets every word that is not among `used`.
    pub(super) fn keep(&mut self, used: impl Iterator<Item = Word>) {
        let mut kept = vec![false; self.texts.len()];
        for word in used {
            if let Some(kept) = kept.get_mut(word.place() as usize) {
                *kept = true;
            }
        }
        for (text, kept) in self.texts.iter_mut().zip(kept) {
            if !kept && let Some(text) = text.take() {
                self.known.remove(&text);
            }
        }
        self.free = holes(&self.texts);
        self.in_use = self.known.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_one_number_until_nobody_says_it() {
        let mut words = Words::default();
        let (de, fr) = (words.share("DE"), words.share("FR"));
        assert_eq!((words.share("DE"), words.text(fr)), (de, "FR"));
        words.keep([fr].into_iter());
        assert_eq!((words.text(de), words.text(fr)), ("", "FR"));
        assert_eq!((words.share("AT"), words.share("FR")), (de, fr));
    }

    #[test]
    fn words_are_looked_through_when_many_are_new() {
        let mut words = Words::default();
        let first: Vec<Word> = (0..FEW).map(|n| words.share(&n.to_string())).collect();
        assert!(words.are_many(FEW));
        assert!(!words.are_many(FEW * SESSIONS_A_WORD + SESSIONS_A_WORD));
        words.keep(first.iter().copied());
        assert!(!words.are_many(FEW));
    }

    #[test]
    fn they_come_back_from_a_snapshot_with_their_numbers() {
        let mut words = Words::default();
        let all = ["a", "b", "c"].map(|text| words.share(text));
        words.keep([all[0], all[2]].into_iter());
        let bytes = postcard::to_extend(&words, Vec::new()).unwrap_or_default();
        let mut back: Words = postcard::from_bytes(&bytes).unwrap_or_default();
        assert_eq!(all.map(|word| back.text(word).to_owned()), ["a", "", "c"]);
        assert_eq!((back.share("c"), back.share("new")), (all[2], all[1]));
    }
}
