//! How far each partition is, and so how much of a sum is there.

use std::collections::BTreeMap;

use tallylight_schemas::ident::MAX_PARTITIONS;
use tallylight_schemas::rows::ProgressRow;

/// The newest progress row of each partition.
#[derive(Debug, Default)]
pub struct Progress {
    rows: BTreeMap<u16, ProgressRow>,
}

impl Progress {
    /// Keeps the row if it is further than the one held: after a restart the processor
    /// repeats itself, and progress never goes back.
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

    /// Partitions there are, by the newest row; 0 before the first.
    pub fn partitions(&self) -> u16 {
        self.rows
            .values()
            .max_by_key(|row| (row.log_time, row.offset, row.partitions))
            .map_or(0, |row| row.partitions)
    }

    /// The rows of the partitions there are, in order.
    pub fn rows(&self) -> impl Iterator<Item = &ProgressRow> {
        let partitions = self.partitions();
        self.rows.values().filter(move |row| row.partition < partitions)
    }

    /// The newest log time of any partition, Unix µs.
    pub fn log_time(&self) -> Option<i64> {
        self.rows().map(|row| row.log_time).max()
    }

    /// Up to here, Unix µs, every partition has been counted; `None` while one is missing.
    pub fn complete_up_to(&self) -> Option<i64> {
        self.least(|row| row.log_time)
    }

    /// Up to here, Unix µs, nothing can change any more; `None` while a partition is missing.
    pub fn final_up_to(&self) -> Option<i64> {
        self.least(|row| row.final_up_to)
    }

    /// The least of a number over all partitions; `None` while one is missing.
    pub fn least<T: Ord>(&self, of: impl Fn(&ProgressRow) -> T) -> Option<T> {
        let all = self.rows().count() == usize::from(self.partitions());
        if all { self.rows().map(of).min() } else { None }
    }
}
