//! What a player's states mean (ADR 6, docs/sessions.md):
//!
//! - `d` is no attempt. The attempt is the first `s`; without one, the first record after
//!   which the player started (a pause or a preload in between begins it anew).
//! - A player that never names a state is known by the clues of its requests ([`super::clue`]).
//! - Before the first frame `w`, `r` and `k` are all part of the startup. But where the first
//!   records are missing and no `s` came, how long it took is unknown; and who is first heard of in
//!   `r` has played before (`w` may be said before the first frame, and `k` is a seek).
//! - After it `r` and `w` are a rebuffer, unless a seek is going on: then they belong to it.
//! - A rebuffer is an adaptation failure when the player has stayed for some seconds
//!   ([`metrics::ADAPTS_WITHIN_MS`]) on a rung above its own measured throughput, though it
//!   had a lower one. A switch down in that time begins it anew; a switch up does not.
//! - Each record says whether the player is hidden: `bg` is sent only where it is.
//! - `e`, `f` and `q` end the epoch; states after them are not taken. Who plays again long after
//!   them begins another one ([`super::epoch`]).

use tallylight_schemas::metrics;

use super::fact::{Fact, Token};
use super::machine::{Machine, REBUFFERS_KEPT};
use crate::pure::tight::MaybeMs;
use crate::pure::window::{Counts, Watching};

/// An exit counts when the viewer had waited this long, ms.
const WAITED_MS: i64 = 1_000;

impl Machine {
    /// The state that a fact names, or that its clue stands for, of a player that names none. Once it
    /// names one, it is taken at its word.
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

    /// Takes what a player's record tells, and the state that follows from it; answers whether the
    /// rung is another one.
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
        if token != Some(Token::Preloading) && self.story.since.is_none() {
            self.tell().since = fact.at.into();
        }
        let switched = self.take_bitrate(fact);
        if let Some(token) = token {
            self.token = Some(token);
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

    /// Takes the rung and what the line carries; answers whether the rung is another one.
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

    /// Whether a rebuffer that begins at `at` comes of staying on a rung too high.
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
                let is_first = counts.attempt && !self.story.startup_seen;
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

    /// The attempt began at `start`, or before it where that is not sure; it is counted where it
    /// was learnt.
    fn begin(&mut self, start: i64, is_sure: bool, counts: &mut Counts) {
        if !self.story.attempted {
            let story = self.tell();
            (story.attempted, story.since) = (true, start.into());
            story.startup_seen = is_sure;
            counts.attempt = true;
        }
    }

    /// The attempt began, though nobody said `s`: with the first record after which the player
    /// could start, if none is missing before that.
    fn begin_untold(&mut self, at: i64, counts: &mut Counts) {
        let is_sure = !self.is_headless();
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
        // A session first heard of when it played already: its startup is unknown, not 0.
        story.startup_seen = match story.derived {
            true => state == Some(Watching::Starting),
            false => story.startup_seen && (!counts.attempt || story.since.get() < Some(at)),
        };
        counts.startup_ms = story.startup_ms().and_then(|ms| i32::try_from(ms).ok());
    }

    fn enter(&mut self, state: Option<Watching>, at: i64, counts: &mut Counts) {
        if state == self.state {
            return;
        }
        if self.state == Some(Watching::Rebuffering) {
            self.close_rebuffer(at);
        }
        if state == Some(Watching::Rebuffering) {
            let seldom = self.tell().seldom_mut();
            seldom.rebuffer_since = at;
            seldom.rebuffer_count += 1;
            counts.rebuffer = true;
            counts.adaptation_failure = self.failed_to_adapt(at);
        }
        if state == Some(Watching::Seeking) {
            self.tell().seldom_mut().seek_count += 1;
        }
        self.state = state;
    }

    fn close_rebuffer(&mut self, at: i64) {
        let seldom = self.tell().seldom_mut();
        if seldom.rebuffers.len() >= REBUFFERS_KEPT {
            seldom.rebuffers.remove(0);
        }
        seldom.rebuffers.push((seldom.rebuffer_since, at - seldom.rebuffer_since));
    }

    /// An attempt without a first frame and without a fatal error is over. It is counted once,
    /// though who fell silent may be heard again, and fall silent again.
    fn give_up(&mut self, at: i64, counts: &mut Counts) {
        let story = &self.story;
        let counts_still = story.first_frame_at.is_none() && !story.seldom().given_up;
        let Some(start) = story.started_at().filter(|_| counts_still) else { return };
        counts.start_failure = story.errored;
        counts.exit = !story.errored && at - start >= WAITED_MS;
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

    /// Ends the session where it was last heard of. The state stays: if a record comes after
    /// all, the session goes on in it.
    pub(super) fn fall_silent(&mut self, at: i64, counts: &mut Counts) {
        if !self.is_open() {
            return;
        }
        self.give_up(at, counts);
        counts.end = self.story.attempted;
        if self.state == Some(Watching::Rebuffering) {
            self.close_rebuffer(at);
        }
        self.silent = true;
        self.tell().seldom_mut().ended_at = at.into();
    }

    pub(super) fn resume(&mut self, at: i64) {
        self.silent = false;
        let seldom = self.tell().seldom_mut();
        seldom.ended_at = MaybeMs::default();
        seldom.rebuffer_since = at;
    }
}
