//! How far history is complete. Tables are written one after the other, so the newest rows of one
//! say nothing about another; once all tables are written, one more commit records it.

use arrow::array::AsArray;
use deltalake::kernel::Transaction;
use deltalake::protocol::SaveMode;
use tallylight_schemas::ident::Shard;
use tallylight_schemas::tables::Table;

use super::commit::writing;
use super::folder::app;
use super::hot::TableState;
use super::{History, HistoryError};

/// The table that stores it: nearly every checkpoint has rows for this table anyway.
const SAYS: Table = Table::Fates1s;

fn reach(log_id: &str, shard: u16) -> String {
    format!("{}/reach", app(log_id, shard))
}

/// The transaction that stores the offset below which every table has everything. A single table's
/// own transaction may be further, after a crash between two tables, or less far, if the table had
/// no rows.
fn whole(log_id: &str, shard: u16) -> String {
    format!("{}/whole", app(log_id, shard))
}

/// The offset of the log's shard below which everything is in the tables, as far as they record it.
/// Tables of an older release store only their log time and are taken to be as far as the furthest
/// one. If nothing is stored, no checkpoint has completed.
pub(super) async fn whole_to(
    tables: &[TableState],
    (log_id, shard): (&str, Shard),
) -> Result<u64, HistoryError> {
    let furthest = tables.iter().map(|state| state.folder.transaction).max().unwrap_or(0);
    let Some(says) = tables.get(SAYS as usize) else { return Ok(furthest) };
    if let Some(said) = says.folder.stored(&whole(log_id, shard.number())).await? {
        return Ok(said);
    }
    let ended = says.folder.stored(&reach(log_id, shard.number())).await?.is_some();
    Ok(if ended { furthest } else { 0 })
}

impl History {
    /// Records that everything of this shard that was read before this log time (Unix µs), and
    /// everything below the offset `to`, is in the files of every table.
    pub async fn note_reach(&self, log_us: i64, to: u64) -> Result<(), HistoryError> {
        let _alone = self.shared.writer.lock().await;
        let mut folder = self.folder(SAYS).newest().await?;
        let name = reach(&self.shared.log_id, self.shared.shard.number());
        let whole = whole(&self.shared.log_id, self.shared.shard.number());
        let mut notes = Vec::new();
        // After a restart the log is read again from a snapshot behind the tables, and log time
        // stalls when its clock is set back: neither may lower what is stored.
        for (name, wanted) in [(name, log_us), (whole, i64::try_from(to).unwrap_or(i64::MAX))] {
            let said = folder.stored(&name).await?.and_then(|said| i64::try_from(said).ok());
            if said.is_none_or(|said| said < wanted) {
                notes.push(Transaction::new(name, wanted));
            }
        }
        if notes.is_empty() {
            return Ok(());
        }
        let committed = folder.commit_as(Vec::new(), writing(SaveMode::Append), notes).await;
        self.put_back(folder);
        if let Err(HistoryError::Moved(_)) = committed {
            self.look_again().await;
        }
        committed
    }

    /// Log time (Unix µs) before which everything that was read, of every shard of the log, is in
    /// the files; `None` while a shard has not recorded it.
    pub async fn reach(&self) -> Result<Option<i64>, HistoryError> {
        let (log_id, shards) = (self.log_id().await?, self.shards().await?);
        let folder = self.folder(SAYS).newest().await?;
        let mut least = None;
        for shard in 0..shards {
            let Some(said) = folder.stored(&reach(&log_id, shard)).await? else { return Ok(None) };
            let said = i64::try_from(said).unwrap_or(i64::MAX);
            least = Some(least.map_or(said, |least: i64| least.min(said)));
        }
        Ok(least)
    }

    /// The number of shards of the log that the tables are derived from; 1 while there is no table.
    pub async fn shards(&self) -> Result<u16, HistoryError> {
        Ok(self.folder(Table::PlayerEvents).newest().await?.shards().await?.unwrap_or(1))
    }

    /// The log that the tables are derived from. A process that only reads finds it beside the
    /// facts; it is empty while there are none.
    pub(super) async fn log_id(&self) -> Result<String, HistoryError> {
        if !self.shared.log_id.is_empty() {
            return Ok(self.shared.log_id.clone());
        }
        for table in [Table::PlayerEvents, Table::DeliveryEvents] {
            let found = self.select(table, "SELECT log_id FROM rows LIMIT 1").await?;
            if let Some(batch) = found.iter().find(|batch| batch.num_rows() > 0) {
                return Ok(batch.column(0).as_string::<i32>().value(0).to_owned());
            }
        }
        Ok(String::new())
    }
}
