//! Settings of looking up senders.

use std::path::PathBuf;

use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};

/// How senders are looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// An MMDB file that knows the countries of addresses. Without it they are unknown, unless
    /// players claim them.
    pub country_file: Option<PathBuf>,
    /// An MMDB file that knows the autonomous systems of addresses.
    pub asn_file: Option<PathBuf>,
    /// Networks of our own proxies: their `X-Forwarded-For` (`Forwarded` where there is none) is
    /// believed, and nobody else's.
    pub trusted_proxies: Vec<IpNetwork>,
    /// Sets of headers whose words are cached, so that they are not parsed for each request.
    pub agents_cached: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            country_file: None,
            asn_file: None,
            trusted_proxies: Vec::new(),
            agents_cached: 4_096,
        }
    }
}

/// Most sets that may be cached.
const MOST_CACHED: usize = 1 << 20;

impl Settings {
    /// Every mistake, in words.
    pub fn mistakes(&self) -> Vec<String> {
        let good = (1..=MOST_CACHED).contains(&self.agents_cached);
        let mistake = format!("enrich.agents_cached: 1 to {MOST_CACHED}");
        if good { Vec::new() } else { vec![mistake] }
    }
}
