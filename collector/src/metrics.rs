//! The collector's metrics for Prometheus. The ledger in the log is authoritative; this is a view
//! of it.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::fates::Ledger;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FateLabels {
    fate: &'static str,
    reason: &'static str,
    source: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    route: &'static str,
    problem: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UnreadLabels {
    cause: &'static str,
}

/// What became of a rejected record as a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Letter {
    /// It is in the log.
    Kept,
    /// The daily quota of its tenant and reason was used up.
    OverQuota,
    /// The collector was under pressure, its commit had enough of them, or the log refused it.
    Dropped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LetterLabels {
    end: &'static str,
}

/// The collector's counters.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    events: Family<FateLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    unread: Family<UnreadLabels, Counter>,
    letters: Family<LetterLabels, Counter>,
    dropped_values: Counter,
    dropped_keys: Counter,
    /// Seconds from the start of an append until it was durable.
    pub append_seconds: Histogram,
    /// Appends that failed.
    pub append_errors: Counter,
    /// Rows of each commit.
    pub commit_rows: Histogram,
    /// Records received and not yet in the log.
    pub queue_records: Gauge,
    /// Open connections.
    pub connections: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("tallylight"),
            events: Family::default(),
            requests: Family::default(),
            refusals: Family::default(),
            unread: Family::default(),
            letters: Family::default(),
            dropped_values: Counter::default(),
            dropped_keys: Counter::default(),
            append_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
            append_errors: Counter::default(),
            commit_rows: Histogram::new(exponential_buckets(1.0, 4.0, 9)),
            queue_records: Gauge::default(),
            connections: Gauge::default(),
        };
        let Self { registry, events, requests, refusals, .. } = &mut metrics;
        registry.register("events", "Records at the door by fate", events.clone());
        registry.register("requests", "Requests by route and status", requests.clone());
        let help = "Requests refused, by route and problem";
        registry.register("refusals", help, refusals.clone());
        metrics.register_rest();
        metrics
    }
}

impl Metrics {
    fn register_rest(&mut self) {
        let registry = self.registry.sub_registry_with_prefix("collector");
        let help =
            "Requests refused whose body nobody looked into, so whose records nobody counted";
        registry.register("unread", help, self.unread.clone());
        let help = "Rejected records by whether they are dead letters";
        registry.register("dead_letters", help, self.letters.clone());
        let dropped = "lost from records that were accepted without them";
        let values = format!("Unusable values {dropped}");
        registry.register("dropped_values", values, self.dropped_values.clone());
        let keys = format!("Unusable keys {dropped}");
        registry.register("dropped_keys", keys, self.dropped_keys.clone());
        let help = "Time until a commit was durable, seconds";
        registry.register("append_seconds", help, self.append_seconds.clone());
        registry.register("append_errors", "Commits that failed", self.append_errors.clone());
        registry.register("commit_rows", "Rows in a commit", self.commit_rows.clone());
        let help = "Records received and not yet in the log";
        registry.register("queue_records", help, self.queue_records.clone());
        registry.register("connections", "Open connections", self.connections.clone());
    }

    /// Counts the records of a ledger, and what was dropped from them.
    pub fn count_fates(&self, ledger: &Ledger) {
        self.dropped_values.inc_by(ledger.dropped_values);
        self.dropped_keys.inc_by(ledger.dropped_keys);
        ledger.for_each(|source, fate, reason, events| {
            let (fate, reason, source) = (fate.as_str(), reason.as_str(), source.as_str());
            self.events.get_or_create(&FateLabels { fate, reason, source }).inc_by(events);
        });
    }

    /// Counts an answered request; `route` is one of our own paths, never the caller's text.
    pub fn count_request(&self, route: &'static str, status: u16) {
        let status = u32::from(status);
        self.requests.get_or_create(&RequestLabels { route, status }).inc();
    }

    /// Counts a request that was refused as a whole; `problem` is the slug of its answer.
    pub fn count_refusal(&self, route: &'static str, problem: &str) {
        let problem = problem.to_owned();
        self.refusals.get_or_create(&RefusalLabels { route, problem }).inc();
    }

    /// Counts a request whose body was not decoded; `cause` is the limit that its tenant exceeds,
    /// that the collector is behind, or that it had no memory for it.
    pub fn count_unread(&self, cause: &'static str) {
        self.unread.get_or_create(&UnreadLabels { cause }).inc();
    }

    /// Counts rejected records by whether they became dead letters.
    pub fn count_letters(&self, end: Letter, letters: u64) {
        let end = match end {
            Letter::Kept => "kept",
            Letter::OverQuota => "over_quota",
            Letter::Dropped => "dropped",
        };
        self.letters.get_or_create(&LetterLabels { end }).inc_by(letters);
    }

    /// What `/metrics` answers.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}
