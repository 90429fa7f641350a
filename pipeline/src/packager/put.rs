//! One PUT with its retries, until the origin gives a final answer or the time is up.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tallylight_schemas::delivery::Action;
use tokio_util::sync::CancellationToken;

use super::publish::Unreachable;
use super::{Object, Shared};
use crate::report::Report;

/// First pause between attempts; doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// An attempt takes no longer than this, so a hung connection leaves time for another.
const ATTEMPT: Duration = Duration::from_secs(1);
/// The status reported for a PUT without any answer.
const NO_ANSWER: u16 = 503;

/// How a PUT ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Taken,
    Refused(u16),
    TimeUp,
}

/// The object's track and segment, for reports.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) track: &'a str,
    pub(crate) k: Option<u64>,
}

/// PUTs `object` until it is accepted or refused, until `deadline_us` (Unix µs) or until
/// cancelled.
pub(crate) async fn put(
    shared: &Shared,
    mut object: Object,
    about: About<'_>,
    deadline_us: Option<i64>,
    cancel: &CancellationToken,
) -> Ended {
    let clock = &shared.parts.clock;
    object.headers.push(("tallylight-published-at", String::new()));
    let mut pause = PAUSE;
    loop {
        let now = clock.now_us();
        let left = deadline_us.map_or(i64::MAX, |deadline| deadline.saturating_sub(now));
        let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else {
            return Ended::TimeUp;
        };
        if let Some((_, at)) = object.headers.last_mut() {
            *at = now.to_string();
        }
        let answer =
            shared.parts.publish.put(&object, ATTEMPT.min(Duration::from_micros(left))).await;
        let status = *answer.as_ref().unwrap_or(&NO_ANSWER);
        report(shared, &object, &about, status, now);
        log_once(shared, answer.as_ref().err());
        match answer {
            Ok(status) if (200..300).contains(&status) => return Ended::Taken,
            // Of the client errors, only these two ask for a retry.
            Ok(status) if (400..500).contains(&status) && status != 408 && status != 429 => {
                return Ended::Refused(status);
            }
            // Logged once per object: an origin that is still starting up is normal.
            Ok(status) if pause == PAUSE => {
                tracing::warn!(path = object.path, status, "the origin asks for a retry")
            }
            _ => {}
        }
        shared.counters.retries.fetch_add(1, Ordering::Relaxed);
        tokio::select! {
            () = cancel.cancelled() => return Ended::TimeUp,
            () = tokio::time::sleep(pause.min(Duration::from_micros(left))) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// An unreachable origin affects every object alike, so its outage and its return are each logged
/// once.
fn log_once(shared: &Shared, error: Option<&Unreachable>) {
    let unreachable = error.is_some();
    if shared.counters.unreachable.swap(unreachable, Ordering::Relaxed) == unreachable {
        return;
    }
    match error {
        Some(error) => {
            tracing::warn!(%error, "the origin does not answer; objects that are due are retried")
        }
        None => tracing::info!("the origin answers again"),
    }
}

fn report(shared: &Shared, object: &Object, about: &About<'_>, status: u16, since_us: i64) {
    let Some(reporter) = &shared.parts.reporter else { return };
    let now = shared.parts.clock.now_us();
    let mut report = Report::new(now, Action::Put, &shared.config.stream, about.track);
    report.k = about.k;
    report.status = status;
    report.bytes = object.body.len() as u64;
    report.ttfb_us = u64::try_from(now.saturating_sub(since_us)).unwrap_or(0);
    report.pipeline = Some(shared.config.pipeline.clone());
    reporter.send(report);
}
