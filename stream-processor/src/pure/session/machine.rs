//! The state machine of one playback epoch. It is fed facts in order of time and answers, for each,
//! the session's presence afterwards and what is to be counted at that moment. The meaning of
//! tokens is in [`super::rules`], the session's row in [`super::report`].

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use super::dimensions::Dimensions;
use super::fact::{Fact, Origin, Token};
use super::seldom::Seldom;
use super::story::Story;
use super::words::Word;
use crate::pure::tight::{MaybeCount, MaybeMs};
use crate::pure::window::{Counts, Presence, Watching};

/// The newest rebuffers that are kept for the session's row.
pub(super) const REBUFFERS_KEPT: usize = 32;

/// The effect of one fact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the session adds to gauges from then on.
    pub presence: Presence,
    /// Its dimensions changed with this fact.
    pub moved: bool,
    /// What happened at that moment.
    pub counts: Counts,
}

/// What a session is doing, as in its spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doing {
    /// Video is wanted: the session counts as a viewer.
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

/// A session as its facts describe it. Times are Unix ms.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// Sums are complete up to here.
    pub(super) at: i64,
    pub(super) playing_ms: i64,
    pub(super) kbps_ms: i64,
    /// Sequence numbers up to this one are settled, once there is a smallest: seen or missing.
    pub(super) sn: u64,
    /// Shared with the other state of the session; see [`Story`]. Serialized in [`super::states`].
    #[serde(skip, default = "no_story")]
    pub(super) story: Arc<Story>,
    pub(super) events: u32,
    pub(super) latency_ms: MaybeCount,
    /// Frames dropped, by the player's count since that last restarted.
    pub(super) dropped: MaybeCount,
    pub(super) state: Option<Watching>,
    pub(super) token: Option<Token>,
    /// Silent for too long; its state is frozen until the next fact.
    pub(super) silent: bool,
    /// The player is hidden.
    pub(super) hidden: bool,
}

/// Shared by all machines that have no story yet.
static NO_STORY: LazyLock<Arc<Story>> = LazyLock::new(Arc::default);

fn no_story() -> Arc<Story> {
    Arc::clone(&NO_STORY)
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            at: 0,
            playing_ms: 0,
            kbps_ms: 0,
            sn: 0,
            story: no_story(),
            events: 0,
            latency_ms: MaybeCount::default(),
            dropped: MaybeCount::default(),
            state: None,
            token: None,
            silent: false,
            hidden: false,
        }
    }
}

impl Machine {
    /// Takes in the next fact. `events_rule` means that the player sends event reports: then its
    /// requests only show that it is alive and what it watches.
    pub fn apply(&mut self, fact: &Fact, events_rule: bool) -> Outcome {
        let mut counts = Counts::default();
        let last_seen = self.last_seen();
        self.run_to(fact.at);
        if fact.origin == Origin::Silence {
            if last_seen < self.at {
                self.tell().seldom_mut().last_seen = last_seen.into();
            }
            self.fall_silent(fact.at, &mut counts);
            return Outcome { presence: self.presence(), moved: false, counts };
        }
        if self.seldom().last_seen.is_some() {
            self.tell().seldom_mut().last_seen = MaybeMs::default();
        }
        if self.silent {
            self.resume();
        }
        let moved = self.take_words(fact);
        let moved = match fact.origin {
            Origin::Edge => moved,
            Origin::Request if events_rule && fact.reported => {
                // It counts in its pane, but not among the session's records: another sent it.
                counts.event = true;
                moved
            }
            Origin::Request if events_rule => {
                self.count_record(fact, &mut counts);
                moved
            }
            // At its time the player may have been in another state.
            _ if fact.response => {
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
        match state {
            Watching::Playing if presence.kbps > 0 => {
                self.playing_ms += passed;
                self.kbps_ms += i64::from(presence.kbps) * passed;
            }
            Watching::Playing => {
                self.playing_ms += passed;
                self.tell().unrated_ms += passed;
            }
            Watching::Starting => self.tell().starting_ms += passed,
            Watching::Rebuffering => {
                let seldom = self.tell().seldom_mut();
                seldom.rebuffering_ms += passed;
                if let Some((_, ms)) = seldom.rebuffers.last_mut() {
                    *ms += passed;
                }
            }
            Watching::Seeking => self.tell().seldom_mut().seeking_ms += passed,
        }
        if self.hidden {
            let seldom = self.tell().seldom_mut();
            seldom.hidden_ms += passed;
            seldom.hidden_rebuffering_ms += passed * i64::from(state == Watching::Rebuffering);
        }
    }

    /// The story, to be changed: a shared one is cloned first.
    pub(super) fn tell(&mut self) -> &mut Story {
        Arc::make_mut(&mut self.story)
    }

    /// Shares the story of `other` if it is equal.
    pub(super) fn share(&mut self, other: &Self) {
        if !Arc::ptr_eq(&self.story, &other.story) && self.story == other.story {
            self.story = Arc::clone(&other.story);
        }
    }

    /// What hardly any session has.
    pub(super) fn seldom(&self) -> &Seldom {
        self.story.seldom()
    }

    /// Time spent in a state, ms.
    pub(super) fn spent(&self, state: Watching) -> i64 {
        match state {
            Watching::Playing => self.playing_ms,
            Watching::Starting => self.story.starting_ms,
            Watching::Rebuffering => self.seldom().rebuffering_ms,
            Watching::Seeking => self.seldom().seeking_ms,
        }
    }

    /// Time playing of which the bitrate is known, ms.
    pub(super) fn kbps_known_ms(&self) -> i64 {
        self.playing_ms - self.story.unrated_ms
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

    /// What it is doing; `None` when it has ended or only preloads.
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
        self.seldom().ended_ts.get()
    }

    /// Every word it holds.
    pub(super) fn words(&self) -> impl Iterator<Item = Word> {
        self.dimensions().words().chain(self.seldom().error)
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
        self.seldom().last_seen.get().unwrap_or(self.at)
    }

    fn take_words(&mut self, fact: &Fact) -> bool {
        let Some(said) = &fact.said else { return false };
        // Players report the error code after the state, so it is taken after the end, too.
        if said.error.is_some() && said.error != self.seldom().error {
            self.tell().seldom_mut().error = said.error;
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
}
