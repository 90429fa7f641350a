//! The streams' bitrate ladders, fetched from the origin periodically; the last known ladder stays.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use parking_lot::Mutex;

use super::Steering;
use crate::ladder::Ladder;
use crate::manifest::top_kbps;

/// How often a known ladder is fetched again.
const REFRESH: Duration = Duration::from_secs(2);
/// How often an unknown ladder is requested.
const RETRY: Duration = Duration::from_millis(250);

/// The known ladder of each stream.
#[derive(Debug)]
pub(super) struct Ladders(Mutex<BTreeMap<String, Option<Arc<Ladder>>>>);

impl Ladders {
    pub(super) fn new(streams: &[String]) -> Self {
        Self(Mutex::new(streams.iter().map(|stream| (stream.clone(), None)).collect()))
    }

    /// `None` for a stream that is not served here, `Some(None)` while its ladder is unknown.
    pub(super) fn get(&self, stream: &str) -> Option<Option<Arc<Ladder>>> {
        self.0.lock().get(stream).cloned()
    }

    /// Whether any stream can be played.
    pub(super) fn any(&self) -> bool {
        self.0.lock().values().any(Option::is_some)
    }

    /// The most that a viewer of any stream takes, kbit/s; 0 while no ladder is known. A stream
    /// without one is not on air: its manifests would come from here.
    pub(super) fn top_kbps(&self) -> u64 {
        let known = self.0.lock();
        known.values().flatten().map(|ladder| top_kbps(ladder)).max().unwrap_or(0)
    }

    fn all(&self) -> bool {
        self.0.lock().values().all(Option::is_some)
    }

    fn put(&self, ladder: Ladder) {
        let mut known = self.0.lock();
        if let Some(place) = known.get_mut(&ladder.stream) {
            *place = Some(Arc::new(ladder));
        }
    }
}

/// Runs until aborted.
pub(super) async fn refresh(steering: Arc<Steering>) {
    loop {
        for stream in &steering.settings.streams {
            if let Some(ladder) = fetch(&steering, stream).await {
                steering.ladders.put(ladder);
            }
        }
        tokio::time::sleep(if steering.ladders.all() { REFRESH } else { RETRY }).await;
    }
}

async fn fetch(steering: &Steering, stream: &str) -> Option<Ladder> {
    let origin = steering.origin.as_ref()?;
    steering.metrics.upstream.inc();
    let fetched = origin.get(&format!("/live/{stream}/ladder.json")).await.ok()?;
    if fetched.status != StatusCode::OK {
        return None;
    }
    let ladder: Ladder = serde_json::from_slice(&fetched.body).ok()?;
    match ladder.validate() {
        Ok(()) if ladder.stream == stream => Some(ladder),
        Ok(()) => None,
        Err(mistakes) => {
            tracing::warn!(
                stream,
                mistakes = mistakes.join("; "),
                "the origin's ladder is not used"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::tests::demo;

    /// The demo's ladder for another stream, whose best picture takes this much.
    fn ladder(stream: &str, bandwidth: u64) -> Ladder {
        let mut ladder = Ladder { stream: stream.to_owned(), ..demo() };
        ladder.tracks[0].bandwidth = bandwidth;
        ladder
    }

    #[test]
    fn the_top_rung_is_the_largest_of_all_streams_on_air() {
        let none = Ladders::new(&[]);
        assert_eq!(none.top_kbps(), 0, "others serve the manifests");
        let ladders = Ladders::new(&["small".to_owned(), "large".to_owned()]);
        assert_eq!(ladders.top_kbps(), 0);
        ladders.put(ladder("small", 700_000));
        assert_eq!(ladders.top_kbps(), 772);
        ladders.put(ladder("large", 6_000_001));
        assert_eq!(ladders.top_kbps(), 6_073);
    }
}
