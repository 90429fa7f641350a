//! Admission of sessions, reservation of capacity, and reports of the load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{HeaderMap, USER_AGENT};
use parking_lot::Mutex;
use tallylight_schemas::delivery::Action;

use super::answer::MediaRequest;
use super::cache::Stored;
use super::pure::capacity::{Capacity, Kind};
use super::pure::tracks::Tracks;
use super::{Edge, Faults};
use crate::report::{Load, Report};
use crate::serve::path::MediaPath;
use crate::serve::problem::{self, Problem};

/// How often the load is reported.
const EVERY: Duration = Duration::from_secs(1);

/// An edge's capacity and its reservations.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) capacity_kbps: u64,
    faults: Arc<Faults>,
    sessions: Mutex<Capacity>,
    tracks: Mutex<Tracks>,
}

impl Admission {
    pub(super) fn new(capacity_kbps: u64, faults: Arc<Faults>) -> Self {
        Self { capacity_kbps, faults, sessions: Mutex::default(), tracks: Mutex::default() }
    }

    /// Admits the session, or refuses it because its bitrate does not fit.
    pub(super) fn admit(&self, request: &MediaRequest, session: &str) -> Result<(), Problem> {
        let path = &request.path;
        // The bitrate of a track that was never fetched is unknown, so there is nothing to reserve.
        let rung = self.tracks.lock().rung(&path.stream, &path.track);
        let Some(rung) = rung.filter(|_| path.k().is_some()) else { return Ok(()) };
        let available_kbps = self.capacity_kbps - self.background();
        let mut sessions = self.sessions.lock();
        if sessions.admit(session, rung, available_kbps, request.arrival) {
            return Ok(());
        }
        let detail = format!(
            "All {} kbit/s of this edge are reserved: ask another edge, or this one again later",
            self.capacity_kbps
        );
        Err(problem::unavailable(detail, 2))
    }

    /// Remembers the bitrate that the origin states for the track.
    pub(super) fn learn(&self, request: &MediaRequest, stored: &Stored) {
        let (Some(kbps), Some(ot)) = (stored.cmsd.br_kbps, stored.cmsd.ot) else { return };
        let kind = if ot == 'a' { Kind::Audio } else { Kind::Video };
        let path = &request.path;
        self.tracks.lock().served(&path.stream, &path.track, (kind, kbps), request.arrival);
    }

    /// Whether a segment of the path's track was ever served here.
    pub(super) fn knows(&self, path: &MediaPath) -> bool {
        self.tracks.lock().rung(&path.stream, &path.track).is_some()
    }

    /// The current load.
    pub(super) fn load(&self, now_us: i64) -> Load {
        let mut sessions = self.sessions.lock();
        let (reserved, sessions) = sessions.load(now_us);
        let reserved_kbps = reserved + self.background();
        Load { capacity_kbps: self.capacity_kbps, reserved_kbps, sessions }
    }

    fn background(&self) -> u64 {
        self.faults.background_kbps(self.capacity_kbps)
    }
}

/// Identifies the request's session: the player's session id, or else its address and user agent.
pub(super) fn session(
    request: &MediaRequest,
    peer: Option<SocketAddr>,
    headers: &HeaderMap,
) -> String {
    if let Some(sid) = &request.viewer.sid {
        return format!("sid {sid}");
    }
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let agent: String = agent.chars().take(200).collect();
    format!("{} {agent}", peer.map_or_else(String::new, |peer| peer.ip().to_string()))
}

/// Reports the load each second, until aborted.
pub(super) async fn report(edge: Arc<Edge>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = edge.clock.now_us();
        let mut report = Report::new(now, Action::Load, "", "");
        report.edge = Some(edge.name.clone());
        report.load = Some(edge.admission.load(now));
        edge.reporter.send(report);
    }
}
