//! Rows into the rows topic, and how far they got before a restart.

use std::time::Duration;

use bytes::Bytes;
use tallylight_eventlog::{EventLog, LogError, Part};
use tallylight_schemas::ipc::{self, IpcError, Stored};
use tallylight_schemas::record::{Kind, ROWS};
use tallylight_schemas::rows::ProgressRow;
use tokio_util::sync::CancellationToken;

use crate::pure::partition::Rows;

/// Entries of the rows topic that are looked at, newest first, for the last progress.
const LOOK_BACK: u64 = 256;
/// Rows of one kind in one entry: a few MB, far below what an entry may take.
const ROWS_PER_ENTRY: usize = 20_000;

fn part<T: Stored>(kind: Kind, rows: &[T]) -> Result<Option<Part>, IpcError> {
    if rows.is_empty() {
        return Ok(None);
    }
    let payload = Bytes::from(ipc::encode_all(rows)?);
    Ok(Some(Part { kind: kind.code(), ranges: Vec::new(), payload }))
}

/// The rows as parts of entries, nearly always of one: they are read back together or not at
/// all. Where one entry would be too large, progress is in the last, so that a crash in
/// between has them all emitted again.
pub fn entries(rows: &Rows) -> Result<Vec<Vec<Part>>, IpcError> {
    let chunks = rows.playback.len().max(rows.delivery.len()).div_ceil(ROWS_PER_ENTRY).max(1);
    let mut entries = Vec::with_capacity(chunks);
    for chunk in 0..chunks {
        let last = chunk + 1 == chunks;
        let parts = [
            part(Kind::Playback, slice(&rows.playback, chunk))?,
            part(Kind::DeliveryRows, slice(&rows.delivery, chunk))?,
            part(Kind::FatesRows, if last { &rows.fates } else { &[] })?,
            part(Kind::Actions, if last { &rows.actions } else { &[] })?,
            part(Kind::Incidents, if last { &rows.incidents } else { &[] })?,
            part(Kind::Progress, if last { &rows.progress } else { &[] })?,
        ];
        entries.push(parts.into_iter().flatten().collect());
    }
    Ok(entries)
}

fn slice<T>(rows: &[T], chunk: usize) -> &[T] {
    rows.chunks(ROWS_PER_ENTRY).nth(chunk).unwrap_or(&[])
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
