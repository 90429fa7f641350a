//! The feed: topic `rows` → live store → deltas → WebSocket clients (docs/feed.md).

mod client;
pub(crate) mod follow;
pub(crate) mod hub;
mod json;
mod message;
mod ring;
pub(crate) mod status;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::App;
use crate::problem;

pub use status::Facts;

/// Clients send nothing that is read, so their messages are limited to a small size.
const MAX_CLIENT_MESSAGE: usize = 4 << 10;

/// The query of a feed request; other keys are ignored.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct FeedQuery {
    /// How many seconds back a snapshot reaches.
    since_s: Option<u32>,
    /// The last `seq` the client has.
    resume: Option<u64>,
    /// The `session` that `resume` belongs to.
    session: Option<String>,
}

/// `GET /v1/feed`.
pub(crate) async fn feed(
    State(app): State<Arc<App>>,
    query: Result<Query<FeedQuery>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(error) => return invalid(format!("the query cannot be read: {error}")),
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(error) => return invalid(format!("/v1/feed is a WebSocket: {error}")),
    };
    let Ok(permit) = Arc::clone(&app.feed_clients).try_acquire_owned() else {
        app.metrics.refused_clients.inc();
        let detail = format!(
            "{} clients are connected, the limit (feed.max_clients); try again later",
            app.settings.feed.max_clients
        );
        return problem::unavailable("full", "The feed is full", detail).into_response();
    };
    let upgrade = upgrade.max_message_size(MAX_CLIENT_MESSAGE).max_frame_size(MAX_CLIENT_MESSAGE);
    let tracker = app.tasks.clone();
    upgrade.on_upgrade(move |socket| {
        tracker.track_future(async move {
            app.metrics.clients.inc();
            client::serve(socket, &app, &query).await;
            app.metrics.clients.dec();
            drop(permit);
        })
    })
}

/// `GET /v1/metrics`: what the measures of the feed mean.
pub(crate) async fn definitions() -> Response {
    ([("cache-control", "no-cache")], Json(message::definitions())).into_response()
}

fn invalid(detail: String) -> Response {
    problem::invalid(detail).into_response()
}
