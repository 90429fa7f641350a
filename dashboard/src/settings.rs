//! The settings of the dashboard, and their validation.

mod upstreams;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tallylight_schemas::settings::outside;
use tallylight_serve::exposed;
use tallylight_serve::guard::no_origins;
use tallylight_store::live::Retention;

use crate::sql::SqlSettings;
pub use upstreams::Upstreams;

/// What the dashboard shows, and who may reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The address it listens on. Loopback only, because there is no sign-in.
    pub listen: SocketAddr,
    /// The tenant whose rows and sessions are shown.
    pub tenant: String,
    /// Host names besides localhost under which browsers may reach it, without a port: those of a
    /// proxy or of a forwarded port.
    pub allowed_hosts: Vec<String>,
    /// Origins that may call the API besides the dashboard's own, such as
    /// `http://localhost:5173`.
    pub allowed_origins: Vec<String>,
    /// Connections at a time, including feed clients.
    pub connections: usize,
    /// How long a connection may be idle between two requests. Its first request head must come in
    /// the same time, and within 10 s.
    pub idle_s: u64,
    /// The services it forwards requests to.
    pub upstreams: Upstreams,
    /// The feed.
    pub feed: FeedSettings,
    /// How many rows are kept, and for how long.
    pub live: Retention,
    /// Folder whose free disk space the feed's status reports. `tallylight` always uses `data_dir`
    /// for it, whatever is set here.
    pub data: Option<PathBuf>,
    /// SQL.
    pub sql: SqlSettings,
    /// Tails (`GET /v1/tail`, `tallylight tail`) open at a time; further ones are refused with 503.
    pub tails: usize,
    /// The events of table `live_events` in SQL.
    pub live_events: Vec<LiveEvent>,
}

/// An event that is planned, on air or over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveEvent {
    /// Stream name.
    pub name: String,
    /// Where it is in its life cycle.
    pub phase: Phase,
    /// When it begins, such as `2026-11-25T20:00:00Z`.
    #[serde(default)]
    pub start: Option<String>,
    /// Its importance, such as `A`.
    pub tier: String,
    /// Viewers expected over time.
    #[serde(default)]
    pub expected: Vec<Expected>,
}

/// Where an event is in its life cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It has not begun.
    Planned,
    /// It is on air.
    Live,
    /// It has ended.
    Over,
}

impl Phase {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Planned => "planned",
            Phase::Live => "live",
            Phase::Over => "over",
        }
    }
}

/// A point on the curve of expected viewers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Seconds after the start.
    pub after_s: i64,
    /// Viewers.
    pub viewers: i64,
}

/// Bounds of the feed (docs/feed.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeedSettings {
    /// Clients at a time; further ones are refused with 503.
    pub max_clients: usize,
    /// Messages by which a client may be behind before its connection is closed.
    pub queue_messages: usize,
    /// Deltas kept for clients that reconnect.
    pub ring_messages: usize,
    /// Bytes of deltas kept for clients that reconnect.
    pub ring_bytes: usize,
    /// Least time between two deltas. A delta contains what changed.
    pub delta_ms: u64,
    /// Time between two pings of a client.
    pub ping_s: u64,
    /// A message that the client has not received after this time ends the connection.
    pub send_timeout_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7700)),
            tenant: "demo".into(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            connections: 1_024,
            idle_s: 60,
            upstreams: Upstreams::default(),
            feed: FeedSettings::default(),
            live: Retention::default(),
            data: None,
            sql: SqlSettings::default(),
            tails: 16,
            live_events: vec![LiveEvent {
                name: "demo".into(),
                phase: Phase::Live,
                start: None,
                tier: "demo".into(),
                expected: Vec::new(),
            }],
        }
    }
}

impl Default for FeedSettings {
    fn default() -> Self {
        Self {
            max_clients: 256,
            queue_messages: 128,
            ring_messages: 1_200,
            ring_bytes: 32 << 20,
            delta_ms: 250,
            ping_s: 15,
            send_timeout_s: 10,
        }
    }
}

impl Settings {
    /// Reports all mistakes in these settings together.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut wrong = self.live.validate().err().unwrap_or_default();
        wrong.extend(self.sql.validate().err().unwrap_or_default());
        let mut must = |right: bool, what: String| {
            if !right {
                wrong.push(what);
            }
        };
        must(
            exposed(self.listen, false).is_none(),
            format!(
                "listen is {}; without sign-in the dashboard binds loopback only, so use \
                 127.0.0.1 and forward the port",
                self.listen
            ),
        );
        must(
            self.connections > self.feed.max_clients,
            format!(
                "connections is {}; pages need some besides feed.max_clients, {}",
                self.connections, self.feed.max_clients
            ),
        );
        must(!self.tenant.is_empty(), "tenant is empty; name one, such as demo".into());
        for start in self.live_events.iter().filter_map(|event| event.start.as_ref()) {
            let known = crate::sql::is_time(start);
            must(known, format!("live_events has start {start:?}; write 2026-11-25T20:00:00Z"));
        }
        self.upstreams.check(&mut must);
        wrong.extend(no_origins(&self.allowed_origins));
        wrong.extend(outside(&[("idle_s", self.idle_s, 1..=3_600)]));
        wrong.extend(self.feed.mistakes());
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

impl FeedSettings {
    fn mistakes(&self) -> Vec<String> {
        outside(&[
            ("feed.max_clients", self.max_clients as u64, 1..=100_000),
            ("feed.queue_messages", self.queue_messages as u64, 2..=10_000),
            ("feed.ring_messages", self.ring_messages as u64, 1..=100_000),
            ("feed.ring_bytes", self.ring_bytes as u64, 1 << 10..=1 << 32),
            ("feed.delta_ms", self.delta_ms, 10..=10_000),
            ("feed.ping_s", self.ping_s, 1..=300),
            ("feed.send_timeout_s", self.send_timeout_s, 1..=300),
        ])
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_mistakes_are_reported_together() {
        assert_eq!(Settings::default().validate(), Ok(()));
        let listen = "[::ffff:127.0.0.1]:7700".parse().unwrap();
        assert_eq!(Settings { listen, ..Settings::default() }.validate(), Ok(()));
        let mut settings = Settings {
            listen: SocketAddr::from(([0, 0, 0, 0], 7700)),
            allowed_origins: vec!["localhost".into()],
            ..Settings::default()
        };
        settings.upstreams.collector = "127.0.0.1:7701/x".into();
        settings.feed.max_clients = 0;
        settings.live.max_rows = 1;
        assert_eq!(settings.validate().unwrap_err().len(), 5);
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"tenant":"x"}"#).is_ok());
        assert!(serde_json::from_str::<Settings>(r#"{"tenent":"x"}"#).is_err());
    }
}
