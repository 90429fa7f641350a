//! Reads topic `rows` into the hub, and publishes changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::select_all;
use tallylight_eventlog::{Entry, EventLog, LogError};
use tallylight_schemas::record::ROWS;
use tallylight_schemas::rows::TopicRows;
use tokio::time::sleep;

use crate::{App, reading};

/// Pause after an error of the log.
const BACKOFF: Duration = Duration::from_secs(1);

/// Follows all shards of the log for as long as the dashboard runs. Ends with the first that cannot
/// be followed any more, and the dashboard with it: one that is started again reads what there is.
pub(crate) async fn follow(app: Arc<App>) {
    let behind = AtomicUsize::new(usize::from(app.log.count()));
    let shards = app.log.iter().map(|log| Box::pin(follow_one(&app, log.as_ref(), &behind)));
    select_all(shards).await;
}

/// Follows one shard until that is no longer possible; `behind` counts the shards whose end was not
/// reached yet.
async fn follow_one(app: &App, log: &dyn EventLog, behind: &AtomicUsize) {
    let keep_s = i64::from(app.settings.live.longest_s()) + 60;
    let mut next = match start(log, keep_s * 1_000_000).await {
        Ok(next) => next,
        // Reading from the beginning is slower, not wrong.
        Err(error) => {
            tracing::warn!(%error, "cannot find where to start in topic rows; reading all of it");
            0
        }
    };
    let mut first = true;
    let mut reached = || {
        if std::mem::take(&mut first) && behind.fetch_sub(1, Ordering::Relaxed) == 1 {
            app.hub.set_ready();
        }
    };
    loop {
        if let Err(error) = advance(app, log, &mut next, &mut reached).await {
            if matches!(error, LogError::Data(_) | LogError::Closed(_)) {
                tracing::error!(%error, "topic rows cannot be followed any more");
                return;
            }
            tracing::warn!(%error, "cannot read topic rows; trying again in 1 s");
            sleep(BACKOFF).await;
        }
    }
}

/// Reads to the end of the log repeatedly, and calls `reached` each time.
async fn advance(
    app: &App,
    log: &dyn EventLog,
    next: &mut u64,
    reached: &mut impl FnMut(),
) -> Result<(), LogError> {
    let mut head = log.head(ROWS)?;
    loop {
        let durable = *head.borrow_and_update();
        while *next < durable {
            let batch = reading::next(log, ROWS, *next).await?;
            if batch.lost > 0 {
                app.metrics.lost_entries.inc_by(batch.lost);
                tracing::warn!(lost = batch.lost, from = *next, "entries of topic rows are gone");
            }
            for entry in &batch.entries {
                take(app, entry);
            }
            *next = batch.next;
            tokio::task::yield_now().await;
        }
        reached();
        if head.changed().await.is_err() {
            return Err(LogError::Closed("no more entries will come".into()));
        }
    }
}

fn take(app: &App, entry: &Entry) {
    let parts = entry.parts.iter().map(|part| (part.kind, part.payload.as_ref()));
    match TopicRows::decode(parts) {
        Ok(mut rows) => {
            rows.retain_tenant(&app.settings.tenant);
            app.hub.apply(rows);
            app.metrics.entries.inc();
        }
        Err(error) => {
            app.metrics.unreadable_entries.inc();
            tracing::warn!(offset = entry.offset, %error, "an entry of topic rows is unreadable");
        }
    }
}

/// The first entry appended within `keep_us` of the newest.
async fn start(log: &dyn EventLog, keep_us: i64) -> Result<u64, LogError> {
    let usage = log.usage(ROWS)?;
    let (mut low, mut high) = (usage.earliest, usage.next);
    let Some(newest) = appended_at(log, high.saturating_sub(1)).await? else { return Ok(low) };
    while low < high {
        let middle = low + (high - low) / 2;
        match appended_at(log, middle).await? {
            Some(at) if at < newest - keep_us => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

async fn appended_at(log: &dyn EventLog, offset: u64) -> Result<Option<i64>, LogError> {
    let batch = log.read(ROWS, offset, 1).await?;
    Ok(batch.entries.first().map(|entry| entry.appended_at_us))
}

/// Publishes changes as they arrive, with a pause after each so that they accumulate.
pub(crate) async fn publish(app: Arc<App>) {
    let pause = Duration::from_millis(app.settings.feed.delta_ms);
    app.hub.wait_ready().await;
    loop {
        app.hub.wait_changed().await;
        app.hub.publish();
        sleep(pause).await;
    }
}
