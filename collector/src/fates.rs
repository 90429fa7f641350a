//! What became of the records of a request, and the ledger that a commit stores.

use std::fmt::Write as _;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tallylight_schemas::fates::{Fate, FateCount, Reason};
use tallylight_schemas::infra::OTLP_METRICS;
use tallylight_schemas::player::REPORTED;

/// How records were received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// `POST /v1/cmcd`.
    Cmcd,
    /// `GET /v1/cmcd`.
    CmcdQuery,
    /// `POST /v1/events`.
    Events,
    /// `POST /v1/metrics`.
    OtlpMetrics,
    /// The CMCD of a request, reported by an edge in its delivery event.
    Edge,
    /// The CMCD of a request, reported by a log record or a span.
    Otlp,
}

impl Source {
    /// Its name in rows and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Cmcd => "cmcd",
            Source::CmcdQuery => "cmcd_query",
            Source::Events => "events",
            Source::OtlpMetrics => OTLP_METRICS,
            Source::Edge => REPORTED[0],
            Source::Otlp => REPORTED[1],
        }
    }
}

/// The fates of one request's records, and what was dropped from accepted ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: Vec<((Fate, Reason), u64)>,
    /// The same for further records that the request's records reported, by their source.
    beside: Vec<((Source, Fate, Reason), u64)>,
    /// Unusable values of records that were accepted without them.
    pub dropped_values: u64,
    /// Unusable keys, likewise.
    pub dropped_keys: u64,
    /// How many of the accepted records are metric points, on whichever route they came: the
    /// processor books their fate under that source.
    points: u64,
    /// Bytes of the accepted records and of those that they reported.
    held: usize,
}

impl Tally {
    /// A request whose records all have the same fate.
    pub fn all(fate: Fate, reason: Reason, events: u64) -> Self {
        let mut tally = Self::default();
        tally.add(fate, reason, events);
        tally
    }

    /// Counts `events` records.
    pub fn add(&mut self, fate: Fate, reason: Reason, events: u64) {
        if events > 0 {
            count(&mut self.counts, (fate, reason), events);
        }
    }

    /// Counts a record that another one reported. It was not sent itself, so no answer names it.
    pub fn beside(&mut self, source: Source, fate: Fate, reason: Reason) {
        count(&mut self.beside, (source, fate, reason), 1);
    }

    /// Counts an accepted record.
    pub fn accept(&mut self, dropped_values: u32, dropped_keys: u32) {
        self.add(Fate::Accepted, Reason::None, 1);
        self.dropped_values += u64::from(dropped_values);
        self.dropped_keys += u64::from(dropped_keys);
    }

    /// Counts bytes that came with a record that is stored.
    pub fn hold(&mut self, bytes: usize) {
        self.held = self.held.saturating_add(bytes);
    }

    /// Counts a record accepted as a metric point.
    pub fn accept_point(&mut self) {
        self.accept(0, 0);
        self.points += 1;
    }

    /// Counts a rejected record.
    pub fn reject(&mut self, reason: Reason) {
        self.add(Fate::Rejected, reason, 1);
    }

    /// Accepted records.
    pub fn accepted(&self) -> u64 {
        let taken = self.counts.iter().filter(|((fate, _), _)| *fate == Fate::Accepted);
        taken.map(|(_, events)| events).sum()
    }

    /// Rows that wait for the log: accepted records, and those that they reported.
    pub fn stored(&self) -> u64 {
        let accepted = self.beside.iter().filter(|((_, fate, _), _)| *fate == Fate::Accepted);
        self.accepted() + accepted.map(|(_, events)| events).sum::<u64>()
    }

    /// Bytes that came with the stored records, except for metric points.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Records that were decoded, accepted or not.
    pub fn read(&self) -> u64 {
        let is_read = |fate: Fate, reason: Reason| fate != Fate::Shed && reason != Reason::TooMany;
        let read = self.counts.iter().filter(|((fate, reason), _)| is_read(*fate, *reason));
        read.map(|(_, events)| events).sum()
    }

    /// All records.
    pub fn records(&self) -> u64 {
        self.counts.iter().map(|(_, events)| events).sum()
    }

    /// The value of the header `Tallylight-Fates`: `accepted=3, rejected;no_sid=1`.
    pub fn header(&self) -> String {
        let mut text = String::new();
        for ((fate, reason), events) in &self.counts {
            let comma = if text.is_empty() { "" } else { ", " };
            let (semicolon, word) = match reason {
                Reason::None => ("", ""),
                other => (";", other.as_str()),
            };
            // Writing to a String cannot fail.
            let _ = write!(text, "{comma}{}{semicolon}{word}={events}", fate.as_str());
        }
        text
    }
}

/// Adds to the count of `key`; there are only as many as sources, fates and reasons.
fn count<K: PartialEq>(counts: &mut Vec<(K, u64)>, key: K, events: u64) {
    match counts.iter_mut().find(|(of, _)| *of == key) {
        Some((_, sum)) => *sum += events,
        None => counts.push((key, events)),
    }
}

/// Fates of many requests, to be stored by the next commit. Its size is bounded by
/// tenants × sources × reasons.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    counts: FxHashMap<(Arc<str>, Source, Fate, Reason), u64>,
    /// Values dropped from accepted records; not stored.
    pub dropped_values: u64,
    /// Keys, likewise.
    pub dropped_keys: u64,
}

impl Ledger {
    /// Adds a request.
    pub fn add(&mut self, tenant: &Arc<str>, source: Source, tally: &Tally) {
        let mut book = |source, fate, reason, events| {
            if events > 0 {
                *self.counts.entry((tenant.clone(), source, fate, reason)).or_default() += events;
            }
        };
        for ((fate, reason), events) in &tally.counts {
            let points = if *fate == Fate::Accepted { tally.points } else { 0 };
            book(source, *fate, *reason, events - points);
            book(Source::OtlpMetrics, *fate, *reason, points);
        }
        for ((of, fate, reason), events) in &tally.beside {
            book(*of, *fate, *reason, *events);
        }
        self.dropped_values += tally.dropped_values;
        self.dropped_keys += tally.dropped_keys;
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Ledger) {
        for (key, events) in other.counts {
            *self.counts.entry(key).or_default() += events;
        }
        self.dropped_values += other.dropped_values;
        self.dropped_keys += other.dropped_keys;
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Calls `each` with every count.
    pub fn for_each(&self, mut each: impl FnMut(Source, Fate, Reason, u64)) {
        for ((_, source, fate, reason), events) in &self.counts {
            each(*source, *fate, *reason, *events);
        }
    }

    /// The rows to store, sorted so that equal ledgers store equal bytes.
    pub fn rows(&self) -> Vec<FateCount> {
        let mut rows: Vec<FateCount> = self
            .counts
            .iter()
            .map(|((tenant, source, fate, reason), events)| FateCount {
                tenant: tenant.to_string(),
                source: source.as_str().to_owned(),
                fate: *fate,
                reason: *reason,
                events: *events,
            })
            .collect();
        rows.sort();
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_each_end() {
        let mut tally = Tally::default();
        tally.accept(2, 1);
        tally.reject(Reason::NoSid);
        tally.accept(0, 0);
        assert_eq!(tally.header(), "accepted=2, rejected;no_sid=1");
        assert_eq!((tally.records(), tally.dropped_values, tally.dropped_keys), (3, 2, 1));
    }

    #[test]
    fn ledgers_add_up() {
        let tenant: Arc<str> = "demo".into();
        let (mut a, mut b) = (Ledger::default(), Ledger::default());
        a.add(&tenant, Source::Cmcd, &Tally::all(Fate::Accepted, Reason::None, 2));
        b.add(&tenant, Source::Cmcd, &Tally::all(Fate::Accepted, Reason::None, 3));
        b.add(&tenant, Source::Events, &Tally::all(Fate::Shed, Reason::Overload, 1));
        a.merge(b);
        let rows = a.rows();
        let sums: Vec<_> = rows.iter().map(|r| (r.source.as_str(), r.events)).collect();
        assert_eq!(sums, [("cmcd", 5), ("events", 1)]);
    }
}
