//! The last minute, per edge and device, from absolute rows: each row replaces the one with its
//! key.

use std::collections::{BTreeMap, HashMap};

use tallylight_schemas::control::{ActionRow, IncidentRow, view};
use tallylight_schemas::sketch::{Bin, Sketch};

use super::message::{Cell, Delivery, Hello, Incoming, Playback, Rows, Status};
use crate::steering::pure::inputs::{self, Device, Second};

/// Panes older than this, counted from the newest, are dropped, ms.
const KEEP_MS: i64 = 75_000;
/// How far rows may be ahead of the clock and still count as current, ms.
const AHEAD_MS: i64 = 30_000;
/// Seconds that are handed to decisions.
const SECONDS: i64 = 60;
/// Rows and log time arrive separately: a second without rows that is younger than this, s, may
/// still receive some.
const APART_S: i64 = 2;
/// Seconds over which devices are summed.
const DEVICES_MS: i64 = 30_000;
/// Keys beyond this number in one pane are ignored: no pane of ours has so many.
const KEYS: usize = 10_000;

/// The dimensions that tell an edge's delivery rows in one pane apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Served {
    edge: String,
    pipeline: Option<String>,
    stream: String,
    track: String,
    k: Option<u64>,
}

#[derive(Debug, Clone)]
struct Answers {
    requests: i64,
    server_errors: i64,
    ttfb: Vec<(i32, i64)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Watching {
    viewers: i64,
    rebuffering_ms: i64,
    watched_ms: i64,
    adaptation_failures: i64,
}

#[derive(Debug, Default)]
struct Pane {
    answers: HashMap<Served, Answers>,
    edges: BTreeMap<Cell, Watching>,
    devices: BTreeMap<Cell, Watching>,
}

/// Records of each kind that are held: more than steering itself keeps.
const RECORDS: usize = 1_000;

/// Adds records; an older one never replaces a newer one. A record is sent until the collector has
/// it, so an old one may arrive again late. Then drops the records that were written longest ago;
/// those in force are written again and again.
fn put<R>(
    held: &mut HashMap<String, R>,
    rows: impl Iterator<Item = R>,
    id: impl Fn(&R) -> &String,
    written: impl Fn(&R) -> i64,
) {
    for row in rows {
        if held.get(id(&row)).is_none_or(|held| written(held) <= written(&row)) {
            held.insert(id(&row).clone(), row);
        }
    }
    while held.len() > RECORDS {
        let oldest = held.iter().min_by_key(|(_, row)| written(row)).map(|(id, _)| id.clone());
        oldest.and_then(|id| held.remove(&id));
    }
}

/// What the feed has sent of the last minute.
#[derive(Debug, Default)]
pub(in crate::steering) struct Window {
    session: Option<String>,
    seq: u64,
    connected: bool,
    /// A complete snapshot has arrived since the last hello that was not a resumption.
    whole: bool,
    status: Option<Status>,
    /// Log time of the status before the newest, Unix ms: the rows up to it have arrived. A status
    /// may be a moment ahead of its rows; the next one comes a second later.
    arrived: Option<i64>,
    panes: BTreeMap<i64, Pane>,
    actions: HashMap<String, ActionRow>,
    incidents: HashMap<String, IncidentRow>,
}

impl Window {
    /// The position to resume from after a drop.
    pub(super) fn resume(&self) -> Option<(&str, u64)> {
        let session = self.session.as_deref()?;
        (self.seq > 0).then_some((session, self.seq))
    }

    pub(super) fn disconnected(&mut self) {
        self.connected = false;
    }

    /// Whether a snapshot is arriving.
    pub(in crate::steering) fn is_reading(&self) -> bool {
        self.connected && !self.whole
    }

    /// Whether everything that was in the log at `since_ms` has arrived. The dashboard may be ready
    /// before the processor has read the log.
    pub(in crate::steering) fn has_read(&self, since_ms: i64) -> bool {
        self.is_complete() && self.arrived.is_some_and(|at| at >= since_ms)
    }

    /// Whether everything that the dashboard had has arrived.
    pub(in crate::steering) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Applies a message.
    pub(super) fn take(&mut self, message: Incoming) {
        match message {
            Incoming::Hello(Hello { session, resumed }) => {
                self.session = Some(session);
                self.connected = true;
                if !resumed {
                    self.panes.clear();
                    (self.seq, self.whole) = (0, false);
                    (self.status, self.arrived) = (None, None);
                }
            }
            Incoming::Rows(rows) => self.rows(*rows),
            Incoming::Status(status) => {
                self.arrived = self.log_time();
                self.status = Some(status);
            }
            Incoming::Other => {}
        }
    }

    fn rows(&mut self, rows: Rows) {
        if rows.seq > 0 {
            self.seq = rows.seq;
        }
        rows.playback.into_iter().for_each(|row| self.playback(row));
        rows.delivery.into_iter().for_each(|row| self.delivery(row));
        let actions = rows.actions.iter().filter_map(view::read_action);
        put(&mut self.actions, actions, |row| &row.id, |row| row.updated_at);
        let incidents = rows.incidents.iter().filter_map(view::read_incident);
        put(&mut self.incidents, incidents, |row| &row.id, |row| row.updated_at);
        self.whole |= rows.snapshot && !rows.more;
        if let Some((newest, _)) = self.panes.last_key_value() {
            self.panes = self.panes.split_off(&(newest - KEEP_MS));
        }
    }

    fn playback(&mut self, row: Playback) {
        let get = |name: &str| row.m.get(name).copied().unwrap_or(0);
        let times = ["starting_ms", "playing_ms", "rebuffering_ms", "seeking_ms"];
        let value = Watching {
            viewers: get("viewers"),
            rebuffering_ms: get("rebuffering_ms"),
            watched_ms: times.into_iter().map(get).sum(),
            adaptation_failures: get("adaptation_failures"),
        };
        let pane = self.panes.entry(row.pane).or_default();
        let into = match row.cuboid.as_str() {
            "delivery" => &mut pane.edges,
            "audience" => &mut pane.devices,
            _ => return,
        };
        if into.len() < KEYS || into.contains_key(&row.cell) {
            into.insert(row.cell, value);
        }
    }

    fn delivery(&mut self, row: Delivery) {
        let (Some(edge), "edge", "get") = (row.edge, row.service.as_str(), row.action.as_str())
        else {
            return;
        };
        let Delivery { pipeline, stream, track, k, requests, server_errors, ttfb, .. } = row;
        let key = Served { edge, pipeline, stream, track, k };
        let value = Answers { requests, server_errors, ttfb };
        let into = &mut self.panes.entry(row.pane).or_default().answers;
        if into.len() < KEYS || into.contains_key(&key) {
            into.insert(key, value);
        }
    }

    /// How far the rows can be trusted.
    pub(in crate::steering) fn trust(&self, now_ms: i64) -> inputs::Feed {
        inputs::Feed {
            connected: self.connected,
            age_ms: self.log_time().map(|at| {
                // Rows of a time far ahead do not describe the present either: the clock was set
                // back. That of the log's machine may be a little ahead of this one's.
                let age = now_ms - at;
                if age < -AHEAD_MS { -age } else { age.max(0) }
            }),
            complete: self.is_complete(),
        }
    }

    /// Whether every partition reports, and nothing is being replayed.
    fn is_complete(&self) -> bool {
        let Some(status) = self.status.as_ref().filter(|_| self.whole) else { return false };
        let replaying = status.marks.get("replaying").is_some_and(|mark| *mark != 0);
        status.partitions > 0 && status.reporting == status.partitions && !replaying
    }

    /// Log time of the slowest partition, Unix ms.
    fn log_time(&self) -> Option<i64> {
        self.status.as_ref()?.log_time
    }

    /// The whole seconds of an edge, oldest first. When no rows arrive although the log advances,
    /// there are no viewers: those seconds are included as empty ones.
    pub(in crate::steering) fn seconds(&self, edge: &str) -> Vec<Second> {
        let (Some(log_time), Some((oldest, _))) = (self.log_time(), self.panes.first_key_value())
        else {
            return Vec::new();
        };
        let mut until = log_time.div_euclid(1_000);
        let has_rows = |pane: &Pane| !pane.answers.is_empty() || !pane.edges.is_empty();
        let newest = self.panes.range(..until * 1_000).rev().find(|(_, pane)| has_rows(pane));
        if let Some((pane, _)) = newest {
            let end = pane.div_euclid(1_000) + 1;
            until = if until - end <= APART_S { end } else { until };
        }
        let from = oldest.div_euclid(1_000).max(until - SECONDS);
        (from..until).map(|at| second(at, self.panes.get(&(at * 1_000)), edge)).collect()
    }

    /// Viewers and failures by device, over the last half minute.
    pub(in crate::steering) fn devices(&self) -> BTreeMap<String, Device> {
        let mut found: BTreeMap<String, Device> = BTreeMap::new();
        let Some(log_time) = self.log_time() else { return found };
        let lately = self.panes.range(log_time - DEVICES_MS..);
        let newest = lately.clone().rev().find(|(_, pane)| !pane.devices.is_empty());
        let newest = newest.map(|(at, _)| *at);
        for (at, pane) in lately {
            for (cell, value) in &pane.devices {
                let Some(name) = &cell.device else { continue };
                let device = found.entry(name.clone()).or_default();
                device.adaptation_failures += value.adaptation_failures;
                // A gauge: the newest pane's value.
                device.viewers += if Some(*at) == newest { value.viewers } else { 0 };
            }
        }
        found
    }

    /// The incidents and actions in the log.
    pub(in crate::steering) fn records(&self) -> (Vec<IncidentRow>, Vec<ActionRow>) {
        (self.incidents.values().cloned().collect(), self.actions.values().cloned().collect())
    }
}

/// The second of an edge that begins at `at`, Unix s.
fn second(at: i64, rows: Option<&Pane>, edge: &str) -> Second {
    let mut second = Second { at, ..Second::default() };
    let Some(rows) = rows else { return second };
    let mut ttfb = Sketch::default();
    for (_, answers) in rows.answers.iter().filter(|(key, _)| key.edge == edge) {
        second.requests += answers.requests;
        second.errors += answers.server_errors;
        for (bin, number) in &answers.ttfb {
            ttfb.add_bin(Bin { i: *bin, n: *number });
        }
    }
    for (_, value) in rows.edges.iter().filter(|(cell, _)| cell.edge.as_deref() == Some(edge)) {
        second.viewers += value.viewers;
        second.rebuffering_ms += value.rebuffering_ms;
        second.watched_ms += value.watched_ms;
    }
    second.p90_ms = ttfb.quantile(0.9);
    second
}

#[cfg(test)]
#[path = "window/tests.rs"]
mod tests;
