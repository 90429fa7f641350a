//! What one connection is doing, and when its time is up.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::Limits;

/// A connection that is asked for its place is at least so old: a client needs a moment
/// between connecting and asking, and between one request and the next.
const GRACE: Duration = Duration::from_millis(500);
/// A body that is not complete after this long may lose its place to a client that waits.
const SLOW_BODY: Duration = Duration::from_secs(2);
/// A client that gives up so many requests, and more than half of what it asked, only makes work.
const GIVEN_UP: u64 = 100;
/// Bytes that are no request (pings, settings, half a head), before the first and between
/// later ones; some of an answered body may still be on its way then.
const CHATTER: [u64; 2] = [96 << 10, 512 << 10];

/// And while it is told that it is ended.
const GOODBYE: u64 = 64 << 10;

/// Why a connection is ended before its client ends it. The later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// No whole request head came in time.
    Silent,
    /// Nothing was asked for long.
    Idle,
    /// A request, its body or its answer takes too long.
    Slow,
}

/// One connection, from the moment it was accepted.
#[derive(Debug)]
pub(crate) struct Life {
    state: Mutex<State>,
    /// Bytes that came since a request began or ended.
    heard: AtomicU64,
    told: AtomicBool,
    /// Cancelled when the connection has to end.
    pub(crate) end: CancellationToken,
}

#[derive(Debug)]
struct State {
    /// When it was accepted, or its newest answer ended.
    quiet_since: Instant,
    under_way: Vec<Request>,
    asked: u64,
    given_up: u64,
}

#[derive(Debug)]
struct Request {
    number: u64,
    began: Instant,
    receiving: bool,
}

impl Life {
    pub(crate) fn new(now: Instant) -> Self {
        let state = State { quiet_since: now, under_way: Vec::new(), asked: 0, given_up: 0 };
        let heard = AtomicU64::new(0);
        let (state, told) = (Mutex::new(state), AtomicBool::new(false));
        Self { state, heard, told, end: CancellationToken::new() }
    }

    /// Every critical section leaves the state whole, so a poisoned lock is still good.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came; a client that talks without ever asking is ended. `false`: it is told so, and
    /// goes on talking.
    pub(crate) fn heard(&self, bytes: u64) -> bool {
        let heard = self.heard.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if heard <= CHATTER[0] {
            return true;
        }
        let state = self.state();
        let most = CHATTER[usize::from(state.asked > 0)];
        if !state.under_way.is_empty() || heard <= most {
            return true;
        }
        self.end.cancel();
        heard <= most + GOODBYE || !self.told.load(Ordering::Relaxed)
    }

    /// The client is being told that its connection ends. An upgraded one never is: it belongs to
    /// whoever upgraded it.
    pub(crate) fn say_goodbye(&self) {
        self.told.store(true, Ordering::Relaxed);
    }

    /// A whole head came. The number names the request from here on; the first is 1.
    pub(crate) fn begin(&self, now: Instant, receiving: bool) -> u64 {
        let mut state = self.state();
        state.asked += 1;
        let number = state.asked;
        self.heard.store(0, Ordering::Relaxed);
        state.under_way.push(Request { number, began: now, receiving });
        number
    }

    /// Whether anything was ever asked.
    pub(crate) fn has_asked(&self) -> bool {
        self.state().asked > 0
    }

    /// The body of a request is complete, or nobody reads it any more.
    pub(crate) fn received(&self, number: u64) {
        if let Some(request) = self.state().under_way.iter_mut().find(|r| r.number == number) {
            request.receiving = false;
        }
    }

    /// The answer is whole, or the client gave up before there was one.
    pub(crate) fn finish(&self, number: u64, now: Instant, given_up: bool) {
        let mut state = self.state();
        state.under_way.retain(|request| request.number != number);
        state.quiet_since = now;
        self.heard.store(0, Ordering::Relaxed);
        state.given_up += u64::from(given_up);
        if state.given_up >= GIVEN_UP && state.given_up * 2 > state.asked {
            self.end.cancel();
        }
    }

    /// Why the connection has to end now, if it has to.
    pub(crate) fn overdue(&self, now: Instant, limits: &Limits) -> Option<Verdict> {
        let state = self.state();
        let oldest = state.under_way.iter().map(|request| request.began).min();
        let (verdict, since, within) = match (oldest, state.asked) {
            (Some(began), _) => (Verdict::Slow, began, limits.request_within),
            (None, 0) => (Verdict::Silent, state.quiet_since, limits.head_within),
            (None, _) => (Verdict::Idle, state.quiet_since, limits.idle_within),
        };
        (now.saturating_duration_since(since) >= within).then_some(verdict)
    }

    /// How well the connection can be spared for one that waits: what it would be ended for,
    /// and since when. The smallest goes first; `None` cannot be spared.
    pub(crate) fn spare(&self, now: Instant) -> Option<(Verdict, Instant)> {
        let state = self.state();
        let (verdict, since, grace) =
            if let Some(oldest) = state.under_way.iter().min_by_key(|r| r.began) {
                let all_slow = state.under_way.iter().all(|request| request.receiving);
                (all_slow.then_some(Verdict::Slow)?, oldest.began, SLOW_BODY)
            } else if state.asked == 0 {
                (Verdict::Silent, state.quiet_since, GRACE)
            } else {
                (Verdict::Idle, state.quiet_since, GRACE)
            };
        (now.saturating_duration_since(since) >= grace).then_some((verdict, since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        connections: 1,
        head_within: Duration::from_secs(10),
        idle_within: Duration::from_secs(60),
        request_within: Duration::from_secs(30),
        drain_within: Duration::from_secs(1),
    };

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn silence_idleness_and_slowness_have_times_of_their_own() {
        let start = Instant::now();
        let life = Life::new(start);
        assert_eq!(life.overdue(after(start, 9), &LIMITS), None);
        assert_eq!(life.overdue(after(start, 10), &LIMITS), Some(Verdict::Silent));
        let one = life.begin(after(start, 5), true);
        let two = life.begin(after(start, 20), false);
        assert_eq!(life.overdue(after(start, 34), &LIMITS), None);
        assert_eq!(life.overdue(after(start, 35), &LIMITS), Some(Verdict::Slow));
        life.finish(one, after(start, 34), false);
        assert_eq!(life.overdue(after(start, 49), &LIMITS), None);
        life.finish(two, after(start, 40), false);
        assert_eq!(life.overdue(after(start, 99), &LIMITS), None);
        assert_eq!(life.overdue(after(start, 100), &LIMITS), Some(Verdict::Idle));
    }

    #[test]
    fn the_silent_go_first_and_who_waits_for_an_answer_never() {
        let start = Instant::now();
        let [silent, idle, sending, waiting] = [0; 4].map(|_| Life::new(start));
        idle.finish(idle.begin(start, false), start, false);
        let _ = sending.begin(start, true);
        let number = waiting.begin(start, true);
        assert_eq!(silent.spare(start), None, "a moment for everyone");
        let later = after(start, 2);
        let order = [&silent, &idle, &sending].map(|life| life.spare(later).map(|spare| spare.0));
        assert_eq!(order, [Verdict::Silent, Verdict::Idle, Verdict::Slow].map(Some));
        assert!(order.is_sorted());
        waiting.received(number);
        assert_eq!(waiting.spare(later), None);
    }

    #[test]
    fn who_only_talks_is_ended_and_who_sends_a_body_is_not() {
        let (now, life) = (Instant::now(), Life::new(Instant::now()));
        let number = life.begin(now, true);
        life.heard(1 << 30);
        life.finish(number, now, false);
        assert!(life.heard(CHATTER[1]) && !life.end.is_cancelled());
        assert!(life.heard(1) && life.end.is_cancelled());
        assert!(life.heard(GOODBYE - 1));
        life.say_goodbye();
        assert!(!life.heard(1), "it is not listened to any more");
    }

    #[test]
    fn who_only_gives_up_is_ended() {
        let (now, life) = (Instant::now(), Life::new(Instant::now()));
        for _ in 0..GIVEN_UP {
            life.finish(life.begin(now, false), now, false);
        }
        for _ in 0..GIVEN_UP {
            life.finish(life.begin(now, false), now, true);
        }
        assert!(!life.end.is_cancelled(), "half of them were meant");
        life.finish(life.begin(now, false), now, true);
        assert!(life.end.is_cancelled());
    }
}
