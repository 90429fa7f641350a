//! Player records as the collector stores them: grouped by partition, then joined.

use tallylight_eventlog::{Part, PartitionRange};
use tallylight_schemas::cmcd::Record;
use tallylight_schemas::player::{Envelope, PlayerBatchBuilder};
use tallylight_schemas::record::Kind;
use tallylight_schemas::{ident, ipc};

use crate::log::part;

/// Records of one entry.
pub struct Players(Vec<PlayerBatchBuilder>);

impl Players {
    pub fn new(partitions: u16) -> Self {
        Self((0..partitions).map(|_| PlayerBatchBuilder::new()).collect())
    }

    pub fn push(&mut self, envelope: &Envelope<'_>, record: &Record<'_>) {
        let partitions = u16::try_from(self.0.len()).unwrap();
        let partition = ident::partition(envelope.tenant, record.sid(), partitions);
        self.0[usize::from(partition)].push(envelope, record);
    }

    /// All of them, with the rows of each partition that has any.
    pub fn part(self) -> Part {
        let (mut all, mut ranges) = (PlayerBatchBuilder::new(), Vec::new());
        for (partition, partition_rows) in (0..).zip(self.0) {
            if partition_rows.is_empty() {
                continue;
            }
            let count = |rows: usize| u32::try_from(rows).unwrap();
            let (first_row, rows) = (count(all.len()), count(partition_rows.len()));
            ranges.push(PartitionRange { partition, first_row, rows });
            all.append(partition_rows).unwrap();
        }
        part(Kind::Player, ranges, ipc::encode(&all.finish().unwrap()).unwrap())
    }
}
