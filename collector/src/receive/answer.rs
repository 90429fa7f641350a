//! The answer to a request, once the outcome of its commit is known.

use std::sync::Arc;

use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tallylight_schemas::fates::Reason;
use tallylight_schemas::headers;
use tokio::sync::oneshot;

use crate::append::{AppendFailure, NoRoom, Outcome};
use crate::decode::lot;
use crate::fates::Tally;
use crate::problem::{self, Problem};
use crate::pure::ladder::{FULL, Pace, Standing};

/// What became of each record: `accepted=3, rejected;no_sid=1`.
pub const FATES: HeaderName = HeaderName::from_static(headers::FATES);
/// How many values were dropped from accepted records.
pub const DROPPED_VALUES: HeaderName = HeaderName::from_static("tallylight-dropped-values");
/// What clients are asked for until the next answer: `interval=2, sample=0.5`.
pub const PACE: HeaderName = HeaderName::from_static(headers::PACE);

/// A request whose rows wait for the next commit.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) tally: Tally,
    pub(super) outcome: oneshot::Receiver<Outcome>,
    pub(super) pace: Option<Pace>,
    /// Its tenant and time of arrival.
    pub(super) came: (Arc<str>, i64),
}

impl Waiting {
    /// Waits for the commit and answers: 204 only when the log has every record's fate.
    pub(super) async fn answer(self) -> Result<Response, Problem> {
        let pace = self.pace;
        self.stored().await.map(|tally| stored(&tally, pace))
    }

    /// Waits for the commit and returns the fates, once the log has them.
    pub(super) async fn stored(self) -> Result<Tally, Problem> {
        let (tenant, received_at) = &self.came;
        match self.outcome.await {
            Ok(Ok(_offset)) => Ok(self.tally),
            Ok(Err(AppendFailure::Internal(_))) => {
                let detail = "The records could not be written to the log; none was acknowledged. \
                              The collector's own log says why.";
                Err(problem::of(problem::INTERNAL, detail))
            }
            // A dropped sender means that the commit was lost with its task.
            Ok(Err(AppendFailure::Unavailable(_))) | Err(_) => {
                let detail = "The log did not take the records; none was acknowledged. \
                              Send the same batch again later.";
                let problem = problem::of(problem::LOG_DOWN, detail);
                Err(later(problem, Standing::CALM, spread(tenant, *received_at)))
            }
        }
    }
}

fn stored(tally: &Tally, pace: Option<Pace>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&tally.header()) {
        headers.insert(FATES, value);
    }
    if let Some(Ok(value)) = pace.map(|pace| HeaderValue::from_str(&words(pace))) {
        headers.insert(PACE, value);
    }
    if tally.dropped_values > 0 {
        headers.insert(DROPPED_VALUES, tally.dropped_values.into());
    }
    response
}

fn words(Pace { interval, sample }: Pace) -> String {
    format!("interval={interval}, sample={}.{:02}", sample / 100, sample % 100)
}

/// The answer to a request that found no room: 429 when its own tenant is above its limits, 503
/// when the queue is full. `lot` spreads the retries.
pub(super) fn refused(no_room: NoRoom, tally: &Tally, lot: u16) -> Problem {
    let (problem, standing) = match no_room {
        NoRoom::Full => {
            let detail = "More records wait for the log than the limit; these were shed and \
                          counted. Send them again later, in larger and fewer batches.";
            (problem::of(problem::OVERLOAD, detail), Standing::CALM)
        }
        NoRoom::Pressed(standing) => {
            let detail = "This tenant sends more than its share or quota; these records were \
                          shed and counted. Send less, and these again after Retry-After.";
            (problem::of(problem::SLOW_DOWN, detail), standing)
        }
    };
    later(problem, standing, lot).with(FATES, &tally.header())
}

/// The answer to a request whose body is not read, as its tenant is refused whatever the body
/// holds.
pub(super) fn refused_unread(standing: Standing, lot: u16) -> Problem {
    let detail = "This tenant sends far more than its share or quota; the body was not read. Send \
                  less, and this again after Retry-After.";
    later(problem::of(problem::SLOW_DOWN, detail), standing, lot)
}

/// The answer to a request whose body was not decoded, as the collector cannot keep up with large
/// bodies.
pub(super) fn refused_behind(lot: u16) -> Problem {
    let detail = "More large bodies wait to be read than this collector can read in time; this one \
                  was not looked into. Send it again later.";
    let standing = Standing { pressure: FULL, cause: Reason::Overload };
    later(problem::of(problem::OVERLOAD, detail), standing, lot)
}

/// A hash of tenant and time of arrival that spreads the retries: it differs from request to
/// request.
pub(super) fn spread(tenant: &str, at_us: i64) -> u16 {
    lot(tenant, &at_us.to_string())
}

/// Adds a time to retry to the answer to a request for whose body there was no memory; admission
/// does not know one.
pub(super) fn no_room_for_body(problem: Problem, lot: u16) -> Problem {
    if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
        return later(problem, Standing::CALM, lot);
    }
    problem
}

/// Adds when to retry, and what is asked for until then.
fn later(problem: Problem, standing: Standing, lot: u16) -> Problem {
    let problem = problem.retry_after(standing.retry_after(lot));
    match standing.pace() {
        Some(pace) => problem.with(PACE, &words(pace)),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::http::header::RETRY_AFTER;

    use super::*;

    fn wait(problem: Problem) -> u32 {
        let answer = problem.into_response();
        answer.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn who_meets_a_log_that_fails_comes_again_at_a_time_of_its_own() {
        let mut waits = BTreeSet::new();
        for received_at in 0..50 {
            let (sender, outcome) = oneshot::channel();
            drop(sender);
            let came = ("demo".into(), received_at);
            let waiting = Waiting { tally: Tally::default(), outcome, pace: None, came };
            waits.insert(wait(waiting.answer().await.unwrap_err()));
        }
        assert!(waits.len() > 4 && waits.iter().all(|wait| (2..30).contains(wait)), "{waits:?}");
    }

    #[test]
    fn bodies_without_room_do_not_all_come_again_at_once() {
        let of = |at| no_room_for_body(problem::of(problem::OVERLOAD, "full"), spread("demo", at));
        let waits: BTreeSet<u32> = (0..50).map(|at| wait(of(at))).collect();
        assert!(waits.len() > 4 && waits.iter().all(|wait| (2..30).contains(wait)), "{waits:?}");
        let other = no_room_for_body(problem::of(problem::TOO_LARGE, "large"), 7).into_response();
        assert!(!other.headers().contains_key(RETRY_AFTER), "to send it again is of no use");
    }
}
