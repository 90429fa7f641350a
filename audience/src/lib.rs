//! The audience: simulated viewers that really fetch the stream, and the ledger of what
//! really happened to each of them.
//!
//! In the order of a session: [`plan`] scripts the viewer, [`play`] opens the session, [`viewer`]
//! runs it over HTTP against a [`pure::playback`] buffer, on the pathway that
//! [`pure::pathways`] and [`pure::steering`] select, [`beacon`] reports to the collector as any
//! CMCD v2 player would, and [`ledger`] records the truth.

pub mod beacon;
pub mod cmcd_text;
pub mod fetch;
pub mod ledger;
pub mod manifest;
pub mod plan;
pub mod play;
pub mod pure;
mod settings;
pub mod viewer;

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tallylight_schemas::clock::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use ledger::Ledger;
use plan::{Plan, SessionPlan};
pub use settings::Settings;
use viewer::Viewer;

/// A failure of the audience itself (a viewer's own errors are in the ledger).
#[derive(Debug, thiserror::Error)]
pub enum AudienceError {
    /// The HTTP client could not be built.
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

/// One seat of the demo's audience: an endless series of random sessions.
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
