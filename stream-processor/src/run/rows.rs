//! Rows on their way to the log.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tallylight_schemas::rows::TopicRows;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Processor, ProcessorError};
use crate::emit;
use crate::metrics::Stage;

impl Processor {
    pub(super) async fn emit(
        &mut self,
        rows: &TopicRows,
        cancel: &CancellationToken,
    ) -> Result<(), ProcessorError> {
        if rows.is_empty() {
            return Ok(());
        }
        let (log, mut logged) = (Arc::clone(&self.parts.log), emit::LoggedReasons::default());
        let retry = Duration::from_millis(self.settings.retry_ms);
        let entries = self.parts.metrics.timed(Stage::Rows, || emit::entries(rows));
        for parts in entries? {
            while !self.meanwhile(emit::append(log.as_ref(), &parts, &mut logged)).await? {
                let paused = cancel.run_until_cancelled(sleep(retry));
                if self.meanwhile(paused).await.is_none() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Waits for the log. Questions about open sessions are answered meanwhile; those about history
    /// are not, as their answers are of a moment between two entries.
    pub(super) async fn meanwhile<T>(&mut self, log: impl Future<Output = T>) -> T {
        let (mut log, mut began) = (pin!(log), Instant::now());
        loop {
            let came = tokio::select! {
                biased;
                done = &mut log => Ok(done),
                Some(asked) = self.queries.recv() => Err(asked),
            };
            self.parts.metrics.spent(Stage::Rows, began);
            match came {
                Ok(done) => return done,
                Err(asked) => self.answer_one(asked),
            }
            // The time of the answer is counted as a question's.
            began = Instant::now();
        }
    }
}
