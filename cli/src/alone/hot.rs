//! What the processors of this process hold in memory, for other processes to ask.

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

use super::pipelines::{Own, Owned};
use super::{open, unwritten};

const LIMITS: Limits = Limits {
    connections: 256,
    head_within: Duration::from_secs(10),
    idle_within: Duration::from_secs(30),
    request_within: unwritten::TIMEOUT,
    drain_within: Duration::from_secs(1),
};

/// A question about single viewers; none about how far the shards are.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<String>,
    pub(super) limit: usize,
}

/// What a process answers of a shard that it owns.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OfShard {
    pub(super) shard: u16,
    /// How far it is read: of two who think that they own it, the one that is further does.
    pub(super) position: u64,
    /// Log time of which everything is in history, Unix µs.
    pub(super) reach: Option<i64>,
    /// The sessions that were asked for.
    #[serde(default)]
    pub(super) sessions: Vec<SessionRow>,
}

#[derive(Debug)]
pub(super) struct Hot {
    owned: Owned,
    registry: Registry,
}

/// Listens, so that a taken address is known before anything is done.
pub(super) async fn bind(listen: SocketAddr) -> anyhow::Result<Server> {
    Server::bind(listen, LIMITS)
        .await
        .context("processor: stop what uses the address, or set `processor_listen`")
}

/// Answers until `stop`: shards, sessions, rows that are in no file yet, health, metrics.
pub(super) async fn serve(
    server: Server,
    owned: Owned,
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
        .with_state(Arc::new(Hot { owned, registry }));
    Ok(server.run(router, &mut JoinSet::new(), stop).await?)
}

impl Hot {
    /// How to ask about a shard, or the answer where it is not owned here.
    pub(super) fn own(&self, shard: u16) -> Result<Own, Problem> {
        self.owned.of(shard).ok_or_else(|| {
            let detail = format!("shard {shard} is not read here; ask for shards again");
            Problem::new(StatusCode::NOT_FOUND, "not-here", "Not here", detail)
        })
    }

    /// What is owned, without sessions, and how to ask each for them.
    fn shards(&self) -> Vec<(OfShard, ProcessorHandle)> {
        let of = |Own { shard, handle, .. }: Own| {
            let stats = *handle.stats().borrow();
            let (position, reach) = (stats.position, stats.reach());
            let of = OfShard { shard: shard.number(), position, reach, sessions: Vec::new() };
            (of, handle)
        };
        self.owned.all().into_iter().map(of).collect()
    }
}

async fn shards(State(hot): State<Arc<Hot>>) -> Response {
    let all: Vec<OfShard> = hot.shards().into_iter().map(|(of, _)| of).collect();
    Json(all).into_response()
}

async fn sessions(
    State(hot): State<Arc<Hot>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    match asked {
        Ok(Query(asked)) if asked.limit <= MAX_SESSIONS => {
            let query = SessionQuery { tenant: asked.tenant, sid: asked.sid, limit: asked.limit };
            let mut all = Vec::new();
            for (of, handle) in hot.shards() {
                // One that has ended says nothing of its shard, which is not that nobody is there.
                if let Some(sessions) = handle.sessions(query.clone()).await {
                    all.push(OfShard { sessions, ..of });
                }
            }
            Json(all).into_response()
        }
        Ok(_) => wrong(format!("limit is above {MAX_SESSIONS}")).into_response(),
        Err(error) => {
            wrong(format!("send tenant and limit, and sid if wanted: {error}")).into_response()
        }
    }
}

/// A question that cannot be answered as it was asked.
pub(super) fn wrong(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid", "The request cannot be met", detail)
}

/// A question that may be answered in a moment.
pub(super) fn unavailable(detail: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "No answer now", detail)
}

/// Ready once the shards that this process was given are open, and what was in them is read.
async fn readyz(State(hot): State<Arc<Hot>>) -> Response {
    let opening = hot.owned.opening();
    // Why is not said: anybody may ask. The processor's own log says it.
    let detail = if let Some(shard) = opening.first() {
        format!(
            "{} of the shards that this processor was given are not open yet, shard {shard} among them; \
             it opens them, and where one cannot be opened its own log says why",
            opening.len()
        )
    } else if hot.owned.all().iter().any(|own| own.handle.stats().borrow().replaying) {
        "the processor still reads what was in the log; try again".to_owned()
    } else {
        return "ok".into_response();
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "starting", "Not ready yet", detail)
        .retry_after(1)
        .into_response()
}

async fn metrics(State(hot): State<Arc<Hot>>) -> Response {
    openmetrics([&hot.registry])
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use tallylight_schemas::ident::Shard;

    use super::*;

    #[tokio::test]
    async fn a_shard_that_was_given_and_is_not_open_is_said_and_not_ready() {
        let owned = Owned::default();
        let hot = Arc::new(Hot { owned: owned.clone(), registry: Registry::default() });
        let asked = async || {
            let answer = readyz(State(Arc::clone(&hot))).await;
            let status = answer.status().as_u16();
            let body = to_bytes(answer.into_body(), 1 << 10).await.expect("a body");
            (status, String::from_utf8_lossy(&body).into_owned())
        };
        assert_eq!(asked().await.0, 200, "a processor in reserve");
        let shard = Shard::new(2, 4).expect("a shard");
        owned.given(shard);
        let (status, why) = asked().await;
        assert_eq!(status, 503);
        assert!(why.contains("shard 2"), "{why}");
        owned.gone(shard);
        assert_eq!(asked().await.0, 200, "another has it");
    }
}
