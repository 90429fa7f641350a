//! `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tallylight_serve::openmetrics;

use crate::problem;
use crate::{App, feed};

/// Label of proxied requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Proxied {
    /// The service's name.
    pub(crate) upstream: String,
    /// `answered`, `failed` or `timeout`.
    pub(crate) outcome: &'static str,
}

/// Metrics of the dashboard itself.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) connections: Gauge,
    pub(crate) clients: Gauge,
    pub(crate) slow_clients: Counter,
    pub(crate) refused_clients: Counter,
    pub(crate) resumed_clients: Counter,
    pub(crate) deltas: Counter,
    pub(crate) delta_bytes: Counter,
    pub(crate) entries: Counter,
    pub(crate) lost_entries: Counter,
    pub(crate) unreadable_entries: Counter,
    pub(crate) rows: Gauge,
    pub(crate) capped_rows: Gauge,
    /// NaN while nothing is known: missing data is never zero.
    pub(crate) freshness_ms: Gauge<f64, AtomicU64>,
    pub(crate) queries: Counter,
    pub(crate) refused_queries: Counter,
    pub(crate) tails: Gauge,
    pub(crate) tail_rows: Counter,
    pub(crate) proxied: Family<Proxied, Counter>,
}

macro_rules! register {
    ($($name:ident: $help:literal,)*) => {
        impl Metrics {
            pub(crate) fn new() -> Self {
                let mut metrics = Self {
                    registry: Registry::default(),
                    $($name: Default::default(),)*
                };
                $(metrics.registry.register(
                    concat!("tallylight_dashboard_", stringify!($name)),
                    $help,
                    metrics.$name.clone(),
                );)*
                metrics
            }
        }
    };
}

register! {
    connections: "Open connections, feed clients among them",
    clients: "Feed clients connected",
    slow_clients: "Feed clients closed because they did not keep up",
    refused_clients: "Feed clients refused at the limit",
    resumed_clients: "Feed clients that came back and got only what they missed",
    deltas: "Deltas published",
    delta_bytes: "Bytes of deltas published, each counted once",
    entries: "Entries of topic rows taken in",
    lost_entries: "Entries of topic rows that were gone before they were read",
    unreadable_entries: "Entries of topic rows that could not be decoded",
    rows: "Rows held in memory",
    capped_rows: "Rows dropped by the cap on rows although young enough",
    freshness_ms: "Now minus the log time of the slowest partition",
    queries: "Statements of SQL answered",
    refused_queries: "Statements of SQL without an answer: wrong, not allowed, or at a limit",
    tails: "Tails open",
    tail_rows: "Records that tails were sent",
    proxied: "Requests passed on to another service",
}

/// The process runs.
pub(crate) async fn healthz() -> &'static str {
    "ok"
}

/// The rows in the log have been read, so what the pages show is what there is.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Response {
    if app.hub.is_ready() {
        return "ok".into_response();
    }
    let detail = "the dashboard is still reading rows from the log; try again";
    problem::unavailable("starting", "Not ready yet", detail).into_response()
}

pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    // Computed now: a value updated each second and scraped each second would include the
    // arbitrary offset between the two.
    let now = app.hub.now_ms();
    let freshness = app.hub.with_store(|store| feed::status::freshness_ms(store.progress(), now));
    app.metrics.freshness_ms.set(freshness.map_or(f64::NAN, |ms| ms as f64));
    openmetrics([&app.neighbours, &app.metrics.registry])
}
