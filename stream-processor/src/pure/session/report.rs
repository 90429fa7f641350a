//! A session as the row that tables and the sessions API show.

use tallylight_schemas::session::{Outcome, SessionRow};

use super::fact::Token;
use super::machine::Machine;
use super::sid::Sid;
use super::words::Words;
use crate::pure::window::Watching;

/// Identifies a playback.
#[derive(Debug, Clone, Copy)]
pub struct Playback<'a> {
    /// The viewer's tenant.
    pub tenant: &'a str,
    /// The player's session id.
    pub sid: &'a Sid,
    /// Which of the playbacks of the sid.
    pub epoch: u32,
}

impl Machine {
    fn outcome(&self) -> Outcome {
        match (self.story.first_frame_at.is_some(), self.story.terminal) {
            _ if self.is_open() => Outcome::Playing,
            (true, Some(Token::Fatal)) => Outcome::Failed,
            (true, _) => Outcome::Played,
            (false, Some(Token::Fatal)) => Outcome::StartFailed,
            (false, _) if self.story.errored && self.story.attempted => Outcome::StartFailed,
            (false, _) => Outcome::ExitBeforeStart,
        }
    }

    /// How long the viewer waited for a first frame, if the attempt began.
    fn waited_ms(&self) -> Option<i64> {
        if self.story.first_frame_at.is_some() {
            return self.story.startup_ms();
        }
        self.story.waited_until(self.seldom().ended_at.get().unwrap_or(self.at))
    }

    /// The row of the session so far. Times in a state run up to the newest fact.
    pub fn row(&self, of: Playback<'_>, late_events: u64, words: &Words) -> SessionRow {
        let text = |word| words.owned(word);
        let micros = |ms: Option<i64>| ms.map(|ms| ms * 1_000);
        let spent = |state: Watching| self.spent(state);
        let (here, seldom) = (self.dimensions(), self.seldom());
        let rated_ms = self.kbps_known_ms();
        let latency = self.story.latency_ms.ends();
        let repaired = self.repaired();
        let rebuffering_ms = spent(Watching::Rebuffering) + repaired.stalled_ms;
        SessionRow {
            tenant: of.tenant.to_owned(),
            sid: of.sid.text(),
            epoch: of.epoch,
            cid: text(here.content),
            device: text(here.device),
            country: text(here.country),
            os: text(here.os),
            player: text(here.player),
            asn: here.asn,
            edge: text(here.edge),
            pipeline: text(here.pipeline),
            started_at: micros(self.story.started_at()),
            first_frame_at: micros(self.story.first_frame_at.get()),
            ended_at: micros(seldom.ended_at.get()),
            outcome: self.outcome(),
            startup_ms: self.story.startup_ms(),
            waited_ms: self.waited_ms(),
            msd_ms: self.story.msd_ms.get().map(i64::from),
            // Stalls that only the player's count shows had been taken for playing or starting.
            starting_ms: spent(Watching::Starting) - repaired.as_starting_ms,
            playing_ms: (spent(Watching::Playing) - repaired.stalled_ms).max(0),
            rebuffering_ms,
            rebuffer_count: seldom.rebuffer_count + repaired.stalls,
            rebuffers: seldom.rebuffers.iter().map(|(start, ms)| (start * 1_000, *ms)).collect(),
            seeking_ms: spent(Watching::Seeking),
            seek_count: seldom.seek_count,
            background_ms: seldom.hidden_ms,
            // The player's own count may make stalls shorter than they were seen.
            background_rebuffering_ms: seldom.hidden_rebuffering_ms.min(rebuffering_ms),
            avg_bitrate_kbps: (rated_ms > 0).then(|| self.kbps_ms / rated_ms),
            bitrate_ms: rated_ms,
            bitrate_kbps_ms: self.kbps_ms,
            switches: i64::from(self.story.switches_up) + i64::from(self.story.switches_down),
            live_latency_ms: self.latency_ms.get().map(i64::from),
            error_code: text(seldom.error),
            state: self.token.map(|token| token.as_str().to_owned()),
            events: self.events.into(),
            lost_events: u64::try_from(seldom.lost).unwrap_or(0),
            late_events,
            last_seen: self.last_seen() * 1_000,
            derived: self.story.derived,
            switches_up: self.story.switches_up.into(),
            switches_down: self.story.switches_down.into(),
            least_latency_ms: latency.map(|(least, _)| least),
            greatest_latency_ms: latency.map(|(_, greatest)| greatest),
            dropped_frames: self.dropped_frames(),
            repaired_rebuffers: repaired.stalls,
            repaired_rebuffering_ms: repaired.stalled_ms,
        }
    }
}
