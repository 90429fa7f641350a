//! The meaning of a player's states (ADR 6, docs/sessions.md):
//!
//! - `d` is not an attempt. The attempt begins at the first `s`; without one, at the first record
//!   after which the player can start (after a pause or a preload, the first that names another
//!   state).
//! - A player that never names a state is known by the clues of its requests ([`super::clue`]).
//! - Before the first frame `w`, `r` and `k` are all part of the startup. If the first records are
//!   missing and no `s` came, or the player fell silent, the startup time is unknown. So it is if
//!   records are missing since the attempt began and the first that shows it playing reports no
//!   change of state (`ps`): the change may be among them. A player whose first known state is `r`
//!   has played before (`w` may precede the first frame, and `k` is a seek).
//! - After the first frame `r` and `w` are a rebuffer, unless during a seek: then they belong to
//!   it.
//! - A rebuffer is an adaptation failure when the player has stayed for some seconds
//!   ([`metrics::ADAPTS_WITHIN_MS`]) on a rung above its own measured throughput, though it
//!   had a lower one. A switch down restarts that time; a switch up does not.
//! - Each record tells whether the player is hidden: `bg` is sent only while it is.
//! - `e`, `f` and `q` end the epoch; later states are ignored. A player that plays again long after
//!   them begins another epoch ([`super::epoch`]).

use tallylight_schemas::metrics;

use super::fact::{Fact, Token};
use super::machine::{Machine, REBUFFERS_KEPT};
use crate::pure::tight::MaybeMs;
use crate::pure::window::{Counts, Watching};

/// An exit counts when the viewer had waited this long, ms.
const WAITED_MS: i64 = 1_000;

impl Machine {
    /// The state that a fact names or, for a player that names none, that its clue stands for. Once
    /// a player names a state, its clues are ignored.
    pub(super) fn token_of(&mut self, fact: &Fact) -> Option<Token> {
        if fact.token.is_some() && self.story.derived {
            self.tell().derived = false;
        }
        let Some(clue) = fact.clue.filter(|_| self.token.is_none() || self.story.derived) else {
            return fact.token;
        };
        if !self.story.derived {
            self.tell().derived = true;
        }
        clue.token(self.story.first_frame_at.is_some())
    }

    /// Takes in a player's record and the state that follows from it; answers whether the rung
    /// changed.
    pub(super) fn take_player(
        &mut self,
        fact: &Fact,
        token: Option<Token>,
        counts: &mut Counts,
    ) -> bool {
        if self.is_ended() {
            return false;
        }
        if fact.error && self.story.first_frame_at.is_none() {
            self.tell().errored = true;
        }
        self.hidden = fact.hidden;
        // A record that names no state leaves the player where it is.
        let can_start = !matches!(token.or(self.token), Some(Token::Preloading | Token::Paused));
        if can_start && self.story.since.is_none() {
            self.tell().since = fact.at.into();
        }
        let switched = self.take_bitrate(fact);
        if let Some(token) = token {
            self.token = Some(token);
            let shows_frame = matches!(token, Token::Playing | Token::Rebuffering)
                && self.story.first_frame_at.is_none();
            if shows_frame && self.seldom().startup_lost && !fact.change {
                // It may have played for a while.
                self.tell().startup_seen = false;
            }
            self.take_token(token, fact.at, counts);
            if self.is_ended() {
                self.tell().seldom_mut().ended_ts = fact.ts;
            }
        }
        self.take_totals(fact);
        if fact.latency_ms >= 0 {
            self.take_latency(fact.latency_ms, counts);
        }
        switched
    }

    fn take_latency(&mut self, latency: i32, counts: &mut Counts) {
        self.latency_ms = latency.into();
        if self.presence().state != Some(Watching::Playing) {
            return;
        }
        counts.latency_ms = Some(latency);
        let known = self.story.latency_ms.with(latency);
        if known != self.story.latency_ms {
            self.tell().latency_ms = known;
        }
    }

    /// Takes the rung and the measured throughput; answers whether the rung changed.
    fn take_bitrate(&mut self, fact: &Fact) -> bool {
        let before = self.dimensions().kbps;
        let switched = fact.kbps > 0 && fact.kbps != before;
        if switched {
            let story = self.tell();
            story.switches_up += u32::from(before > 0 && fact.kbps > before);
            story.switches_down += u32::from(fact.kbps < before);
            story.dimensions.kbps = fact.kbps;
        }
        if fact.shown_kbps > 0 && fact.shown_kbps != self.story.shown_kbps {
            self.tell().shown_kbps = fact.shown_kbps;
        }
        let now = self.dimensions().kbps;
        let mut mine = self.story.adaptation;
        if now < before {
            mine.above_since = MaybeMs::default();
        }
        if fact.lowest_kbps > 0 {
            mine.lowest_kbps = fact.lowest_kbps;
        }
        if fact.throughput_kbps >= 0 {
            let above = now > 0 && fact.throughput_kbps < now;
            let since = || mine.above_since.get().unwrap_or(fact.at);
            mine.above_since = above.then(since).into();
        }
        if mine != self.story.adaptation {
            self.tell().adaptation = mine;
        }
        switched
    }

    /// Whether a rebuffer that begins at `at` was caused by staying on too high a rung.
    fn failed_to_adapt(&self, at: i64) -> bool {
        let mine = &self.story.adaptation;
        let had_lower = mine.lowest_kbps > 0 && mine.lowest_kbps < self.dimensions().kbps;
        had_lower
            && mine.above_since.get().is_some_and(|since| at - since >= metrics::ADAPTS_WITHIN_MS)
    }

    fn take_token(&mut self, token: Token, at: i64, counts: &mut Counts) {
        match token {
            Token::Preloading | Token::Paused => {
                if !self.story.attempted && self.story.since.is_some() {
                    self.tell().since = MaybeMs::default();
                }
                self.enter(None, at, counts);
            }
            Token::Starting => {
                self.begin(at, true, counts);
                self.enter(Some(Watching::Starting), at, counts);
            }
            Token::Playing => {
                self.begin_untold(at, counts);
                self.show_first_frame(at, counts);
                self.enter(Some(Watching::Playing), at, counts);
            }
            Token::Seeking | Token::Rebuffering | Token::Waiting => {
                self.begin_untold(at, counts);
                let is_first = counts.attempt && self.is_headless();
                if token == Token::Rebuffering && is_first {
                    self.show_first_frame(at, counts);
                }
                let started = self.story.first_frame_at.is_some();
                let seeks = token == Token::Seeking || self.state == Some(Watching::Seeking);
                let state = match (started, seeks) {
                    (false, _) => Watching::Starting,
                    (true, true) => Watching::Seeking,
                    (true, false) => Watching::Rebuffering,
                };
                self.enter(Some(state), at, counts);
            }
            Token::Fatal => {
                self.begin_untold(at, counts);
                let started = self.story.first_frame_at.is_some();
                counts.failure = started;
                counts.start_failure = !started && !self.seldom().given_up;
                self.end(token, at, counts);
            }
            Token::Ended | Token::Quit => {
                self.give_up(at, counts);
                self.end(token, at, counts);
            }
        }
    }

    /// Notes that the attempt began at `start`, or before that unless `is_sure`. It is counted in
    /// the pane of the record that shows it.
    fn begin(&mut self, start: i64, is_sure: bool, counts: &mut Counts) {
        if !self.story.attempted {
            let story = self.tell();
            (story.attempted, story.since) = (true, start.into());
            story.startup_seen = is_sure;
            counts.attempt = true;
        }
    }

    /// Notes an attempt without an `s`: it began at the first record after which the player could
    /// start. That is sure if none is missing before it and the player did not fall silent since.
    fn begin_untold(&mut self, at: i64, counts: &mut Counts) {
        let is_sure = !self.is_headless() && !self.seldom().startup_gap;
        self.begin(self.story.since.get().unwrap_or(at), is_sure, counts);
    }

    fn show_first_frame(&mut self, at: i64, counts: &mut Counts) {
        if self.story.first_frame_at.is_some() {
            return;
        }
        counts.start = true;
        let state = self.state;
        let story = self.tell();
        story.first_frame_at = at.into();
        // Of a session that already plays in its first record the startup is unknown, not 0.
        story.startup_seen &= match story.derived {
            true => state == Some(Watching::Starting),
            false => !counts.attempt || story.since.get() < Some(at),
        };
        counts.startup_ms = story.startup_ms().and_then(|ms| i32::try_from(ms).ok());
    }

    fn enter(&mut self, state: Option<Watching>, at: i64, counts: &mut Counts) {
        if state == self.state {
            return;
        }
        if state == Some(Watching::Rebuffering) {
            let seldom = self.tell().seldom_mut();
            if seldom.rebuffers.len() >= REBUFFERS_KEPT {
                seldom.rebuffers.remove(0);
            }
            seldom.rebuffers.push((at, 0));
            seldom.rebuffer_count += 1;
            counts.rebuffer = true;
            counts.adaptation_failure = self.failed_to_adapt(at);
        }
        if state == Some(Watching::Seeking) {
            self.tell().seldom_mut().seek_count += 1;
        }
        self.state = state;
    }

    /// Counts an attempt that is over without a first frame or a fatal error. It is counted once,
    /// though a player can fall silent and return several times.
    fn give_up(&mut self, at: i64, counts: &mut Counts) {
        let story = &self.story;
        let counts_still = story.first_frame_at.is_none() && !story.seldom().given_up;
        let Some(waited) = story.waited_until(at).filter(|_| counts_still) else { return };
        counts.start_failure = story.errored;
        counts.exit = !story.errored && waited >= WAITED_MS;
        if counts.start_failure || counts.exit {
            self.tell().seldom_mut().given_up = true;
        }
    }

    fn end(&mut self, token: Token, at: i64, counts: &mut Counts) {
        counts.end = self.story.attempted;
        self.enter(None, at, counts);
        let story = self.tell();
        story.terminal = Some(token);
        story.seldom_mut().ended_at = at.into();
    }

    /// Ends the session where it was last seen. The state stays: if another record arrives, the
    /// session continues in it.
    pub(super) fn fall_silent(&mut self, at: i64, counts: &mut Counts) {
        if !self.is_open() {
            return;
        }
        self.give_up(at, counts);
        counts.end = self.story.attempted;
        self.silent = true;
        self.tell().seldom_mut().ended_at = at.into();
    }

    /// Continues after a silence, which is in no figure: if it fell into the startup, the startup
    /// time is unknown.
    pub(super) fn resume(&mut self) {
        self.silent = false;
        let story = self.tell();
        story.seldom_mut().ended_at = MaybeMs::default();
        if story.first_frame_at.is_none() {
            story.startup_seen = false;
            story.seldom_mut().startup_gap = true;
        }
    }
}
