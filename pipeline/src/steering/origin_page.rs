//! The origin's page of segments, read each second: how every pipeline's copies came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;
use tallylight_schemas::grid::Grid;
use tokio::time::{MissedTickBehavior, interval};

use super::Steering;
use super::pure::inputs::{Copy, Pipeline};

/// Segments that are looked at.
const LAST: u64 = 12;
/// Encoders that start together with us have their first segment after so long, µs.
const STARTUP_US: i64 = 15_000_000;

/// What the page said last; empty while the origin is away.
#[derive(Debug)]
pub(super) struct Copies {
    /// Unix µs.
    started_us: i64,
    pipelines: Mutex<BTreeMap<String, Pipeline>>,
    /// From where on each pipeline's copies are expected: what was before is not missing.
    expected: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {
    grid: Option<Grid>,
    masked: Vec<String>,
    segments: Vec<Segment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Segment {
    k: u64,
    pipeline: Option<String>,
    copies: Vec<CopyState>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CopyState {
    pipeline: String,
    state: String,
}

impl Copies {
    pub(super) fn new(started_us: i64) -> Self {
        Self { started_us, pipelines: Mutex::default(), expected: Mutex::default() }
    }

    /// What is known of each pipeline.
    pub(super) fn pipelines(&self) -> BTreeMap<String, Pipeline> {
        self.pipelines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, page: Option<Page>) {
        let read = page.map(|page| {
            let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
            read(&page, self.started_us, &mut expected)
        });
        *self.pipelines.lock().unwrap_or_else(PoisonError::into_inner) = read.unwrap_or_default();
    }
}

/// How the copies of each pipeline came, over all tracks. A pipeline's are expected from its first
/// good one on. One that is known from before our start may have been stopped and started as we
/// were, so that of the time between nothing is missing.
fn read(
    page: &Page,
    started_us: i64,
    expected: &mut BTreeMap<String, u64>,
) -> BTreeMap<String, Pipeline> {
    let Some(grid) = page.grid else { return BTreeMap::new() };
    let (ours, by_then) = (grid.k_at(started_us), grid.k_at(started_us + STARTUP_US));
    let mut found: BTreeMap<String, BTreeMap<u64, Copy>> = BTreeMap::new();
    let good = |state: &str| matches!(state, "on_time" | "late");
    for segment in &page.segments {
        let from = if segment.k >= ours { segment.k } else { by_then };
        for copy in segment.copies.iter().filter(|copy| good(&copy.state)) {
            let known = expected.entry(copy.pipeline.clone()).or_insert(from);
            *known = (*known).min(from);
        }
    }
    for segment in &page.segments {
        for copy in segment.copies.iter().filter(|copy| copy.state != "pending") {
            if expected.get(&copy.pipeline).is_none_or(|from| segment.k < *from) {
                continue;
            }
            let served = segment.pipeline.as_deref() == Some(&copy.pipeline);
            let bad = !good(&copy.state);
            let of = found.entry(copy.pipeline.clone()).or_default();
            let entry =
                of.entry(segment.k).or_insert(Copy { k: segment.k, bad: None, served: false });
            entry.served |= served;
            if bad && entry.bad.is_none() {
                entry.bad = Some(copy.state.clone());
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
                serde_json::from_slice::<Page>(&fetched.body).ok()
            }
            _ => None,
        };
        app.copies.put(page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(segments: &[serde_json::Value]) -> Page {
        let page = serde_json::json!({"grid": Grid::DEMO, "masked": ["B"], "segments": segments});
        serde_json::from_value(page).unwrap()
    }

    fn segment(k: u64, track: &str, a: &str, b: &str) -> serde_json::Value {
        serde_json::json!({"track": track, "k": k, "state": "on_time", "pipeline": "A", "copies": [
            {"pipeline": "A", "state": a}, {"pipeline": "B", "state": b}]})
    }

    fn copies(of: &Pipeline) -> Vec<(u64, String)> {
        let copies = of.copies.iter();
        copies.map(|copy| (copy.k, copy.bad.clone().unwrap_or_default())).collect()
    }

    fn says(k: u64, word: &str) -> (u64, String) {
        (k, word.to_owned())
    }

    #[test]
    fn a_pipeline_is_as_bad_as_its_worst_track_and_what_was_before_it_is_not_missing() {
        let page = page(&[
            segment(7, "v", "on_time", "missing"),
            segment(8, "v", "on_time", "on_time"),
            segment(9, "v", "on_time", "on_time"),
            segment(9, "audio", "on_time", "frozen"),
            segment(10, "v", "pending", "missing"),
        ]);
        let read = read(&page, 0, &mut BTreeMap::new());
        assert_eq!(copies(&read["A"]), [says(7, ""), says(8, ""), says(9, "")]);
        assert_eq!(copies(&read["B"]), [says(8, ""), says(9, "frozen"), says(10, "missing")]);
        assert!(read["B"].masked && !read["A"].masked && read["A"].copies[0].served);
    }

    #[test]
    fn nothing_is_missing_of_the_time_in_which_all_of_us_were_stopped() {
        // We start with segment 10; B never comes back.
        let started = Grid::DEMO.start_us(10);
        let mut expected = BTreeMap::new();
        let mut segments: Vec<_> = (4..7).map(|k| segment(k, "v", "on_time", "on_time")).collect();
        segments.extend((7..12).map(|k| segment(k, "v", "missing", "missing")));
        assert!(read(&page(&segments), started, &mut expected).is_empty());
        segments.push(segment(12, "v", "on_time", "missing"));
        let found = read(&page(&segments), started, &mut expected);
        assert_eq!((copies(&found["A"]), found.get("B")), (vec![says(12, "")], None));
        segments.extend((13..18).map(|k| segment(k, "v", "on_time", "missing")));
        let found = read(&page(&segments), started, &mut expected);
        assert_eq!((found["A"].copies.len(), copies(&found["B"])), (6, vec![says(17, "missing")]));
    }
}
