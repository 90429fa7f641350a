//! The origin's page of segments, read each second: how every pipeline's copies came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval};

use super::Steering;
use super::pure::inputs::{Copy, Pipeline};

/// Segments that are looked at.
const LAST: u64 = 12;

/// What the page said last; empty while the origin is away.
#[derive(Debug, Default)]
pub(super) struct Copies {
    pipelines: Mutex<BTreeMap<String, Pipeline>>,
    /// The first good copy of each pipeline: what was before is not missing.
    first: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {
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
    /// What is known of each pipeline.
    pub(super) fn pipelines(&self) -> BTreeMap<String, Pipeline> {
        self.pipelines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, page: Option<Page>) {
        let read = page.map(|page| {
            let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
            read(&page, &mut first)
        });
        *self.pipelines.lock().unwrap_or_else(PoisonError::into_inner) = read.unwrap_or_default();
    }
}

/// How the copies of each pipeline came, over all tracks.
fn read(page: &Page, first: &mut BTreeMap<String, u64>) -> BTreeMap<String, Pipeline> {
    let mut found: BTreeMap<String, BTreeMap<u64, Copy>> = BTreeMap::new();
    let good = |state: &str| matches!(state, "on_time" | "late");
    for segment in &page.segments {
        for copy in segment.copies.iter().filter(|copy| good(&copy.state)) {
            let known = first.entry(copy.pipeline.clone()).or_insert(segment.k);
            *known = (*known).min(segment.k);
        }
    }
    for segment in &page.segments {
        for copy in segment.copies.iter().filter(|copy| copy.state != "pending") {
            if first.get(&copy.pipeline).is_none_or(|first| segment.k < *first) {
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
        let Some(stream) = app.settings.streams.first() else { return };
        let path = format!("/live/{stream}/segments.json?last={LAST}");
        let page = match app.origin.get(&path).await {
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

    #[test]
    fn a_pipeline_is_as_bad_as_its_worst_track_and_what_was_before_it_is_not_missing() {
        let segment = |k: u64, track: &str, a: &str, b: &str| {
            serde_json::json!({"track": track, "k": k, "state": "on_time", "pipeline": "A", "copies": [
                {"pipeline": "A", "state": a}, {"pipeline": "B", "state": b}]})
        };
        let page = serde_json::json!({"masked": ["B"], "segments": [
            segment(7, "v", "on_time", "missing"), segment(8, "v", "on_time", "on_time"),
            segment(9, "v", "on_time", "on_time"), segment(9, "audio", "on_time", "frozen"),
            segment(10, "v", "pending", "missing")]});
        let page: Page = serde_json::from_value(page).unwrap();
        let read = read(&page, &mut BTreeMap::new());
        let bad = |name: &str| {
            let copies = read[name].copies.iter();
            copies.map(|copy| (copy.k, copy.bad.clone().unwrap_or_default())).collect::<Vec<_>>()
        };
        let says = |k, word: &str| (k, word.to_owned());
        assert_eq!(bad("A"), [says(7, ""), says(8, ""), says(9, "")]);
        assert_eq!(bad("B"), [says(8, ""), says(9, "frozen"), says(10, "missing")]);
        assert!(read["B"].masked && !read["A"].masked && read["A"].copies[0].served);
    }
}
