//! How far each partition has progressed, and so how complete a sum is.

use std::collections::BTreeMap;

use tallylight_schemas::ident::MAX_PARTITIONS;
use tallylight_schemas::rows::ProgressRow;

/// The newest progress row of each partition.
#[derive(Debug, Default)]
pub struct Progress {
    rows: BTreeMap<u16, ProgressRow>,
}

impl Progress {
    /// Keeps the row if it is further than the one held: after a restart the processor repeats
    /// itself, but progress never goes back.
    pub(super) fn apply(&mut self, row: ProgressRow) {
        if row.partition >= MAX_PARTITIONS || row.partition >= row.partitions {
            return;
        }
        let reach = |row: &ProgressRow| (row.offset, row.log_time, row.final_up_to);
        match self.rows.get(&row.partition) {
            Some(held) if reach(held) >= reach(&row) => {}
            _ => {
                self.rows.insert(row.partition, row);
            }
        }
    }

    /// The number of partitions, by the newest row; 0 before the first.
    pub fn partitions(&self) -> u16 {
        self.rows
            .values()
            .max_by_key(|row| (row.log_time, row.offset, row.partitions))
            .map_or(0, |row| row.partitions)
    }

    /// The rows of the existing partitions, in order.
    pub fn rows(&self) -> impl Iterator<Item = &ProgressRow> {
        let partitions = self.partitions();
        self.rows.values().filter(move |row| row.partition < partitions)
    }

    /// The newest log time of any partition, Unix µs.
    pub fn log_time(&self) -> Option<i64> {
        self.rows().map(|row| row.log_time).max()
    }

    /// The log time, Unix µs, that more than half of the partitions have reached: the lower median.
    /// One that never reported has reached nothing, or the first to report would decide alone.
    pub(super) fn middle_log_time(&self) -> Option<i64> {
        let mut reached: Vec<i64> = self.rows().map(|row| row.log_time).collect();
        reached.sort_unstable();
        let all = usize::from(self.partitions());
        let missing = all.saturating_sub(reached.len());
        let middle = (all.saturating_sub(1) / 2).checked_sub(missing)?;
        reached.get(middle).copied()
    }

    /// Every partition has been counted up to this time, Unix µs; `None` while one is missing.
    pub fn complete_up_to(&self) -> Option<i64> {
        self.least(|row| row.log_time)
    }

    /// Rows up to this time, Unix µs, can no longer change; `None` while a partition is missing.
    pub fn final_up_to(&self) -> Option<i64> {
        self.least(|row| row.final_up_to)
    }

    /// The minimum of a number over all partitions; `None` while one is missing.
    pub fn least<T: Ord>(&self, of: impl Fn(&ProgressRow) -> T) -> Option<T> {
        let all = self.rows().count() == usize::from(self.partitions());
        if all { self.rows().map(of).min() } else { None }
    }
}
