//! Settings of the steering service.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use tallylight_serve::exposed;
use tallylight_serve::guard::no_origins;

use crate::ladder::is_name;
use crate::serve::build::{HTTP, is_http, mistake, verdict};

/// Suffix of an edge's name that names its low pathway.
pub(crate) const LOW: &str = "-low";
/// Most edges that one service steers between.
const MAX_EDGES: usize = 16;

/// An edge, or another CDN: a pathway that players can be sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeSettings {
    /// Its name in manifests, steering answers and rows.
    pub name: String,
    /// Its address as players reach it.
    pub url: String,
    /// The same edge behind the dashboard's own address, such as `/e1`; empty when it is not.
    #[serde(default)]
    pub path: String,
    /// What it can carry; new sessions are shared out in this proportion. For one of `edges` its
    /// own setting counts.
    pub capacity_kbps: u64,
    /// For a CDN that is not one of our edges: an object that the prober requests each second. It
    /// has no `/load`; its load is estimated from the sessions sent there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_url: Option<String>,
}

/// What steering does with what it decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It only reports what is wrong.
    Observe,
    /// It offers what could be done; nothing happens before a click.
    Advise,
    /// It offers, and acts on an offer after a moment in which the offer can be held.
    Act,
}

/// Where players are sent, and what is done when a part becomes ill (docs/steering.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Must be true where `listen` is reachable from beyond this machine: any client that reaches
    /// it may then request manifests, and change its mode and actions. Let only `/v1/play/`,
    /// `/steering/` and `/live/` through to others.
    pub trusted_network: bool,
    /// Its URL as players reach it; none: where it listens.
    pub public_url: Option<String>,
    /// Names besides `localhost` and that of `public_url` under which operators and the dashboard
    /// call it, without a port.
    pub allowed_hosts: Vec<String>,
    /// Sites besides its own whose pages may read and change what it does, such as
    /// `http://localhost:5173`.
    pub allowed_origins: Vec<String>,
    /// Where ladders come from; none: it steers between others' CDNs and serves no manifests.
    pub origin_url: Option<String>,
    /// The edges that it sends players to.
    pub edges: Vec<EdgeSettings>,
    /// How long after an answer players ask again; set a longer time for very many players.
    pub ttl_s: u32,
    /// What it does with decisions, until an operator changes it; the change is kept in the log.
    pub mode: Mode,
    /// Time in which an operator can hold an action before it is taken, in mode `act`.
    pub hold_ms: u32,
    /// Share of an edge's capacity that steering does not fill with viewers of other edges.
    pub keep_free_pct: u32,
    /// Whether manifests that are not ours name a low pathway beside each of the edges,
    /// `<edge>-low`: viewers that fit nowhere else are kept on it. Our manifests have one if there
    /// are enough rungs.
    pub low_pathways: bool,
    /// The assumed rate of a session where an edge or CDN does not report its load.
    pub session_kbps: u32,
    /// The dashboard whose feed it uses for decisions; none: it steers by shares alone.
    pub feed_url: Option<String>,
    /// The tenant of the streams, in records.
    pub tenant: String,
    /// Streams for which it opens sessions and, with an origin, serves manifests.
    pub streams: Vec<String>,
    /// How far back a manifest reaches, in segments: with one more and the margin, at most
    /// `window_s` of the origin.
    pub window_segments: u32,
    /// Publish margin, the same as the origin's.
    pub margin_ms: u32,
    /// Connections at a time.
    pub max_connections: usize,
    /// The collector that every GET is reported to; none: nothing is reported.
    pub collector_url: Option<String>,
    /// The write key for the collector.
    pub write_key: String,
    /// The key that proves to the collector and the origin that this is one of our services; none
    /// is the common one.
    pub service_key: Option<String>,
    /// Where players send their beacons; none: to the collector, with the write key.
    pub beacon_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let edge = EdgeSettings {
            name: "e1".into(),
            url: "http://127.0.0.1:7711".into(),
            path: "/e1".into(),
            capacity_kbps: 200_000,
            probe_url: None,
        };
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7720)),
            trusted_network: false,
            public_url: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            origin_url: Some("http://127.0.0.1:7710".into()),
            edges: vec![edge],
            ttl_s: 5,
            mode: Mode::Act,
            hold_ms: 2_000,
            keep_free_pct: 5,
            low_pathways: false,
            session_kbps: 5_000,
            feed_url: None,
            tenant: "demo".into(),
            streams: vec!["demo".into()],
            window_segments: 30,
            margin_ms: 1_000,
            max_connections: 8_192,
            collector_url: None,
            write_key: "demo".into(),
            service_key: None,
            beacon_url: None,
        }
    }
}

impl Settings {
    /// All mistakes together.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut found: Vec<String> =
            exposed(self.listen, self.trusted_network).into_iter().collect();
        for (name, url) in [
            ("public_url", &self.public_url),
            ("origin_url", &self.origin_url),
            ("collector_url", &self.collector_url),
            ("feed_url", &self.feed_url),
            ("beacon_url", &self.beacon_url),
        ] {
            let wrong = url.as_deref().is_some_and(|url| !is_http(url));
            mistake(&mut found, wrong, format!("{name}: {HTTP}"));
        }
        found.extend(no_origins(&self.allowed_origins));
        self.validate_edges(&mut found);
        let streams =
            (1..=64).contains(&self.streams.len()) && self.streams.iter().all(|name| is_name(name));
        mistake(&mut found, !streams, "streams: 1 to 64 names of a-z, 0-9, - and _");
        mistake(&mut found, !(5..=60).contains(&self.window_segments), "window_segments: 5 to 60");
        mistake(&mut found, self.margin_ms > 60_000, "margin_ms: 60000 at most");
        mistake(&mut found, self.max_connections == 0, "max_connections: above 0");
        mistake(&mut found, !(1..=3_600).contains(&self.ttl_s), "ttl_s: 1 to 3600");
        mistake(&mut found, self.hold_ms > 60_000, "hold_ms: 60000 at most");
        mistake(&mut found, self.keep_free_pct > 90, "keep_free_pct: 0 to 90");
        // At zero for each session, any number of them would fit.
        mistake(&mut found, self.session_kbps == 0, "session_kbps: above 0");
        verdict(found)
    }

    fn validate_edges(&self, found: &mut Vec<String>) {
        // Manifests need one; without media there may be no steering.
        let least = usize::from(self.origin_url.is_some());
        let number = (least..=MAX_EDGES).contains(&self.edges.len());
        mistake(found, !number, format!("edges: {least} to {MAX_EDGES} of them"));
        for (at, edge) in self.edges.iter().enumerate() {
            let mut wrong = |wrong: bool, what: &str| {
                mistake(found, wrong, format!("edges: {:?}: {what}", edge.name));
            };
            let taken = self.edges.iter().take(at).any(|other| other.name == edge.name);
            wrong(taken, "is listed twice");
            let name = is_name(&edge.name) && !edge.name.ends_with(LOW);
            wrong(!name, "a name is a-z, 0-9, - and _, and does not end in -low");
            wrong(!is_http(&edge.url), &format!("url: {HTTP}"));
            wrong(!edge.path.is_empty() && !edge.path.starts_with('/'), "path: begins with /");
            let probe = edge.probe_url.as_deref().is_none_or(is_http);
            wrong(!probe, &format!("probe_url: {HTTP}"));
            let unseen = self.origin_url.is_none() && edge.probe_url.is_none();
            wrong(unseen, "probe_url: an object to ask for, since there is no origin with streams");
            wrong(edge.capacity_kbps == 0, "capacity_kbps: above 0");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_mistakes_are_reported_together() {
        assert_eq!(Settings::default().validate(), Ok(()));
        let settings = Settings {
            session_kbps: 0,
            beacon_url: Some("/v1/cmcd?k=demo".into()),
            allowed_origins: vec!["https://ok.example".into(), "localhost:5173".into()],
            ..Settings::default()
        };
        let mistakes = settings.validate().unwrap_err();
        let wanted = [
            "beacon_url: an http:// or https:// address",
            "allowed_origins has \"localhost:5173\"; write scheme://host[:port]",
            "session_kbps: above 0",
        ];
        assert_eq!(mistakes, wanted);
    }
}
