//! An edge's settings.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use tallylight_serve::exposed;

use crate::ladder::is_name;
use crate::serve::build::{HTTP, is_http, mistake, verdict};

/// An edge, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Must be true if `listen` can be reached from other machines: anyone who reaches it may fetch
    /// media.
    pub trusted_network: bool,
    /// Its name, in headers and rows. `tallylight` uses the name of the section.
    pub name: String,
    /// The origin behind it, such as `http://127.0.0.1:7710`.
    pub origin_url: String,
    /// What it may reserve for its sessions; further ones are refused. The default is enough for
    /// about 250 viewers of the demo's best rung.
    pub capacity_kbps: u64,
    /// The size of its cache, in memory.
    pub cache_bytes: u64,
    /// The largest object that it forwards.
    pub object_limit_bytes: usize,
    /// The longest wait for the origin; set it above the origin's `hold_limit_ms`, for which a
    /// request may be held.
    pub origin_timeout_ms: u32,
    /// The most concurrent connections.
    pub max_connections: usize,
    /// The most requests that wait for the origin concurrently.
    pub max_waiting: usize,
    /// The collector, to which every GET is reported; none reports nothing.
    pub collector_url: Option<String>,
    /// The write key for the collector.
    pub write_key: String,
    /// The key that proves to the collector that this is a service of ours; none uses the common
    /// one.
    pub service_key: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7711)),
            trusted_network: false,
            name: "e1".into(),
            origin_url: "http://127.0.0.1:7710".into(),
            capacity_kbps: 140_000,
            cache_bytes: 64 << 20,
            object_limit_bytes: 8 << 20,
            origin_timeout_ms: 6_000,
            max_connections: 8_192,
            max_waiting: 8_192,
            collector_url: None,
            write_key: "demo".into(),
            service_key: None,
        }
    }
}

impl Settings {
    /// All mistakes together.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut found: Vec<String> =
            exposed(self.listen, self.trusted_network).into_iter().collect();
        mistake(&mut found, !is_name(&self.name), "name: a-z, 0-9, - and _ only");
        mistake(&mut found, !is_http(&self.origin_url), format!("origin_url: {HTTP}"));
        mistake(&mut found, self.capacity_kbps == 0, "capacity_kbps: above 0");
        mistake(&mut found, self.cache_bytes == 0, "cache_bytes: above 0");
        mistake(&mut found, self.object_limit_bytes == 0, "object_limit_bytes: above 0");
        mistake(
            &mut found,
            !(100..=60_000).contains(&self.origin_timeout_ms),
            "origin_timeout_ms: 100 to 60000",
        );
        mistake(&mut found, self.max_connections == 0, "max_connections: above 0");
        mistake(&mut found, self.max_waiting == 0, "max_waiting: above 0");
        let wrong = self.collector_url.as_deref().is_some_and(|url| !is_http(url));
        mistake(&mut found, wrong, format!("collector_url: {HTTP}"));
        verdict(found)
    }
}
