//! At each slate time, fixes the segments that did not arrive; then drops those that have left
//! the window.

use std::sync::Arc;
use std::time::Duration;

use tallylight_schemas::delivery::Action;

use super::Origin;
use super::slot::{Decision, Slot};
use super::stream::Stream;
use super::track::Fixed;
use crate::report::Report;

/// The longest pause between sweeps, so that new streams and stepped clocks are noticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Runs until aborted.
pub(super) async fn run(origin: Arc<Origin>) {
    loop {
        for stream in origin.streams() {
            sweep(&origin, &stream).await;
        }
        tokio::time::sleep(pause(&origin)).await;
    }
}

/// The time until the next slate time of any stream, at most [`LONGEST_PAUSE`].
fn pause(origin: &Origin) -> Duration {
    let now = origin.clock.now_us();
    let next = origin.streams().into_iter().filter_map(|stream| {
        let grid = stream.ladder()?.grid;
        // The segment before the currently open one is the next to reach its slate time.
        u64::try_from(grid.closed_us(grid.k_at(now)) - now).ok()
    });
    next.min().map_or(LONGEST_PAUSE, Duration::from_micros).min(LONGEST_PAUSE)
}

async fn sweep(origin: &Origin, stream: &Arc<Stream>) {
    let Some(ladder) = stream.ladder() else { return };
    let schedule = stream.schedule(&ladder);
    let now = origin.clock.now_us();
    if let Some(newest) = schedule.newest_settled(now) {
        // Two, in case a sweep was late. Older ones that were never requested need no choice:
        // by the schedule they can only be the slate.
        for k in newest.saturating_sub(1)..=newest {
            for rung in &ladder.tracks {
                if let Some(slot) = stream.slot(ladder.clone(), &rung.name, k) {
                    settle(origin, &stream.name, &slot).await;
                }
            }
        }
    }
    // An init segment last needed at `then` may be used up to the segment that began next, because
    // a ladder may have named it until the following sweep.
    let is_gone = |then: i64| schedule.is_gone(schedule.grid.k_at(then) + 1, now);
    for track in stream.tracks() {
        for k in track.prune(schedule.oldest(now)) {
            track.disk.remove(k).await;
        }
        // Keeps a new one of that name from being stored between its removal here and on disk.
        let _writer = track.writer.lock().await;
        let Some(ladder) = stream.ladder() else { return };
        let is_named = |file: &str| ladder.tracks.iter().any(|rung| rung.init == file);
        for file in track.prune_inits(is_named, is_gone, now) {
            track.disk.remove_init(&file).await;
        }
    }
}

/// What `slot` is fixed as, if it can be decided now; reports the choice if this call made it.
pub(super) async fn settle(origin: &Origin, stream: &str, slot: &Slot) -> Option<Fixed> {
    match decide(origin, stream, slot).await {
        Decision::Fixed(fixed, _) => Some(fixed),
        Decision::Open(_) | Decision::NoSlate => None,
    }
}

async fn decide(origin: &Origin, stream: &str, slot: &Slot) -> Decision {
    let decision = slot.decide(origin.clock.as_ref()).await;
    if let Decision::Fixed(fixed, true) = &decision {
        report_choice(origin, stream, slot, fixed);
    }
    decision
}

/// Decides now or, if the choice waits briefly for a better copy than the one that has arrived,
/// when that wait is over. Deciding at slate time is left to the sweep.
pub(super) async fn decide_in_time(origin: &Arc<Origin>, stream: &str, slot: &Slot) {
    let slate_us = slot.schedule.grid.slate_us(slot.k);
    let due = move |decision| match decision {
        Decision::Open(until) => Some(until).filter(|until| *until < slate_us),
        Decision::Fixed(..) | Decision::NoSlate => None,
    };
    let Some(mut until) = due(decide(origin, stream, slot).await) else { return };
    let (origin, stream, slot) = (Arc::clone(origin), stream.to_owned(), slot.clone());
    // In its own task, so that the choice does not depend on the packager waiting for the answer.
    tokio::spawn(async move {
        while slot.track.wait(slot.k, until, origin.clock.as_ref()).await.is_none() {
            match due(decide(&origin, &stream, &slot).await) {
                Some(later) => until = later,
                None => return,
            }
        }
    });
}

/// Reports what `slot` was fixed as.
fn report_choice(origin: &Origin, stream: &str, slot: &Slot, fixed: &Fixed) {
    let track = slot.rung().map_or("", |rung| &rung.name);
    let at = fixed.published_us;
    let mut report = Report::new(at, Action::Choice, stream, track);
    report.k = Some(slot.k);
    report.late_us = Some(at - slot.schedule.due_us(slot.k));
    report.pipeline = Some(fixed.pipeline.to_string());
    report.bytes = fixed.body.len() as u64;
    origin.reporter.send(report);
}
