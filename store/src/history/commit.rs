//! Commits to a table to which the writers of other shards commit too.

use std::collections::HashSet;
use std::fs::File;

use deltalake::DeltaTableError;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake::kernel::{Action, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use tallylight_schemas::tables::HOUR;

use super::folder::Folder;
use super::hot::Hot;
use super::tend::{file_time, files};
use super::{History, HistoryError, Shared, Step, file};

/// Tries of a commit while others commit to the same table.
const TRIES: usize = 20;

impl History {
    /// Whether a test lets a writer beside the tables go past a step.
    pub fn pass(&self, step: Step) -> Result<(), HistoryError> {
        self.shared.pass(step)
    }
}

impl Shared {
    pub(super) fn pass(&self, step: Step) -> Result<(), HistoryError> {
        let Some(faults) = &self.faults else { return Ok(()) };
        faults.pass(step).map_err(HistoryError::Unavailable)
    }
}

/// What a commit declares about itself when it writes rows, or only stores a transaction.
pub(super) fn writing(mode: SaveMode) -> DeltaOperation {
    DeltaOperation::Write { mode, partition_by: Some(vec![HOUR.to_owned()]), predicate: None }
}

impl Folder {
    /// Writes `hot` and declares in the same commit that everything below `to` is there.
    pub(super) async fn append(
        &mut self,
        shared: &Shared,
        hot: &[Hot],
        to: u64,
    ) -> Result<(), HistoryError> {
        let ours = self.transaction;
        self.look_again().await?;
        let stored = self.transaction;
        if stored == to && to > ours {
            // An earlier attempt succeeded, although it did not look so.
            return Ok(());
        }
        if stored != ours {
            let dir = self.dir.display();
            return Err(HistoryError::Moved(format!("{dir} is at {stored} and not at {ours}")));
        }
        shared.pass(Step::Write(self.table))?;
        let (first, hours) = (self.transaction, file::by_hour(hot));
        let mut actions = Vec::new();
        for (hour, batches) in hours {
            let batches = batches.iter().map(|hot| hot.placed(self.table, &shared.log_id));
            let batches = batches.collect::<Result<Vec<_>, _>>()?;
            let name = format!("{first:020}-{to:020}");
            let add =
                file::write(&self.dir, self.table, hour, name, batches, shared.now_ms()).await?;
            actions.push(Action::Add(add));
        }
        shared.pass(Step::Commit(self.table))?;
        self.commit(actions, writing(SaveMode::Append), Some(to)).await?;
        shared.pass(Step::Committed(self.table))?;
        self.transaction = to;
        Ok(())
    }

    /// Takes up how far the table is by now.
    pub(super) async fn look_again(&mut self) -> Result<(), HistoryError> {
        if let Some(delta) = self.delta.as_mut() {
            delta.update_state().await?;
        }
        self.transaction = self.stored_transaction().await?;
        Ok(())
    }

    /// Commits, and declares (if given) that everything below `to` is there.
    pub(super) async fn commit(
        &mut self,
        actions: Vec<Action>,
        operation: DeltaOperation,
        to: Option<u64>,
    ) -> Result<(), HistoryError> {
        let to = to.and_then(|to| i64::try_from(to).ok());
        let transaction = to.map(|to| Transaction::new(&self.app, to));
        self.commit_as(actions, operation, transaction.into_iter().collect()).await
    }

    /// Commits against the loaded version. If the writer of another shard committed first, the
    /// commit is retried against that version, unless something it depends on has changed: its
    /// first transaction, or the files that it removes.
    pub(super) async fn commit_as(
        &mut self,
        actions: Vec<Action>,
        operation: DeltaOperation,
        transactions: Vec<Transaction>,
    ) -> Result<(), HistoryError> {
        let app = transactions.first().map(|transaction| transaction.app_id.clone());
        let before = match &app {
            Some(app) => self.stored(app).await?,
            None => None,
        };
        self.renew_removed(&actions).await?;
        for _ in 0..TRIES {
            let (again, as_what) = (actions.clone(), operation.clone());
            match self.commit_once(again, as_what, transactions.clone()).await {
                Ok(version) => return file::sync_commit(&self.dir, version).await,
                Err(error) if !is_overtaken(&error) => {
                    let first = (before, transactions.first());
                    return self.in_spite_of(error, &actions, first).await;
                }
                Err(_) => {}
            }
            if let Some(delta) = self.delta.as_mut() {
                delta.update_state().await?;
            }
            let now = match &app {
                Some(app) => self.stored(app).await?,
                None => None,
            };
            if now != before || !self.has_all(&actions)? {
                let dir = self.dir.display();
                return Err(HistoryError::Moved(format!("{dir} was changed meanwhile")));
            }
        }
        Err(HistoryError::Unavailable(format!("{} keeps changing", self.dir.display())))
    }

    /// Sets the modification time of the files that a commit removes to now. [`History::tend`]
    /// deletes files by age, and the grace period of their readers begins with this commit, however
    /// long ago the files were written.
    async fn renew_removed(&self, actions: &[Action]) -> Result<(), HistoryError> {
        let paths: Vec<_> = removed(actions).map(|path| self.dir.join(path)).collect();
        if paths.is_empty() {
            return Ok(());
        }
        let renewed = tokio::task::spawn_blocking(move || {
            let now = file_time();
            for path in paths {
                let file = File::options().write(true).open(&path);
                // The commit removes it all the same: the caps must hold.
                if let Err(error) = file.and_then(|file| file.set_modified(now)) {
                    let path = path.display();
                    tracing::warn!(%error, %path, "a removed file may be deleted before its time");
                }
            }
        });
        renewed.await.map_err(|error| HistoryError::Unavailable(error.to_string()))
    }

    /// Steps after a commit, such as a checkpoint of the table's log, may fail although the commit
    /// succeeded. Whether it did shows in its transaction or, without one, in the files that the
    /// table names now.
    async fn in_spite_of(
        &mut self,
        error: DeltaTableError,
        actions: &[Action],
        (before, transaction): (Option<u64>, Option<&Transaction>),
    ) -> Result<(), HistoryError> {
        let Some(delta) = self.delta.as_mut() else { return Err(error.into()) };
        let known = delta.version().unwrap_or(0);
        delta.update_state().await?;
        let newest = delta.version().unwrap_or(known);
        let through = match transaction {
            Some(wanted) => {
                let stored = self.stored(&wanted.app_id).await?;
                stored != before && stored == u64::try_from(wanted.version).ok()
            }
            None => self.names_as_committed(actions)?,
        };
        if !through {
            return Err(error.into());
        }
        let table = self.table.name();
        tracing::warn!(%error, table, "a commit succeeded, but a step after it failed");
        for version in known + 1..=newest {
            file::sync_commit(&self.dir, version).await?;
        }
        Ok(())
    }

    /// Whether the files to be removed are still there.
    pub(super) fn has_all(&self, actions: &[Action]) -> Result<bool, HistoryError> {
        if removed(actions).next().is_none() {
            return Ok(true);
        }
        let there = self.named()?;
        Ok(removed(actions).all(|path| there.contains(path)))
    }

    /// Whether the added files are there and the removed ones are gone.
    fn names_as_committed(&self, actions: &[Action]) -> Result<bool, HistoryError> {
        let there = self.named()?;
        Ok(actions.iter().all(|action| match action {
            Action::Add(add) => there.contains(&add.path),
            Action::Remove(remove) => !there.contains(&remove.path),
            _ => true,
        }))
    }

    fn named(&self) -> Result<HashSet<String>, HistoryError> {
        Ok(files(self)?.into_values().flatten().map(|file| file.path).collect())
    }

    async fn commit_once(
        &mut self,
        actions: Vec<Action>,
        operation: DeltaOperation,
        transactions: Vec<Transaction>,
    ) -> Result<u64, DeltaTableError> {
        let Some(delta) = self.delta.as_mut() else {
            return Err(DeltaTableError::NotInitialized);
        };
        let mut properties = CommitProperties::default()
            .with_max_retries(0)
            .with_create_checkpoint(true)
            // Upkeep deletes them: a file deleted by one shard's writer fails the commit of
            // another.
            .with_cleanup_expired_logs(Some(false));
        for transaction in transactions {
            properties = properties.with_application_transaction(transaction);
        }
        let log_store = delta.log_store();
        let finished = {
            let state = delta.snapshot()?;
            CommitBuilder::from(properties)
                .with_actions(actions)
                .build(Some(state), log_store, operation)
                .await?
        };
        delta.update_state().await?;
        Ok(finished.version())
    }
}

/// Paths of the files to be removed from the table.
fn removed(actions: &[Action]) -> impl Iterator<Item = &str> {
    actions.iter().filter_map(|action| match action {
        Action::Remove(remove) => Some(remove.path.as_str()),
        _ => None,
    })
}

/// Whether another committed first.
fn is_overtaken(error: &DeltaTableError) -> bool {
    use TransactionError::{MaxCommitAttempts, VersionAlreadyExists};
    matches!(
        error,
        DeltaTableError::VersionAlreadyExists(_)
            | DeltaTableError::Transaction {
                source: MaxCommitAttempts(_) | VersionAlreadyExists(_)
            }
    )
}
