//! `GET /v1/tail`: records as they arrive, filtered by a condition (docs/feed.md). Each tail reads
//! the log itself, from its end on, so no work is done without tails (in Kafka, before the first).

mod follow;
mod lines;
mod offsets;
mod table;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use self::follow::Follow;
use self::offsets::Offsets;
use self::table::{PICKS, Picked};
use crate::health::Metrics;
use crate::{App, problem};

/// Chunks by which a client may be behind before its tail waits for it.
const QUEUE: usize = 8;

/// The query of a tail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TailQuery {
    /// `player_events`, the default, or `delivery_events`.
    table: Option<String>,
    /// A condition on records, as after WHERE.
    r#where: Option<String>,
    /// The columns to show, separated by commas; all known ones by default.
    columns: Option<String>,
    /// Where to continue: the `next` of an earlier tail.
    from: Option<String>,
}

pub(crate) async fn tail(
    State(app): State<Arc<App>>,
    query: Result<Query<TailQuery>, QueryRejection>,
) -> Response {
    match begin(app, query).await {
        Ok(response) | Err(response) => response,
    }
}

async fn begin(
    app: Arc<App>,
    query: Result<Query<TailQuery>, QueryRejection>,
) -> Result<Response, Response> {
    let Query(query) =
        query.map_err(|error| invalid(format!("the query cannot be read: {error}")))?;
    let Ok(permit) = Arc::clone(&app.tails).try_acquire_owned() else {
        let detail = format!(
            "{} tails are open, the limit (dashboard.tails); try again when one has ended",
            app.settings.tails
        );
        return Err(problem::unavailable("full", "Too many tails are open", detail).into_response());
    };
    let name = query.table.as_deref().unwrap_or(PICKS[0].name());
    let text = query.r#where.as_deref().unwrap_or_default().trim();
    let picked = Picked::new(name, query.columns.as_deref(), text).map_err(invalid)?;
    let condition = match text {
        "" => None,
        text => {
            let compiled = app.sql.condition(name, picked.schema(), text).await;
            Some(compiled.map_err(|error| error.problem().into_response())?)
        }
    };
    let from = query.from.as_deref().map(|from| Offsets::read(from, app.log.count()));
    let from = from.transpose().map_err(invalid)?;
    let next = Offsets::start(&app.log, from).map_err(|error| {
        problem::unavailable("unavailable", "The log cannot be read now", error.to_string())
            .into_response()
    })?;
    let (to, lines) = mpsc::channel::<Bytes>(QUEUE);
    let follow = Follow { picked, condition, next, to };
    let engine = Arc::clone(&app);
    let open = OpenTail::new(Arc::clone(&app.metrics), permit);
    let work = engine.sql.spawn(async move {
        let _open = open;
        follow.run(&app).await;
    });
    let work = work.map_err(|error| error.problem().into_response())?;
    // The work ends with the answer: it is dropped when the client goes away.
    let body = stream::unfold((lines, work), |(mut lines, work)| async move {
        let chunk = lines.recv().await?;
        Some((Ok::<_, Infallible>(chunk), (lines, work)))
    });
    let head =
        [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")];
    Ok((head, Body::from_stream(body)).into_response())
}

/// An open tail. However it ends, it is no longer counted and its permit is released.
struct OpenTail {
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
}

impl OpenTail {
    fn new(metrics: Arc<Metrics>, permit: OwnedSemaphorePermit) -> Self {
        metrics.tails.inc();
        Self { metrics, _permit: permit }
    }
}

impl Drop for OpenTail {
    fn drop(&mut self) {
        self.metrics.tails.dec();
    }
}

fn invalid(detail: String) -> Response {
    problem::invalid(detail).into_response()
}
