//! The audience: simulated viewers that really fetch the stream, and the ledger of what
//! really happened to each of them.
//!
//! In the way of a session: [`plan`] says what a viewer means to do, [`play`] opens the session,
//! [`viewer`] does it over HTTP against a [`pure::playback`] buffer by the pathway that
//! [`pure::pathways`] and [`pure::steering`] lead to, [`beacon`] tells the collector as any CMCD v2
//! player would, [`ledger`] writes down the truth.

pub mod beacon;
pub mod cmcd_text;
pub mod fetch;
pub mod ledger;
pub mod manifest;
pub mod plan;
pub mod play;
pub mod pure;
pub mod viewer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use tallylight_schemas::clock::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use ledger::Ledger;
use plan::{Plan, SessionPlan};
use viewer::Viewer;

/// Simulated viewers (docs/audience.md).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Viewers at a time.
    pub viewers: u32,
    /// Stream name.
    pub stream: String,
    /// The steering service, which serves manifests.
    pub steering_url: String,
    /// The collector, where beacons go.
    pub collector_url: String,
    /// Their write key at the collector.
    pub key: String,
    /// Chooses the viewers' plans; the same seed gives the same plans.
    pub seed: u64,
    /// Time over which the first viewers arrive.
    pub arrive_s: u32,
    /// How long a script of them runs; 0 has none and goes on until stopped.
    pub duration_s: u32,
    /// So many start failures and as many exits before start in the script.
    pub bad_starts: u32,
    /// Stalls of each viewer in the script.
    pub stalls_per_viewer: u32,
    /// Where to write what really happened to each; none writes nothing.
    pub ledger: Option<PathBuf>,
    /// Writes every media request into the ledger too.
    pub ledger_requests: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            viewers: 200,
            stream: "demo".to_owned(),
            steering_url: "http://127.0.0.1:7720".to_owned(),
            collector_url: "http://127.0.0.1:7701".to_owned(),
            key: "demo".to_owned(),
            seed: 1,
            arrive_s: 8,
            duration_s: 0,
            bad_starts: 0,
            stalls_per_viewer: 2,
            ledger: None,
            ledger_requests: false,
        }
    }
}

impl Settings {
    /// Every mistake in the settings, together.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut mistakes = Vec::new();
        if self.viewers > 20_000 {
            mistakes.push(format!("viewers is {}; it must be 0 to 20000", self.viewers));
        }
        for (name, url) in
            [("steering_url", &self.steering_url), ("collector_url", &self.collector_url)]
        {
            if let Err(error) = url::Url::parse(url) {
                mistakes.push(format!("{name} is {url:?}, which is no URL: {error}"));
            }
        }
        if self.duration_s > 0 && self.duration_s < 30 {
            mistakes
                .push(format!("duration_s is {}; it must be 0, or 30 and more", self.duration_s));
        }
        if self.bad_starts * 2 > self.viewers && self.duration_s > 0 {
            mistakes.push(format!(
                "bad_starts is {}; it must be half the viewers at most",
                self.bad_starts
            ));
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }
}

/// What went wrong with the audience itself (a viewer's own trouble is in the ledger).
#[derive(Debug, thiserror::Error)]
pub enum AudienceError {
    /// The HTTP client could not be made.
    #[error("HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The ledger cannot be written.
    #[error("ledger: {0}")]
    Ledger(#[from] std::io::Error),
}

/// Runs the audience until its plan is done or `stop`, then drains: every viewer leaves and
/// every beacon is delivered or given up. `stuck` is the fault `stuck_tv`.
pub async fn run(
    settings: Settings,
    clock: Arc<dyn Clock>,
    stuck: watch::Receiver<bool>,
    stop: CancellationToken,
) -> Result<(), AudienceError> {
    let client = fetch::client()?;
    let ledger = Arc::new(Ledger::open(settings.ledger.as_deref())?);
    let viewer = Arc::new(Viewer { client, ledger, clock, settings: settings.clone(), stuck });
    let mut viewers = JoinSet::new();
    if settings.duration_s > 0 {
        for sessions in Plan::scripted(&settings).viewers {
            viewers.spawn(follow(Arc::clone(&viewer), sessions, stop.clone()));
        }
    } else {
        for number in 0..settings.viewers {
            viewers.spawn(wander(Arc::clone(&viewer), number, stop.clone()));
        }
    }
    while let Some(ended) = viewers.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a simulated viewer broke");
        }
    }
    Ok(())
}

/// One viewer's scripted sessions.
async fn follow(viewer: Arc<Viewer>, sessions: Vec<SessionPlan>, stop: CancellationToken) {
    for session in sessions {
        if stop.is_cancelled() {
            return;
        }
        viewer.watch(session, &stop).await;
    }
}

/// One seat of the demo's audience: sessions after sessions, no two alike.
async fn wander(viewer: Arc<Viewer>, number: u32, stop: CancellationToken) {
    let mut rng = StdRng::seed_from_u64(viewer.settings.seed ^ (u64::from(number) << 20));
    let mut first = true;
    while !stop.is_cancelled() {
        let arrive = Duration::from_secs(u64::from(viewer.settings.arrive_s));
        let session =
            SessionPlan::any(&mut rng, if first { arrive } else { Duration::from_secs(6) });
        first = false;
        viewer.watch(session, &stop).await;
    }
}
