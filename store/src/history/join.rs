//! Joins the small files of an hour that is over.

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch};
use arrow::error::ArrowError;
use deltalake::kernel::Action;
use deltalake::protocol::DeltaOperation;
use tallylight_schemas::tables::Table;

use super::folder::Folder;
use super::rows::read_within;
use super::tend::{Named, Tended, files, number_of};
use super::{History, HistoryError, Settings, Step, file};

/// Most bytes of memory that the rows of files which are joined may take.
const MEMORY: usize = 256 << 20;

impl History {
    /// Joins the small files of one past hour: the oldest that has too many. An hour with a damaged
    /// file, or with files too large for memory, keeps no later one from it. Commits wait only
    /// while the result is committed to the table.
    pub(super) async fn join(
        &self,
        table: Table,
        now: &str,
        tended: &mut Tended,
    ) -> Result<(), HistoryError> {
        let folder = self.folder(table).newest().await?;
        let hours: Vec<_> = to_join(files(&folder)?, &self.shared.settings, now).collect();
        let mut damaged = None;
        for (number, mut chosen) in hours {
            let dir = folder.dir.clone();
            let paths: Vec<String> = chosen.iter().map(|file| file.path.clone()).collect();
            let read = move || read_within(MEMORY, &dir, &paths, with_values);
            let read = tokio::task::spawn_blocking(read).await;
            match read.map_err(|error| HistoryError::Unavailable(error.to_string()))? {
                Ok((fit, batches)) if fit > 1 => {
                    chosen.truncate(fit);
                    self.join_into_one((folder, number), chosen, batches, tended).await?;
                    break;
                }
                Ok(_) => {}
                Err(error @ HistoryError::Data(_)) => damaged = damaged.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        damaged.map_or(Ok(()), Err)
    }

    /// Replaces files of an hour by one with their rows.
    async fn join_into_one(
        &self,
        (folder, hour): (Folder, i64),
        chosen: Vec<Named>,
        batches: Vec<RecordBatch>,
        tended: &mut Tended,
    ) -> Result<(), HistoryError> {
        let table = folder.table;
        self.shared.pass(Step::Join(table))?;
        let version = folder.delta.as_ref().and_then(|delta| delta.version()).unwrap_or(0);
        let name = format!("joined-{:020}", version + 1);
        let now_ms = self.shared.now_ms();
        let mut add = file::write(&folder.dir, table, hour, name, batches, now_ms).await?;
        add.data_change = false;
        let mut actions = vec![Action::Add(add)];
        actions.extend(chosen.iter().map(|file| file.remove(now_ms, false)));
        let operation = DeltaOperation::Optimize {
            predicate: None,
            target_size: self.shared.settings.join_bytes.try_into().unwrap_or_default(),
        };
        let _alone = self.shared.writer.lock().await;
        let mut folder = self.folder(table).newest().await?;
        if !folder.has_all(&actions)? {
            // Another process rewrote some of them meanwhile. No table names the joined file, so it
            // is swept.
            return Ok(());
        }
        let committed = folder.commit(actions, operation, None).await;
        let committed = committed.and_then(|()| self.shared.pass(Step::Committed(table)));
        // Also after an error: the commit may have succeeded, and the folder's state must not be
        // lost, or the next round would join files that are gone.
        self.put_back(folder);
        committed?;
        tended.joined += chosen.len() as u64;
        Ok(())
    }
}

/// The small files of each hour before `now` that has too many, oldest first, as many as make one
/// file that is not small. The rows are held in memory, so their number is bounded like a
/// checkpoint's.
fn to_join(
    hours: BTreeMap<String, Vec<Named>>,
    settings: &Settings,
    now: &str,
) -> impl Iterator<Item = (i64, Vec<Named>)> {
    let small = move |file: &Named| {
        file.bytes < settings.join_bytes / 2 && file.rows < settings.slice_rows.div_ceil(2)
    };
    let over = hours.into_iter().filter(move |(hour, _)| hour.as_str() < now);
    over.filter_map(move |(hour, mut files)| {
        files.retain(small);
        if files.len() <= settings.small_files {
            return None;
        }
        let (mut bytes, mut rows) = (0, 0);
        let fit = files.iter().take_while(|file| {
            (bytes, rows) = (bytes + file.bytes, rows + file.rows);
            bytes <= settings.join_bytes && rows <= settings.slice_rows
        });
        let fit = fit.count();
        files.truncate(fit);
        Some((number_of(&hour)?, files))
    })
}

/// Leaves out columns without values: they are most of a table's columns and take memory like the
/// others.
fn with_values(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().enumerate();
    let with = columns.filter(|(_, column)| column.null_count() < column.len());
    batch.project(&with.map(|(at, _)| at).collect::<Vec<_>>())
}
