//! `GET /v1/sessions`: what the processor holds about single viewers, and how SQL reads all open
//! sessions from it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use datafusion::arrow::array::RecordBatch;
use futures::stream::BoxStream;
use serde::Deserialize;
use tallylight_schemas::session::SessionRow;

use crate::App;
use crate::problem;

/// Most sessions in one answer.
pub const MAX_SESSIONS: usize = 1_000;

/// How long the processor may take to answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(3);

/// Open sessions of one shard in the requested columns, in any types that cast to theirs. An error
/// ends the stream.
pub type OpenSessions = BoxStream<'static, Result<RecordBatch, String>>;

/// The source of sessions: the processor, seen from here.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Open and recently closed sessions of `tenant`, newest first, at most `limit`; only
    /// those of `sid` when one is given. The error says why there is no answer.
    async fn sessions(
        &self,
        tenant: &str,
        sid: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, String>;

    /// All open sessions of `tenant` in these columns of table `sessions` (at least one), by
    /// shard. Each is returned once at most; one that begins or ends meanwhile may be missing.
    async fn open(&self, tenant: &str, columns: &[String]) -> Result<Vec<OpenSessions>, String>;
}

#[derive(Debug, Deserialize)]
pub(crate) struct SessionsQuery {
    sid: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    query: Result<Query<SessionsQuery>, QueryRejection>,
) -> Response {
    let Query(query) = match query {
        Ok(query) => query,
        Err(error) => return invalid(format!("the query cannot be read: {error}")),
    };
    let limit = query.limit.unwrap_or(100);
    if !(1..=MAX_SESSIONS).contains(&limit) {
        return invalid(format!("limit is {limit}; it must be 1 to {MAX_SESSIONS}"));
    }
    if query.sid.as_ref().is_some_and(|sid| sid.len() > 256) {
        return invalid("sid is longer than 256 bytes".into());
    }
    let answer = app.sessions.sessions(&app.settings.tenant, query.sid.as_deref(), limit);
    match tokio::time::timeout(TIMEOUT, answer).await {
        Ok(Ok(rows)) => ([("cache-control", "no-store")], Json(rows)).into_response(),
        Ok(Err(why)) => unavailable(format!("the processor does not answer: {why}; try again")),
        Err(_) => unavailable(format!(
            "the processor took over {} s; it may be catching up: try again",
            TIMEOUT.as_secs()
        )),
    }
}

fn invalid(detail: String) -> Response {
    problem::invalid(detail).into_response()
}

fn unavailable(detail: String) -> Response {
    problem::unavailable("unavailable", "Sessions are not available now", detail).into_response()
}
