//! Writes the rows in memory into the tables, one slice at a time.

use tallylight_schemas::tables::Table;

use super::folder::Folder;
use super::hot::Hot;
use super::{History, HistoryError};

impl History {
    /// Writes everything below `to`, table by table. Many rows take several transactions of a
    /// table, each of whole entries: memory is released as soon as its rows are written.
    pub async fn commit(&self, to: u64) -> Result<(), HistoryError> {
        let _alone = self.shared.writer.lock().await;
        for table in Table::ALL {
            while let Some((hot, upto)) = self.next_slice(table, to) {
                let written = self.commit_slice(table, &hot, upto).await;
                if let Err(HistoryError::Moved(_)) = written {
                    self.look_again().await;
                }
                written?;
            }
        }
        let mut status = self.shared.status.lock();
        status.committed = status.committed.max(to);
        Ok(())
    }

    /// Takes up how far all tables are by now: another writer that changed one has changed more, and
    /// rows that arrive again are compared with this.
    pub(super) async fn look_again(&self) {
        for table in Table::ALL {
            let mut folder = self.folder(table);
            match folder.look_again().await {
                Ok(()) => self.written(table, folder),
                // Its next commit will find out.
                Err(error) => {
                    tracing::warn!(%error, table = table.name(), "a table that moved cannot be read");
                }
            }
        }
    }

    /// The next slice of a table to write, and the offset below which the table is then complete.
    fn next_slice(&self, table: Table, to: u64) -> Option<(Vec<Hot>, u64)> {
        let tables = self.shared.tables.lock();
        let below = tables[table as usize].hot.iter().take_while(|hot| hot.offset < to);
        let (mut slice, mut rows) = (Vec::new(), 0);
        for hot in below {
            let begins = slice.last().is_none_or(|last: &Hot| last.offset != hot.offset);
            if begins && rows >= self.shared.settings.slice_rows {
                return Some((slice, hot.offset));
            }
            rows += hot.rows();
            slice.push(hot.clone());
        }
        (!slice.is_empty()).then_some((slice, to))
    }

    async fn commit_slice(&self, table: Table, hot: &[Hot], to: u64) -> Result<(), HistoryError> {
        let mut folder = self.folder(table);
        folder.append(&self.shared, hot, to).await?;
        self.written(table, folder);
        Ok(())
    }

    /// Takes a table as it is written by now; the waiting rows that it has are dropped.
    fn written(&self, table: Table, folder: Folder) {
        let mut tables = self.shared.tables.lock();
        let state = &mut tables[table as usize];
        state.folder = folder;
        let mut status = self.shared.status.lock();
        while let Some(first) = state.hot.front()
            && first.offset < state.folder.transaction
            && let Some(first) = state.hot.pop_front()
        {
            status.hot_rows = status.hot_rows.saturating_sub(first.rows());
            status.hot_bytes = status.hot_bytes.saturating_sub(first.bytes());
        }
    }
}
