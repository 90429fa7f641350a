//! At each slate time, fixes what did not come; then forgets what left the window.

use std::sync::Arc;
use std::time::Duration;

use tallylight_schemas::delivery::Action;

use super::Origin;
use super::place::Place;
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
    for track in stream.tracks() {
        for k in track.prune(schedule.oldest(now)) {
            track.disk.remove(k).await;
        }
    }
}

/// Fixes `place` as the slate if it is time, and reports the choice if this made it.
pub(super) async fn settle(origin: &Origin, stream: &str, place: &Place) -> Option<Fixed> {
    let (fixed, newly) = place.settle(origin.clock.as_ref()).await?;
    if newly {
        report_choice(origin, stream, place, &fixed);
    }
    Some(fixed)
}

/// Reports what `place` was fixed as.
pub(super) fn report_choice(origin: &Origin, stream: &str, place: &Place, fixed: &Fixed) {
    let track = place.rung().map_or("", |rung| &rung.name);
    let mut report = Report::new(origin.clock.now_us(), Action::Choice, stream, track);
    report.k = Some(place.k);
    report.pipeline = Some(fixed.pipeline.to_string());
    report.bytes = fixed.body.len() as u64;
    origin.reporter.send(report);
}
