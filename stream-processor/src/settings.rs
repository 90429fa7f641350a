//! What can be set.

use serde::{Deserialize, Serialize};
use tallylight_schemas::ident::MAX_PARTITIONS;

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
        if !(1..=MAX_PARTITIONS).contains(&self.partitions) {
            mistakes.push(format!("partitions must be 1 to {MAX_PARTITIONS}"));
        }
        if !(10..=10_000).contains(&self.tick_ms) {
            mistakes.push("tick_ms must be 10 to 10000".to_owned());
        }
        if !(1 << 10..=1 << 30).contains(&self.read_bytes) {
            mistakes.push("read_bytes must be 1 KiB to 1 GiB".to_owned());
        }
        if !(1..=10_000).contains(&self.retry_ms) {
            mistakes.push("retry_ms must be 1 to 10000".to_owned());
        }
        if !(1..=65_536).contains(&self.queries) {
            mistakes.push("queries must be 1 to 65536".to_owned());
        }
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
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"partitions":2}"#).is_ok());
        assert!(serde_json::from_str::<Settings>(r#"{"partition":2}"#).is_err());
    }
}
