//! Delivery panes: plain sums per second and (tenant, service, edge, pipeline, stream, track,
//! segment, action). Events have no duration, so there are no gauges; a pane is the sum of its
//! reports.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tallylight_schemas::delivery::{Action, DeliveryEvent, Service};
use tallylight_schemas::rows::DeliveryRow;
use tallylight_schemas::sketch::Sketch;

use crate::pure::limits::{OTHER, clip};
use crate::pure::watermark::Watermark;

const WIDTH_MS: i64 = 1_000;
/// Segments have keys of their own in this part of the keys only.
const OF_SEGMENTS: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    service: Service,
    edge: Option<Box<str>>,
    pipeline: Option<Box<str>>,
    stream: Box<str>,
    track: Box<str>,
    k: Option<u64>,
    action: Action,
}

impl Key {
    fn of(event: &DeliveryEvent) -> Self {
        let word = |text: Option<&str>| text.and_then(clip).map(Box::from);
        Self {
            service: event.service,
            edge: word(event.edge.as_deref()),
            pipeline: word(event.pipeline.as_deref()),
            stream: word(Some(&event.stream)).unwrap_or_default(),
            track: word(Some(&event.track)).unwrap_or_default(),
            k: event.k,
            action: event.action,
        }
    }

    /// The same key without its segment.
    fn of_any_segment(self) -> Self {
        Self { k: None, ..self }
    }

    fn other(&self) -> Self {
        let other = || Box::from(OTHER);
        Self {
            service: self.service,
            edge: Some(other()),
            pipeline: Some(other()),
            stream: other(),
            track: other(),
            k: None,
            action: self.action,
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Sums {
    requests: i64,
    bytes: i64,
    errors: i64,
    ok: i64,
    redirects: i64,
    server_errors: i64,
    hits: i64,
    held_us: i64,
    ttfb: Sketch,
    held: Sketch,
    changed: bool,
}

impl Sums {
    fn add(&mut self, event: &DeliveryEvent) {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.requests += 1;
        self.bytes = self.bytes.saturating_add(signed(event.bytes));
        match event.status {
            200..=299 => self.ok += 1,
            300..=399 => self.redirects += 1,
            400.. => {
                self.errors += 1;
                self.server_errors += i64::from(event.status >= 500);
            }
            _ => {}
        }
        self.hits += i64::from(event.hit == Some(true));
        // Whole milliseconds, as in a row: otherwise sums over partitions would round differently.
        self.held_us = self.held_us.saturating_add(signed(event.held_us) / 1_000 * 1_000);
        if event.action == Action::Get {
            let net = event.ttfb_us.saturating_sub(event.held_us);
            self.ttfb.add(signed(net) / 1_000, 1);
            if event.held_us > 0 {
                self.held.add(signed(event.held_us) / 1_000, 1);
            }
        }
        self.changed = true;
    }
}

type Tenants = BTreeMap<Arc<str>, BTreeMap<Key, Sums>>;

/// The panes that are not final.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DeliveryPanes {
    panes: BTreeMap<i64, Tenants>,
    max_keys: usize,
}

impl DeliveryPanes {
    /// No panes; at most `max_keys` keys per tenant and pane, and some for the rest.
    pub fn new(max_keys: usize) -> Self {
        Self { max_keys, ..Self::default() }
    }

    pub(in crate::pure) fn set_max_keys(&mut self, max_keys: usize) {
        self.max_keys = max_keys;
    }

    /// Adds an event at `at`, Unix ms.
    pub fn add(&mut self, tenant: &str, event: &DeliveryEvent, at: i64) {
        let tenants = self.panes.entry(at.div_euclid(WIDTH_MS)).or_default();
        let keys = match tenants.get_mut(tenant) {
            Some(keys) => keys,
            None => tenants.entry(Arc::from(tenant)).or_default(),
        };
        let mut key = Key::of(event);
        // A client that asks for endless segments must not displace other keys, nor fill readers'
        // memory: segments are kept apart in a small part of the keys, and only existing ones.
        let is_flood =
            keys.len() >= self.max_keys / OF_SEGMENTS || (400..500).contains(&event.status);
        if is_flood && !keys.contains_key(&key) {
            key = key.of_any_segment();
        }
        if keys.len() >= self.max_keys && !keys.contains_key(&key) {
            key = key.other();
        }
        keys.entry(key).or_default().add(event);
    }

    /// Answers the rows that are due and changed, then drops final panes.
    pub fn emit(&mut self, mark: &Watermark, partition: u16, version: u64) -> Vec<DeliveryRow> {
        let due = mark.due(WIDTH_MS);
        let mut rows = Vec::new();
        for (pane, tenants) in self.panes.iter_mut().filter(|(pane, _)| due.contains(**pane)) {
            for (tenant, keys) in tenants {
                for (key, sums) in keys.iter_mut().filter(|(_, sums)| sums.changed) {
                    sums.changed = false;
                    let mut row = row(tenant, key, sums);
                    row.pane = pane * WIDTH_MS * 1_000;
                    row.partition = partition;
                    row.r#final = due.is_final(*pane);
                    row.version = version;
                    rows.push(row);
                }
            }
        }
        self.panes = self.panes.split_off(&due.first_open());
        rows
    }

    /// Panes and keys held.
    pub fn size(&self) -> (usize, usize) {
        let keys = self.panes.values().flat_map(BTreeMap::values).map(BTreeMap::len).sum();
        (self.panes.len(), keys)
    }
}

fn row(tenant: &str, key: &Key, sums: &Sums) -> DeliveryRow {
    DeliveryRow {
        tenant: tenant.to_owned(),
        partition: 0,
        pane: 0,
        width_s: 1,
        service: key.service.as_str().to_owned(),
        edge: key.edge.as_deref().map(str::to_owned),
        pipeline: key.pipeline.as_deref().map(str::to_owned),
        stream: key.stream.to_string(),
        track: key.track.to_string(),
        k: key.k,
        action: key.action.as_str().to_owned(),
        requests: sums.requests,
        bytes: sums.bytes,
        errors: sums.errors,
        ok: sums.ok,
        redirects: sums.redirects,
        server_errors: sums.server_errors,
        hits: sums.hits,
        held_ms: sums.held_us / 1_000,
        ttfb_sketch: sums.ttfb.clone(),
        held_sketch: sums.held.clone(),
        r#final: false,
        version: 0,
    }
}
