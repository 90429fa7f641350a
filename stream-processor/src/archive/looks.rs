//! Views of tables that follow from sessions. All sessions of one moment are copied some at a time,
//! as for a snapshot (`taking`): copying a large audience at once would hold events up for seconds.
//! The caller makes rows of the copy. Requests that arrive while a copy is under way share one of a
//! later moment.

use std::collections::VecDeque;
use std::sync::Arc;

use tallylight_store::history::{Ask, Copied};
use tokio::time::Instant;

use super::{Archive, rows};
use crate::pure::session::moment::Moment;
use crate::pure::session::words::Words;
use crate::read::Partitions;

/// After a step waiting events have the thread to themselves for this many times as long.
const PAUSE: u32 = 4;

/// The requests for views of sessions.
#[derive(Debug, Default)]
pub(super) struct Looks {
    waiting: VecDeque<Ask>,
    under_way: Option<Look>,
    /// When to continue although events wait.
    due: Option<Instant>,
}

/// A copy of all sessions that is being made.
#[derive(Debug)]
struct Look {
    asked: Vec<Ask>,
    final_up_to: i64,
    /// Of the partitions that are not complete yet, in their order.
    words: VecDeque<Words>,
    whole: Vec<Moment>,
}

impl Looks {
    pub(super) fn wait(&mut self, ask: Ask) {
        self.waiting.push_back(ask);
    }

    /// How many wait for the next copy.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The state was replaced: a copy under way begins again.
    pub(super) fn begin_again(&mut self) {
        let asked = self.under_way.take().into_iter().flat_map(|look| look.asked);
        asked.for_each(|ask| self.waiting.push_front(ask));
    }
}

impl Look {
    /// Begins with the state as it is, between two entries.
    fn begin(mut asked: Vec<Ask>, partitions: &mut Partitions, final_up_to: i64) -> Self {
        asked.iter_mut().for_each(Ask::take);
        let words = partitions.states_mut().iter_mut().map(|state| state.begin_moment());
        Self { asked, final_up_to, words: words.collect(), whole: Vec::new() }
    }

    /// Copies this many sessions; whether the copy is complete.
    fn go_on(
        &mut self,
        partitions: &mut Partitions,
        mut sessions: usize,
    ) -> postcard::Result<bool> {
        while let Some(state) = partitions.states_mut().get_mut(self.whole.len()) {
            let Some(copy) = state.go_on_with_moment(&mut sessions) else { return Ok(false) };
            let words = self.words.pop_front().unwrap_or_default();
            self.whole.push(Moment::new(words, copy?));
        }
        Ok(true)
    }

    fn answer(self) {
        let (whole, final_up_to) = (Arc::new(self.whole), self.final_up_to);
        for ask in self.asked {
            let (table, whole) = (ask.table(), Arc::clone(&whole));
            ask.answer(Some(Copied::new(final_up_to, move || rows::of_moments(table, &whole))));
        }
    }
}

impl Archive {
    /// Copies some more sessions of the state, which is at `position`, for waiting requests. If
    /// events wait, they get their share of time first.
    pub(crate) fn go_on_looking(
        &mut self,
        partitions: &mut Partitions,
        position: u64,
        events_wait: bool,
    ) {
        let began = Instant::now();
        if events_wait && self.looks.due.is_some_and(|due| due > began) {
            return;
        }
        self.begin_to_look(partitions, position);
        self.look_on(partitions);
        self.looks.due = Some(Instant::now() + began.elapsed() * PAUSE);
    }

    /// Begins a copy for all waiting requests, unless one is under way.
    fn begin_to_look(&mut self, partitions: &mut Partitions, position: u64) {
        if self.looks.under_way.is_some() {
            return;
        }
        let waiting = std::mem::take(&mut self.looks.waiting).into_iter();
        let still = waiting.filter(|ask| !ask.is_gone());
        let (behind, asked): (Vec<Ask>, Vec<Ask>) =
            still.partition(|ask| self.is_behind(ask.table(), position));
        behind.into_iter().for_each(|ask| ask.answer(None));
        if !asked.is_empty() {
            let final_up_to = self.final_up_to();
            self.looks.under_way = Some(Look::begin(asked, partitions, final_up_to));
        }
    }

    fn look_on(&mut self, partitions: &mut Partitions) {
        let Some(mut look) = self.looks.under_way.take() else { return };
        match look.go_on(partitions, self.settings.view_sessions) {
            Ok(false) => self.looks.under_way = Some(look),
            Ok(true) => look.answer(),
            Err(error) => {
                tracing::error!(%error, "no sessions of the state for a view");
                look.asked.into_iter().for_each(|ask| ask.answer(None));
            }
        }
    }

    /// Whether a request waits for a copy.
    pub(crate) fn is_looking(&self) -> bool {
        self.looks.under_way.is_some() || self.looks.waiting() > 0
    }
}
