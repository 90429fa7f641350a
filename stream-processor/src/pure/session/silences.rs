//! Silences between facts: log time gave a session up where it was last seen, and it was seen
//! again. The time between is in no figure. Whatever arrives late or moves, a silence stays exactly
//! where it holds: between two facts that are more than [`TIMEOUT_MS`] apart. A silence at the end
//! is noted again by the store.

use super::fact::{Fact, Origin};
use super::timeline::{Panes, Timeline};
use crate::pure::watermark::TIMEOUT_MS;

impl Timeline {
    /// Inserts a fact at place `at`, before others. A silence between its neighbours becomes one
    /// before it, one behind it, both, or none; one that is final stays before it.
    pub(super) fn insert_at(&mut self, at: usize, fact: Fact, to: &mut Panes<'_>) {
        let before = at.checked_sub(1).and_then(|at| self.recent().iter().nth(at));
        let silence = before.map(|mark| mark.fact).filter(|one| one.origin == Origin::Silence);
        let is_final = at == 0 && self.base().silent;
        let mut later = self.take_back(at - usize::from(silence.is_some()), to);
        later.drain(..usize::from(silence.is_some()));
        if silence.is_some() || is_final {
            later.insert(0, Fact::silence(fact.at));
            keep(&mut later);
        }
        let mut new: Vec<Fact> = silence.into_iter().chain([fact]).collect();
        keep(&mut new);
        new.into_iter().for_each(|one| self.push(one, to));
        self.push_again(later, to);
    }
}

/// Moves each fact to its time by `place`, and silences with the fact before them. Silences that
/// hold stay, except one at the end.
pub(super) fn retime(facts: &mut Vec<Fact>, place: impl Fn(&Fact) -> i64) {
    let mut heard = None;
    for fact in facts.iter_mut() {
        fact.at = match fact.origin {
            Origin::Silence => heard.unwrap_or(fact.at),
            _ => place(fact),
        };
        heard = Some(fact.at);
    }
    facts.sort_by_key(Fact::order);
    keep(facts);
    facts.pop_if(|last| last.origin == Origin::Silence);
}

/// Drops the silences that do not hold.
fn keep(facts: &mut Vec<Fact>) {
    let mut next: Option<i64> = None;
    let mut kept: Vec<Fact> = Vec::with_capacity(facts.len());
    for fact in facts.drain(..).rev() {
        let holds = next.is_none_or(|next| next - fact.at > TIMEOUT_MS);
        if fact.origin != Origin::Silence || holds {
            next = Some(fact.at);
            kept.push(fact);
        }
    }
    kept.reverse();
    *facts = kept;
}
