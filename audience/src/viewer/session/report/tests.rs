//! A session with a manual clock whose manifests never arrive.

use std::sync::Arc;

use tallylight_schemas::clock::{Clock, ManualClock};
use tokio::sync::watch;

use super::super::Session;
use super::INTERVAL_US;
use crate::Settings;
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::viewer::Viewer;

#[tokio::test]
async fn reports_on_time_without_manifests() {
    let settings = Settings { viewers: 1, duration_s: 60, ..Settings::default() };
    let plan = Plan::scripted(&settings).viewers.remove(0).remove(0);
    let clock = Arc::new(ManualClock::at_us(0));
    let (_switch, stuck) = watch::channel(false);
    let viewer = Viewer {
        client: crate::fetch::client().unwrap(),
        ledger: Arc::new(Ledger::open(None).unwrap()),
        clock: clock.clone(),
        settings,
        stuck,
    };
    let mut session = Session::new(&viewer, plan);
    for beacons in 2..6 {
        clock.advance_us(INTERVAL_US);
        let now = clock.now_us();
        assert_eq!(session.let_time_pass(now), None);
        assert_eq!(session.report.interval_us(), Some(now + INTERVAL_US), "never in the past");
        assert_eq!(session.report.entry.beacons, beacons, "the ledger counts what is sent");
    }
}
