//! Rows on their way to the log.

use std::time::Duration;

use tallylight_schemas::rows::TopicRows;
use tokio::time::{Instant, sleep_until};
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
        for parts in emit::entries(rows)? {
            let mut told = emit::Told::default();
            while !emit::append(self.parts.log.as_ref(), &parts, &mut told).await? {
                if !self.wait_for_log(cancel).await {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Waits until rows may be appended again; `false` when cancelled first. Open sessions can be
    /// asked for meanwhile. Rows of history cannot: theirs is a moment between two entries.
    async fn wait_for_log(&mut self, cancel: &CancellationToken) -> bool {
        let again = Instant::now() + Duration::from_millis(self.settings.retry_ms);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return false,
                () = sleep_until(again) => return true,
                Some(asked) = self.queries.recv() => self.answer_one(asked),
            }
        }
    }
}
