//! The sender, as far as a request reveals it: player, browser, system and device from its headers,
//! country and network from its address. The address itself does not leave this module (ADR 22):
//! only the words found for it are stored.

mod address;
mod agent;
mod cache;
mod hints;
mod places;
mod settings;

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::HeaderMap;
use ipnetwork::IpNetwork;
use tallylight_schemas::player::About;

use address::client;
use agent::Agent;
use cache::Cache;
use places::{Place, Places};
pub use settings::Settings;

/// Looks up the senders of requests.
#[derive(Debug)]
pub struct Enricher {
    agents: Cache<Agent>,
    places: Places,
    trusted_proxies: Vec<IpNetwork>,
}

/// What is known of the sender of one request.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    agent: Arc<Agent>,
    place: Place,
}

impl Enricher {
    /// Opens the files that the settings name. A file that cannot be used is reported once, and its
    /// words stay unknown.
    pub fn new(settings: &Settings) -> Self {
        Self {
            agents: Cache::new(settings.agents_cached),
            places: Places::open(settings),
            trusted_proxies: settings.trusted_proxies.clone(),
        }
    }

    /// The sender of a request that came from `peer`.
    pub fn sender(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Sender {
        let key = hints::fingerprint(headers);
        let agent = self.agents.get_or_insert_with(key, || agent::of(headers));
        let peer = peer.filter(|_| self.places.is_any());
        let client = peer.and_then(|peer| client(headers, peer, &self.trusted_proxies));
        let place = client.map(|client| self.places.of(client)).unwrap_or_default();
        Sender { agent, place }
    }
}

impl Sender {
    /// The words to be stored with its records.
    pub fn about(&self) -> About<'_> {
        About {
            player: &self.agent.player,
            browser: &self.agent.browser,
            os: &self.agent.os,
            device: &self.agent.device,
            country: self.place.country(),
            asn: self.place.asn,
        }
    }
}
