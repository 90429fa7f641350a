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
/// The same for one that was never good: on a busy machine a first picture takes long.
const FIRST_STARTUP_US: i64 = 30_000_000;
/// Absences of the origin that are closer together than this count as one, µs.
const TOGETHER_US: i64 = 30_000_000;

/// The page as last read; none while the origin is away.
#[derive(Debug)]
pub(super) struct Copies {
    /// Unix µs.
    started_us: i64,
    pipelines: Mutex<Option<BTreeMap<String, Pipeline>>>,
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

    /// The known segments of each pipeline; `None` while the origin is away.
    pub(super) fn pipelines(&self) -> Option<BTreeMap<String, Pipeline>> {
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
        *self.pipelines.lock() = read;
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
/// origin was away. A pipeline that never had a good one may have been at fault since before our
/// start, so it is expected once it could have started.
fn read(
    page: &SegmentsPage,
    started_us: i64,
    away: Away,
    expected: &mut BTreeMap<String, u64>,
) -> BTreeMap<String, Pipeline> {
    let grid = page.grid;
    let (ours, by_then) = (grid.k_at(started_us), grid.k_at(started_us + STARTUP_US));
    let back_us = away.last.map_or(started_us, |(_, until)| until.max(started_us));
    let never_good_by = grid.k_at(back_us + FIRST_STARTUP_US);
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
            let from = expected.get(&copy.pipeline).copied().unwrap_or(never_good_by);
            let early = segment.k < from;
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
#[path = "origin_page/tests.rs"]
mod tests;
