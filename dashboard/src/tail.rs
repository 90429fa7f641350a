//! `GET /v1/tail`: records as they come in, those for which a condition holds (docs/feed.md).
//! Each tail reads the log itself, from its end on, so nothing is done while nobody asks.

mod follow;
mod lines;
mod places;
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
use self::places::Places;
use self::table::{PICKS, Picked};
use crate::health::Metrics;
use crate::{App, problem};

/// Answers that a client may be behind before its tail waits for it.
const QUEUE: usize = 8;

/// The query of a tail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// `player_events`, the default, or `delivery_events`.
    table: Option<String>,
    /// What must hold for a record, as after WHERE.
    r#where: Option<String>,
    /// The columns wanted, with commas between; all that are known by default.
    columns: Option<String>,
    /// Where to go on, out of the last line of an earlier tail.
    from: Option<String>,
}

pub(crate) async fn tail(
    State(app): State<Arc<App>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    match begin(app, asked).await {
        Ok(response) | Err(response) => response,
    }
}

async fn begin(
    app: Arc<App>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Response> {
    let Query(asked) =
        asked.map_err(|error| invalid(format!("the query cannot be read: {error}")))?;
    let Ok(place) = Arc::clone(&app.tails).try_acquire_owned() else {
        let detail = format!(
            "{} tails are open, the limit (dashboard.tails); try again when one has ended",
            app.settings.tails
        );
        return Err(
            problem::unavailable("full", "All places for tails are taken", detail).into_response()
        );
    };
    let name = asked.table.as_deref().unwrap_or(PICKS[0].name());
    let picked = Picked::new(name, asked.columns.as_deref()).map_err(invalid)?;
    let condition = match asked.r#where.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let compiled = app.sql.condition(name, picked.schema(), text).await;
            Some(compiled.map_err(|error| error.problem().into_response())?)
        }
    };
    let from = asked.from.as_deref().map(|from| Places::read(from, app.log.count()));
    let from = from.transpose().map_err(invalid)?;
    let next = Places::start(&app.log, from).map_err(|error| {
        problem::unavailable("unavailable", "The log cannot be read now", error.to_string())
            .into_response()
    })?;
    let (to, lines) = mpsc::channel::<Bytes>(QUEUE);
    let follow = Follow { picked, condition, next, to };
    let engine = Arc::clone(&app);
    let open = Open::new(Arc::clone(&app.metrics), place);
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

/// A tail that is open. However it ends, it is counted no more and its place is free.
struct Open {
    metrics: Arc<Metrics>,
    _place: OwnedSemaphorePermit,
}

impl Open {
    fn new(metrics: Arc<Metrics>, place: OwnedSemaphorePermit) -> Self {
        metrics.tails.inc();
        Self { metrics, _place: place }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.tails.dec();
    }
}

fn invalid(detail: String) -> Response {
    problem::invalid(detail).into_response()
}
