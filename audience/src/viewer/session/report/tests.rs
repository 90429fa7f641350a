//! A session with a manual clock, and without a server.

use std::sync::Arc;

use tallylight_schemas::clock::{Clock, ManualClock};
use tokio::sync::watch;

use super::super::{Done, SegmentOutcome, Session};
use super::INTERVAL_US;
use crate::Settings;
use crate::fetch::FetchError;
use crate::ledger::{Ledger, Request};
use crate::plan::Plan;
use crate::viewer::Viewer;

fn viewer(clock: &Arc<ManualClock>) -> Viewer {
    Viewer {
        client: crate::fetch::client().unwrap(),
        ledger: Arc::new(Ledger::open(None).unwrap()),
        clock: clock.clone(),
        settings: Settings { viewers: 1, duration_s: 60, ..Settings::default() },
        stuck: watch::channel(false).1,
    }
}

fn session(viewer: &Viewer) -> Session<'_> {
    Session::new(viewer, Plan::scripted(&viewer.settings).viewers.remove(0).remove(0))
}

#[tokio::test]
async fn reports_on_time_without_manifests() {
    let clock = Arc::new(ManualClock::at_us(0));
    let viewer = viewer(&clock);
    let mut session = session(&viewer);
    for beacons in 2..6 {
        clock.advance_us(INTERVAL_US);
        let now = clock.now_us();
        assert_eq!(session.let_time_pass(now), None);
        assert_eq!(session.report.interval_us(), Some(now + INTERVAL_US), "never in the past");
        assert_eq!(session.report.entry.beacons, beacons, "the ledger counts what is sent");
    }
}

#[tokio::test]
async fn every_request_that_fails_is_counted_once() {
    let viewer = viewer(&Arc::new(ManualClock::at_us(0)));
    let mut session = session(&viewer);
    let request = |track: &str, status| Request {
        at_ms: 0,
        pathway: "e1".to_owned(),
        track: track.to_owned(),
        k: Some(7),
        status,
        took_ms: 1,
    };
    let requests = vec![request("init", 200), request("v-360", 404), request("audio", 0)];
    let segment = Err(FetchError::Status(404).into());
    let done = Done::Segment(SegmentOutcome { requests, segment });
    assert_eq!(session.take(done).err().as_deref(), Some("http-404"));
    assert_eq!(session.report.entry.request_errors, 2);
    assert!(session.take(Done::Opened(Err(FetchError::Status(503).into()))).is_ok());
    assert_eq!(session.report.entry.request_errors, 3);
}
