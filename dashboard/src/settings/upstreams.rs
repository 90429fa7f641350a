//! The services that requests are forwarded to.

use std::collections::BTreeMap;

use axum::http::Uri;
use serde::{Deserialize, Serialize};

/// Base URLs of the services behind the proxies: `http://host:port` or `https://host:port`, with
/// nothing after the port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Upstreams {
    /// Manifests and steering: `/live/*`, `/steering/*`, `/v1/play/*`, `/v1/steering`,
    /// `/v1/actions`, `/v1/incidents`.
    pub steering: String,
    /// The collector: `/v1/cmcd`, `/v1/events`, `/v1/beacons`.
    pub collector: String,
    /// Edges by name: `/<name>/*`.
    pub edges: BTreeMap<String, String>,
    /// The fault switches of the demo, `/v1/faults`: the control port of `up`. Absent elsewhere.
    pub faults: Option<String>,
}

impl Default for Upstreams {
    fn default() -> Self {
        Self {
            steering: "http://127.0.0.1:7720".into(),
            collector: "http://127.0.0.1:7701".into(),
            edges: BTreeMap::from([("e1".into(), "http://127.0.0.1:7711".into())]),
            faults: None,
        }
    }
}

impl Upstreams {
    /// Whether any of them uses TLS.
    pub(crate) fn any_tls(&self) -> bool {
        let mut any = false;
        self.each(|_, url| any |= url.starts_with("https:"));
        any
    }

    pub(super) fn check(&self, must: &mut impl FnMut(bool, String)) {
        self.each(|name, url| {
            let what =
                format!("upstreams.{name} is {url:?}; write http://host:port or https://host:port");
            must(is_base(url), what);
        });
        for name in self.edges.keys() {
            let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            let plain = !name.is_empty() && name.chars().all(small);
            let free = !["v1", "live", "steering", "assets", "metrics"].contains(&name.as_str());
            must(
                plain && free,
                format!("upstreams.edges has {name:?}; use small letters and digits"),
            );
        }
    }

    fn each(&self, mut visit: impl FnMut(&str, &str)) {
        visit("steering", &self.steering);
        visit("collector", &self.collector);
        if let Some(url) = &self.faults {
            visit("faults", url);
        }
        for (name, url) in &self.edges {
            visit(&format!("edges.{name}"), url);
        }
    }
}

fn is_base(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.authority().is_some()
        && uri.path() == "/"
        && uri.query().is_none()
}
