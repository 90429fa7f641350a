//! One viewer: presses Play, fetches, watches, stalls, leaves. Its buffer decides what it sees;
//! the plan only sets its bandwidth and when it leaves.

mod download;
mod script;
mod session;

use std::sync::Arc;
use std::time::Duration;

use tallylight_schemas::clock::Clock;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::Settings;
use crate::ledger::Ledger;
use crate::plan::SessionPlan;

/// What every viewer of this process shares.
#[derive(Debug)]
pub struct Viewer {
    /// The HTTP client.
    pub client: reqwest::Client,
    /// The ground truth.
    pub ledger: Arc<Ledger>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The audience's settings.
    pub settings: Settings,
    /// The fault `stuck_tv`: players of one TV model cannot switch bitrate.
    pub stuck: watch::Receiver<bool>,
}

impl Viewer {
    /// Runs one session from Play to its end, with its beacons delivered and its ledger written.
    pub async fn watch(&self, plan: SessionPlan, stop: &CancellationToken) {
        tokio::select! {
            () = sleep(plan.wait) => {}
            () = stop.cancelled() => return,
        }
        let entry = session::Session::new(self, plan).run(stop).await;
        if let Err(error) = self.ledger.write(&entry) {
            tracing::error!(%error, "the ledger cannot be written; it lacks this session");
        }
    }
}

/// The time from `now_us` until `at_us`; long if there is no such time.
fn until(at_us: Option<i64>, now_us: i64) -> Duration {
    const LONG: Duration = Duration::from_secs(3_600);
    at_us.map_or(LONG, |at| Duration::from_micros(u64::try_from(at - now_us).unwrap_or(0)))
}
