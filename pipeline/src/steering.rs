//! The steering service: manifests, sessions, and the edge that each session is sent to.

mod answers;
mod api;
mod engine;
mod feed;
mod ladders;
mod origin_page;
mod play;
mod prober;
pub mod pure;
mod recent_sessions;
mod records;
mod serve_manifests;
mod session;
mod settings;
mod token;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use reqwest::Client;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::delivery;
use tallylight_serve::guard::Guard;
use tallylight_serve::openmetrics;
use tokio::task::JoinSet;

use crate::report::{CollectorEndpoint, Reporter};
use crate::serve::build::{BuildError, Parts, Service, bind};
use crate::serve::cors;
use crate::serve::metrics::Metrics;
use crate::serve::problem;
use crate::serve::upstream::{Upstream, client};
use feed::Feed;
use ladders::Ladders;
use origin_page::Copies;
use prober::{At, Prober};
use pure::state::{self, Policy};
use recent_sessions::RecentSessions;
use records::Records;
use token::Token;

pub use settings::{EdgeSettings, Mode, Settings};

/// Largest ladder or segments page taken from the origin.
const PAGE_LIMIT: usize = 1 << 20;
/// Timeout for fetching one.
const PAGE_WITHIN: Duration = Duration::from_secs(2);

/// All of the service's state.
#[derive(Debug)]
struct Steering {
    settings: Settings,
    /// This service's own address, where players ask for the time.
    own_url: String,
    clock: Arc<dyn Clock>,
    reporter: Reporter,
    metrics: Metrics,
    /// Steering requests of sessions that this service did not issue.
    unproven: Counter,
    origin: Option<Upstream>,
    /// Sends mask requests to the origin.
    masks: Client,
    ladders: Ladders,
    token: Token,
    state: Mutex<state::State>,
    feed: Arc<Feed>,
    prober: Prober,
    copies: Copies,
    sessions: RecentSessions,
    records: Arc<Records>,
    /// Checks who may change something.
    guard: Guard,
}

/// Binds the steering service.
pub async fn build(settings: Settings, parts: Parts) -> Result<Service, BuildError> {
    settings.validate().map_err(BuildError::Settings)?;
    let server = bind(settings.listen, settings.max_connections).await?;
    let collector = CollectorEndpoint::new(
        settings.collector_url.as_deref(),
        &settings.write_key,
        settings.service_key.as_deref(),
    );
    let reporter =
        Reporter::spawn(&collector, delivery::Service::Steering, "steering", &parts.clock)?;
    let upstream = |url: &String| Upstream::new(url, PAGE_LIMIT, PAGE_WITHIN);
    let origin = settings.origin_url.as_ref().map(upstream).transpose()?;
    let own_url =
        settings.public_url.clone().unwrap_or_else(|| format!("http://{}", server.addr()));
    let mut metrics = Metrics::new("steering", &reporter);
    let lost = metrics
        .counter("records_lost", "Incidents and actions dropped to make room for newer ones");
    let steering = Arc::new(Steering {
        copies: Copies::new(parts.clock.now_us()),
        own_url: own_url.trim_end_matches('/').to_owned(),
        clock: parts.clock,
        reporter: reporter.clone(),
        unproven: metrics.counter("unproven", "Steering requests of sessions not issued here"),
        records: Arc::new(Records::new(lost)),
        metrics,
        ladders: Ladders::new(if origin.is_some() { &settings.streams } else { &[] }),
        origin,
        masks: client(Some(engine::MASK_WITHIN))?,
        token: Token::new(settings.service_key.as_deref()),
        state: Mutex::new(state::State {
            // Without a feed there is nothing to restore and nothing to decide by.
            restored: settings.feed_url.is_none(),
            ..state::State::new(policy(&settings), settings.mode)
        }),
        feed: Arc::default(),
        prober: Prober::default(),
        sessions: RecentSessions::default(),
        guard: guard(&settings),
        settings,
    });
    let mut background = JoinSet::new();
    if steering.origin.is_some() {
        background.spawn(ladders::refresh(steering.clone()));
    }
    let records = client(Some(records::WITHIN))?;
    background.spawn(records::post(steering.records.clone(), collector, records));
    if let Some(url) = steering.settings.feed_url.clone() {
        background.spawn(feed::follow(steering.feed.clone(), url));
        background.spawn(engine::run(steering.clone()));
        let client = prober::client()?;
        for edge in &steering.settings.edges {
            let at = edge.probe_url.clone().map_or(At::Edge(edge.url.clone()), At::Object);
            let probes = prober::probe(steering.clone(), edge.name.clone(), at, client.clone());
            background.spawn(probes);
        }
        if let Some(url) = steering.settings.origin_url.clone() {
            background.spawn(origin_page::watch(steering.clone()));
            let name = engine::ORIGIN.to_owned();
            background.spawn(prober::probe(steering.clone(), name, At::Origin(url), client));
        }
    }
    Ok(Service { server, router: router(steering), reporter, background })
}

/// Operators call from this machine, under the name that players use or under an allowed one.
fn guard(settings: &Settings) -> Guard {
    let public = settings.public_url.as_deref().and_then(|url| url.parse::<url::Url>().ok());
    let host = public.and_then(|url| url.host_str().map(str::to_owned));
    let hosts: Vec<String> = host.into_iter().chain(settings.allowed_hosts.clone()).collect();
    Guard::new(&hosts, &settings.allowed_origins)
}

fn policy(settings: &Settings) -> Policy {
    let capacity = |edge: &EdgeSettings| (edge.name.clone(), edge.capacity_kbps);
    Policy {
        tenant: settings.tenant.clone(),
        ttl_s: settings.ttl_s,
        hold_ms: settings.hold_ms.into(),
        keep_free_pct: settings.keep_free_pct,
        capacities: settings.edges.iter().map(capacity).collect(),
    }
}

fn router(steering: Arc<Steering>) -> Router {
    Router::new()
        .route("/live/{stream}/master.m3u8", get(serve_manifests::master))
        .route("/live/{stream}/manifest.mpd", get(serve_manifests::mpd))
        .route("/live/{stream}/{track}/index.m3u8", get(serve_manifests::media))
        .route("/live/{stream}/segments.json", get(serve_manifests::segments))
        .route("/live/{stream}/time", get(serve_manifests::time))
        .route("/v1/play/{stream}", post(play::play))
        .route("/steering/hls", get(answers::hls))
        .route("/steering/dash", get(answers::dash))
        .route("/v1/steering", get(api::show).post(api::set_mode))
        .route("/v1/actions", get(api::actions).post(api::manual))
        .route("/v1/actions/{id}", post(api::on_action))
        .route("/v1/incidents", get(api::incidents))
        .route("/v1/incidents/{id}", post(api::on_incident))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .route(
            "/metrics",
            get(async |State(steering): State<Arc<Steering>>| {
                openmetrics([steering.metrics.registry()])
            }),
        )
        .fallback(async |uri: Uri| {
            problem::not_found(format!("{} is not an address of this service", uri.path()))
        })
        .layer(cors::layer())
        .layer(middleware::from_fn_with_state(steering.clone(), count))
        .with_state(steering)
}

async fn ready(State(steering): State<Arc<Steering>>) -> Response {
    if steering.origin.is_none() || steering.ladders.any() {
        return "ok".into_response();
    }
    problem::unavailable("no ladder yet: is the encoder running?", 1).into_response()
}

async fn count(State(steering): State<Arc<Steering>>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let answer = next.run(request).await;
    steering.metrics.answered(method.as_str(), answer.status().as_u16());
    answer
}

#[cfg(test)]
mod tests;
