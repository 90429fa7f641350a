//! Settings of the steering service.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use tallylight_serve::exposed;

use crate::ladder::is_name;
use crate::serve::build::{is_http, mistake, verdict};

/// Settings of the steering service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Allows listening beyond this machine: anyone who reaches it may then ask it for manifests.
    pub trusted_network: bool,
    /// Its address as players reach it; absent: where it listens.
    pub public_url: Option<String>,
    /// Where ladders come from.
    pub origin_url: String,
    /// The edge that manifests send players to.
    pub edge_url: String,
    /// The same edge behind the dashboard's own address.
    pub edge_path: String,
    /// Streams it serves.
    pub streams: Vec<String>,
    /// Segments a manifest reaches back; less than the origin's window.
    pub window_segments: u32,
    /// Publish margin, milliseconds; the same as the origin's.
    pub margin_ms: u32,
    /// Connections at a time.
    pub max_connections: usize,
    /// The collector that is told about every GET; absent tells nobody.
    pub collector_url: Option<String>,
    /// The write key for the collector.
    pub write_key: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7720)),
            trusted_network: false,
            public_url: None,
            origin_url: "http://127.0.0.1:7710".into(),
            edge_url: "http://127.0.0.1:7711".into(),
            edge_path: "/e1".into(),
            streams: vec!["demo".into()],
            window_segments: 30,
            margin_ms: 1_000,
            max_connections: 8_192,
            collector_url: None,
            write_key: "demo".into(),
        }
    }
}

impl Settings {
    /// All mistakes together.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut found: Vec<String> =
            exposed(self.listen, self.trusted_network).into_iter().collect();
        let optional = |url: &Option<String>| url.as_deref().is_some_and(|url| !is_http(url));
        mistake(&mut found, optional(&self.public_url), "public_url: an http:// address");
        mistake(&mut found, optional(&self.collector_url), "collector_url: an http:// address");
        mistake(&mut found, !is_http(&self.origin_url), "origin_url: an http:// address");
        mistake(&mut found, !is_http(&self.edge_url), "edge_url: an http:// address");
        mistake(&mut found, !self.edge_path.starts_with('/'), "edge_path: begins with /");
        let streams =
            (1..=64).contains(&self.streams.len()) && self.streams.iter().all(|name| is_name(name));
        mistake(&mut found, !streams, "streams: 1 to 64 names of a-z, 0-9, - and _");
        mistake(&mut found, !(5..=60).contains(&self.window_segments), "window_segments: 5 to 60");
        mistake(&mut found, self.margin_ms > 60_000, "margin_ms: 60000 at most");
        mistake(&mut found, self.max_connections == 0, "max_connections: above 0");
        verdict(found)
    }
}
