//! The keys of sums, and the values that are summed.

use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::rows::{
    Cell, Cuboid, DeliveryKey, DeliveryRow, FatesRow, Measures, PlaybackRow,
};
use tallylight_schemas::sketch::Sketch;

use super::panes::{Keyed, Split};

/// A series of playback.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaybackKey {
    /// The tenant.
    pub tenant: String,
    /// The breakdown.
    pub cuboid: Cuboid,
    /// The cell of the breakdown.
    pub cell: Cell,
}

/// Playback summed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlaybackSum {
    /// The integer counters.
    pub measures: Measures,
    /// Startup times, ms.
    pub startup: Sketch,
    /// Live latencies, ms.
    pub latency: Sketch,
}

impl Keyed for PlaybackRow {
    type Key = PlaybackKey;
    type Sum = PlaybackSum;

    fn split(self) -> Split<Self> {
        let key = PlaybackKey { tenant: self.tenant, cuboid: self.cuboid, cell: self.cell };
        let value = PlaybackSum {
            measures: self.measures,
            startup: self.startup_sketch,
            latency: self.latency_sketch,
        };
        Split { pane: self.pane, partition: self.partition, version: self.version, key, value }
    }

    fn add(sum: &mut PlaybackSum, value: &PlaybackSum) {
        sum.measures.add(&value.measures, 1);
        sum.startup.merge(&value.startup, 1);
        sum.latency.merge(&value.latency, 1);
    }
}

/// Delivery summed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliverySum {
    /// Requests, or choices of a copy.
    pub requests: i64,
    /// Body bytes.
    pub bytes: i64,
    /// Responses with status 400 and above.
    pub errors: i64,
    /// Responses with status 200 to 299.
    pub ok: i64,
    /// Responses with status 300 to 399.
    pub redirects: i64,
    /// Responses with status 500 and above, which are among `errors`.
    pub server_errors: i64,
    /// Served from the cache, or by joining a fetch in progress.
    pub hits: i64,
    /// Time held for the schedule, ms.
    pub held_ms: i64,
    /// Time to first byte without the hold, ms.
    pub ttfb: Sketch,
    /// Hold time of the requests that were held, ms.
    pub held: Sketch,
}

impl Keyed for DeliveryRow {
    type Key = DeliveryKey;
    type Sum = DeliverySum;

    fn split(self) -> Split<Self> {
        let key = DeliveryKey {
            tenant: self.tenant,
            service: self.service,
            edge: self.edge,
            pipeline: self.pipeline,
            stream: self.stream,
            track: self.track,
            k: self.k,
            action: self.action,
        };
        let value = DeliverySum {
            requests: self.requests,
            bytes: self.bytes,
            errors: self.errors,
            ok: self.ok,
            redirects: self.redirects,
            server_errors: self.server_errors,
            hits: self.hits,
            held_ms: self.held_ms,
            ttfb: self.ttfb_sketch,
            held: self.held_sketch,
        };
        Split { pane: self.pane, partition: self.partition, version: self.version, key, value }
    }

    fn add(sum: &mut DeliverySum, value: &DeliverySum) {
        sum.requests += value.requests;
        sum.bytes = sum.bytes.saturating_add(value.bytes);
        sum.errors += value.errors;
        sum.ok += value.ok;
        sum.redirects += value.redirects;
        sum.server_errors += value.server_errors;
        sum.hits += value.hits;
        sum.held_ms = sum.held_ms.saturating_add(value.held_ms);
        sum.ttfb.merge(&value.ttfb, 1);
        sum.held.merge(&value.held, 1);
    }
}

/// A series of fates.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FatesKey {
    /// The tenant.
    pub tenant: String,
    /// The intake.
    pub source: String,
    /// The fate.
    pub fate: Fate,
    /// The reason.
    pub reason: Reason,
}

/// Fates summed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FatesSum {
    /// Records that ended with this fate.
    pub events: u64,
    /// Records with this fate by the collector's count; rows from before it was counted take the
    /// ends.
    pub door: u64,
}

impl Keyed for FatesRow {
    type Key = FatesKey;
    type Sum = FatesSum;

    fn split(self) -> Split<Self> {
        let key = FatesKey {
            tenant: self.tenant,
            source: self.source,
            fate: self.fate,
            reason: self.reason,
        };
        let (partition, version) = (self.partition, self.version);
        let value = FatesSum { events: self.events, door: self.door.unwrap_or(self.events) };
        Split { pane: self.pane, partition, version, key, value }
    }

    fn add(sum: &mut FatesSum, value: &FatesSum) {
        sum.events = sum.events.saturating_add(value.events);
        sum.door = sum.door.saturating_add(value.door);
    }
}
