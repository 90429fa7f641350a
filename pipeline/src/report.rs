//! Reports to the collector what a media service did: bounded, batched, retried.
//!
//! A report that finds the buffer full is dropped and counted. Its sequence number is used up,
//! so the reader sees the gap. Media never waits for telemetry.

mod queue;
pub(crate) mod send;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::delivery::{Action, Service};

use crate::serve::upstream::client;
use queue::Queue;

/// What happened, without what the [`Reporter`] itself knows (source, boot, seq, service).
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When it happened, Unix µs.
    pub ts: i64,
    /// What happened.
    pub action: Action,
    /// Stream name.
    pub stream: String,
    /// Track name; empty for a manifest.
    pub track: String,
    /// Segment number.
    pub k: Option<u64>,
    /// HTTP status sent.
    pub status: u16,
    /// Body bytes.
    pub bytes: u64,
    /// Request received to first body byte ready, µs.
    pub ttfb_us: u64,
    /// The part of `ttfb_us` that waited for the schedule, µs.
    pub held_us: u64,
    /// Whether it was served from the cache, or by joining a fetch in progress.
    pub hit: Option<bool>,
    /// The edge's name.
    pub edge: Option<String>,
    /// The pipeline whose copy it is.
    pub pipeline: Option<String>,
    /// The player's session.
    pub sid: Option<String>,
    /// The content id the request carried.
    pub cid: Option<String>,
    /// The request's complete CMCD.
    pub cmcd: Option<String>,
    /// How long after the segment's due time, µs.
    pub late_us: Option<i64>,
    /// The copy's defect, in one word.
    pub defect: Option<String>,
    /// An edge's load.
    pub load: Option<Load>,
}

/// How much of its capacity an edge has reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Load {
    /// What it may reserve, kbit/s.
    pub capacity_kbps: u64,
    /// What it has reserved, kbit/s.
    pub reserved_kbps: u64,
    /// Sessions seen in the last seconds.
    pub sessions: u64,
}

impl Report {
    /// A report of `action` on a track at `ts` (Unix µs), all else empty.
    pub fn new(ts: i64, action: Action, stream: &str, track: &str) -> Self {
        Self {
            ts,
            action,
            stream: stream.to_owned(),
            track: track.to_owned(),
            k: None,
            status: 200,
            bytes: 0,
            ttfb_us: 0,
            held_us: 0,
            hit: None,
            edge: None,
            pipeline: None,
            sid: None,
            cid: None,
            cmcd: None,
            late_us: None,
            defect: None,
            load: None,
        }
    }
}

/// The collector's endpoint for events, and the key that proves that a sender is one of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectorEndpoint {
    /// Its URL with the write key, such as `http://127.0.0.1:7701/v1/events?k=demo`; empty to
    /// report nothing.
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    pub service_key: Option<String>,
}

impl CollectorEndpoint {
    /// The endpoint of the collector at `collector`, if there is one.
    pub fn new(collector: Option<&str>, write_key: &str, service_key: Option<&str>) -> Self {
        let key: String = url::form_urlencoded::byte_serialize(write_key.as_bytes()).collect();
        let url = |base: &str| format!("{}/v1/events?k={key}", base.trim_end_matches('/'));
        Self {
            url: collector.map_or(String::new(), url),
            service_key: service_key.map(str::to_owned),
        }
    }
}

/// The counts of reporting so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events the collector accepted.
    pub reported: u64,
    /// Events dropped: the buffer was full, or the collector refused them for good.
    pub lost: u64,
    /// Events waiting.
    pub waiting: u64,
}

/// A handle to the background task that reports; cheap to clone.
#[derive(Debug, Clone)]
pub struct Reporter {
    queue: Arc<Queue>,
}

impl Reporter {
    /// Starts reporting to `endpoint`; without a URL nothing is reported (tests).
    ///
    /// Must be called inside a tokio runtime. The task ends after [`Reporter::close`], or
    /// when the last handle is dropped.
    pub fn spawn(
        endpoint: &CollectorEndpoint,
        service: Service,
        source: &str,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, reqwest::Error> {
        let boot = u64::try_from(clock.now_us()).unwrap_or(0);
        let queue = Arc::new(Queue::new(service, source, boot, !endpoint.url.is_empty()));
        if !endpoint.url.is_empty() {
            let client = client(Some(send::TIMEOUT))?;
            tokio::spawn(send::run(Arc::downgrade(&queue), endpoint.clone(), client));
        }
        Ok(Self { queue })
    }

    /// Queues one report; never waits.
    pub fn send(&self, report: Report) {
        self.queue.push(report);
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.queue.counts()
    }

    /// Sends waiting reports for at most `within`, then stops. Later reports are counted as lost.
    pub async fn close(&self, within: Duration) {
        self.queue.close();
        let _ = tokio::time::timeout(within, self.queue.drained()).await;
    }
}

#[cfg(test)]
#[path = "report/tests.rs"]
mod tests;
