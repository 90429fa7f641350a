//! How long rows are kept in memory, and how many.

use serde::{Deserialize, Serialize};
use tallylight_schemas::rows::Cuboid;

/// What the dashboard keeps in memory of the newest rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// How far back 1 s panes by content are kept.
    pub content_s: u32,
    /// How far back 1 s panes by edge and pipeline, and delivery rows, are kept.
    pub delivery_s: u32,
    /// How far back 10 s panes (by rendition, audience, network and client) are kept.
    pub wide_s: u32,
    /// How far back the fates of records are kept.
    pub fates_s: u32,
    /// Rows kept per breakdown, before summing; beyond it the oldest panes are dropped.
    pub max_rows: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { content_s: 1_800, delivery_s: 600, wide_s: 1_800, fates_s: 1_800, max_rows: 150_000 }
    }
}

impl Retention {
    /// Every mistake in these settings, together.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        for (name, seconds) in [
            ("content_s", self.content_s),
            ("delivery_s", self.delivery_s),
            ("wide_s", self.wide_s),
            ("fates_s", self.fates_s),
        ] {
            if !(60..=86_400).contains(&seconds) {
                wrong.push(format!("live.{name} is {seconds}; it must be 60 to 86400 seconds"));
            }
        }
        if !(1_000..=10_000_000).contains(&self.max_rows) {
            wrong.push(format!("live.max_rows is {}; it must be 1000 to 10000000", self.max_rows));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// The longest of the ages, seconds: how far back the rows topic has to be read.
    pub fn longest_s(&self) -> u32 {
        self.content_s.max(self.delivery_s).max(self.wide_s).max(self.fates_s)
    }

    pub(super) fn cuboid_us(&self, cuboid: Cuboid) -> i64 {
        us(match cuboid {
            Cuboid::Content => self.content_s,
            Cuboid::Delivery => self.delivery_s,
            Cuboid::Rendition | Cuboid::Audience | Cuboid::Network | Cuboid::Client => self.wide_s,
        })
    }

    pub(super) fn delivery_us(&self) -> i64 {
        us(self.delivery_s)
    }

    pub(super) fn fates_us(&self) -> i64 {
        us(self.fates_s)
    }
}

fn us(seconds: u32) -> i64 {
    i64::from(seconds) * 1_000_000
}
