//! The origin's page of segments, read each second: how each pipeline's copies arrived.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use parking_lot::Mutex;
use tallylight_schemas::grid::Grid;
use tokio::time::{MissedTickBehavior, interval};

use super::Steering;
use super::pure::inputs::{Copy, Pipeline};
use crate::origin::pure::schedule;
use crate::origin::{CopyState, SegmentsPage};

/// Number of segments considered.
const LAST: u64 = 12;
/// Encoders that start together with this service deliver their first segment within this time, µs.
const STARTUP_US: i64 = 15_000_000;
/// Absences of the origin that are closer together than this count as one, µs.
const TOGETHER_US: i64 = 30_000_000;

/// The page as last read; empty while the origin is away.
#[derive(Debug)]
pub(super) struct Copies {
    /// Unix µs.
    started_us: i64,
    pipelines: Mutex<BTreeMap<String, Pipeline>>,
    away: Mutex<Away>,
    /// The time from which each pipeline's copies are expected: earlier ones are not missing.
    expected: Mutex<BTreeMap<String, u64>>,
}

/// When the origin did not answer, Unix µs: the encoders are not at fault for copies that they
/// could not deliver then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Away {
    since: Option<i64>,
    /// The origin's last absence, begin and end.
    last: Option<(i64, i64)>,
}

impl Away {
    /// Records whether the origin answers now.
    fn step(&mut self, answers: bool, now_us: i64) {
        if !answers {
            self.since.get_or_insert(now_us);
        } else if let Some(since) = self.since.take() {
            // Absences shortly after one another are one.
            let before = self.last.filter(|(_, until)| since - until < TOGETHER_US);
            self.last = Some((before.map_or(since, |(since, _)| since), now_us));
        }
    }

    /// Whether segment `k` may have been lost by that: the one before it was in progress, and
    /// encoders come back a moment later.
    fn covers(&self, grid: Grid, k: u64) -> bool {
        let within = |(since, until): (i64, i64)| {
            (grid.k_at(since).saturating_sub(2)..=grid.k_at(until) + 1).contains(&k)
        };
        self.last.is_some_and(within)
    }
}

impl Copies {
    pub(super) fn new(started_us: i64) -> Self {
        Self {
            started_us,
            pipelines: Mutex::default(),
            away: Mutex::default(),
            expected: Mutex::default(),
        }
    }

    /// The known segments of each pipeline.
    pub(super) fn pipelines(&self) -> BTreeMap<String, Pipeline> {
        self.pipelines.lock().clone()
    }

    fn put(&self, page: Option<SegmentsPage>, now_us: i64) {
        let away = {
            let mut away = self.away.lock();
            away.step(page.is_some(), now_us);
            *away
        };
        let read = page.map(|page| {
            let mut expected = self.expected.lock();
            read(&page, self.started_us, away, &mut expected)
        });
        *self.pipelines.lock() = read.unwrap_or_default();
    }
}

/// Whether a copy arrived complete. A late copy is good enough: it is shown if no other was in
/// time.
fn is_good(state: CopyState) -> bool {
    match state {
        CopyState::OnTime | CopyState::Late => true,
        CopyState::Defective | CopyState::Frozen | CopyState::Missing => false,
        CopyState::Pending | CopyState::Other => false,
    }
}

/// How the copies of each pipeline arrived, over all tracks. A pipeline's copies are expected from
/// its first good one on. A pipeline known from before our start may have been restarted together
/// with us, so nothing between counts as missing, nor does anything from the time in which the
/// origin was away.
fn read(
    page: &SegmentsPage,
    started_us: i64,
    away: Away,
    expected: &mut BTreeMap<String, u64>,
) -> BTreeMap<String, Pipeline> {
    let grid = page.grid;
    let (ours, by_then) = (grid.k_at(started_us), grid.k_at(started_us + STARTUP_US));
    let mut found: BTreeMap<String, BTreeMap<u64, Copy>> = BTreeMap::new();
    for segment in &page.segments {
        let from = if segment.k >= ours { segment.k } else { by_then };
        for copy in segment.copies.iter().filter(|copy| is_good(copy.state)) {
            let known = expected.entry(copy.pipeline.clone()).or_insert(from);
            *known = (*known).min(from);
        }
    }
    for segment in &page.segments {
        for copy in segment.copies.iter().filter(|copy| copy.state != CopyState::Pending) {
            let early = expected.get(&copy.pipeline).is_none_or(|from| segment.k < *from);
            if early || (copy.state == CopyState::Missing && away.covers(grid, segment.k)) {
                continue;
            }
            let served = segment.pipeline.as_deref() == Some(&copy.pipeline);
            let of = found.entry(copy.pipeline.clone()).or_default();
            let entry =
                of.entry(segment.k).or_insert_with(|| Copy { k: segment.k, ..Copy::default() });
            entry.slate |= segment.state == schedule::State::Slate;
            if !is_good(copy.state) {
                entry.bad.get_or_insert(copy.state);
                entry.bad_served |= served;
            }
        }
    }
    let pipeline = |(name, copies): (String, BTreeMap<u64, Copy>)| {
        let masked = page.masked.contains(&name);
        (name, Pipeline { masked, copies: copies.into_values().collect() })
    };
    found.into_iter().map(pipeline).collect()
}

/// Reads the page until aborted.
pub(super) async fn watch(app: Arc<Steering>) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some((origin, stream)) = app.origin.as_ref().zip(app.settings.streams.first()) else {
            return;
        };
        let path = format!("/live/{stream}/segments.json?last={LAST}");
        let page = match origin.get(&path).await {
            Ok(fetched) if fetched.status == StatusCode::OK => {
                serde_json::from_slice::<SegmentsPage>(&fetched.body).ok()
            }
            _ => None,
        };
        app.copies.put(page, app.clock.now_us());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(segments: &[serde_json::Value]) -> SegmentsPage {
        let page = serde_json::json!({"stream": "demo", "now": 0, "grid": Grid::DEMO, "margin": 0,
            "tracks": ["v", "audio"], "masked": ["B"], "segments": segments});
        serde_json::from_value(page).unwrap()
    }

    fn segment(k: u64, track: &str, a: &str, b: &str) -> serde_json::Value {
        serde_json::json!({"track": track, "k": k, "state": "on_time", "pipeline": "A", "due": 0,
            "bytes": 1, "copies": [
                {"pipeline": "A", "state": a, "bytes": 1, "frames": 1},
                {"pipeline": "B", "state": b, "bytes": 1, "frames": 1}]})
    }

    type Said = (u64, Option<CopyState>);

    fn copies(of: &Pipeline) -> Vec<Said> {
        of.copies.iter().map(|copy| (copy.k, copy.bad)).collect()
    }

    fn good(k: u64) -> Said {
        (k, None)
    }

    fn bad(k: u64, how: CopyState) -> Said {
        (k, Some(how))
    }

    #[test]
    fn a_pipeline_is_as_bad_as_its_worst_track_and_what_was_before_it_is_not_missing() {
        let page = page(&[
            segment(7, "v", "on_time", "missing"),
            segment(8, "v", "on_time", "on_time"),
            segment(9, "v", "late", "on_time"),
            segment(9, "audio", "on_time", "frozen"),
            segment(10, "v", "pending", "missing"),
        ]);
        let read = read(&page, 0, Away::default(), &mut BTreeMap::new());
        assert_eq!(copies(&read["A"]), [good(7), good(8), good(9)]);
        let (frozen, missing) = (bad(9, CopyState::Frozen), bad(10, CopyState::Missing));
        assert_eq!(copies(&read["B"]), [good(8), frozen, missing]);
        assert!(read["B"].masked && !read["A"].masked);
    }

    #[test]
    fn nothing_is_missing_of_the_time_in_which_all_of_us_were_stopped() {
        // The service starts with segment 10; B never comes back.
        let started = Grid::DEMO.start_us(10);
        let mut expected = BTreeMap::new();
        let mut segments: Vec<_> = (4..7).map(|k| segment(k, "v", "on_time", "on_time")).collect();
        segments.extend((7..12).map(|k| segment(k, "v", "missing", "missing")));
        assert!(read(&page(&segments), started, Away::default(), &mut expected).is_empty());
        segments.push(segment(12, "v", "on_time", "missing"));
        let found = read(&page(&segments), started, Away::default(), &mut expected);
        assert_eq!((copies(&found["A"]), found.get("B")), (vec![good(12)], None));
        segments.extend((13..18).map(|k| segment(k, "v", "on_time", "missing")));
        let found = read(&page(&segments), started, Away::default(), &mut expected);
        let missing = vec![bad(17, CopyState::Missing)];
        assert_eq!((found["A"].copies.len(), copies(&found["B"])), (6, missing));
    }

    #[test]
    fn nothing_is_missing_of_the_time_in_which_the_origin_was_away() {
        let at = |k| Grid::DEMO.start_us(k) + 500_000;
        let mut away = Away::default();
        for (answers, k) in [(true, 9), (false, 10), (false, 13), (true, 14), (true, 15)] {
            away.step(answers, at(k));
        }
        let mut segments: Vec<_> = (4..8).map(|k| segment(k, "v", "on_time", "on_time")).collect();
        segments.extend((8..16).map(|k| segment(k, "v", "missing", "missing")));
        segments.push(segment(16, "v", "on_time", "missing"));
        let found = read(&page(&segments), 0, away, &mut BTreeMap::new());
        assert!(copies(&found["A"]).iter().all(|(_, bad)| bad.is_none()), "{found:?}");
        let missing = bad(16, CopyState::Missing);
        assert_eq!(copies(&found["B"]).last(), Some(&missing), "B did not come back");
        // Away again a moment later: it is still the same outage.
        away.step(false, at(16));
        away.step(true, at(17));
        assert_eq!(away.last, Some((at(10), at(17))));
    }

    #[test]
    fn a_slate_is_not_a_copy_of_any_pipeline() {
        let mut slate = segment(7, "v", "on_time", "on_time");
        slate["state"] = "slate".into();
        slate["pipeline"] = "slate".into();
        let found = read(&page(&[slate]), 0, Away::default(), &mut BTreeMap::new());
        assert!(found["A"].copies[0].slate && !found["A"].copies[0].bad_served);
    }

    #[test]
    fn a_bad_copy_is_served_where_viewers_got_the_track_that_is_bad() {
        let picture = |served: &str| {
            let mut picture = segment(7, "v", "frozen", "on_time");
            picture["pipeline"] = served.into();
            [picture, segment(7, "audio", "on_time", "on_time")]
        };
        for (served, expected) in [("A", true), ("B", false)] {
            let found = read(&page(&picture(served)), 0, Away::default(), &mut BTreeMap::new());
            let copy = &found["A"].copies[0];
            assert_eq!(
                (copy.bad, copy.bad_served),
                (Some(CopyState::Frozen), expected),
                "{served}"
            );
        }
    }

    #[test]
    fn what_a_later_origin_says_is_bad_and_costs_no_other_row() {
        let mut segments = [7, 8].map(|k| segment(k, "v", "on_time", "on_time"));
        segments[1]["state"] = "delayed".into();
        segments[1]["copies"][1]["state"] = "scrambled".into();
        let found = read(&page(&segments), 0, Away::default(), &mut BTreeMap::new());
        assert_eq!(copies(&found["A"]), [good(7), good(8)]);
        assert_eq!(copies(&found["B"]), [good(7), bad(8, CopyState::Other)]);
    }
}
