//! The shared state of a topic: its segments, how far they are durable, and what is missing. The
//! writer changes it, all readers use it.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::files::Files;
use super::quarantine::Quarantine;
use super::reader::{self, Span};
use super::segment::Segment;
use crate::{Batch, LogError, TopicSettings, Usage};

/// A segment and the number of its durable bytes.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) segment: Arc<Segment>,
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) struct State {
    /// In order; the last one is active. Never empty once the topic is open.
    pub(super) segments: VecDeque<Placed>,
    /// Next offset to be written.
    pub(super) next: u64,
    /// Why the topic stopped accepting appends.
    pub(super) stopped: Option<String>,
}

impl State {
    fn earliest(&self) -> u64 {
        self.segments.front().map_or(self.next, |placed| placed.segment.base)
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|placed| placed.bytes).sum()
    }

    /// Whether the oldest segment must be dropped. The active one never is.
    fn over(&self, settings: &TopicSettings, now_us: i64) -> bool {
        let Some(second) = self.segments.get(1) else { return false };
        let aged = settings
            .cap_age
            .zip(second.segment.floor_us)
            .is_some_and(|(age, newest)| newest < now_us.saturating_sub(micros(age)));
        aged || self.bytes() > settings.cap_bytes
    }
}

/// A duration in microseconds, the log's unit of time.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) settings: TopicSettings,
    pub(super) dir: PathBuf,
    files: Arc<dyn Files>,
    pub(super) head: watch::Sender<u64>,
    pub(super) state: Mutex<State>,
    /// Separate from the state, so that copying damaged bytes never blocks the writer.
    quarantine: Mutex<Quarantine>,
}

impl Topic {
    pub(super) fn new(
        settings: TopicSettings,
        (files, dir): (Arc<dyn Files>, PathBuf),
        state: State,
        quarantine: Quarantine,
    ) -> Self {
        let head = watch::Sender::new(state.next);
        let (state, quarantine) = (Mutex::new(state), Mutex::new(quarantine));
        Self { settings, dir, files, head, state, quarantine }
    }

    pub(super) fn usage(&self) -> Usage {
        let quarantined_entries = self.quarantine.lock().entries();
        let state = self.state.lock();
        // Offsets start at 0 and only the caps move the earliest offset, so it is also the number
        // of dropped entries and needs no file of its own.
        let earliest = state.earliest();
        Usage {
            bytes: Some(state.bytes()),
            cap_bytes: self.settings.cap_bytes,
            earliest,
            next: state.next,
            dropped_entries: earliest,
            quarantined_entries,
        }
    }

    /// Refuses all further appends.
    pub(super) fn stop(&self, why: &str) {
        tracing::error!(topic = %self.settings.name, why, "the log stopped");
        self.state.lock().stopped.get_or_insert_with(|| why.to_owned());
    }

    /// Makes synced data visible: `bytes` of the active segment, up to offset `next`.
    pub(super) fn publish(&self, bytes: u64, next: u64) {
        let mut state = self.state.lock();
        if let Some(active) = state.segments.back_mut() {
            active.bytes = bytes;
        }
        state.next = next;
        drop(state);
        self.head.send_replace(next);
    }

    /// Drops the oldest segments until the caps are met.
    pub(super) fn enforce_caps(&self, now_us: i64) {
        let mut dropped = false;
        loop {
            let mut state = self.state.lock();
            if !state.over(&self.settings, now_us) {
                break;
            }
            let Some(oldest) = state.segments.pop_front() else { break };
            drop(state);
            let path = &oldest.segment.path;
            match self.files.remove(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), %error, "cannot drop a segment");
                    self.state.lock().segments.push_front(oldest);
                    break;
                }
                _ => tracing::info!(path = %path.display(), "the cap dropped a segment"),
            }
            dropped = true;
        }
        if dropped && let Err(error) = self.files.sync_dir(&self.dir) {
            tracing::warn!(%error, "cannot sync after dropping a segment");
        }
    }

    /// Reads durable entries; blocks on the disk.
    pub(super) fn read(&self, from: u64, max_bytes: usize) -> Result<Batch, LogError> {
        loop {
            let spans = self.spans(from)?;
            if spans.is_empty() {
                return Ok(Batch { next: from, ..Batch::default() });
            }
            let outcome = reader::read(&*self.files, &spans, from, max_bytes)?;
            if outcome.damage.is_empty() {
                return Ok(outcome.batch);
            }
            // A segment that the cap dropped while it was read is not damaged. Each retry has a
            // later earliest offset, so the loop ends.
            let earliest = self.state.lock().earliest();
            if spans.first().is_some_and(|span| span.segment.base < earliest) {
                continue;
            }
            self.quarantine.lock().add(&outcome.damage, earliest);
            return Ok(outcome.batch);
        }
    }

    /// All durable spans; none if `from` is the end.
    fn spans(&self, from: u64) -> Result<Vec<Span>, LogError> {
        let state = self.state.lock();
        if from > state.next {
            return Err(LogError::Invalid(format!(
                "offset {from} of topic {} is past its end, {}; was the log's folder replaced?",
                self.settings.name, state.next
            )));
        }
        if from == state.next {
            return Ok(Vec::new());
        }
        let ends = state.segments.iter().skip(1).map(|placed| placed.segment.base);
        Ok(state
            .segments
            .iter()
            .zip(ends.chain([state.next]))
            .map(|(placed, end)| Span {
                segment: placed.segment.clone(),
                limit: placed.bytes,
                end: Some(end),
            })
            .collect())
    }
}
