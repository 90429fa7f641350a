//! The place of one segment in the schedule, and how it comes to be filled for good.

use std::sync::Arc;

use bytes::Bytes;
use tallylight_schemas::clock::Clock;

use super::copies::Copy;
use super::masks::Masks;
use super::pure::choose::{Candidate, Choice, Quality, Times, choose};
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
    /// The stream's preference and masks.
    pub masks: Arc<Masks>,
}

/// What became of an offered copy that was no mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    /// It was there already.
    Known,
    /// Noted: another copy is served, or it will be served only if nothing better comes.
    Spare,
    /// It is sound and may be chosen; see [`Place::decide`].
    Candidate,
}

/// Why an offered segment was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// K has not begun.
    Early,
    /// K has left the window.
    Gone,
    /// The slate has taken K's place, or its time has come.
    Late,
    /// This pipeline has sent other bytes for K before.
    Fixed,
}

/// Whether K is decided.
#[derive(Debug, Clone)]
pub(super) enum Decision {
    /// It is; the flag says whether this call did it.
    Fixed(Fixed, bool),
    /// Not before this moment, Unix µs, unless something arrives.
    Open(i64),
    /// It can only be the slate, and there is none.
    NoSlate,
}

impl Place {
    /// What the ladder says about the track.
    pub(super) fn rung(&self) -> Option<&ladder::Track> {
        self.ladder.tracks.get(self.rung)
    }

    /// Notes a pipeline's copy. Whoever offers decides next: the copy alone changes nothing.
    pub(super) async fn offer(
        &self,
        copy: Copy,
        body: Bytes,
        clock: &dyn Clock,
    ) -> Result<Offered, Refused> {
        let _writer = self.track.writer.lock().await;
        let before = self.track.copies(self.k).into_iter().find(|c| c.pipeline == copy.pipeline);
        // News that there is nothing usable does not stand in the way of a copy that comes.
        let before = before.filter(|before| before.quality() != Quality::Unusable);
        if let Some(fixed) = self.track.fixed(self.k) {
            let same = *fixed.pipeline == *copy.pipeline && fixed.hash == copy.hash;
            if same {
                return Ok(Offered::Known);
            }
            let (own, other_bytes) =
                (*fixed.pipeline == *copy.pipeline, before.as_ref().map(|b| b.hash != copy.hash));
            if before.is_none() && !own {
                self.track.note(self.k, copy, None);
                self.write_choice(&fixed).await;
            }
            return match (fixed.is_slate(), own || other_bytes == Some(true)) {
                (true, _) => Err(Refused::Late),
                (false, true) => Err(Refused::Fixed),
                (false, false) => Ok(Offered::Spare),
            };
        }
        match self.schedule.verdict(self.k, false, clock.now_us()) {
            Verdict::Early { .. } => return Err(Refused::Early),
            Verdict::Gone => return Err(Refused::Gone),
            Verdict::Ready | Verdict::Hold { .. } | Verdict::Slate => {}
        }
        // A masked one is not worth an answer's wait: it is only noted.
        let may_serve =
            copy.quality() == Quality::Sound && !self.masks.masked().contains(&copy.pipeline);
        match before {
            Some(before) if before.hash != copy.hash => return Err(Refused::Fixed),
            Some(_) => {}
            None => {
                let late = copy.arrived_us >= self.schedule.grid.slate_us(self.k);
                let body = (!body.is_empty() && !late).then_some(body);
                self.track.note(self.k, copy, body);
                if late {
                    return Err(Refused::Late);
                }
            }
        }
        Ok(if may_serve { Offered::Candidate } else { Offered::Spare })
    }

    /// Decides what K is, if it can be decided now. What was decided before stands.
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
        let body = self.track.look(|all| all.body(self.k, name))?;
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

    /// On disk first: what was served once must still be there after a restart. A disk that
    /// fails does not stop the stream, though: viewers matter more than that promise.
    async fn fix(&self, fixed: Fixed) {
        let copies = self.track.copies(self.k);
        if let Err(error) = self.track.disk.write_fixed(self.k, &fixed, copies).await {
            tracing::error!(k = self.k, %error, "a segment is in memory only: its write failed");
        }
        self.track.fix(self.k, fixed);
    }

    /// A copy came after the choice: the record of what arrived is written anew.
    async fn write_choice(&self, fixed: &Fixed) {
        let copies = self.track.copies(self.k);
        if let Err(error) = self.track.disk.write_choice(self.k, fixed, copies).await {
            tracing::error!(k = self.k, %error, "what arrived is in memory only: its write failed");
        }
    }
}
