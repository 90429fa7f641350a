//! Rows into the rows topic, and how far they got before a restart.

use std::time::Duration;

use bytes::Bytes;
use tallylight_eventlog::{EventLog, LogError, Part};
use tallylight_schemas::ipc::{self, IpcError};
use tallylight_schemas::record::{Kind, ROWS};
use tallylight_schemas::rows::{ProgressRow, RowsPart, TopicRows};
use tokio_util::sync::CancellationToken;

/// Entries of the rows topic that are looked at, newest first, for the last progress.
const LOOK_BACK: u64 = 256;

/// The rows as parts of entries, nearly always of one.
pub fn entries(rows: &TopicRows) -> Result<Vec<Vec<Part>>, IpcError> {
    let part = |(kind, payload): RowsPart| Part {
        kind: kind.code(),
        ranges: Vec::new(),
        payload: Bytes::from(payload),
    };
    let entries = rows.encode()?.into_iter();
    Ok(entries.map(|parts| parts.into_iter().map(part).collect()).collect())
}

/// A tick: log time passes although nothing was received.
pub fn tick() -> Part {
    Part { kind: Kind::Tick.code(), ranges: Vec::new(), payload: Bytes::new() }
}

/// Appends rows. They say the same each time, so after an error, when they may or may not be
/// there, they are simply appended again. Answers `false` when cancelled first.
pub async fn append(
    log: &dyn EventLog,
    parts: &[Part],
    retry: Duration,
    cancel: &CancellationToken,
) -> Result<bool, LogError> {
    loop {
        match log.append(ROWS, parts.to_vec()).await {
            Ok(_) => return Ok(true),
            Err(LogError::Unavailable(why) | LogError::Unsure(why)) => {
                tracing::warn!(why, "rows wait for the log");
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = cancel.cancelled() => return Ok(false),
            () = tokio::time::sleep(retry) => {}
        }
    }
}

/// Everything before this offset of the events topic is in the rows topic already.
pub async fn covered(log: &dyn EventLog) -> Result<u64, LogError> {
    let usage = log.usage(ROWS)?;
    let oldest = usage.earliest.max(usage.next.saturating_sub(LOOK_BACK));
    for at in (oldest..usage.next).rev() {
        let batch = log.read(ROWS, at, 1).await?;
        let parts = batch.entries.iter().take(1).flat_map(|entry| &entry.parts);
        for part in parts.filter(|part| part.kind == Kind::Progress.code()) {
            let Ok(rows) = ipc::decode_all::<ProgressRow>(&part.payload) else { continue };
            if let Some(offset) = rows.iter().map(|row| row.offset).min() {
                return Ok(offset);
            }
        }
    }
    Ok(0)
}
