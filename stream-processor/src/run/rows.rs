//! Rows on their way to the log.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tallylight_schemas::rows::TopicRows;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Processor, ProcessorError};
use crate::emit;

impl Processor {
    pub(super) async fn emit(
        &mut self,
        rows: &TopicRows,
        cancel: &CancellationToken,
    ) -> Result<(), ProcessorError> {
        if rows.is_empty() {
            return Ok(());
        }
        let (log, mut told) = (Arc::clone(&self.parts.log), emit::Told::default());
        let retry = Duration::from_millis(self.settings.retry_ms);
        for parts in emit::entries(rows)? {
            while !self.meanwhile(emit::append(log.as_ref(), &parts, &mut told)).await? {
                let paused = cancel.run_until_cancelled(sleep(retry));
                if self.meanwhile(paused).await.is_none() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Waits for the log. Open sessions can be asked for meanwhile. Rows of history cannot: theirs
    /// is a moment between two entries.
    async fn meanwhile<T>(&mut self, log: impl Future<Output = T>) -> T {
        let mut log = pin!(log);
        loop {
            tokio::select! {
                biased;
                done = &mut log => return done,
                Some(asked) = self.queries.recv() => self.answer_one(asked),
            }
        }
    }
}
