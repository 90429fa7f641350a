//! `up`'s own listener, on this machine only: the fault switches.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use tallylight_serve::guard::{Guard, check_change, guard};
use tallylight_serve::problem::Problem;
use tallylight_serve::{Limits, Server};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::faults::{Faults, Turn};

const LIMITS: Limits = Limits {
    connections: 64,
    head_within: Duration::from_secs(10),
    idle_within: Duration::from_secs(10),
    request_within: Duration::from_secs(10),
    drain_within: Duration::from_secs(1),
};
/// Largest request body, bytes.
const MAX_BODY: usize = 4_096;

/// Serves the switches until `stop`. However it ends, it cancels `stop`: without the switches the
/// faults that are on could not be ended.
pub(super) async fn run(
    listen: SocketAddr,
    faults: Arc<Faults>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let _stops_all = stop.clone().drop_guard();
    let server = Server::bind(listen, LIMITS).await?;
    let router = Router::new()
        .route("/v1/faults", get(list).post(turn))
        .route("/healthz", get(async || "ok"))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(Arc::new(Guard::new(&[], &[])), guard))
        .with_state(faults);
    Ok(server.run(router, &mut JoinSet::new(), stop).await?)
}

async fn list(State(faults): State<Arc<Faults>>) -> Response {
    answer(faults.list())
}

async fn turn(State(faults): State<Arc<Faults>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(problem) = check_change(&headers, None) {
        return problem.into_response();
    }
    let wrong = |detail: String| {
        let title = "The switch cannot be turned like this";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title, detail).into_response()
    };
    match serde_json::from_slice::<Turn>(&body) {
        Ok(turn) => match faults.turn(&turn) {
            Ok(list) => {
                super::say(&format!("fault {} of {}: {}", turn.fault, turn.target, word(turn.on)));
                answer(list)
            }
            Err(mistake) => wrong(mistake),
        },
        Err(error) => wrong(format!("Send {{\"target\", \"fault\", \"on\"}}: {error}")),
    }
}

fn word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn answer(list: Vec<super::faults::Listed>) -> Response {
    ([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(list)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallylight_schemas::clock::WallClock;

    #[tokio::test]
    async fn what_cannot_serve_the_switches_stops_all() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stop = CancellationToken::new();
        let faults = Arc::new(Faults::new(Arc::new(WallClock), &[]));
        let ended = run(taken.local_addr().unwrap(), faults, stop.clone()).await;
        assert!(ended.is_err() && stop.is_cancelled());
    }
}
