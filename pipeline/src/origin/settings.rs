//! The origin's settings.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tallylight_serve::exposed;

use super::facts::is_pipeline;
use crate::serve::build::{HTTP, is_http, mistake, verdict};

/// The most streams that `max_streams` may allow.
pub(crate) const MAX_STREAMS: usize = 64;

/// The origin, which chooses the pipeline whose copy of a segment is served (docs/media.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Must be true if `listen` can be reached from other machines: anyone who reaches it may PUT.
    pub trusted_network: bool,
    /// The folder of the media, with a folder for each stream. `tallylight` always uses `media` in
    /// `data_dir`, whatever is set here.
    pub media_dir: Option<PathBuf>,
    /// How long after its end a segment stays available.
    pub window_s: u32,
    /// Publish margin: a segment that is stored later than its end plus this is late.
    pub margin_ms: u32,
    /// The longest that a request is held until its segment arrives. Players give up at 5 s.
    pub hold_limit_ms: u32,
    /// Largest body of a PUT.
    pub body_limit_bytes: usize,
    /// Memory for the segments of all streams together.
    pub store_limit_bytes: u64,
    /// The expected pipelines, in order of preference: a segment waits briefly for the first, and
    /// `segments.json` lists each pipeline's copies. `tallylight` always uses the `pipelines`
    /// outside of sections, whatever is set here.
    pub pipelines: Vec<String>,
    /// The most streams.
    pub max_streams: usize,
    /// The most concurrent connections.
    pub max_connections: usize,
    /// The most requests held concurrently; further ones get 503.
    pub max_waiting: usize,
    /// The collector, to which every PUT, GET and choice is reported; none reports nothing.
    pub collector_url: Option<String>,
    /// The write key for the collector.
    pub write_key: String,
    /// The key that proves to the collector that this is a service of ours, and to the origin that
    /// a service of ours changes masks; none uses the common one, and without that anyone on this
    /// machine may change them.
    pub service_key: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7710)),
            trusted_network: false,
            media_dir: Some(PathBuf::from("data/media")),
            window_s: 120,
            margin_ms: 1_000,
            hold_limit_ms: 4_000,
            body_limit_bytes: 8 << 20,
            store_limit_bytes: 512 << 20,
            pipelines: vec!["A".into(), "B".into()],
            max_streams: 4,
            max_connections: 4_096,
            max_waiting: 4_096,
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
        mistake(&mut found, !(10..=86_400).contains(&self.window_s), "window_s: 10 to 86400");
        mistake(&mut found, self.margin_ms > 60_000, "margin_ms: 60000 at most");
        mistake(
            &mut found,
            !(100..=30_000).contains(&self.hold_limit_ms),
            "hold_limit_ms: 100 to 30000",
        );
        mistake(&mut found, self.body_limit_bytes == 0, "body_limit_bytes: above 0");
        mistake(
            &mut found,
            self.store_limit_bytes < self.body_limit_bytes as u64,
            "store_limit_bytes: at least one body",
        );
        let names = (1..=8).contains(&self.pipelines.len())
            && self.pipelines.iter().all(|name| is_pipeline(name));
        mistake(&mut found, !names, "pipelines: 1 to 8 names of letters, digits, - and _");
        mistake(
            &mut found,
            !(1..=MAX_STREAMS).contains(&self.max_streams),
            format!("max_streams: 1 to {MAX_STREAMS}"),
        );
        mistake(&mut found, self.max_connections == 0, "max_connections: above 0");
        mistake(&mut found, self.max_waiting == 0, "max_waiting: above 0");
        let wrong = self.collector_url.as_deref().is_some_and(|url| !is_http(url));
        mistake(&mut found, wrong, format!("collector_url: {HTTP}"));
        verdict(found)
    }
}
