//! Settings of history.

use serde::{Deserialize, Serialize};
use tallylight_schemas::tables::Table;

/// How long history is kept, and how its files are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Bytes of files kept over all tables; beyond it the oldest hours are removed, minutes and
    /// hours last.
    pub cap_bytes: u64,
    /// Hours kept of everything but minutes and hours; older ones are removed.
    pub cap_hours: u64,
    /// Hours kept of panes of 1 s and 10 s (`playback`, `delivery`), at most `cap_hours`.
    pub cap_hours_panes: u64,
    /// Hours kept of minutes (`playback_1m`, `delivery_1m`).
    pub cap_hours_1m: u64,
    /// Hours kept of hours (`playback_1h`, `delivery_1h`).
    pub cap_hours_1h: u64,
    /// About how many rows of a table are written at a time; their memory is released after each.
    pub slice_rows: u64,
    /// Small files of a past hour are joined when there are more of them than this. A file is small
    /// below half of `join_bytes` and of `slice_rows`.
    pub small_files: usize,
    /// Bytes of small files that are joined into one.
    pub join_bytes: u64,
    /// How long files that a table no longer names are kept for processes that still read them; at
    /// least 60, because a file that was just written may not be named yet.
    pub grace_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cap_bytes: 2 << 30,
            cap_hours: 30 * 24,
            cap_hours_panes: 7 * 24,
            cap_hours_1m: 90 * 24,
            cap_hours_1h: 3 * 365 * 24,
            slice_rows: 500_000,
            small_files: 4,
            join_bytes: 64 << 20,
            grace_s: 900,
        }
    }
}

impl Settings {
    /// Hours kept of a table.
    pub(super) fn cap_hours_of(&self, table: Table) -> u64 {
        match (table, table.rolled()) {
            (_, Some((_, 60))) => self.cap_hours_1m,
            (_, Some(_)) => self.cap_hours_1h,
            (Table::Playback | Table::Delivery, None) => self.cap_hours.min(self.cap_hours_panes),
            _ => self.cap_hours,
        }
    }

    /// Every mistake, in words.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut mistakes = Vec::new();
        if self.cap_bytes < 1 << 20 {
            mistakes.push(format!("cap_bytes is {}; it must be 1 MiB or more", self.cap_bytes));
        }
        for (name, hours) in [
            ("cap_hours", self.cap_hours),
            ("cap_hours_panes", self.cap_hours_panes),
            ("cap_hours_1m", self.cap_hours_1m),
            ("cap_hours_1h", self.cap_hours_1h),
        ] {
            if hours == 0 {
                mistakes.push(format!("{name} is 0; it must be 1 or more"));
            }
        }
        if self.slice_rows == 0 {
            mistakes.push("slice_rows is 0; it must be 1 or more".to_owned());
        }
        if self.small_files == 0 {
            mistakes.push("small_files is 0; it must be 1 or more".to_owned());
        }
        if self.grace_s < 60 {
            mistakes.push(format!("grace_s is {}; it must be 60 or more", self.grace_s));
        }
        if !(1 << 10..=1 << 30).contains(&self.join_bytes) {
            let bytes = self.join_bytes;
            mistakes.push(format!("join_bytes is {bytes}; it must be 1 KiB to 1 GiB"));
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }
}
