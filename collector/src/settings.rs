//! Every limit of the collector, with its default.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tallylight_eventlog::MAX_ENTRY_BYTES;
use tallylight_schemas::ident::MAX_PARTITIONS;
use tallylight_serve::{TlsFiles, exposed};

use crate::{append, enrich};

/// What the collector takes, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Speaks TLS with this certificate, and nothing else.
    pub tls: Option<TlsFiles>,
    /// Must be true where `listen` is beyond this machine: anyone who reaches it may then send
    /// records, as any tenant whose write key is known.
    pub trusted_network: bool,
    /// Write keys, and the tenant of each. A key is public: it routes and does not prove.
    pub write_keys: BTreeMap<String, String>,
    /// Quotas and weights of tenants; who is not named has no quota and weight 1.
    pub tenants: BTreeMap<String, Tenant>,
    /// Records accepted or rejected a second of one write key, over time; who is not named has no
    /// quota of its own.
    pub key_records_per_s: BTreeMap<String, u32>,
    /// Records accepted a second of one session, over time, with a burst of 5 s; 0 is no quota.
    pub session_records_per_s: u32,
    /// Rejected records kept as dead letters, of a tenant and reason in a day; 0 keeps none.
    pub dead_letters_per_day: u32,
    /// Answers `GET /v1/beacons` to whoever has a write key, not to this machine alone. The
    /// key is public, so this is for a network that is trusted.
    pub beacons_to_all: bool,
    /// What our own services prove themselves by. With it, delivery events and control records
    /// need `Authorization: Bearer` with this key, beside the write key in `?k=`. 16 to 256
    /// characters of ASCII without spaces, and no write key.
    pub service_key: Option<String>,
    /// How senders are looked up.
    pub enrich: enrich::Settings,
    /// Partitions of the events topic; `processor.partitions` must be the same, on every machine.
    pub partitions: u16,
    /// A commit starts when so many rows wait, or after `flush_ms`.
    pub flush_rows: usize,
    /// A commit starts so long after the first row came, or at `flush_rows`.
    pub flush_ms: u64,
    /// Records received but not yet in the log; above it requests get 503.
    pub queue_records: usize,
    /// Bytes of bodies received but not yet in the log; above it requests get 503.
    pub queue_bytes: usize,
    /// Longest body as it is sent.
    pub body_bytes: usize,
    /// Longest body once it is inflated, at most 8 MiB.
    pub inflated_bytes: usize,
    /// How many times its size a compressed body may inflate to; 64 KiB is always allowed.
    pub inflate_ratio: usize,
    /// Records counted in one request; those beyond are rejected.
    pub request_records: usize,
    /// Bytes of bodies being received at one time, over all connections.
    pub receiving_bytes: usize,
    /// How long a client may take to send a body.
    pub receive_ms: u64,
    /// Connections at one time. For a further one, one that never asked is closed, else the one
    /// idle for longest, else a slow body.
    pub connections: usize,
    /// How long a new connection may take until its first request head is whole, TLS handshake
    /// included.
    pub head_ms: u64,
    /// How long a connection may stay without another request after an answer.
    pub idle_ms: u64,
    /// How long a request and its answer may take in all.
    pub request_ms: u64,
    /// How long requests under way are waited for at the end.
    pub drain_ms: u64,
}

/// What one tenant may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tenant {
    /// Records accepted or rejected a second, over time, with a burst of 5 s: what went beyond is
    /// paid later. None is no quota.
    pub records_per_s: Option<u32>,
    /// Its share of the queue beside others: weight 2 may hold twice as much as weight 1.
    pub weight: u32,
}

impl Default for Tenant {
    fn default() -> Self {
        Self { records_per_s: None, weight: 1 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7701)),
            tls: None,
            trusted_network: false,
            write_keys: BTreeMap::from([("demo".to_owned(), "demo".to_owned())]),
            tenants: BTreeMap::new(),
            key_records_per_s: BTreeMap::new(),
            session_records_per_s: 5_000,
            dead_letters_per_day: 1_000,
            beacons_to_all: false,
            service_key: None,
            enrich: enrich::Settings::default(),
            partitions: 4,
            flush_rows: 2_048,
            flush_ms: 100,
            queue_records: 32_768,
            queue_bytes: 32 << 20,
            body_bytes: 1 << 20,
            inflated_bytes: 4 << 20,
            inflate_ratio: 200,
            request_records: 10_000,
            receiving_bytes: 64 << 20,
            receive_ms: 10_000,
            connections: 8_192,
            head_ms: 10_000,
            idle_ms: 60_000,
            request_ms: 60_000,
            drain_ms: 10_000,
        }
    }
}

/// Longest write key or tenant.
const NAME_BYTES: usize = 64;
/// Largest weight of a tenant.
const MAX_WEIGHT: u32 = 100;
/// Largest `inflated_bytes`: a commit holds as much, plus repeated row values and dead letters.
const MAX_INFLATED: usize = MAX_ENTRY_BYTES / 2;

impl Settings {
    /// Checks everything and reports all mistakes together.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut mistakes: Vec<String> =
            exposed(self.listen, self.trusted_network).into_iter().collect();
        let mut check = |good: bool, mistake: String| {
            if !good {
                mistakes.push(mistake);
            }
        };
        check(!self.write_keys.is_empty(), "write_keys: give at least one".to_owned());
        for (key, tenant) in &self.write_keys {
            let name = |text: &str| !text.is_empty() && text.len() <= NAME_BYTES;
            check(
                name(key) && name(tenant),
                format!("write_keys: `{key}` = `{tenant}`: each takes 1 to {NAME_BYTES} bytes"),
            );
        }
        for (name, tenant) in &self.tenants {
            check(
                self.write_keys.values().any(|known| known == name),
                format!("tenants: no write key leads to `{name}`"),
            );
            check(
                (1..=MAX_WEIGHT).contains(&tenant.weight) && tenant.records_per_s != Some(0),
                format!("tenants: `{name}`: weight is 1 to {MAX_WEIGHT}, records_per_s above 0"),
            );
        }
        for (key, rate) in &self.key_records_per_s {
            check(
                self.write_keys.contains_key(key) && *rate > 0,
                format!("key_records_per_s: `{key}`: name a write key, and a rate above 0"),
            );
        }
        check(
            (1..=MAX_PARTITIONS).contains(&self.partitions),
            format!("partitions: {} is not in 1..={MAX_PARTITIONS}", self.partitions),
        );
        check(
            self.inflated_bytes <= MAX_INFLATED,
            format!("inflated_bytes: at most {MAX_INFLATED}, so that an entry holds a commit"),
        );
        for (good, mistake) in self.limits() {
            check(good, mistake.to_owned());
        }
        for (name, value) in self.counts() {
            check(value > 0, format!("{name}: must be above 0"));
        }
        mistakes.extend(self.enrich.mistakes());
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    /// The longest that a stop takes: requests under way end, then what was gathered is committed.
    pub fn stop_within(&self) -> Duration {
        Duration::from_millis(self.drain_ms).saturating_add(append::LAST)
    }

    /// Whether keys and limits are consistent, with the mistake where they are not.
    fn limits(&self) -> [(bool, &'static str); 9] {
        let key = self.service_key.as_ref();
        // Other characters cannot be in a header, or not at its end.
        let can_be_sent = |key: &String| {
            (16..=256).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        };
        [
            (
                key.is_none_or(can_be_sent),
                "service_key: 16 to 256 characters of ASCII without spaces, that nobody can guess",
            ),
            (
                key.is_none_or(|key| !self.write_keys.contains_key(key)),
                "service_key: it is one of the write_keys, which are public",
            ),
            (self.body_bytes <= self.inflated_bytes, "inflated_bytes: may not be below body_bytes"),
            (
                self.inflated_bytes <= self.queue_bytes,
                "queue_bytes: may not be below inflated_bytes, or no full body would pass",
            ),
            (
                self.request_records <= self.queue_records,
                "queue_records: may not be below request_records",
            ),
            (
                self.body_bytes <= self.receiving_bytes / 4,
                "receiving_bytes: may not be below four times body_bytes, so that a full body passes",
            ),
            (u32::try_from(self.queue_records).is_ok(), "queue_records: must fit 32 bits"),
            (
                self.flush_ms < self.request_ms,
                "request_ms: must be above flush_ms, or no request would live to see its commit",
            ),
            (
                self.receive_ms <= self.request_ms,
                "request_ms: may not be below receive_ms, since to receive a body is a part of it",
            ),
        ]
    }

    fn counts(&self) -> [(&'static str, u64); 11] {
        [
            ("flush_rows", self.flush_rows as u64),
            ("flush_ms", self.flush_ms),
            ("body_bytes", self.body_bytes as u64),
            ("inflate_ratio", self.inflate_ratio as u64),
            ("request_records", self.request_records as u64),
            ("receive_ms", self.receive_ms),
            ("connections", self.connections as u64),
            ("head_ms", self.head_ms),
            ("idle_ms", self.idle_ms),
            ("request_ms", self.request_ms),
            ("drain_ms", self.drain_ms),
        ]
    }
}

#[cfg(test)]
mod tests;
