//! The HTTP API by which other processes query what the processors of this process hold in memory.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tallylight_dashboard::MAX_SESSIONS;
use tallylight_schemas::session::SessionRow;
use tallylight_serve::guard::{Guard, guard};
use tallylight_serve::problem::Problem;
use tallylight_serve::{Limits, Server, openmetrics};
use tallylight_stream_processor::{Metrics, ProcessorHandle, SessionQuery};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::shards::{LocalShards, RunningShard};
use super::{open, unwritten};

const LIMITS: Limits = Limits {
    connections: 256,
    head_within: Duration::from_secs(10),
    idle_within: Duration::from_secs(30),
    request_within: unwritten::TIMEOUT,
    drain_within: Duration::from_secs(1),
};

/// A query for the sessions of single viewers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SessionsRequest {
    pub(super) tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<String>,
    pub(super) limit: usize,
}

/// What a process answers for a shard that it owns.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ShardAnswer {
    pub(super) shard: u16,
    /// How far the shard is read. Of two processes that both believe they own it, the one that is
    /// further ahead is its owner.
    pub(super) position: u64,
    /// Log time up to which everything is in history, Unix µs.
    pub(super) reach: Option<i64>,
    /// The requested sessions.
    #[serde(default)]
    pub(super) sessions: Vec<SessionRow>,
}

#[derive(Debug)]
pub(super) struct ApiState {
    local: LocalShards,
    registry: Registry,
}

/// Listens first, so that an address in use is reported before any work begins.
pub(super) async fn bind(listen: SocketAddr) -> anyhow::Result<Server> {
    Server::bind(listen, LIMITS)
        .await
        .context("processor: stop what uses the address, or set `processor_listen`")
}

/// Serves until `stop`: shards, sessions, rows that are not in a file yet, health, metrics.
pub(super) async fn serve(
    server: Server,
    local: LocalShards,
    metrics: Metrics,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let router = Router::new()
        .route("/v1/shards", get(shards))
        .route("/v1/sessions", get(sessions))
        .route(open::PATH, get(open::open))
        .route(unwritten::PATH, get(unwritten::unwritten))
        .route("/metrics", get(self::metrics))
        .layer(from_fn_with_state(Arc::new(Guard::new(&[], &[])), guard))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(readyz))
        .with_state(Arc::new(ApiState { local, registry }));
    Ok(server.run(router, &mut JoinSet::new(), stop).await?)
}

impl ApiState {
    /// The shard, or the problem to answer with if it does not run here.
    pub(super) fn shard(&self, shard: u16) -> Result<RunningShard, Problem> {
        self.local.get(shard).ok_or_else(|| {
            let detail = format!("shard {shard} is not read here; ask for shards again");
            Problem::new(StatusCode::NOT_FOUND, "not-here", "Not here", detail)
        })
    }

    /// An answer without sessions for each shard that runs here, and the handle of its processor.
    fn shard_answers(&self) -> Vec<(ShardAnswer, ProcessorHandle)> {
        let answer = |RunningShard { shard, handle, .. }: RunningShard| {
            let stats = *handle.stats().borrow();
            let (position, reach) = (stats.position, stats.reach());
            let shard = shard.number();
            (ShardAnswer { shard, position, reach, sessions: Vec::new() }, handle)
        };
        self.local.running().into_iter().map(answer).collect()
    }
}

async fn shards(State(api): State<Arc<ApiState>>) -> Response {
    let all: Vec<ShardAnswer> = api.shard_answers().into_iter().map(|(answer, _)| answer).collect();
    Json(all).into_response()
}

async fn sessions(
    State(api): State<Arc<ApiState>>,
    request: Result<Query<SessionsRequest>, QueryRejection>,
) -> Response {
    match request {
        Ok(Query(SessionsRequest { tenant, sid, limit })) if limit <= MAX_SESSIONS => {
            let query = SessionQuery { tenant, sid, limit };
            let mut all = Vec::new();
            for (answer, handle) in api.shard_answers() {
                // A processor that has ended leaves its shard out: no answer does not mean that the
                // shard has no sessions.
                if let Some(sessions) = handle.sessions(query.clone()).await {
                    all.push(ShardAnswer { sessions, ..answer });
                }
            }
            Json(all).into_response()
        }
        Ok(_) => bad_request(format!("limit is above {MAX_SESSIONS}")).into_response(),
        Err(error) => bad_request(format!("send tenant and limit, and sid if wanted: {error}"))
            .into_response(),
    }
}

/// The answer to a request that is not valid.
pub(super) fn bad_request(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid", "The request cannot be met", detail)
}

/// The answer to a request that may succeed in a moment.
pub(super) fn unavailable(detail: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "No answer now", detail)
}

/// Ready once the shards assigned to this process are open and what was in them is read.
async fn readyz(State(api): State<Arc<ApiState>>) -> Response {
    let opening = api.local.opening();
    // The reason is not given here, since anybody may ask. The processor's own log has it.
    let detail = if let Some(shard) = opening.first() {
        format!(
            "{} of the shards assigned to this processor are not open yet, shard {shard} among them; it \
             keeps trying, and its own log says why a shard cannot be opened",
            opening.len()
        )
    } else if api.local.running().iter().any(|shard| shard.handle.stats().borrow().replaying) {
        "the processor is still reading the log; try again".to_owned()
    } else {
        return "ok".into_response();
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "starting", "Not ready yet", detail)
        .retry_after(1)
        .into_response()
}

async fn metrics(State(api): State<Arc<ApiState>>) -> Response {
    openmetrics([&api.registry])
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use tallylight_schemas::ident::Shard;

    use super::*;

    #[tokio::test]
    async fn a_shard_that_was_given_and_is_not_open_is_said_and_not_ready() {
        let local = LocalShards::default();
        let api = Arc::new(ApiState { local: local.clone(), registry: Registry::default() });
        let ready = async || {
            let answer = readyz(State(Arc::clone(&api))).await;
            let status = answer.status().as_u16();
            let body = to_bytes(answer.into_body(), 1 << 10).await.expect("a body");
            (status, String::from_utf8_lossy(&body).into_owned())
        };
        assert_eq!(ready().await.0, 200, "a processor in reserve");
        let shard = Shard::new(2, 4).expect("a shard");
        local.assign(shard);
        let (status, why) = ready().await;
        assert_eq!(status, 503);
        assert!(why.contains("shard 2"), "{why}");
        local.remove(shard);
        assert_eq!(ready().await.0, 200, "another has it");
    }
}
