//! The answer, once it is known what the log made of the records.

use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;

use crate::append::{AppendFailure, Outcome};
use crate::fates::Tally;
use crate::problem::{self, Problem};

/// What became of each record: `accepted=3, rejected;no_sid=1`.
pub const FATES: HeaderName = HeaderName::from_static("tallylight-fates");
/// How many values were lost from records that were accepted without them.
pub const DROPPED_VALUES: HeaderName = HeaderName::from_static("tallylight-dropped-values");

/// A request whose rows wait for the next commit.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) tally: Tally,
    pub(super) outcome: oneshot::Receiver<Outcome>,
}

impl Waiting {
    /// Waits for the commit and answers: 204 only when the log has every record's fate.
    pub(super) async fn answer(self) -> Result<Response, Problem> {
        match self.outcome.await {
            Ok(Ok(_offset)) => Ok(stored(&self.tally)),
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

fn stored(tally: &Tally) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&tally.header()) {
        headers.insert(FATES, value);
    }
    if tally.dropped_values > 0 {
        headers.insert(DROPPED_VALUES, tally.dropped_values.into());
    }
    response
}

/// What a request is told that found the queue full.
pub(super) fn fates_of_shed(tally: &Tally) -> Problem {
    let detail = "More records wait for the log than the limit; these were shed and counted. \
                  Send them again later, in larger and fewer batches.";
    problem::of(problem::OVERLOAD, detail).with(FATES, &tally.header()).retry_after(2)
}
