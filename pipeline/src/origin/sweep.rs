//! At each slate time, fixes what did not come; then forgets what left the window.

use std::sync::Arc;
use std::time::Duration;

use tallylight_schemas::delivery::Action;

use super::Origin;
use super::place::{Decision, Place};
use super::stream::Stream;
use super::track::Fixed;
use crate::report::Report;

/// The sweep looks at least this often, for streams that are new and clocks that are stepped.
const LONGEST_NAP: Duration = Duration::from_secs(1);

/// Runs until aborted.
pub(super) async fn run(origin: Arc<Origin>) {
    loop {
        for stream in origin.streams() {
            sweep(&origin, &stream).await;
        }
        tokio::time::sleep(nap(&origin)).await;
    }
}

/// Until the next slate time of any stream.
fn nap(origin: &Origin) -> Duration {
    let now = origin.clock.now_us();
    let next = origin.streams().into_iter().filter_map(|stream| {
        let grid = stream.ladder()?.grid;
        // The segment before the one that is open now is the next to come to its slate time.
        u64::try_from(grid.closed_us(grid.k_at(now)) - now).ok()
    });
    next.min().map_or(LONGEST_NAP, Duration::from_micros).min(LONGEST_NAP)
}

async fn sweep(origin: &Origin, stream: &Arc<Stream>) {
    let Some(ladder) = stream.ladder() else { return };
    let schedule = stream.schedule(&ladder);
    let now = origin.clock.now_us();
    if let Some(newest) = schedule.newest_settled(now) {
        // Two, in case a sweep was late. Older ones that nobody asked for need no choice:
        // by the schedule they can only be the slate.
        for k in newest.saturating_sub(1)..=newest {
            for rung in &ladder.tracks {
                if let Some(place) = stream.place(ladder.clone(), &rung.name, k) {
                    settle(origin, &stream.name, &place).await;
                }
            }
        }
    }
    // An init segment of some moment belongs to no segment after the one that begins next: until the
    // sweep that came then, a ladder may have named it still.
    let is_gone = |then: i64| schedule.is_gone(schedule.grid.k_at(then) + 1, now);
    for track in stream.tracks() {
        for k in track.prune(schedule.oldest(now)) {
            track.disk.remove(k).await;
        }
        // Nobody stores one of that name between its going here and on disk.
        let _writer = track.writer.lock().await;
        let Some(ladder) = stream.ladder() else { return };
        let is_named = |file: &str| ladder.tracks.iter().any(|rung| rung.init == file);
        for file in track.prune_inits(is_named, is_gone, now) {
            track.disk.remove_init(&file).await;
        }
    }
}

/// What `place` is fixed as, if it can be decided now; reports the choice if this made it.
pub(super) async fn settle(origin: &Origin, stream: &str, place: &Place) -> Option<Fixed> {
    match decide(origin, stream, place).await {
        Decision::Fixed(fixed, _) => Some(fixed),
        Decision::Open(_) | Decision::NoSlate => None,
    }
}

async fn decide(origin: &Origin, stream: &str, place: &Place) -> Decision {
    let decision = place.decide(origin.clock.as_ref()).await;
    if let Decision::Fixed(fixed, true) = &decision {
        report_choice(origin, stream, place, fixed);
    }
    decision
}

/// Decides now, or has it decided when it is time: a copy has come, and the choice may wait a
/// moment for a better one. The slate's time is the sweep's business.
pub(super) async fn decide_in_time(origin: &Arc<Origin>, stream: &str, place: &Place) {
    let slate_us = place.schedule.grid.slate_us(place.k);
    let due = move |decision| match decision {
        Decision::Open(until) => Some(until).filter(|until| *until < slate_us),
        Decision::Fixed(..) | Decision::NoSlate => None,
    };
    let Some(mut until) = due(decide(origin, stream, place).await) else { return };
    let (origin, stream, place) = (Arc::clone(origin), stream.to_owned(), place.clone());
    // On its own, so that the choice does not depend on the packager staying for the answer.
    tokio::spawn(async move {
        while place.track.wait(place.k, until, origin.clock.as_ref()).await.is_none() {
            match due(decide(&origin, &stream, &place).await) {
                Some(later) => until = later,
                None => return,
            }
        }
    });
}

/// Reports what `place` was fixed as.
fn report_choice(origin: &Origin, stream: &str, place: &Place, fixed: &Fixed) {
    let track = place.rung().map_or("", |rung| &rung.name);
    let at = fixed.published_us;
    let mut report = Report::new(at, Action::Choice, stream, track);
    report.k = Some(place.k);
    report.late_us = Some(at - place.schedule.due_us(place.k));
    report.pipeline = Some(fixed.pipeline.to_string());
    report.bytes = fixed.body.len() as u64;
    origin.reporter.send(report);
}
