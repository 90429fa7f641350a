//! Silences between facts: log time gave a session up where it was last heard of, and it was heard
//! again. The time between is in no figure, so a silence has to stay where it holds and go where it
//! does not, whatever came late or moved: it holds between two facts that are more than
//! [`TIMEOUT_MS`] apart. One that nothing follows is the store's to say again.

use super::fact::{Fact, Origin};
use super::timeline::{Panes, Timeline};
use crate::pure::watermark::TIMEOUT_MS;

impl Timeline {
    /// Puts a fact in at place `at`, before others. A silence between its neighbours is one before it,
    /// one behind it, both, or none then; one that is final stays before it.
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

/// Moves the facts in order with `place`, and silences with what they follow; those stay that hold,
/// but for one at the end.
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

/// Leaves out the silences that do not hold.
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
