//! Repairs rows whose values turned out different. Files that hold such rows are rewritten and
//! replaced in one commit, which also stores up to which moment the table is repaired.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use deltalake::kernel::{Action, Transaction};
use deltalake::protocol::SaveMode;
use tallylight_schemas::tables::{Table, conform};

use super::commit::writing;
use super::folder::{Folder, app};
use super::hot::hour_of;
use super::rows::read_all;
use super::tend::{Named, files, number_of};
use super::{History, HistoryError, Step, file};

/// How a table changes.
pub trait Repair: Send {
    /// Which files may hold rows that change, by minimum and maximum of the time column by which
    /// the table is sorted, Unix µs; unknown if a file does not say.
    fn concerns(&self, range: Option<(i64, i64)>) -> bool;

    /// The corrected rows of a file, in any shape that conforms to the table; `None` if they are
    /// already correct.
    fn edit(&mut self, rows: &RecordBatch) -> Result<Option<RecordBatch>, HistoryError>;

    /// Rows that no file had, by the number of the hour of their folder. Called after every file
    /// was edited.
    fn rest(&mut self) -> Result<BTreeMap<i64, RecordBatch>, HistoryError>;
}

/// The result of a table's repair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Files that were rewritten, and files that replaced them.
    pub files: usize,
    /// Rows that were not written because the caps have removed their hours, or are about to.
    pub left_out: usize,
}

impl History {
    /// The log time, Unix s, up to which late records are in the rows of a table.
    pub async fn repaired(&self, table: Table) -> Result<u64, HistoryError> {
        let repairs = repairs(&self.log_id().await?);
        Ok(self.folder(table).newest().await?.stored(&repairs).await?.unwrap_or(0))
    }

    /// Repairs a table up to `to`, Unix s of log time, with what changed since `from`. What is
    /// already repaired up to `to` stays as it is. If it is repaired up to another moment than
    /// `from`, another owner repaired it meanwhile, and a part of the change would count twice.
    pub async fn repair(
        &self,
        table: Table,
        (from, to): (u64, u64),
        repair: &mut dyn Repair,
    ) -> Result<Repaired, HistoryError> {
        // Other upkeep waits meanwhile. New rows are still written, by threads that have less time
        // than the repair.
        let _upkeep = self.shared.upkeep.lock().await;
        let repairs = repairs(&self.shared.log_id);
        let folder = self.folder(table).newest().await?;
        if !folder.awaits_repair(&repairs, (from, to)).await? {
            return Ok(Repaired::default());
        }
        let concerned = files(&folder)?.into_values().flatten();
        let concerned: Vec<Named> = concerned.filter(|file| repair.concerns(file.range)).collect();
        let version = folder.delta.as_ref().and_then(|delta| delta.version()).unwrap_or(0) + 1;
        let mut actions = Vec::new();
        let now_ms = self.shared.now_ms();
        for (n, old) in concerned.iter().enumerate() {
            let Some(hour) = number_of(&old.hour) else { continue };
            let (dir, path) = (folder.dir.clone(), vec![old.path.clone()]);
            let whole = move |batch: &RecordBatch| conform(batch, table);
            let read = tokio::task::spawn_blocking(move || read_all(&dir, &path, whole));
            let batches = read.await.map_err(|e| HistoryError::Unavailable(e.to_string()))??;
            let rows = arrow::compute::concat_batches(&table.schema(), &batches)?;
            let Some(edited) = repair.edit(&rows)? else { continue };
            if edited.num_rows() > 0 {
                let name = format!("repaired-{version:020}-{n}");
                let rows = vec![conform(&edited, table)?];
                let add = file::write(&folder.dir, table, hour, name, rows, now_ms).await?;
                actions.push(Action::Add(add));
            }
            actions.push(old.remove(now_ms, true));
        }
        let oldest = self.oldest_kept(&folder, to).await?;
        let mut left_out = 0;
        for (hour, rows) in repair.rest()? {
            if hour < oldest {
                left_out += rows.num_rows();
                continue;
            }
            let name = format!("repaired-{version:020}-more");
            let rows = vec![conform(&rows, table)?];
            actions.push(Action::Add(
                file::write(&folder.dir, table, hour, name, rows, now_ms).await?,
            ));
        }
        let files = actions.len();
        self.shared.pass(Step::Repair(table))?;
        let _alone = self.shared.writer.lock().await;
        // The commit is against the version that is checked here, or fails if that moment moved.
        let mut folder = self.folder(table).newest().await?;
        if !folder.awaits_repair(&repairs, (from, to)).await? {
            return Ok(Repaired::default());
        }
        if !folder.has_all(&actions)? {
            let dir = folder.dir.display();
            return Err(HistoryError::Moved(format!("{dir} was changed during a repair")));
        }
        let committed = folder.note_repair(actions, &repairs, to).await;
        self.put_back(folder);
        committed.map(|()| Repaired { files, left_out })
    }

    /// The first hour that a table may still receive rows of at `now`, Unix s: the caps removed
    /// earlier hours, or will.
    async fn oldest_kept(&self, folder: &Folder, now: u64) -> Result<i64, HistoryError> {
        let now = hour_of(i64::try_from(now).unwrap_or(i64::MAX).saturating_mul(1_000_000));
        let cap = self.shared.settings.cap_hours_of(folder.table);
        let by_age = now.saturating_sub(i64::try_from(cap).unwrap_or(i64::MAX));
        Ok(folder.expired().await?.map_or(by_age, |expired| expired.max(by_age)))
    }
}

/// The transaction that stores how far a table is repaired. It is one for all shards of the log,
/// whichever shard's owner repairs.
fn repairs(log_id: &str) -> String {
    format!("{}/repair", app(log_id, 0))
}

impl Folder {
    /// Whether the table is repaired up to `from`, and not up to `to` yet.
    async fn awaits_repair(
        &self,
        repairs: &str,
        (from, to): (u64, u64),
    ) -> Result<bool, HistoryError> {
        let stored = self.stored(repairs).await?.unwrap_or(0);
        if stored >= to {
            return Ok(false);
        }
        if stored != from {
            let dir = self.dir.display();
            let why = format!("{dir} is repaired up to {stored} and not {from}");
            return Err(HistoryError::Moved(why));
        }
        Ok(true)
    }

    async fn note_repair(
        &mut self,
        actions: Vec<Action>,
        repairs: &str,
        to: u64,
    ) -> Result<(), HistoryError> {
        let operation = writing(SaveMode::Overwrite);
        let version = i64::try_from(to).unwrap_or(i64::MAX);
        let transaction = Transaction::new(repairs, version);
        self.commit_as(actions, operation, vec![transaction]).await
    }
}
