//! The place of one segment in the schedule, and how it comes to be filled for good.

use std::sync::Arc;

use bytes::Bytes;
use tallylight_schemas::clock::Clock;

use super::pure::choose::{Candidate, Choice, choose};
use super::pure::schedule::{Schedule, Verdict};
use super::track::{Fixed, SLATE, Track};
use crate::ladder::{self, Ladder};
use crate::mp4::{self, Mp4Error};

/// Segment K of a track.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The stream's ladder.
    pub ladder: Arc<Ladder>,
    /// Which of the ladder's tracks.
    pub(super) rung: usize,
    /// What is stored of the track.
    pub track: Arc<Track>,
    /// The stream's schedule.
    pub schedule: Schedule,
    /// The segment's number.
    pub k: u64,
}

/// Why an offered segment was not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// K has not begun.
    Early,
    /// K has left the window.
    Gone,
    /// The slate has taken K's place, or its time has come.
    Late,
    /// K is fixed as other bytes, of this pipeline.
    Fixed(Arc<str>),
}

impl Place {
    /// What the ladder says about the track.
    pub(super) fn rung(&self) -> Option<&ladder::Track> {
        self.ladder.tracks.get(self.rung)
    }

    /// Takes `pipeline`'s copy, if nothing has been fixed yet. `true` when this fixed it,
    /// `false` when the very same copy was there already.
    pub(super) async fn offer(
        &self,
        pipeline: &str,
        hash: u64,
        body: Bytes,
        clock: &dyn Clock,
    ) -> Result<bool, Refused> {
        let _writer = self.track.writer.lock().await;
        if let Some(fixed) = self.track.fixed(self.k) {
            return match fixed {
                fixed if *fixed.pipeline == *pipeline && fixed.hash == hash => Ok(false),
                fixed if fixed.is_slate() => Err(Refused::Late),
                fixed => Err(Refused::Fixed(fixed.pipeline)),
            };
        }
        let now_us = clock.now_us();
        match self.schedule.verdict(self.k, false, now_us) {
            Verdict::Early { .. } => return Err(Refused::Early),
            Verdict::Gone => return Err(Refused::Gone),
            Verdict::Ready | Verdict::Hold { .. } | Verdict::Slate => {}
        }
        let candidate = Candidate { pipeline, valid: true, arrived_us: now_us };
        match choose(&[candidate], self.slate_us(), now_us) {
            Choice::Pipeline(chosen) => {
                self.fix(Fixed { pipeline: chosen.into(), published_us: now_us, hash, body }).await;
                Ok(true)
            }
            Choice::Slate | Choice::Open => Err(Refused::Late),
        }
    }

    /// Fixes K as the slate if its time has come and nothing else was fixed. The flag says
    /// whether this did it. `None` while K may still come, or there is no slate to show.
    pub(super) async fn settle(&self, clock: &dyn Clock) -> Option<(Fixed, bool)> {
        let _writer = self.track.writer.lock().await;
        if let Some(fixed) = self.track.fixed(self.k) {
            return Some((fixed, false));
        }
        let slate_us = self.slate_us();
        if choose(&[], slate_us, clock.now_us()) != Choice::Slate {
            return None;
        }
        let slate = self.track.slate(self.ladder.slate_number(self.rung()?, self.k)?)?;
        let fixed = Fixed {
            pipeline: SLATE.into(),
            published_us: slate_us,
            hash: slate.hash,
            body: slate.bytes,
        };
        self.fix(fixed.clone()).await;
        Some((fixed, true))
    }

    /// The bytes to serve: a slate is moved to K's time first.
    pub(super) fn body(&self, fixed: &Fixed) -> Result<Bytes, Mp4Error> {
        if !fixed.is_slate() {
            return Ok(fixed.body.clone());
        }
        let tfdt = self.rung().and_then(|rung| self.ladder.tfdt(rung, self.k)).unwrap_or(0);
        // mfhd's sequence number is 32 bits wide; K modulo that is what the packager writes.
        let sequence = u32::try_from(self.k & u64::from(u32::MAX)).unwrap_or(0);
        mp4::retime(&fixed.body, tfdt, sequence).map(Bytes::from)
    }

    fn slate_us(&self) -> i64 {
        self.schedule.grid.slate_us(self.k)
    }

    /// On disk first: what was served once must still be there after a restart. A disk that
    /// fails does not stop the stream, though: viewers matter more than that promise.
    async fn fix(&self, fixed: Fixed) {
        if let Err(error) = self.track.disk.write_fixed(self.k, &fixed).await {
            tracing::error!(k = self.k, %error, "a segment is in memory only: its write failed");
        }
        self.track.fix(self.k, fixed);
    }
}
