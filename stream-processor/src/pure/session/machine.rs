//! The state machine of one playback epoch. It is fed facts in order of time and says, for
//! each, where the session stands afterwards and what is to be counted at that moment. What
//! it does with a token is in [`super::rules`], what it tells of itself in [`super::report`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::dimensions::Dimensions;
use super::fact::{Fact, Origin, Token};
use super::tight::MaybeMs;
use super::words::Word;
use crate::pure::window::{Counts, Presence, Watching};

/// Rebuffers kept for the session's row.
pub(super) const REBUFFERS_KEPT: usize = 32;

/// Whether the player keeps a rung that its line does not carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adaptation {
    /// Since when its line has carried less than the rung it is on, Unix ms.
    pub(super) above_since: MaybeMs,
    /// Lowest rung it may choose, kbps; 0 is unknown.
    pub(super) lowest_kbps: i32,
}

/// What follows from one fact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Where the session stands from then on.
    pub presence: Presence,
    /// Its dimensions changed with this fact.
    pub moved: bool,
    /// What happened at that moment.
    pub counts: Counts,
}

/// What a session is doing, as spans tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doing {
    /// It is one of those who want to see video.
    Watching(Watching),
    /// Paused by the viewer.
    Paused,
}

impl Doing {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Doing::Watching(Watching::Starting) => "starting",
            Doing::Watching(Watching::Playing) => "playing",
            Doing::Watching(Watching::Rebuffering) => "rebuffering",
            Doing::Watching(Watching::Seeking) => "seeking",
            Doing::Paused => "paused",
        }
    }
}

/// A session as far as its facts tell. Times are Unix ms.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Sums are complete up to here.
    pub(super) at: i64,
    pub(super) state: Option<Watching>,
    pub(super) token: Option<Token>,
    /// A terminal token (`e`, `f`, `q`) came.
    pub(super) terminal: Option<Token>,
    /// Silent for too long; stands still until the next fact.
    pub(super) silent: bool,
    /// First record that would be the attempt if no `s` comes.
    pub(super) since: MaybeMs,
    pub(super) started_at: MaybeMs,
    pub(super) first_frame_at: MaybeMs,
    pub(super) ended_at: MaybeMs,
    pub(super) startup_ms: MaybeMs,
    pub(super) msd_ms: Option<i32>,
    /// An error was reported before the first frame.
    pub(super) errored: bool,
    /// Time per [`Watching`], ms.
    pub(super) spent: [i64; 4],
    /// The player is hidden.
    pub(super) hidden: bool,
    /// The part of `spent` in which it was, ms, and of that the part rebuffering.
    pub(super) spent_hidden: (i64, i64),
    pub(super) kbps_ms: i64,
    pub(super) kbps_known_ms: i64,
    pub(super) rebuffer_count: i64,
    pub(super) seek_count: i64,
    pub(super) rebuffers: Vec<(i64, i64)>,
    pub(super) rebuffer_since: i64,
    pub(super) switches: i64,
    pub(super) adaptation: Adaptation,
    pub(super) latency_ms: Option<i32>,
    pub(super) error: Option<Word>,
    /// Shared by all that follow the same session.
    pub(super) dimensions: Arc<Dimensions>,
    pub(super) events: u64,
    pub(super) lost: i64,
    pub(super) sn: Option<(u64, u64)>,
    pub(super) last_seen: i64,
}

impl Machine {
    /// Takes in the next fact. `events_rule` says that the player sends event reports: then
    /// its queries only show that it is alive and what it watches.
    pub fn apply(&mut self, fact: &Fact, events_rule: bool) -> Outcome {
        let mut counts = Counts::default();
        self.run_to(fact.at);
        if fact.origin == Origin::Silence {
            self.fall_silent(fact.at, &mut counts);
            return Outcome { presence: self.presence(), moved: false, counts };
        }
        self.last_seen = self.last_seen.max(fact.at);
        if self.silent {
            self.resume(fact.at);
        }
        let moved = self.take_words(fact);
        let moved = match fact.origin {
            Origin::Edge => moved,
            Origin::Request if events_rule => {
                self.count_record(fact, &mut counts);
                moved
            }
            _ => {
                self.count_record(fact, &mut counts);
                self.take_player(fact, &mut counts) | moved
            }
        };
        Outcome { presence: self.presence(), moved, counts }
    }

    /// Adds the time since the last fact to the state the session was in.
    fn run_to(&mut self, at: i64) {
        let passed = (at - self.at).max(0);
        self.at = self.at.max(at);
        let presence = self.presence();
        let Some(state) = presence.state else { return };
        self.spent[state as usize] += passed;
        if self.hidden {
            self.spent_hidden.0 += passed;
            self.spent_hidden.1 += passed * i64::from(state == Watching::Rebuffering);
        }
        if state == Watching::Playing && presence.kbps > 0 {
            self.kbps_ms += i64::from(presence.kbps) * passed;
            self.kbps_known_ms += passed;
        }
    }

    /// Time of the newest fact taken in, Unix ms.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// What the session adds to gauges now.
    pub fn presence(&self) -> Presence {
        let state = self.state.filter(|_| self.is_open());
        let playing = state == Some(Watching::Playing);
        Presence { state, kbps: if playing { self.dimensions.kbps } else { 0 } }
    }

    /// What it is doing; nothing when it is gone, or only preloads.
    pub fn doing(&self) -> Option<Doing> {
        if !self.is_open() {
            return None;
        }
        let paused = (self.token == Some(Token::Paused)).then_some(Doing::Paused);
        self.state.map(Doing::Watching).or(paused)
    }

    /// Neither ended nor silent for too long.
    pub fn is_open(&self) -> bool {
        self.terminal.is_none() && !self.silent
    }

    /// Whether a terminal token came.
    pub fn is_ended(&self) -> bool {
        self.terminal.is_some()
    }

    /// Every word it holds.
    pub(super) fn words(&self) -> impl Iterator<Item = Word> {
        self.dimensions.words().chain(self.error)
    }

    /// The dimensions now.
    pub fn dimensions(&self) -> &Arc<Dimensions> {
        &self.dimensions
    }

    /// The newest state a player named.
    pub fn token(&self) -> Option<Token> {
        self.token
    }

    /// Newest fact, Unix ms.
    pub fn last_seen(&self) -> i64 {
        self.last_seen
    }

    /// Records missing by sequence number.
    pub fn lost(&self) -> i64 {
        self.lost
    }

    fn take_words(&mut self, fact: &Fact) -> bool {
        let Some(said) = &fact.said else { return false };
        // Players name the error after the state, so a code is taken from an ended session too.
        self.error = said.error.or(self.error);
        if self.terminal.is_some() {
            return false;
        }
        let moved = self.dimensions.moved_by(said);
        if moved == *self.dimensions {
            return false;
        }
        *Arc::make_mut(&mut self.dimensions) = moved;
        true
    }

    fn count_record(&mut self, fact: &Fact, counts: &mut Counts) {
        self.events += 1;
        counts.event = true;
        self.msd_ms = self.msd_ms.or((fact.msd_ms >= 0).then_some(fact.msd_ms));
        if let (Some(sn), Origin::Event) = (fact.sn, fact.origin) {
            let lost = self.count_sn(sn);
            self.lost += lost;
            counts.lost = i32::try_from(lost).unwrap_or(0);
        }
    }

    /// Missing records that this number shows; −1 when it fills a gap.
    fn count_sn(&mut self, sn: u64) -> i64 {
        let gap = |low: u64, high: u64| i64::try_from(high - low - 1).unwrap_or(0).min(1 << 30);
        let Some((low, high)) = self.sn else {
            self.sn = Some((sn, sn));
            return 0;
        };
        self.sn = Some((low.min(sn), high.max(sn)));
        if sn > high {
            gap(high, sn)
        } else if sn < low {
            gap(sn, low)
        } else if sn > low && sn < high {
            -1
        } else {
            0
        }
    }
}
