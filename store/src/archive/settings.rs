//! What can be set.

use serde::{Deserialize, Serialize};

/// Settings of history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Bytes of files kept over all tables; beyond it the oldest hours are removed.
    pub cap_bytes: u64,
    /// Hours kept; older ones are removed.
    pub cap_hours: u64,
    /// Files of an hour that is over are joined when there are more than this.
    pub small_files: usize,
    /// Bytes of small files that are joined at a time.
    pub join_bytes: u64,
    /// How long files that a table no longer names are kept for those who still read them, s.
    pub grace_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cap_bytes: 2 << 30,
            cap_hours: 30 * 24,
            small_files: 4,
            join_bytes: 64 << 20,
            grace_s: 900,
        }
    }
}

impl Settings {
    /// Every mistake, in words.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut mistakes = Vec::new();
        if self.cap_bytes < 1 << 20 {
            mistakes.push("cap_bytes must be 1 MiB or more".to_owned());
        }
        if self.cap_hours == 0 {
            mistakes.push("cap_hours must be 1 or more".to_owned());
        }
        if self.small_files == 0 {
            mistakes.push("small_files must be 1 or more".to_owned());
        }
        if !(1 << 10..=1 << 30).contains(&self.join_bytes) {
            mistakes.push("join_bytes must be 1 KiB to 1 GiB".to_owned());
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }
}
