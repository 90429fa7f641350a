//! One step of reading a topic continuously, for the feed and for tails.

use tallylight_eventlog::{Batch, EventLog, LogError};

/// Bytes requested in one read.
const READ_BYTES: usize = 1 << 20;

/// The next entries from `from` on. A caller that reads in a loop advances each time.
pub(crate) async fn next(log: &dyn EventLog, topic: &str, from: u64) -> Result<Batch, LogError> {
    let batch = log.read(topic, from, READ_BYTES).await?;
    if batch.next <= from {
        return Err(LogError::Data(format!("reading at {from} does not advance")));
    }
    Ok(batch)
}
