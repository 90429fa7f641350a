//! Reading a topic on and on: one step of it, for the feed and for tails.

use tallylight_eventlog::{Batch, EventLog, LogError};

/// Bytes asked for in one read.
const READ_BYTES: usize = 1 << 20;

/// The entries from `from` on, when there are any. Whoever reads in a loop gets further each time.
pub(crate) async fn next(log: &dyn EventLog, topic: &str, from: u64) -> Result<Batch, LogError> {
    let batch = log.read(topic, from, READ_BYTES).await?;
    if batch.next <= from {
        return Err(LogError::Data(format!("reading at {from} leads nowhere")));
    }
    Ok(batch)
}
