//! How long rows are kept in memory, and how many.

use serde::{Deserialize, Serialize};
use tallylight_schemas::rows::Cuboid;
use tallylight_schemas::settings::outside;

/// Which of the newest rows the dashboard keeps in memory.
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
    /// All mistakes in these settings.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let age = 60..=86_400;
        let wrong: Vec<String> = outside(&[
            ("live.content_s", u64::from(self.content_s), age.clone()),
            ("live.delivery_s", u64::from(self.delivery_s), age.clone()),
            ("live.wide_s", u64::from(self.wide_s), age.clone()),
            ("live.fates_s", u64::from(self.fates_s), age),
            ("live.max_rows", self.max_rows as u64, 1_000..=10_000_000),
        ])
        .collect();
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

#[cfg(test)]
mod tests {
    use super::Retention;

    #[test]
    fn every_number_outside_its_range_is_reported() {
        assert_eq!(Retention::default().validate(), Ok(()));
        let wrong =
            Retention { content_s: 59, fates_s: 86_401, max_rows: 999, ..Default::default() };
        let mistakes = [
            "live.content_s is 59; it must be 60 to 86400",
            "live.fates_s is 86401; it must be 60 to 86400",
            "live.max_rows is 999; it must be 1000 to 10000000",
        ];
        assert_eq!(wrong.validate(), Err(mistakes.map(str::to_owned).into()));
    }
}
