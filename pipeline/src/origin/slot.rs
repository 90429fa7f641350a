//! The slot of one segment in the schedule, and how it is filled permanently.

use std::sync::Arc;

use bytes::Bytes;
use tallylight_schemas::clock::Clock;

use super::copies::{Copies, Copy};
use super::masks::Masks;
use super::pure::choose::{Candidate, Choice, Quality, Times, choose};
use super::pure::schedule::{Schedule, Verdict};
use super::track::{Fixed, SLATE, Track};
use crate::ladder::{self, Ladder};
use crate::mp4::{self, Mp4Error};

/// Segment K of a track.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// The stream's ladder.
    pub ladder: Arc<Ladder>,
    /// The track's index in the ladder.
    pub(super) rung: usize,
    /// The track's stored objects.
    pub track: Arc<Track>,
    /// The stream's schedule.
    pub schedule: Schedule,
    /// The segment's number.
    pub k: u64,
    /// The stream's order of preference and masks.
    pub masks: Arc<Masks>,
}

/// The result of offering an acceptable copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    /// It is served already.
    Known,
    /// Recorded: another copy is served, or this one is served only if nothing better arrives.
    Spare,
    /// It is sound and may be chosen; see [`Slot::decide`].
    Candidate,
}

/// Why an offered copy was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// K has not begun.
    Early,
    /// K has left the window.
    Gone,
    /// The slate has replaced K, or its slate time has passed.
    Late,
    /// This pipeline has sent other bytes for K before.
    Fixed,
    /// K has copies of as many pipelines as it may have.
    Crowded,
}

/// Whether K is decided.
#[derive(Debug, Clone)]
pub(super) enum Decision {
    /// It is; the flag tells whether this call decided it.
    Fixed(Fixed, bool),
    /// Not before this moment, Unix µs, unless another copy arrives.
    Open(i64),
    /// It can only be the slate, and none is stored.
    NoSlate,
}

impl Slot {
    /// What the ladder says about the track.
    pub(super) fn rung(&self) -> Option<&ladder::Track> {
        self.ladder.tracks.get(self.rung)
    }

    /// Whether the init segment that this segment needs is stored, and the slate for it.
    pub(super) fn is_announced(&self) -> bool {
        let has_init = self.rung().is_some_and(|rung| self.track.init(&rung.init).is_some());
        has_init && self.slate().is_some()
    }

    /// Records a pipeline's copy. The caller decides next: the copy alone changes nothing.
    pub(super) async fn offer(
        &self,
        copy: Copy,
        body: Bytes,
        clock: &dyn Clock,
    ) -> Result<Offered, Refused> {
        let _writer = self.track.writer.lock().await;
        let earlier = self.track.copies(self.k).into_iter().find(|c| c.pipeline == copy.pipeline);
        // An earlier report that there is nothing usable does not stop a copy that arrives later.
        let earlier = earlier.filter(|earlier| earlier.quality() != Quality::Unusable);
        if let Some(fixed) = self.track.fixed(self.k) {
            return self.offer_after_choice(copy, earlier.as_ref(), &fixed).await;
        }
        match self.schedule.verdict(self.k, false, clock.now_us()) {
            Verdict::Early { .. } => return Err(Refused::Early),
            Verdict::Gone => return Err(Refused::Gone),
            Verdict::Ready | Verdict::Hold { .. } | Verdict::Slate => {}
        }
        // The sender of a masked copy need not wait for the choice: the copy is only recorded.
        let may_serve =
            copy.quality() == Quality::Sound && !self.masks.masked().contains(&copy.pipeline);
        match earlier {
            Some(earlier) if earlier.hash != copy.hash => return Err(Refused::Fixed),
            Some(_) => {}
            None => {
                let late = copy.arrived_us >= self.schedule.grid.slate_us(self.k);
                let body = (!body.is_empty() && !late).then_some(body);
                let recorded = self.record(copy, body);
                if late {
                    return Err(Refused::Late);
                }
                recorded?;
            }
        }
        Ok(if may_serve { Offered::Candidate } else { Offered::Spare })
    }

    /// Records a copy that arrived after K was fixed; its bytes are not needed.
    async fn offer_after_choice(
        &self,
        copy: Copy,
        earlier: Option<&Copy>,
        fixed: &Fixed,
    ) -> Result<Offered, Refused> {
        let pipeline_is_served = *fixed.pipeline == *copy.pipeline;
        if pipeline_is_served && fixed.hash == copy.hash {
            return Ok(Offered::Known);
        }
        let sent_other_bytes =
            pipeline_is_served || earlier.is_some_and(|earlier| earlier.hash != copy.hash);
        let mut recorded = Ok(());
        if earlier.is_none() && !pipeline_is_served {
            recorded = self.record(copy, None);
            if recorded.is_ok() {
                self.write_choice(fixed).await;
            }
        }
        if fixed.is_slate() {
            Err(Refused::Late)
        } else if sent_other_bytes {
            Err(Refused::Fixed)
        } else {
            recorded.map(|()| Offered::Spare)
        }
    }

    /// Records a copy, if there is a place for one of its pipeline.
    fn record(&self, copy: Copy, body: Option<Bytes>) -> Result<(), Refused> {
        let crowded = |all: &Copies| self.masks.is_crowded(all.of(self.k), &copy.pipeline);
        if self.track.with_copies(crowded) {
            return Err(Refused::Crowded);
        }
        self.track.record(self.k, copy, body);
        Ok(())
    }

    /// Decides what K is, if it can be decided now. An earlier decision is final.
    pub(super) async fn decide(&self, clock: &dyn Clock) -> Decision {
        let _writer = self.track.writer.lock().await;
        if let Some(fixed) = self.track.fixed(self.k) {
            return Decision::Fixed(fixed, false);
        }
        let copies = self.track.copies(self.k);
        let fixed = match self.choice(&copies, clock.now_us()) {
            Choice::Open(until) => return Decision::Open(until),
            Choice::Pipeline(name) => self.chosen(&copies, name, clock.now_us()),
            Choice::Slate => self.slate(),
        };
        match fixed {
            Some(fixed) => {
                self.fix(fixed.clone()).await;
                Decision::Fixed(fixed, true)
            }
            None => Decision::NoSlate,
        }
    }

    fn choice<'a>(&self, copies: &'a [Copy], now_us: i64) -> Choice<'a> {
        let candidates: Vec<Candidate<'_>> = copies.iter().map(Copy::candidate).collect();
        let masked = self.masks.masked();
        let before = self.track.copies(self.k.saturating_sub(1));
        let missing = |name: &str| before.iter().all(|copy| copy.pipeline != name);
        let pipelines = self.masks.pipelines(&masked, missing);
        let due_us = self.schedule.due_us(self.k);
        let times = Times { due_us, slate_us: self.schedule.grid.slate_us(self.k) };
        choose(&candidates, &pipelines, times, now_us)
    }

    fn chosen(&self, copies: &[Copy], name: &str, now_us: i64) -> Option<Fixed> {
        let copy = copies.iter().find(|copy| copy.pipeline == name)?;
        let body = self.track.with_copies(|all| all.body(self.k, name))?;
        Some(Fixed { pipeline: name.into(), published_us: now_us, hash: copy.hash, body })
    }

    fn slate(&self) -> Option<Fixed> {
        let slate = self.track.slate(self.ladder.slate_number(self.rung()?, self.k)?)?;
        Some(Fixed {
            pipeline: SLATE.into(),
            published_us: self.schedule.grid.slate_us(self.k),
            hash: slate.hash,
            body: slate.bytes,
        })
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

    /// Writes to disk first: what was served must still be served after a restart. A disk failure
    /// does not stop the stream, though: viewers matter more than that promise.
    async fn fix(&self, fixed: Fixed) {
        let copies = self.track.copies(self.k);
        if let Err(error) = self.track.disk.write_fixed(self.k, &fixed, copies).await {
            tracing::error!(k = self.k, %error, "a segment is in memory only: its write failed");
        }
        self.track.fix(self.k, fixed);
    }

    /// Rewrites the record of the copies after one arrived later than the choice.
    async fn write_choice(&self, fixed: &Fixed) {
        let copies = self.track.copies(self.k);
        if let Err(error) = self.track.disk.write_choice(self.k, fixed, copies).await {
            tracing::error!(k = self.k, %error, "a copy's facts are in memory only: their write failed");
        }
    }
}
