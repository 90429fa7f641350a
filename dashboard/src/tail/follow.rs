//! One tail, from its first line to its last.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Bytes;
use futures::FutureExt;
use futures::future::select_all;
use tallylight_eventlog::{Entry, EventLog, LogError};
use tallylight_schemas::record::EVENTS;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

use super::lines::Lines;
use super::offsets::Offsets;
use super::table::Picked;
use crate::sql::Condition;
use crate::{App, reading};

/// Entries by which a tail may be behind before it skips to the end of the log.
const BEHIND: u64 = 10_000;
/// Longest duration of one answer. The client asks again, from where it ended.
const LONGEST: Duration = Duration::from_secs(240);
/// Silence after which an empty line is sent.
const BEAT: Duration = Duration::from_secs(15);

/// What a tail follows, and where its lines go.
#[derive(Debug)]
pub(super) struct Follow {
    pub(super) picked: Picked,
    pub(super) condition: Option<Condition>,
    pub(super) next: Offsets,
    pub(super) to: mpsc::Sender<Bytes>,
}

/// Why a tail ends before its time.
enum End {
    /// The client disconnected; no last line is sent.
    Gone,
    /// The log cannot be read.
    Log(LogError),
}

impl From<LogError> for End {
    fn from(error: LogError) -> Self {
        End::Log(error)
    }
}

impl Follow {
    /// Sends until the client disconnects, the dashboard stops or [`LONGEST`] is over.
    pub(super) async fn run(mut self, app: &App) {
        let mut lines = Lines::default();
        lines.notice("from", &self.next, &self.next);
        let Ok(()) = self.send(&mut lines).await else { return };
        let until = Instant::now() + LONGEST;
        let ended = tokio::select! {
            Err(end) = self.follow(app, &mut lines) => Some(end),
            () = sleep_until(until) => None,
            () = app.stop.cancelled() => None,
        };
        // Lines that were not sent yet are read again from `next`.
        lines.take();
        match ended {
            Some(End::Gone) => return,
            Some(End::Log(error)) => lines.error(&error, &self.next),
            None => lines.notice("end", true, &self.next),
        }
        let _ = self.send(&mut lines).await;
    }

    async fn follow(&mut self, app: &App, lines: &mut Lines) -> Result<Infallible, End> {
        let heads = app.log.iter().map(|log| log.head(EVENTS));
        let mut heads = heads.collect::<Result<Vec<_>, LogError>>()?;
        let mut beats = interval_at(Instant::now() + BEAT, BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            for (shard, log) in app.log.iter().enumerate() {
                let durable = *heads[shard].borrow_and_update();
                self.advance(app, (shard, log.as_ref()), durable, lines, &mut beats).await?;
            }
            let any = select_all(heads.iter_mut().map(|head| Box::pin(head.changed())));
            tokio::select! {
                (changed, _, _) = any => if changed.is_err() {
                    return Err(LogError::Closed("no more entries will come".into()).into());
                },
                _ = beats.tick() => {
                    lines.beat();
                    self.send(lines).await?;
                }
            }
        }
    }

    /// Reads a shard up to `durable`, its last known end.
    async fn advance(
        &mut self,
        app: &App,
        (shard, log): (usize, &dyn EventLog),
        durable: u64,
        lines: &mut Lines,
        beats: &mut Interval,
    ) -> Result<(), End> {
        loop {
            let next = *self.next.of(shard);
            let behind = durable.saturating_sub(next);
            if behind == 0 {
                return Ok(());
            }
            if behind > BEHIND {
                *self.next.of(shard) = durable;
                lines.notice("skipped_entries", behind, &self.next);
                return self.send(lines).await;
            }
            let batch = reading::next(log, EVENTS, next).await?;
            if batch.lost > 0 {
                *self.next.of(shard) += batch.lost;
                lines.notice("lost_entries", batch.lost, &self.next);
            }
            for entry in &batch.entries {
                let mut after = self.next.clone();
                *after.of(shard) = entry.offset + 1;
                self.entry(app, entry, &after, lines);
                if beats.tick().now_or_never().is_some() {
                    lines.beat();
                }
                self.send(lines).await?;
                self.next = after;
                // Another tail, or a query, may need this thread.
                tokio::task::yield_now().await;
            }
            *self.next.of(shard) = batch.next;
        }
    }

    fn entry(&self, app: &App, entry: &Entry, after: &Offsets, lines: &mut Lines) {
        let ours = self.picked.kind().code();
        for part in entry.parts.iter().filter(|part| part.kind == ours) {
            let wrote = self.picked.rows(&part.payload, &app.settings.tenant);
            let wrote = wrote.map_err(|error| error.to_string()).and_then(|rows| {
                let kept = match &self.condition {
                    Some(condition) => condition.keep(&rows).map_err(|error| error.to_string())?,
                    None => rows,
                };
                let shown = self.picked.shown(&kept).map_err(|error| error.to_string())?;
                app.metrics.tail_rows.inc_by(shown.num_rows() as u64);
                lines.rows(&shown).map_err(|error| error.to_string())
            });
            if let Err(error) = wrote {
                lines.error(&error, after);
            }
        }
    }

    async fn send(&self, lines: &mut Lines) -> Result<(), End> {
        let chunk = lines.take();
        if chunk.is_empty() {
            return Ok(());
        }
        self.to.send(chunk.into()).await.map_err(|_| End::Gone)
    }
}
