//! Hours beyond the caps leave the tables. Upkeep deletes their files after the grace period.

use std::collections::BTreeMap;

use deltalake::kernel::Transaction;
use deltalake::protocol::DeltaOperation;
use tallylight_schemas::tables::{HOUR, Table};

use super::folder::Folder;
use super::hot::{hour_name, hour_number, hour_of};
use super::tend::{Failures, Named, Tended, files, number_of};
use super::{History, HistoryError, Step};

/// The transaction that stores the hour before which the caps have removed rows from a table.
const EXPIRED: &str = "tallylight/expired";

/// The files of a table that are kept, by hour.
struct Kept {
    table: Table,
    hours: BTreeMap<String, Vec<Named>>,
    /// Bytes of hours that could not be removed in this round. No other hours go in their place.
    stuck: u64,
}

impl Kept {
    fn bytes(&self) -> u64 {
        self.hours.values().map(|files| bytes(files)).sum()
    }

    /// Bytes of its hours from `end` on.
    fn bytes_from(&self, end: &str) -> u64 {
        self.hours.range(end.to_owned()..).map(|(_, files)| bytes(files)).sum()
    }

    /// Its oldest hour, if that is before `end`. A folder that is not named after an hour has no
    /// age.
    fn oldest(&self, end: &str) -> Option<String> {
        let oldest = self.hours.keys().find(|name| hour_number(name).is_some());
        oldest.filter(|oldest| oldest.as_str() < end).cloned()
    }
}

fn bytes(files: &[Named]) -> u64 {
    files.iter().map(|file| file.bytes).sum()
}

impl History {
    /// The hour of log time, by its number, before which the caps removed a table's rows; `None` if
    /// they removed nothing.
    pub async fn expired(&self, table: Table) -> Result<Option<i64>, HistoryError> {
        self.folder(table).newest().await?.expired().await
    }

    /// Removes hours that are older than their table's cap, then the oldest hours of all tables
    /// while the files are too large. The small tables of minutes and hours come last.
    pub(super) async fn expire(&self, hour: i64, tended: &mut Tended, failures: &mut Failures) {
        let settings = &self.shared.settings;
        let now = hour_name(hour);
        // A clock that is far ahead for one commit advances log time for good, and removal is
        // final. So an age is measured by the process's own clock where that gives less.
        let aged = self.shared.clock.as_ref().map(|clock| hour_of(clock.now_us()));
        let aged = aged.map_or(hour, |own| own.min(hour));
        let mut tables = Vec::new();
        for table in Table::ALL {
            let mut all = match self.kept_of(table).await {
                Ok(all) => all,
                Err(error) => {
                    failures.note(table, Err(error));
                    continue;
                }
            };
            let kept = i64::try_from(settings.cap_hours_of(table)).unwrap_or(i64::MAX);
            let oldest_kept = hour_name(aged.saturating_sub(kept).max(0)).min(now.clone());
            while let Some(old) = all.oldest(&oldest_kept) {
                failures.note(table, self.remove(&mut all, &old, tended).await);
            }
            tables.push(all);
        }
        // The current hour stays, whatever its size. Where it alone is above the cap, it would cost
        // all minutes and hours, and they would make no difference.
        let fixed: u64 = tables.iter().map(|all| all.bytes_from(&now)).sum();
        let is_too_large = fixed >= settings.cap_bytes;
        if is_too_large {
            tracing::warn!(bytes = fixed, "this hour of history alone takes what its cap allows");
        }
        while tables.iter().map(Kept::bytes).sum::<u64>() > settings.cap_bytes {
            let oldest = |rolled: bool| {
                let some = tables.iter().filter(|all| all.table.rolled().is_some() == rolled);
                some.filter_map(|all| all.oldest(&now)).min().map(|oldest| (rolled, oldest))
            };
            let last = || if is_too_large { None } else { oldest(true) };
            let Some((rolled, oldest)) = oldest(false).or_else(last) else { break };
            for all in tables.iter_mut().filter(|all| all.table.rolled().is_some() == rolled) {
                let removed = self.remove(all, &oldest, tended).await;
                failures.note(all.table, removed);
            }
        }
        let mut status = self.shared.status.lock();
        status.bytes = tables.iter().map(|all| all.bytes() + all.stuck).sum();
        status.expired_rows += tended.removed_rows;
    }

    async fn kept_of(&self, table: Table) -> Result<Kept, HistoryError> {
        let folder = self.folder(table).newest().await?;
        Ok(Kept { table, hours: files(&folder)?, stuck: 0 })
    }

    async fn remove(
        &self,
        all: &mut Kept,
        hour: &str,
        tended: &mut Tended,
    ) -> Result<(), HistoryError> {
        let Some(files) = all.hours.remove(hour) else { return Ok(()) };
        let removed = self.remove_from(all.table, hour, &files).await;
        if removed.is_ok() {
            tended.removed += files.len() as u64;
            tended.removed_rows += files.iter().map(|file| file.rows).sum::<u64>();
        } else {
            all.stuck += bytes(&files);
        }
        removed
    }

    async fn remove_from(
        &self,
        table: Table,
        hour: &str,
        files: &[Named],
    ) -> Result<(), HistoryError> {
        self.shared.pass(Step::Expire(table))?;
        let now_ms = self.shared.now_ms();
        let actions = files.iter().map(|file| file.remove(now_ms, true)).collect();
        let predicate = Some(format!("{HOUR} = '{hour}'"));
        let mut folder = self.folder(table).newest().await?;
        let said = folder.expired().await?;
        // It never goes back: an earlier hour comes from a clock that was behind.
        let expired = number_of(hour).map(|number| number + 1).filter(|to| said < Some(*to));
        let expired = expired.map(|to| Transaction::new(EXPIRED, to)).into_iter().collect();
        let operation = DeltaOperation::Delete { predicate };
        let committed = folder.commit_as(actions, operation, expired).await;
        self.put_back(folder);
        committed?;
        tracing::info!(hour, table = table.name(), "the caps removed an hour of history");
        Ok(())
    }
}

impl Folder {
    /// See [`History::expired`].
    pub(super) async fn expired(&self) -> Result<Option<i64>, HistoryError> {
        Ok(self.stored(EXPIRED).await?.and_then(|hour| i64::try_from(hour).ok()))
    }
}
