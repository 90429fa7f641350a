//! Who may come in, what is reserved, and whom that is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::header::{HeaderMap, USER_AGENT};
use tallylight_schemas::delivery::Action;

use super::answer::Asked;
use super::cache::Stored;
use super::pure::capacity::{Capacity, Kind};
use super::{Edge, Faults};
use crate::report::{Load, Report};
use crate::serve::problem::{self, Problem};

/// How often the load is reported.
const EVERY: Duration = Duration::from_secs(1);
/// Tracks whose bitrate is remembered.
const MAX_TRACKS: usize = 256;

/// An edge's capacity and what is reserved of it.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) capacity_kbps: u64,
    faults: Arc<Faults>,
    sessions: Mutex<Capacity>,
    /// Kind and nominal bitrate by stream and track, as the origin's answers say.
    tracks: Mutex<BTreeMap<(String, String), (Kind, u64)>>,
}

impl Room {
    pub(super) fn new(capacity_kbps: u64, faults: Arc<Faults>) -> Self {
        Self { capacity_kbps, faults, sessions: Mutex::default(), tracks: Mutex::default() }
    }

    /// Takes the session in, or says that there is no room for it.
    pub(super) fn admit(&self, asked: &Asked, session: &str) -> Result<(), Problem> {
        let path = &asked.path;
        // Without a bitrate, of a track that nobody has fetched yet, there is nothing to reserve.
        let known = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        let rung = known.get(&(path.stream.clone(), path.track.clone())).copied();
        drop(known);
        let Some(rung) = rung.filter(|_| path.k().is_some()) else { return Ok(()) };
        let room = self.capacity_kbps - self.background();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.admit(session, rung, room, asked.arrival) {
            return Ok(());
        }
        let detail = format!(
            "All {} kbit/s of this edge are reserved: ask another edge, or here again later",
            self.capacity_kbps
        );
        Err(problem::unavailable(detail, 2))
    }

    /// Notes the bitrate that the origin states for the track.
    pub(super) fn learn(&self, asked: &Asked, stored: &Stored) {
        let (Some(kbps), Some(ot)) = (stored.cmsd.br_kbps, stored.cmsd.ot) else { return };
        let kind = if ot == 'a' { Kind::Audio } else { Kind::Video };
        let mut tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (asked.path.stream.clone(), asked.path.track.clone());
        if tracks.len() < MAX_TRACKS || tracks.contains_key(&key) {
            tracks.insert(key, (kind, kbps));
        }
    }

    /// What is reserved now.
    pub(super) fn load(&self, now_us: i64) -> Load {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let (reserved, sessions) = sessions.load(now_us);
        let reserved_kbps = reserved + self.background();
        Load { capacity_kbps: self.capacity_kbps, reserved_kbps, sessions }
    }

    fn background(&self) -> u64 {
        self.faults.background_kbps(self.capacity_kbps)
    }
}

/// Whose request it is: the player's session, else its address and what it calls itself.
pub(super) fn session(asked: &Asked, peer: Option<SocketAddr>, headers: &HeaderMap) -> String {
    if let Some(sid) = &asked.viewer.sid {
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
        report.load = Some(edge.room.load(now));
        edge.reporter.send(report);
    }
}
