//! A collector over a log that can be read, can fail on request and can be held.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt;
use tallylight_collector::{Parts, Settings, build};
use tallylight_eventlog::memory::MemoryLog;
use tallylight_eventlog::{Batch, Entry, EventLog, LogError, Part, TopicSettings, Usage};
use tallylight_schemas::clock::ManualClock;
use tallylight_schemas::fates::{Fate, FateCount, Reason};
use tallylight_schemas::ipc::decode_all;
use tallylight_schemas::record::{EVENTS, Kind};
use tallylight_serve::TaskEnded;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The time at which everything arrives, Unix µs.
pub const NOW: i64 = 1_795_000_000_000_000;

/// Makes the error with which an append fails.
pub type Fault = fn(String) -> LogError;

/// A log whose appends can be held, or fail with any error.
#[derive(Debug)]
pub struct TestLog {
    inner: Arc<dyn EventLog>,
    /// If set, appends fail with this error.
    pub fault: Mutex<Option<Fault>>,
    gate: Semaphore,
}

#[async_trait]
impl EventLog for TestLog {
    fn id(&self) -> &str {
        self.inner.id()
    }

    async fn append(&self, topic: &str, parts: Vec<Part>) -> Result<u64, LogError> {
        drop(self.gate.acquire().await.unwrap());
        if let Some(fault) = *self.fault.lock().unwrap() {
            return Err(fault("as the test wants it".to_owned()));
        }
        self.inner.append(topic, parts).await
    }

    async fn read(&self, topic: &str, from: u64, max_bytes: usize) -> Result<Batch, LogError> {
        self.inner.read(topic, from, max_bytes).await
    }

    fn head(&self, topic: &str) -> Result<watch::Receiver<u64>, LogError> {
        self.inner.head(topic)
    }

    fn usage(&self, topic: &str) -> Result<Usage, LogError> {
        self.inner.usage(topic)
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

impl TestLog {
    /// Wraps a real log.
    pub fn over(inner: Arc<dyn EventLog>) -> Self {
        Self { inner, fault: Mutex::default(), gate: Semaphore::new(1) }
    }

    /// Appends wait from now on.
    pub fn hold(&self) {
        assert_eq!(self.gate.forget_permits(1), 1);
    }

    /// Appends continue.
    pub fn release(&self) {
        self.gate.add_permits(1);
    }

    /// Everything stored.
    pub async fn entries(&self) -> Vec<Entry> {
        let (mut entries, mut from) = (Vec::new(), 0);
        loop {
            let batch = self.inner.read(EVENTS, from, 1 << 20).await.unwrap();
            assert_eq!(batch.lost, 0);
            if batch.entries.is_empty() {
                return entries;
            }
            from = batch.next;
            entries.extend(batch.entries);
        }
    }

    /// Fates stored, summed.
    pub async fn fates(&self) -> BTreeMap<(Fate, Reason), u64> {
        self.sums(|row| (row.fate, row.reason)).await
    }

    /// The same, by the source under which the ledger counts them.
    pub async fn booked(&self) -> BTreeMap<(String, Fate), u64> {
        self.sums(|row| (row.source.clone(), row.fate)).await
    }

    async fn sums<K: Ord>(&self, key: impl Fn(&FateCount) -> K) -> BTreeMap<K, u64> {
        let mut sums = BTreeMap::new();
        for part in parts(&self.entries().await, Kind::DoorFates) {
            for row in decode_all::<FateCount>(&part.payload).unwrap() {
                *sums.entry(key(&row)).or_default() += row.events;
            }
        }
        sums
    }
}

/// The events topic, as large as a test needs it.
pub fn topics() -> Vec<TopicSettings> {
    vec![TopicSettings::new(EVENTS, 1 << 30)]
}

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at_us(NOW))
}

/// The parts of one kind.
pub fn parts(entries: &[Entry], kind: Kind) -> Vec<Part> {
    let all = entries.iter().flat_map(|entry| &entry.parts);
    all.filter(|part| part.kind == kind.code()).cloned().collect()
}

/// A running collector.
pub struct World {
    pub log: Arc<TestLog>,
    pub router: axum::Router,
    pub url: String,
    pub stop: CancellationToken,
    pub running: JoinHandle<Result<(), TaskEnded>>,
}

impl World {
    /// With the default settings, a free port and a short flush.
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self::over(settings, Arc::new(MemoryLog::new(topics(), clock()))).await
    }

    pub async fn over(settings: Settings, log: Arc<dyn EventLog>) -> Self {
        let log = Arc::new(TestLog::over(log));
        let settings = Settings { listen: "127.0.0.1:0".parse().unwrap(), flush_ms: 2, ..settings };
        let parts = Parts { clock: clock(), log: log.clone().into() };
        let service = build(settings, parts).await.unwrap();
        let url = format!("http://{}", service.addr());
        let (router, stop) = (service.router(), CancellationToken::new());
        let running = tokio::spawn(service.run(stop.clone()));
        Self { log, router, url, stop, running }
    }

    /// Calls the router as HTTP would.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request);
        let answer = tokio::time::timeout(Duration::from_secs(20), answer).await;
        Answer::of(answer.expect("an answer in time").unwrap()).await
    }

    /// POSTs to a path with its key.
    pub async fn post(&self, path: &str, media_type: &str, body: impl Into<Body>) -> Answer {
        self.send(post(path, media_type, body)).await
    }
}

pub fn post(path: &str, media_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(format!("{path}?k=demo"))
        .header("content-type", media_type)
        .body(body.into())
        .unwrap()
}

/// An answer read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Self { status: head.status, headers: head.headers, body }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The counts of the header `Tallylight-Fates`.
    pub fn fates(&self) -> BTreeMap<String, u64> {
        let items = self.header("tallylight-fates").split(", ").filter(|item| !item.is_empty());
        items
            .map(|item| {
                let (fate, events) = item.rsplit_once('=').unwrap();
                (fate.to_owned(), events.parse().unwrap())
            })
            .collect()
    }

    /// 204, or a 4xx that explains itself; anything else fails the test.
    pub fn check(&self) {
        match self.status.as_u16() {
            204 => assert!(!self.fates().is_empty(), "{self:?}"),
            400..=499 => {
                assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
                let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap();
                assert_eq!(problem["status"], self.status.as_u16(), "{self:?}");
                assert!(problem["detail"].as_str().is_some_and(|d| d.len() > 20), "{self:?}");
                assert_eq!(self.header("tallylight-fates"), "", "{self:?}");
            }
            _ => panic!("{self:?}"),
        }
    }
}

/// The words of a stored fate, as the header has them.
pub fn words((fate, reason): (Fate, Reason)) -> String {
    match reason {
        Reason::None => fate.as_str().to_owned(),
        reason => format!("{};{}", fate.as_str(), reason.as_str()),
    }
}
