//! The cache: bounded by bytes, with one fetch per object for any number of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::Bytes;
use moka::future::Cache as Moka;
use moka::policy::EvictionPolicy;
use prometheus_client::metrics::counter::Counter;
use tallylight_schemas::clock::Clock;

use crate::origin::{PIPELINE, PUBLISHED_AT};
use crate::serve::cmsd;
use crate::serve::path::{MediaPath, Object};
use crate::serve::problem::Problem;
use crate::serve::upstream::{Fetched, Upstream};

/// Longer than the origin's default window, after which an object is no longer requested.
const KEEP: Duration = Duration::from_secs(600);
/// Bytes that an entry costs besides its body.
const OVERHEAD: usize = 512;

/// An immutable object of the origin.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) body: Bytes,
    pub(super) content_type: HeaderValue,
    /// For segments: the pipeline, and when its copy became available (Unix µs).
    pub(super) fixed: Option<(String, i64)>,
    pub(super) cmsd: cmsd::Static,
    /// The origin's item of `CMSD-Dynamic`, for the answers of this fetch only.
    pub(super) hop: Option<HeaderValue>,
    pub(super) fetched_us: i64,
}

/// The cache and its upstream. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    objects: Moka<MediaPath, Arc<Stored>>,
    upstream: Upstream,
    fetches: Counter,
}

impl Cache {
    pub(super) fn new(bytes: u64, upstream: Upstream, fetches: Counter) -> Self {
        let weigh = |_: &MediaPath, stored: &Arc<Stored>| {
            u32::try_from(stored.body.len() + OVERHEAD).unwrap_or(u32::MAX)
        };
        let objects = Moka::builder()
            .max_capacity(bytes)
            .weigher(weigh)
            .time_to_live(KEEP)
            // By default a new segment gives way to old ones that were requested more often.
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { objects, upstream, fetches }
    }

    /// The object, if it is cached.
    pub(super) async fn hit(&self, path: &MediaPath) -> Option<Arc<Stored>> {
        self.objects.get(path).await
    }

    /// The object from the origin, and whether this request joined another's fetch. All requests
    /// during a fetch share it and its answer; an answer other than 200 is shared too, but not
    /// cached.
    pub(super) async fn fetch(
        &self,
        path: MediaPath,
        clock: &dyn Clock,
    ) -> (Result<Arc<Stored>, Arc<Problem>>, bool) {
        let fetched_here = AtomicBool::new(false);
        let (upstream, text, is_slate) =
            (&self.upstream, path.to_string(), matches!(path.object, Object::Slate(_)));
        let fetch = async {
            fetched_here.store(true, Ordering::Relaxed);
            self.fetches.inc();
            let fetched = upstream.get(&text).await?;
            stored(fetched, clock.now_us()).map(Arc::new)
        };
        // A track's slate may be replaced at any time, so it is never cached.
        let found = match is_slate {
            true => fetch.await.map_err(Arc::new),
            false => self.objects.try_get_with(path, fetch).await,
        };
        (found, !fetched_here.load(Ordering::Relaxed))
    }
}

fn stored(fetched: Fetched, now_us: i64) -> Result<Stored, Problem> {
    if fetched.status != StatusCode::OK {
        return Err(passed_on(&fetched));
    }
    let text = |name: &str| fetched.headers.get(name).and_then(|value| value.to_str().ok());
    let published = text(PUBLISHED_AT.as_str()).and_then(|value| value.parse().ok());
    let fixed =
        text(PIPELINE.as_str()).zip(published).map(|(pipeline, at)| (pipeline.to_owned(), at));
    let content_type = fetched.headers.get(header::CONTENT_TYPE).cloned();
    Ok(Stored {
        fixed,
        cmsd: cmsd::Static::read(text(cmsd::STATIC).unwrap_or("")),
        hop: fetched.headers.get(cmsd::DYNAMIC).cloned(),
        content_type: content_type.unwrap_or(HeaderValue::from_static("video/mp4")),
        body: fetched.body,
        fetched_us: now_us,
    })
}

/// The origin's own problem, or one that states its status.
fn passed_on(fetched: &Fetched) -> Problem {
    let known = matches!(fetched.status.as_u16(), 404 | 410 | 503);
    let problem = known.then(|| serde_json::from_slice::<Problem>(&fetched.body).ok()).flatten();
    let unknown = || {
        let detail = format!("The origin answered {}; try again", fetched.status.as_u16());
        Problem::new(StatusCode::BAD_GATEWAY, "upstream", "The origin cannot answer", detail)
    };
    let problem = problem.filter(|problem| problem.status() == fetched.status);
    let problem = problem.unwrap_or_else(unknown);
    match retry_after(&fetched.headers) {
        Some(seconds) => problem.retry_after(seconds),
        None => problem,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<u32> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::tests::support::{K, World};

    #[tokio::test]
    async fn a_new_segment_displaces_old_ones_that_were_requested_more_often() {
        let data = tempfile::tempdir().unwrap();
        let origin = World::start(data.path(), 0).await;
        origin.announce().await;
        let base = format!("http://{}", origin.addr);
        let upstream = Upstream::new(&base, 1 << 20, Duration::from_secs(60)).unwrap();
        // Ten segments fit.
        let bytes = 10 * (origin.segment("v-360", K).len() + OVERHEAD) as u64;
        let cache = Cache::new(bytes, upstream, Counter::default());
        let ask = async |k: u64| {
            let path = MediaPath::parse(&format!("demo/v-360/{k}.m4s")).unwrap();
            let hit = cache.hit(&path).await.is_some();
            if !hit {
                assert!(cache.fetch(path, &*origin.clock).await.0.is_ok());
            }
            cache.objects.run_pending_tasks().await;
            hit
        };
        for _ in 0..5 {
            for k in K - 12..K - 2 {
                ask(k).await;
            }
        }
        assert_eq!((ask(K - 2).await, ask(K - 2).await), (false, true));
    }
}
