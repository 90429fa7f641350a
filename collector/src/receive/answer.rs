//! The answer, once it is known what the log made of the records.

use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tallylight_schemas::fates::Reason;
use tallylight_schemas::headers;
use tokio::sync::oneshot;

use crate::append::{AppendFailure, NoRoom, Outcome};
use crate::fates::Tally;
use crate::problem::{self, Problem};
use crate::pure::ladder::{FULL, Pace, Standing};

/// What became of each record: `accepted=3, rejected;no_sid=1`.
pub const FATES: HeaderName = HeaderName::from_static(headers::FATES);
/// How many values were lost from records that were accepted without them.
pub const DROPPED_VALUES: HeaderName = HeaderName::from_static("tallylight-dropped-values");
/// What clients are asked to do until the next answer: `interval=2, sample=0.5`.
pub const PACE: HeaderName = HeaderName::from_static(headers::PACE);

/// A request whose rows wait for the next commit.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) tally: Tally,
    pub(super) outcome: oneshot::Receiver<Outcome>,
    pub(super) pace: Option<Pace>,
}

impl Waiting {
    /// Waits for the commit and answers: 204 only when the log has every record's fate.
    pub(super) async fn answer(self) -> Result<Response, Problem> {
        let pace = self.pace;
        self.stored().await.map(|tally| stored(&tally, pace))
    }

    /// Waits for the commit: the fates, once the log has them.
    pub(super) async fn stored(self) -> Result<Tally, Problem> {
        match self.outcome.await {
            Ok(Ok(_offset)) => Ok(self.tally),
            Ok(Err(AppendFailure::Internal(_))) => {
                let detail = "The records could not be written to the log; none was acknowledged. \
                              The collector's own log says why.";
                Err(problem::of(problem::INTERNAL, detail))
            }
            // A dropped sender is a commit that was lost with its task.
            Ok(Err(AppendFailure::Unavailable(_))) | Err(_) => {
                let detail = "The log did not take the records; none was acknowledged. \
                              Send the same batch again later.";
                Err(problem::of(problem::LOG_DOWN, detail).retry_after(2))
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

/// What a request is told that found no room: 429 when its own tenant presses, 503 when the
/// queue is full. `lot` spreads the retries.
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

/// What a request is told whose body is not read, as its tenant is refused whatever it holds.
pub(super) fn refused_unread(standing: Standing, lot: u16) -> Problem {
    let detail = "This tenant sends far more than its share or quota; the body was not read. Send \
                  less, and this again after Retry-After.";
    later(problem::of(problem::SLOW_DOWN, detail), standing, lot)
}

/// What a request is told whose body was not looked into, as more wait than the door can read.
pub(super) fn refused_behind(lot: u16) -> Problem {
    let detail = "More large bodies wait to be read than this door can read in time; this one was \
                  not looked into. Send it again later.";
    let standing = Standing { pressure: FULL, cause: Reason::Overload };
    later(problem::of(problem::OVERLOAD, detail), standing, lot)
}

/// With the time until it may come again, and what is asked for until then.
fn later(problem: Problem, standing: Standing, lot: u16) -> Problem {
    let problem = problem.retry_after(standing.retry_after(lot));
    match standing.pace() {
        Some(pace) => problem.with(PACE, &words(pace)),
        None => problem,
    }
}
