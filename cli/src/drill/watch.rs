//! Watches the platform while a fault is on, and after it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::look::{Look, Looker};
use super::{EVERY, Run, STEADY, Switch};

/// A fault that affects no viewer within this time affects none.
const HITS_WITHIN: Duration = Duration::from_secs(20);

/// Follows one run, from the click.
pub(super) struct Watch<'a> {
    looker: &'a Looker,
    switch: &'a Switch,
    before: Look,
    clicked: Instant,
    hit_at: Option<Instant>,
    healthy_since: Option<Instant>,
    run: Run,
}

impl<'a> Watch<'a> {
    pub(super) fn begin(looker: &'a Looker, switch: &'a Switch, before: Look) -> Self {
        let (clicked, run) = (Instant::now(), Run::default());
        Self { looker, switch, before, clicked, hit_at: None, healthy_since: None, run }
    }

    /// Looks until the run is over, or for `within`.
    pub(super) async fn follow(&mut self, within: Duration) {
        let began = Instant::now();
        while began.elapsed() < within && !self.is_over() {
            match self.looker.look().await {
                Ok(look) => self.see(&look),
                // The fault may be in what is queried: then there is nothing to see.
                Err(error) => tracing::debug!(%error, "a look failed"),
            }
            sleep(EVERY).await;
        }
    }

    fn see(&mut self, look: &Look) {
        let target = self.switch.target.as_str();
        if let Some(incident) = look.named(target, &self.before.open) {
            self.run.named_s.get_or_insert(self.clicked.elapsed().as_secs_f64());
            // The cause becomes more precise with time; the part that it names stays.
            self.run.cause = Some(incident.cause.clone());
        }
        self.run.hit = self.run.hit.max(look.hit(target));
        if look.is_hit(target) {
            self.hit_at.get_or_insert_with(Instant::now);
            self.healthy_since = None;
        } else if self.hit_at.is_some() {
            self.healthy_since.get_or_insert_with(Instant::now);
        }
    }

    /// Whether viewers were affected and have been healthy for long enough since.
    pub(super) fn recovered(&self) -> bool {
        self.healthy_since.is_some_and(|since| since.elapsed() >= STEADY)
    }

    /// Whether the fault is named and viewers have recovered, or were not affected at all.
    fn is_over(&self) -> bool {
        let recovered = match self.hit_at {
            Some(_) => self.recovered(),
            None => self.clicked.elapsed() >= HITS_WITHIN,
        };
        self.run.named_s.is_some() && recovered
    }

    /// The result; `was_healthy` says whether viewers had recovered when the fault was switched
    /// off.
    pub(super) fn end(self, was_healthy: bool) -> Run {
        let since = self.healthy_since.filter(|_| self.recovered());
        let recovered_s = since.map(|at| (at - self.clicked).as_secs_f64());
        Run { recovered_s, after_off: recovered_s.is_some() && !was_healthy, ..self.run }
    }
}
