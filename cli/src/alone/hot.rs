//! What the processor holds in memory, asked for from another process: its own listener, and
//! the dashboard's side of it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tallylight_dashboard::MAX_ASKED;
use tallylight_schemas::session::SessionRow;
use tallylight_serve::guard::{Guard, guard};
use tallylight_serve::problem::Problem;
use tallylight_serve::{Limits, Server};
use tallylight_stream_processor::{ProcessorHandle, SessionQuery};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const LIMITS: Limits = Limits {
    connections: 256,
    head_within: Duration::from_secs(10),
    idle_within: Duration::from_secs(30),
    request_within: Duration::from_secs(10),
    drain_within: Duration::from_secs(1),
};
/// How long the dashboard waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A question about single viewers.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    limit: usize,
}

#[derive(Debug)]
struct Hot {
    handle: ProcessorHandle,
    registry: Registry,
}

/// Listens, so that a taken address is known before anything is done.
pub(super) async fn bind(listen: SocketAddr) -> anyhow::Result<Server> {
    Server::bind(listen, LIMITS)
        .await
        .context("processor: stop what uses the address, or set `processor_listen`")
}

/// Answers until `stop`: sessions, health, metrics.
pub(super) async fn serve(
    server: Server,
    handle: ProcessorHandle,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut registry = Registry::default();
    handle.register(&mut registry);
    let router = Router::new()
        .route("/v1/sessions", get(sessions))
        .route("/metrics", get(metrics))
        .layer(from_fn_with_state(Arc::new(Guard::new(&[], &[])), guard))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(readyz))
        .with_state(Arc::new(Hot { handle, registry }));
    Ok(server.run(router, &mut JoinSet::new(), stop).await?)
}

async fn sessions(
    State(hot): State<Arc<Hot>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let wrong = |detail: String| {
        Problem::new(StatusCode::BAD_REQUEST, "invalid", "The request cannot be met", detail)
            .into_response()
    };
    match asked {
        Ok(Query(asked)) if asked.limit <= MAX_ASKED => {
            let query = SessionQuery { tenant: asked.tenant, sid: asked.sid, limit: asked.limit };
            Json(hot.handle.sessions(query).await).into_response()
        }
        Ok(_) => wrong(format!("limit is above {MAX_ASKED}")),
        Err(error) => wrong(format!("send tenant and limit, and sid if wanted: {error}")),
    }
}

/// Ready once what was in the log at the start is read.
async fn readyz(State(hot): State<Arc<Hot>>) -> Response {
    if !hot.handle.stats().borrow().replaying {
        return "ok".into_response();
    }
    let detail = "the processor still reads what was in the log; try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "starting", "Not ready yet", detail)
        .retry_after(1)
        .into_response()
}

async fn metrics(State(hot): State<Arc<Hot>>) -> Response {
    let mut out = String::new();
    if text::encode(&mut out, &hot.registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], out).into_response()
}

/// A processor in another process, seen from the dashboard.
#[derive(Debug)]
pub(super) struct Remote {
    client: reqwest::Client,
    url: String,
}

impl Remote {
    pub(super) fn new(base: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { client, url: format!("{}/v1/sessions", base.trim_end_matches('/')) })
    }
}

#[async_trait]
impl tallylight_dashboard::Sessions for Remote {
    async fn sessions(
        &self,
        tenant: &str,
        sid: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, String> {
        let asked = Asked { tenant: tenant.to_owned(), sid: sid.map(str::to_owned), limit };
        let failed = |error: reqwest::Error| format!("the processor at {}: {error}", self.url);
        let answer = self.client.get(&self.url).query(&asked).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status).map_err(failed)?;
        answer.json().await.map_err(failed)
    }
}
