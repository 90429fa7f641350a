//! What is in memory goes into the tables, a slice at a time.

use tallylight_schemas::tables::Table;

use super::hot::Hot;
use super::{History, HistoryError, lock};

impl History {
    /// Writes everything below `to`, table by table. Many rows are several transactions of a table,
    /// each of whole entries: memory is free again as soon as its rows are written.
    pub async fn commit(&self, to: u64) -> Result<(), HistoryError> {
        let _alone = self.shared.writer.lock().await;
        for table in Table::ALL {
            while let Some((hot, upto)) = self.next_slice(table, to) {
                self.commit_slice(table, &hot, upto).await?;
            }
        }
        let mut status = lock(&self.shared.status);
        status.committed = status.committed.max(to);
        Ok(())
    }

    /// What of a table is to be written next, and below which offset it then has everything.
    fn next_slice(&self, table: Table, to: u64) -> Option<(Vec<Hot>, u64)> {
        let places = lock(&self.shared.places);
        let below = places[table as usize].hot.iter().take_while(|hot| hot.offset < to);
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
        let mut folder = lock(&self.shared.places)[table as usize].folder.clone();
        let appended = folder.append(&self.shared, hot, to).await;
        let mut places = lock(&self.shared.places);
        let place = &mut places[table as usize];
        if let Err(error) = appended {
            if matches!(error, HistoryError::Moved(_)) {
                // What is there is there: when rows come again, they are held against this.
                place.folder = folder;
            }
            return Err(error);
        }
        place.folder = folder;
        let mut status = lock(&self.shared.status);
        while let Some(first) = place.hot.front()
            && first.offset < to
            && let Some(first) = place.hot.pop_front()
        {
            status.hot_rows = status.hot_rows.saturating_sub(first.rows());
            status.hot_bytes = status.hot_bytes.saturating_sub(first.bytes());
        }
        Ok(())
    }
}
