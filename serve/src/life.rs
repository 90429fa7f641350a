//! The state of one connection, and its deadlines.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::Limits;
use crate::http::{CONNECTION_WINDOW, HEAD_BYTES};

/// How long a connection without a request in progress is safe from being ended to make room: a
/// client needs a moment between connecting and its request, and between requests.
const GRACE: Duration = Duration::from_millis(500);
/// A request whose body is incomplete after this long may be ended to make room for another client.
const SLOW_BODY: Duration = Duration::from_secs(2);
/// A client that abandons this many requests, and more than half of all its requests, is ended.
const GIVEN_UP: u64 = 100;
/// The most bytes outside requests (pings, settings, half a head), before the first request and
/// between later ones, where a window of answered requests' bodies may still arrive.
const OUTSIDE_REQUESTS: [u64; 2] = [96 << 10, CONNECTION_WINDOW as u64 + 2 * HEAD_BYTES as u64];

/// The most further bytes while the connection is being closed.
const CLOSING_BYTES: u64 = 64 << 10;

/// Why the server ends a connection. Later variants are ended less readily to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// No complete request head arrived in time.
    Silent,
    /// No request for too long.
    Idle,
    /// A request's body or answer takes too long.
    Slow,
}

/// One connection, from the time it was accepted.
#[derive(Debug)]
pub(crate) struct Life {
    state: Mutex<State>,
    /// Bytes received since a request last began or ended.
    heard: AtomicU64,
    /// Whether reading has to pause.
    pauses: AtomicBool,
    /// Whether the server has begun to close the connection.
    closing: AtomicBool,
    /// Cancelled when the connection has to end.
    pub(crate) end: CancellationToken,
    /// Cancelled when an answer must not wait any longer for a body that nobody reads.
    pub(crate) answer_now: CancellationToken,
}

#[derive(Debug)]
struct State {
    /// When it was accepted, or its newest answer ended.
    quiet_since: Instant,
    under_way: Vec<Request>,
    asked: u64,
    given_up: u64,
    /// Whether reading has paused since a request last began or ended.
    has_paused: bool,
}

#[derive(Debug)]
struct Request {
    number: u64,
    began: Instant,
    receiving: bool,
}

impl Life {
    pub(crate) fn new(now: Instant) -> Self {
        let state = State {
            quiet_since: now,
            under_way: Vec::new(),
            asked: 0,
            given_up: 0,
            has_paused: false,
        };
        let (state, heard) = (Mutex::new(state), AtomicU64::new(0));
        let (pauses, closing) = (AtomicBool::new(false), AtomicBool::new(false));
        let (end, answer_now) = (CancellationToken::new(), CancellationToken::new());
        Self { state, heard, pauses, closing, end, answer_now }
    }

    /// Counts received bytes; ends a client that sends too many outside requests, after a pause in
    /// which its requests could begin. `false`: it keeps sending although its connection is being
    /// closed.
    pub(crate) fn heard(&self, bytes: u64) -> bool {
        let heard = self.heard.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if heard <= OUTSIDE_REQUESTS[0] {
            return true;
        }
        let mut state = self.state.lock();
        let most = OUTSIDE_REQUESTS[usize::from(state.asked > 0)];
        if !state.under_way.is_empty() || heard <= most {
            return true;
        }
        if !std::mem::replace(&mut state.has_paused, true) {
            self.pauses.store(true, Ordering::Relaxed);
            return true;
        }
        self.end.cancel();
        heard <= most + CLOSING_BYTES || !self.closing.load(Ordering::Relaxed)
    }

    /// Whether to pause before more is read: over HTTP/2 no request begins while there is more to
    /// read, so a burst of requests looks like bytes outside them.
    pub(crate) fn pauses(&self) -> bool {
        self.pauses.swap(false, Ordering::Relaxed)
    }

    /// The server begins to close the connection. This never happens to an upgraded one, which
    /// belongs to the handler that upgraded it.
    pub(crate) fn begin_closing(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.answer_now.cancel();
    }

    /// A complete head arrived. The returned number identifies the request; the first is 1.
    pub(crate) fn begin(&self, now: Instant, receiving: bool) -> u64 {
        let mut state = self.state.lock();
        state.asked += 1;
        let number = state.asked;
        self.judge_anew(&mut state);
        state.under_way.push(Request { number, began: now, receiving });
        number
    }

    /// Whether the client ever sent a request.
    pub(crate) fn has_asked(&self) -> bool {
        self.state.lock().asked > 0
    }

    /// Whether the body of a request is being received: it is not once it is complete, and while
    /// nobody reads it.
    pub(crate) fn receiving(&self, number: u64, is_receiving: bool) {
        if let Some(request) = self.state.lock().under_way.iter_mut().find(|r| r.number == number) {
            request.receiving = is_receiving;
        }
    }

    /// The answer is complete, or the client abandoned the request.
    pub(crate) fn finish(&self, number: u64, now: Instant, given_up: bool) {
        let mut state = self.state.lock();
        state.under_way.retain(|request| request.number != number);
        state.quiet_since = now;
        self.judge_anew(&mut state);
        state.given_up += u64::from(given_up);
        if state.given_up >= GIVEN_UP && state.given_up * 2 > state.asked {
            self.end.cancel();
        }
    }

    /// A request began or ended: what was received before does not count any more.
    fn judge_anew(&self, state: &mut State) {
        self.heard.store(0, Ordering::Relaxed);
        state.has_paused = false;
    }

    /// Why the connection must end now, if it must.
    pub(crate) fn overdue(&self, now: Instant, limits: &Limits) -> Option<Verdict> {
        let state = self.state.lock();
        let oldest = state.under_way.iter().map(|request| request.began).min();
        let (verdict, since, within) = match (oldest, state.asked) {
            (Some(began), _) => (Verdict::Slow, began, limits.request_within),
            (None, 0) => (Verdict::Silent, state.quiet_since, limits.head_within),
            (None, _) => (Verdict::Idle, state.quiet_since, limits.idle_within),
        };
        (now.saturating_duration_since(since) >= within).then_some(verdict)
    }

    /// How expendable the connection is for a waiting client: the reason to end it, and since when
    /// it holds. The smallest is ended first; `None` must not be ended.
    pub(crate) fn spare(&self, now: Instant) -> Option<(Verdict, Instant)> {
        let state = self.state.lock();
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
    fn silence_idleness_and_slowness_have_separate_deadlines() {
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
    fn silent_connections_go_first_and_those_awaiting_an_answer_never() {
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
        waiting.receiving(number, false);
        assert_eq!(waiting.spare(later), None);
    }

    #[test]
    fn bytes_outside_requests_are_limited_and_bodies_are_not() {
        let (now, life) = (Instant::now(), Life::new(Instant::now()));
        let number = life.begin(now, true);
        life.heard(1 << 30);
        life.finish(number, now, false);
        assert!(life.heard(OUTSIDE_REQUESTS[1]) && !life.pauses());
        assert!(life.heard(1) && life.pauses() && !life.end.is_cancelled());
        assert!(life.heard(1) && !life.pauses() && life.end.is_cancelled());
        assert!(life.heard(CLOSING_BYTES - 2));
        life.begin_closing();
        assert!(!life.heard(1), "it is no longer read");
    }

    #[test]
    fn a_burst_is_no_talk_if_its_requests_begin_in_the_pause() {
        let (now, life) = (Instant::now(), Life::new(Instant::now()));
        for most in [OUTSIDE_REQUESTS[0], OUTSIDE_REQUESTS[1], OUTSIDE_REQUESTS[1]] {
            assert!(life.heard(most + 1) && life.pauses());
            let number = life.begin(now, true);
            assert!(life.heard(u64::from(CONNECTION_WINDOW)) && !life.pauses());
            life.finish(number, now, false);
            assert!(!life.end.is_cancelled());
        }
    }

    #[test]
    fn a_client_that_abandons_most_requests_is_ended() {
        let (now, life) = (Instant::now(), Life::new(Instant::now()));
        for _ in 0..GIVEN_UP {
            life.finish(life.begin(now, false), now, false);
        }
        for _ in 0..GIVEN_UP {
            life.finish(life.begin(now, false), now, true);
        }
        assert!(!life.end.is_cancelled(), "only half of them were abandoned");
        life.finish(life.begin(now, false), now, true);
        assert!(life.end.is_cancelled());
    }
}
