//! The state machine of one playback epoch. It is fed facts in order of time and says, for
//! each, where the session stands afterwards and what is to be counted at that moment. What
//! it does with a token is in [`super::rules`], what it tells of itself in [`super::report`].

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use super::dimensions::Dimensions;
use super::fact::{Fact, Origin, Token};
use super::story::Story;
use super::words::Word;
use crate::pure::window::{Counts, Presence, Watching};

/// Rebuffers kept for the session's row.
pub(super) const REBUFFERS_KEPT: usize = 32;

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
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// Sums are complete up to here.
    pub(super) at: i64,
    pub(super) last_seen: i64,
    pub(super) playing_ms: i64,
    pub(super) kbps_ms: i64,
    pub(super) kbps_known_ms: i64,
    pub(super) events: u64,
    /// The largest sequence number, once there is a smallest.
    pub(super) sn: u64,
    pub(super) latency_ms: Option<i32>,
    /// Frames dropped since the player's count last began, by that; −1 is unknown.
    pub(super) dropped: i32,
    pub(super) state: Option<Watching>,
    pub(super) token: Option<Token>,
    /// Silent for too long; stands still until the next fact.
    pub(super) silent: bool,
    /// The player is hidden.
    pub(super) hidden: bool,
    /// Shared with the other state of the session; see [`Story`].
    pub(super) story: Arc<Story>,
}

/// What nobody has a story of yet has in common.
static NO_STORY: LazyLock<Arc<Story>> = LazyLock::new(Arc::default);

impl Default for Machine {
    fn default() -> Self {
        Self {
            at: 0,
            last_seen: 0,
            playing_ms: 0,
            kbps_ms: 0,
            kbps_known_ms: 0,
            events: 0,
            sn: 0,
            latency_ms: None,
            dropped: -1,
            state: None,
            token: None,
            silent: false,
            hidden: false,
            story: Arc::clone(&NO_STORY),
        }
    }
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
            Origin::Request if events_rule && fact.told => {
                // A record like any other, but none that the player sent here.
                counts.event = true;
                moved
            }
            Origin::Request if events_rule => {
                self.count_record(fact, &mut counts);
                moved
            }
            _ => {
                self.count_record(fact, &mut counts);
                let token = self.token_of(fact);
                self.take_player(fact, token, &mut counts) | moved
            }
        };
        Outcome { presence: self.presence(), moved, counts }
    }

    /// Adds the time since the last fact to the state the session was in.
    fn run_to(&mut self, at: i64) {
        let passed = (at - self.at).max(0);
        self.at = self.at.max(at);
        let presence = self.presence();
        let Some(state) = presence.state.filter(|_| passed > 0) else { return };
        if state == Watching::Playing {
            self.playing_ms += passed;
        } else {
            self.tell().spent[state as usize] += passed;
        }
        if self.hidden {
            let story = self.tell();
            story.spent_hidden.0 += passed;
            story.spent_hidden.1 += passed * i64::from(state == Watching::Rebuffering);
        }
        if presence.kbps > 0 {
            self.kbps_ms += i64::from(presence.kbps) * passed;
            self.kbps_known_ms += passed;
        }
    }

    /// To change what seldom changes; what does not change stays shared.
    pub(super) fn tell(&mut self) -> &mut Story {
        Arc::make_mut(&mut self.story)
    }

    /// Shares with `other` what says the same.
    pub(super) fn share(&mut self, other: &Self) {
        if !Arc::ptr_eq(&self.story, &other.story) && self.story == other.story {
            self.story = Arc::clone(&other.story);
        }
    }

    /// Time spent in a state, ms.
    pub(super) fn spent(&self, state: Watching) -> i64 {
        match state {
            Watching::Playing => self.playing_ms,
            state => self.story.spent[state as usize],
        }
    }

    /// Time of the newest fact taken in, Unix ms.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// What the session adds to gauges now.
    pub fn presence(&self) -> Presence {
        let state = self.state.filter(|_| self.is_open());
        let kbps = match (state, self.story.shown_kbps) {
            (Some(Watching::Playing), 0) => self.story.dimensions.kbps,
            (Some(Watching::Playing), shown) => shown,
            _ => 0,
        };
        Presence { state, kbps, derived: self.story.derived }
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
        self.story.terminal.is_none() && !self.silent
    }

    /// Whether a terminal token came.
    pub fn is_ended(&self) -> bool {
        self.story.terminal.is_some()
    }

    /// When a terminal token came, by the player's clock.
    pub(super) fn ended_ts(&self) -> Option<i64> {
        self.story.ended_ts.get()
    }

    /// Every word it holds.
    pub(super) fn words(&self) -> impl Iterator<Item = Word> {
        self.story.dimensions.words().chain(self.story.error)
    }

    /// The dimensions now.
    pub fn dimensions(&self) -> &Dimensions {
        &self.story.dimensions
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
        self.story.lost
    }

    fn take_words(&mut self, fact: &Fact) -> bool {
        let Some(said) = &fact.said else { return false };
        // Players name the error after the state, so a code is taken from an ended session too.
        if said.error.is_some() && said.error != self.story.error {
            self.tell().error = said.error;
        }
        if self.is_ended() {
            return false;
        }
        let moved = self.dimensions().moved_by(said);
        if moved == *self.dimensions() {
            return false;
        }
        self.tell().dimensions = moved;
        true
    }

    fn count_record(&mut self, fact: &Fact, counts: &mut Counts) {
        self.events += 1;
        counts.event = true;
        if fact.msd_ms >= 0 && self.story.msd_ms.is_none() {
            self.tell().msd_ms = Some(fact.msd_ms);
        }
        if let (Some(sn), Origin::Event) = (fact.sn, fact.origin) {
            let lost = self.count_sn(sn);
            if lost != 0 {
                self.tell().lost += lost;
            }
            counts.lost = i32::try_from(lost).unwrap_or(0);
        }
    }

    /// Missing records that this number shows; −1 when it fills a gap. Without one it is a number
    /// that comes again, and nothing that was lost elsewhere has come.
    fn count_sn(&mut self, sn: u64) -> i64 {
        let gap = |low: u64, high: u64| i64::try_from(high - low - 1).unwrap_or(0).min(1 << 30);
        let (least, high) = (self.story.least_sn, self.sn);
        let low = least.unwrap_or(sn);
        if least.is_none_or(|least| sn < least) {
            self.tell().least_sn = Some(sn);
        }
        self.sn = if least.is_some() { high.max(sn) } else { sn };
        if least.is_none() {
            return 0;
        }
        if sn > high {
            gap(high, sn)
        } else if sn < low {
            gap(sn, low)
        } else if sn > low && sn < high && self.story.lost > 0 {
            -1
        } else {
            0
        }
    }
}
