//! Rows into the rows topic, and how far they got before a restart.

use bytes::Bytes;
use tallylight_eventlog::{EventLog, LogError, Part};
use tallylight_schemas::ipc::{self, IpcError};
use tallylight_schemas::record::{Kind, ROWS};
use tallylight_schemas::rows::{ProgressRow, RowsPart, TopicRows};

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

/// Reasons that are told of one wait; where each has words of its own, more would say no more.
const REASONS: usize = 8;

/// Why rows wait, as far as it was told: a log that is away is asked ten times a second.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told(Vec<String>);

impl Told {
    fn is_news(&mut self, why: &str) -> bool {
        let is_news = self.0.len() < REASONS && !self.0.iter().any(|told| told == why);
        if is_news {
            self.0.push(why.to_owned());
        }
        is_news
    }
}

/// Appends rows; `false` when the log does not take them now. They say the same each time, so after
/// an error, when they may or may not be there, they are simply appended again.
pub(crate) async fn append(
    log: &dyn EventLog,
    parts: &[Part],
    told: &mut Told,
) -> Result<bool, LogError> {
    match log.append(ROWS, parts.to_vec()).await {
        Ok(_) => {
            if std::mem::take(told) != Told::default() {
                tracing::warn!("the log takes rows again");
            }
            Ok(true)
        }
        Err(LogError::Unavailable(why) | LogError::Unsure(why)) => {
            if told.is_news(&why) {
                tracing::warn!(why, "rows wait for the log");
            }
            Ok(false)
        }
        Err(error) => Err(error),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_to_wait_is_told_once() {
        let mut told = Told::default();
        let news = ["full", "full", "gone", "full", "gone"].map(|why| told.is_news(why));
        assert_eq!(news, [true, false, true, false, false]);
        let others = (0..100).filter(|n| told.is_news(&n.to_string())).count();
        assert_eq!(others, REASONS - 2);
    }
}
