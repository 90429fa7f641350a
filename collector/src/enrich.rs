//! Who sends, as far as a request tells: player, browser, system and device from its headers,
//! country and network from its address. The address itself goes no further than this room
//! (ADR 22): what is stored are the words found for it.

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

/// What the door finds out about senders.
#[derive(Debug)]
pub struct Enricher {
    agents: Cache<Agent>,
    places: Places,
    trusted_proxies: Vec<IpNetwork>,
}

/// What was found out about the sender of one request.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    agent: Arc<Agent>,
    place: Place,
}

impl Enricher {
    /// Reads the files that the settings name. One that cannot be used is said once, and what
    /// it would tell stays unknown.
    pub fn new(settings: &Settings) -> Self {
        Self {
            agents: Cache::new(settings.agents_cached),
            places: Places::open(settings),
            trusted_proxies: settings.trusted_proxies.clone(),
        }
    }

    /// Who sends a request that came from `peer`.
    pub fn sender(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Sender {
        let key = hints::fingerprint(headers);
        let agent = self.agents.get_or_insert_with(key, || agent::of(headers));
        let place = match peer {
            Some(peer) if self.places.is_any() => {
                self.places.of(client(headers, peer, &self.trusted_proxies))
            }
            _ => Place::default(),
        };
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
