//! What is seen while a fault is on, and after it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::look::{Look, Looker};
use super::{EVERY, Run, STEADY, Switch};

/// A fault that hits nobody within this long does not.
const HITS_WITHIN: Duration = Duration::from_secs(20);

/// Follows one run, from the click.
pub(super) struct Watch<'a> {
    looker: &'a Looker,
    switch: &'a Switch,
    before: Look,
    clicked: Instant,
    ill_at: Option<Instant>,
    pub(super) well_since: Option<Instant>,
    run: Run,
}

impl<'a> Watch<'a> {
    pub(super) fn begin(looker: &'a Looker, switch: &'a Switch, before: Look) -> Self {
        let (clicked, run) = (Instant::now(), Run::default());
        Self { looker, switch, before, clicked, ill_at: None, well_since: None, run }
    }

    /// Looks until all is over, or for so long.
    pub(super) async fn follow(&mut self, within: Duration) {
        let began = Instant::now();
        while began.elapsed() < within && !self.is_over() {
            match self.looker.look().await {
                Ok(look) => self.see(&look),
                // What is broken may be what is asked: then there is nothing to see.
                Err(error) => tracing::debug!(%error, "a look failed"),
            }
            sleep(EVERY).await;
        }
    }

    fn see(&mut self, look: &Look) {
        let target = self.switch.target.as_str();
        if let Some(incident) = look.named(target, &self.before.open) {
            self.run.named_s.get_or_insert(self.clicked.elapsed().as_secs_f64());
            // Its words get better while more is seen; the part that it names stays.
            self.run.cause = Some(incident.cause.clone());
        }
        self.run.hit = self.run.hit.max(look.hit(target));
        if look.is_hit(target) {
            self.ill_at.get_or_insert_with(Instant::now);
            self.well_since = None;
        } else if self.ill_at.is_some() {
            self.well_since.get_or_insert_with(Instant::now);
        }
    }

    /// Named, and viewers well: for a while after they were hit, or not hit at all.
    fn is_over(&self) -> bool {
        let well = match self.ill_at {
            Some(_) => self.well_since.is_some_and(|since| since.elapsed() >= STEADY),
            None => self.clicked.elapsed() >= HITS_WITHIN,
        };
        self.run.named_s.is_some() && well
    }

    /// What came of it; `was_well` when the fault was switched off.
    pub(super) fn end(self, was_well: bool) -> Run {
        let well_s = self.well_since.map(|at| (at - self.clicked).as_secs_f64());
        Run { well_s, after_off: well_s.is_some() && !was_well, ..self.run }
    }
}
