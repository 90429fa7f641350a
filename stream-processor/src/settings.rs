//! What can be set.

use serde::{Deserialize, Serialize};
use tallylight_schemas::ident::MAX_PARTITIONS;
use tallylight_schemas::settings::outside;

use crate::pure::limits::Limits;
use crate::{archive, audit};

/// How the processor reads the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Partitions of the events topic; `collector.partitions` must be the same, on every machine.
    pub partitions: u16,
    /// When nothing was appended to the log for so long, a tick is, so that log time goes on.
    pub tick_ms: u64,
    /// About how much of the log is read at once.
    pub read_bytes: usize,
    /// Wait before the log is asked again after it was unavailable.
    pub retry_ms: u64,
    /// Questions about single viewers and open sessions that may wait for an answer.
    pub queries: usize,
    /// History and snapshots.
    pub archive: archive::Settings,
    /// Checks and repairs of history.
    pub audit: audit::Settings,
    /// Bounds of one partition's state.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            partitions: 4,
            tick_ms: 250,
            read_bytes: 4 << 20,
            retry_ms: 100,
            queries: 64,
            archive: archive::Settings::default(),
            audit: audit::Settings::default(),
            limits: Limits::default(),
        }
    }
}

impl Settings {
    /// Every mistake, in words.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut mistakes = self.limits.mistakes();
        mistakes.extend(self.archive.mistakes());
        mistakes.extend(self.audit.mistakes());
        mistakes.extend(outside(&[
            ("partitions", self.partitions.into(), 1..=MAX_PARTITIONS.into()),
            ("tick_ms", self.tick_ms, 10..=10_000),
            ("read_bytes", self.read_bytes as u64, 1 << 10..=1 << 30),
            ("retry_ms", self.retry_ms, 1..=10_000),
            ("queries", self.queries as u64, 1..=65_536),
        ]));
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_reported_together() {
        assert_eq!(Settings::default().validate(), Ok(()));
        let mut wrong = Settings { partitions: 0, tick_ms: 0, ..Settings::default() };
        wrong.limits.cells = 0;
        assert_eq!(wrong.validate().map_err(|m| m.len()), Err(3));
    }

    #[test]
    fn no_more_recent_records_are_kept_than_can_be_looked_through() {
        let mut settings = Settings::default();
        for (recent, right) in [(0, false), (1, true), (4_096, true), (4_097, false)] {
            settings.limits.recent = recent;
            let mistakes = settings.validate().err().unwrap_or_default();
            let wanted = format!("limits.recent is {recent}; it must be 1 to 4096");
            assert_eq!(mistakes, if right { vec![] } else { vec![wanted] });
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"partitions":2}"#).is_ok());
        assert!(serde_json::from_str::<Settings>(r#"{"partition":2}"#).is_err());
    }
}
