//! The state shared by all requests, and the routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use prometheus_client::registry::Registry;
use tallylight_eventlog::Shards;
use tallylight_serve::guard::{Guard, guard};
use tallylight_store::history::History;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::feed::hub::Hub;
use crate::health::Metrics;
use crate::proxy::{HttpClient, Target};
use crate::sql::{Engine, EngineError, Platform, serve};
use crate::{
    Error, FactsSource, Parts, Sessions, Settings, feed, health, pages, problem, proxy, rules,
    series, sessions, tail,
};

/// The state shared by all requests.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) log: Shards,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) facts: Option<FactsSource>,
    pub(crate) neighbours: Registry,
    pub(crate) hub: Hub,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) http: HttpClient,
    pub(crate) sql: Engine,
    pub(crate) history: Option<History>,
    /// Breakdowns over time that are currently requested.
    pub(crate) series: series::Registry,
    /// One permit per feed client.
    pub(crate) feed_clients: Arc<Semaphore>,
    /// One permit per tail.
    pub(crate) tails: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl App {
    pub(crate) fn new(settings: Settings, parts: Parts) -> Result<Self, Error> {
        let metrics = Arc::new(Metrics::new());
        let sessions = Some(Arc::clone(&parts.sessions));
        let history = parts.history.clone();
        let tables =
            Platform::new(&settings.tenant, &settings.live_events, parts.history, sessions)
                .map_err(EngineError::from)?;
        // Dashboards may share the data folder; each empties its own spill folder at start.
        let port = settings.listen.port().to_string();
        let spill = settings.data.as_ref().map(|data| data.join("spill").join(port));
        let (bounds, tenant) = (settings.sql.clone(), &settings.tenant);
        let sql = Engine::new(bounds, tenant, Arc::new(tables), spill.as_deref())?;
        Ok(Self {
            hub: Hub::new(&settings, parts.clock, Arc::clone(&metrics)),
            feed_clients: Arc::new(Semaphore::new(settings.feed.max_clients)),
            tails: Arc::new(Semaphore::new(settings.tails)),
            log: parts.log,
            sessions: parts.sessions,
            facts: parts.facts,
            neighbours: parts.neighbours,
            metrics,
            http: proxy::client(settings.upstreams.any_tls()).map_err(Error::Trust)?,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            sql,
            history,
            series: series::Registry::default(),
            settings,
        })
    }
}

/// Every route of the dashboard.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let settings = &app.settings;
    let upstreams = &settings.upstreams;
    let steering = Target::new("steering service", &upstreams.steering);
    let steering = Target { root_relative: true, ..steering };
    // The guard below has already checked the Origin, and knows the names of this dashboard; the
    // services behind it would take it for another site's.
    let control = Target { vouched: true, ..steering.clone() };
    let collector = Target::new("collector", &upstreams.collector);
    let beacons = Target { vouched: true, ..collector.clone() };
    let collector = Target { forward_peer: true, ..collector };
    let mut guarded = Router::new()
        .route("/v1/feed", get(feed::feed))
        .route("/v1/metrics", get(feed::definitions))
        .route("/v1/series", get(series::series))
        .route("/v1/sessions", get(sessions::list))
        .route("/v1/sql", post(serve::query).layer(DefaultBodyLimit::max(serve::MOST)))
        .route("/v1/sql/tables", get(serve::tables))
        .route("/v1/tail", get(tail::tail))
        .route("/v1/cmcd/rules", get(rules::list))
        .route("/v1/reasons", get(rules::reasons))
        .route("/v1/cmcd", proxy::route(collector.clone()))
        .route("/v1/events", proxy::route(collector))
        .route("/v1/beacons", proxy::route(beacons))
        .route("/live/{*rest}", proxy::route(steering.clone()))
        .route("/v1/play/{*rest}", proxy::route(steering.clone()))
        .route("/steering/{*rest}", proxy::route(steering))
        .route("/metrics", get(health::metrics))
        .fallback(pages::page);
    for path in ["/v1/steering", "/v1/actions", "/v1/incidents"] {
        guarded = guarded
            .route(path, proxy::route(control.clone()))
            .route(&format!("{path}/{{*rest}}"), proxy::route(control.clone()));
    }
    if let Some(base) = &upstreams.faults {
        let faults = Target { vouched: true, ..Target::new("fault switches", base) };
        guarded = guarded.route("/v1/faults", proxy::route(faults));
    }
    for (name, base) in &upstreams.edges {
        let strip = format!("/{name}");
        let target = Target { strip, ..Target::new(&format!("edge {name}"), base) };
        guarded = guarded.route(&format!("/{name}/{{*rest}}"), proxy::route(target));
    }
    let guarded = guarded.method_not_allowed_fallback(problem::wrong_method);
    let lists = Arc::new(Guard::new(&settings.allowed_hosts, &settings.allowed_origins));
    // Probes may use any host name; they learn only whether the dashboard is up.
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .method_not_allowed_fallback(problem::wrong_method)
        .merge(guarded.layer(from_fn_with_state(lists, guard)))
        .with_state(Arc::clone(app))
}
