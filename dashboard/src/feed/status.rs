//! The status message: each second, how old and how complete the numbers are.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tallylight_eventlog::{EventLog, Shards, Usage};
use tallylight_schemas::record::{EVENTS, ROWS};
use tallylight_schemas::rows::ProgressRow;
use tallylight_store::live::Progress;
use tokio::time::{MissedTickBehavior, interval};

use super::message;
use crate::App;
use crate::memory::resident_bytes;

/// A partition that sent nothing for this long counts as not reporting, ms.
const SILENT_MS: i64 = 5_000;

/// What the dashboard cannot observe itself; the hosting process supplies it each second.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Log entries that the processor has not read. When absent, it is derived from the log's
    /// head and the partitions' progress.
    pub lag_entries: Option<u64>,
    /// Free bytes on the data disk. When absent, the disk of `settings.data` is queried.
    pub disk_free_bytes: Option<u64>,
    /// Further values to show on the Health page, by name.
    pub marks: BTreeMap<String, i64>,
}

#[derive(Debug, Default, Serialize)]
#[serde(tag = "type", rename = "status")]
struct Status {
    at: i64,
    partitions: u16,
    reporting: u16,
    log_time: Option<i64>,
    final_up_to: Option<i64>,
    freshness_ms: Option<i64>,
    sessions: u64,
    lost_events: u64,
    lost_entries: u64,
    log: LogStatus,
    memory_bytes: Option<u64>,
    disk_free_bytes: Option<u64>,
    lag_entries: Option<u64>,
    marks: BTreeMap<String, i64>,
}

#[derive(Debug, Default, Serialize)]
struct LogStatus {
    /// `None` while the size of a topic is unknown.
    bytes: Option<u64>,
    cap_bytes: u64,
    dropped_entries: u64,
    quarantined_entries: u64,
}

/// Sends the status each second for as long as the dashboard runs.
pub(crate) async fn beat(app: Arc<App>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        seconds.tick().await;
        let now = app.hub.now_ms();
        // Only the progress of the rows is read under the lock: the rest reads files and disks.
        let (rows, capped, reached, mut status) = app.hub.with_store(|store| {
            let progress = store.progress();
            let reached = reached(progress, app.log.count());
            (store.rows(), store.capped_rows(), reached, status(progress, now))
        });
        app.metrics.rows.set(i64::try_from(rows).unwrap_or(i64::MAX));
        app.metrics.capped_rows.set(i64::try_from(capped).unwrap_or(i64::MAX));
        complete(&mut status, &app, reached);
        app.hub.publish_status(message::text(&status));
    }
}

/// How many partitions report at `now`, Unix ms.
pub(crate) fn reporting(progress: &Progress, now: i64) -> usize {
    let is_late = |row: &ProgressRow| now - row.log_time.div_euclid(1_000) > SILENT_MS;
    progress.rows().filter(|row| !is_late(row)).count()
}

/// How long ago the log time of the slowest partition was at `now`, ms; `None` while one never
/// reported.
pub(crate) fn freshness_ms(progress: &Progress, now: i64) -> Option<i64> {
    progress.least(|row| row.log_time).map(|at| (now - at.div_euclid(1_000)).max(0))
}

/// The status as far as the partitions' progress gives it.
fn status(progress: &Progress, now: i64) -> Status {
    let ms = |us: i64| us.div_euclid(1_000);
    let sum = |of: fn(&ProgressRow) -> u64| progress.rows().map(of).fold(0, u64::saturating_add);
    let log_time = progress.least(|row| row.log_time).map(ms);
    let reporting = reporting(progress, now);
    Status {
        at: now,
        partitions: progress.partitions(),
        reporting: u16::try_from(reporting).unwrap_or(u16::MAX),
        log_time,
        final_up_to: progress.final_up_to().map(ms),
        freshness_ms: freshness_ms(progress, now),
        sessions: sum(|row| row.sessions),
        lost_events: sum(|row| row.lost_events),
        lost_entries: sum(|row| row.lost_entries),
        ..Status::default()
    }
}

/// How far every partition of each shard has read; `None` while one is missing.
fn reached(progress: &Progress, shards: u16) -> Option<Vec<u64>> {
    progress.least(|row| row.offset)?;
    let of = |shard: u16| {
        let own = progress.rows().filter(|row| row.partition % shards == shard);
        own.map(|row| row.offset).min()
    };
    (0..shards).map(of).collect()
}

/// Adds what comes from the log, the machine and the process; `reached` is how far every shard is
/// read.
fn complete(status: &mut Status, app: &App, reached: Option<Vec<u64>>) {
    let facts = app.facts.as_ref().map(|facts| facts()).unwrap_or_default();
    let free = || app.settings.data.as_deref().and_then(free_bytes);
    let topics = app.log.iter().flat_map(|log| [EVENTS, ROWS].map(|topic| log.usage(topic)));
    status.log = log_status(topics.flatten());
    status.memory_bytes = resident_bytes();
    status.disk_free_bytes = facts.disk_free_bytes.or_else(free);
    status.lag_entries = facts.lag_entries.or_else(|| lag(&app.log, &reached?));
    status.marks = facts.marks;
}

fn lag(log: &Shards, reached: &[u64]) -> Option<u64> {
    let behind = |(log, reached): (&Arc<dyn EventLog>, &u64)| {
        Some(log.usage(EVENTS).ok()?.next.saturating_sub(*reached))
    };
    log.iter().zip(reached).map(behind).sum()
}

/// The topics of all shards together.
fn log_status(topics: impl Iterator<Item = Usage>) -> LogStatus {
    let mut all = LogStatus { bytes: Some(0), ..LogStatus::default() };
    for usage in topics {
        all.bytes = all.bytes.zip(usage.bytes).map(|(all, bytes)| all.saturating_add(bytes));
        all.cap_bytes = all.cap_bytes.saturating_add(usage.cap_bytes);
        all.dropped_entries += usage.dropped_entries;
        all.quarantined_entries += usage.quarantined_entries;
    }
    all
}

/// Free bytes on the disk of a folder, if that is known.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = nix::sys::statvfs::statvfs(folder).ok()?;
    Some(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_the_log_is_unknown_while_that_of_a_topic_is() {
        let topic = |bytes| Usage { bytes, cap_bytes: 100, ..Usage::default() };
        for (bytes, all) in [(Some(9), Some(16)), (None, None)] {
            let status = log_status([topic(bytes), topic(Some(7))].into_iter());
            assert_eq!((status.bytes, status.cap_bytes), (all, 200));
        }
    }
}
