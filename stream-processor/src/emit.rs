//! Appends rows to the rows topic, and finds out how far they got before a restart.

use std::ops::Range;

use bytes::Bytes;
use tallylight_eventlog::{Entry, EventLog, LogError, Part};
use tallylight_schemas::ipc::{self, IpcError};
use tallylight_schemas::record::{Kind, ROWS};
use tallylight_schemas::rows::{ProgressRow, RowsPart, TopicRows};

/// About how many bytes of the rows topic are read at once to find the newest progress.
const LOOK_BYTES: usize = 1 << 20;

/// The rows as parts of entries, nearly always of a single one.
pub fn entries(rows: &TopicRows) -> Result<Vec<Vec<Part>>, IpcError> {
    let part = |(kind, payload): RowsPart| Part {
        kind: kind.code(),
        ranges: Vec::new(),
        payload: Bytes::from(payload),
    };
    let entries = rows.encode()?.into_iter();
    Ok(entries.map(|parts| parts.into_iter().map(part).collect()).collect())
}

/// A tick: makes log time pass although nothing was received.
pub fn tick() -> Part {
    Part { kind: Kind::Tick.code(), ranges: Vec::new(), payload: Bytes::new() }
}

/// Reasons logged for one wait, at most, as each may be worded differently.
const REASONS: usize = 8;

/// The reasons logged for a wait: an unavailable log is asked ten times a second.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct LoggedReasons(Vec<String>);

impl LoggedReasons {
    fn is_news(&mut self, why: &str) -> bool {
        let is_news = self.0.len() < REASONS && !self.0.iter().any(|logged| logged == why);
        if is_news {
            self.0.push(why.to_owned());
        }
        is_news
    }
}

/// Appends rows; `false` when the log does not take them now. Appending them twice has the same
/// effect, so after an error, when they may be there, they are simply appended again.
pub(crate) async fn append(
    log: &dyn EventLog,
    parts: &[Part],
    logged: &mut LoggedReasons,
) -> Result<bool, LogError> {
    match log.append(ROWS, parts.to_vec()).await {
        Ok(_) => {
            if std::mem::take(logged) != LoggedReasons::default() {
                tracing::warn!("the log takes rows again");
            }
            Ok(true)
        }
        Err(LogError::Unavailable(why) | LogError::Unsure(why)) => {
            if logged.is_news(&why) {
                tracing::warn!(why, "rows wait for the log");
            }
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Entries that are searched first: an owner may have stopped among those of another.
const FEW: u64 = 64;

/// Everything before this offset of the events topic is in the rows topic already. The newest
/// entries may be any number without progress, so it is searched for backwards in growing steps.
pub async fn covered(log: &dyn EventLog) -> Result<u64, LogError> {
    let usage = log.usage(ROWS)?;
    let (mut end, mut step) = (usage.next, FEW);
    while end > usage.earliest {
        let start = end.saturating_sub(step).max(usage.earliest);
        if let Some(offset) = newest_progress(log, start..end).await? {
            return Ok(offset);
        }
        (end, step) = (start, step.saturating_mul(2));
    }
    Ok(0)
}

/// The furthest progress in these entries of the rows topic.
async fn newest_progress(log: &dyn EventLog, at: Range<u64>) -> Result<Option<u64>, LogError> {
    let Range { mut start, end } = at;
    let mut newest = None;
    while start < end {
        let batch = log.read(ROWS, start, LOOK_BYTES).await?;
        if batch.next <= start {
            break;
        }
        let entries = batch.entries.iter().filter(|entry| entry.offset < end);
        // Behind the rows of an owner there may be some of a former one that had not noticed yet.
        newest = entries.filter_map(progress).max().max(newest);
        start = batch.next;
    }
    Ok(newest)
}

/// The progress in the rows of an entry.
fn progress(entry: &Entry) -> Option<u64> {
    let parts = entry.parts.iter().filter(|part| part.kind == Kind::Progress.code());
    let mut rows = parts.filter_map(|part| ipc::decode_all::<ProgressRow>(&part.payload).ok());
    rows.find_map(|rows| rows.iter().map(|row| row.offset).min())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_to_wait_is_told_once() {
        let mut logged = LoggedReasons::default();
        let news = ["full", "full", "gone", "full", "gone"].map(|why| logged.is_news(why));
        assert_eq!(news, [true, false, true, false, false]);
        let others = (0..100).filter(|n| logged.is_news(&n.to_string())).count();
        assert_eq!(others, REASONS - 2);
    }
}
