//! From player batches in one topic to rows in another, through faults and restarts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tallylight_eventlog::memory::{Fault, MemoryLog};
use tallylight_eventlog::{Entry, EventLog, Part, PartitionRange, TopicSettings};
use tallylight_schemas::clock::{Clock, ManualClock};
use tallylight_schemas::cmcd::{self, Mode};
use tallylight_schemas::fates::{Fate, FateCount, Reason};
use tallylight_schemas::infra::{Attribute, InfraKind, InfraMetric, OTLP_METRICS};
use tallylight_schemas::player::{About, Envelope};
use tallylight_schemas::record::{EVENTS, Kind, ROWS};
use tallylight_schemas::rows::{Cuboid, TopicRows};
use tallylight_schemas::{ident, ipc};
use tallylight_stream_processor::read::Partitions;
use tallylight_stream_processor::{Limits, Parts, ProcessorHandle, SessionQuery, Settings, build};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::players::Players;
use crate::world::{Book, T0, served};

/// A data point about a machine.
fn measured(at: i64) -> InfraMetric {
    InfraMetric {
        tenant: "demo".into(),
        received_at: at,
        time: at,
        started_at: None,
        service: "edge".into(),
        instance: Some("e1".into()),
        scope: None,
        name: "cpu".into(),
        kind: InfraKind::Gauge,
        delta: None,
        value: Some(0.5),
        count: None,
        min: None,
        max: None,
        unit: None,
        attributes: vec![Attribute { k: "core".into(), v: "0".into() }],
        trusted: true,
    }
}

/// A log with a processor, or without one.
pub struct Pipeline {
    pub clock: Arc<ManualClock>,
    pub log: Arc<MemoryLog>,
    cancel: CancellationToken,
    running: Option<JoinHandle<()>>,
    handle: Option<ProcessorHandle>,
    pub sent: u64,
}

pub fn part(kind: Kind, ranges: Vec<PartitionRange>, payload: Vec<u8>) -> Part {
    Part { kind: kind.code(), ranges, payload: Bytes::from(payload) }
}

pub fn players(lines: &[String], received_at: i64) -> Part {
    let mut all = Players::new(4);
    for line in lines {
        let record = cmcd::parse(line, Mode::Event).unwrap();
        let (mode, source, about) = (Mode::Event, "events", About::default());
        let envelope = Envelope { tenant: "demo", mode, source, received_at, about };
        all.push(&envelope, &record);
    }
    all.part()
}

/// Records that the collector accepted in a part that cannot be read.
const UNREADABLE: u64 = 5;

fn accepted(source: &str, events: u64) -> FateCount {
    let (tenant, source) = ("demo".into(), source.into());
    FateCount { tenant, source, fate: Fate::Accepted, reason: Reason::None, events }
}

impl Pipeline {
    async fn new() -> Self {
        let mut pipeline = Self::without_processor();
        pipeline.start().await;
        pipeline
    }

    pub fn without_processor() -> Self {
        let clock = Arc::new(ManualClock::at_us(T0 * 1_000));
        let topics = vec![TopicSettings::new(EVENTS, 1 << 30), TopicSettings::new(ROWS, 1 << 30)];
        let log = Arc::new(MemoryLog::new(topics, Arc::clone(&clock) as Arc<dyn Clock>));
        Self { clock, log, cancel: CancellationToken::new(), running: None, handle: None, sent: 0 }
    }

    async fn start(&mut self) {
        let settings = Settings { tick_ms: 10, retry_ms: 1, ..Settings::default() };
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let parts = Parts {
            log: Arc::clone(&self.log) as Arc<dyn EventLog>,
            clock,
            archive: None,
            metrics: Default::default(),
        };
        let processor = build(settings, parts).await.unwrap();
        self.handle = Some(processor.handle());
        self.cancel = CancellationToken::new();
        let cancel = self.cancel.clone();
        self.running = Some(tokio::spawn(async move { processor.run(cancel).await.unwrap() }));
    }

    /// Like a crash: everything in memory is lost.
    async fn restart(&mut self) {
        self.cancel.cancel();
        self.running.take().unwrap().await.unwrap();
        self.start().await;
    }

    pub async fn append(&mut self, parts: Vec<Part>) {
        while self.log.append(EVENTS, parts.clone()).await.is_err() {}
    }

    /// Waits until everything appended so far was read.
    async fn caught_up(&self) {
        let head = self.log.usage(EVENTS).unwrap().next;
        let mut stats = self.handle.as_ref().unwrap().stats();
        let seen = stats.wait_for(|stats| stats.position >= head);
        tokio::time::timeout(Duration::from_secs(20), seen).await.unwrap().unwrap();
    }

    /// Advances the clock, and with the next tick log time.
    async fn pass(&self, ms: i64) {
        self.clock.advance_us(ms * 1_000);
        let next = self.log.usage(EVENTS).unwrap().next;
        let mut head = self.log.head(EVENTS).unwrap();
        tokio::time::timeout(Duration::from_secs(20), head.wait_for(|head| *head > next))
            .await
            .unwrap()
            .unwrap();
        self.caught_up().await;
    }

    pub async fn second(&mut self, second: i64, viewers: i64) {
        let at = self.clock.now_us();
        let line = |viewer: i64| {
            let sta = ["s", "p", "p", "r"][(second % 4) as usize];
            let (ts, sn) = (at / 1_000 - 20, second);
            format!(
                "e=ps,sta={sta},sid=\"viewer-{viewer}\",cid=\"demo\",sn={sn},ts={ts},br=(600;v),v=2"
            )
        };
        let lines: Vec<String> = (0..viewers).map(line).collect();
        self.sent += lines.len() as u64;
        let admitted = accepted("events", viewers as u64 + 1);
        let rejected = FateCount {
            fate: Fate::Rejected,
            reason: Reason::NoSid,
            events: 3,
            ..admitted.clone()
        };
        let mut reported = served("viewer-1", second as u64, at / 1_000 - T0 - 30, "e1", "A");
        reported.received_at = at;
        let place = PartitionRange {
            partition: ident::partition("demo", "viewer-1", 4),
            first_row: 0,
            rows: 1,
        };
        self.append(vec![
            players(&lines, at),
            part(Kind::Delivery, vec![place], ipc::encode_all(&[reported]).unwrap()),
            part(Kind::InfraMetrics, Vec::new(), ipc::encode_all(&[measured(at)]).unwrap()),
            part(
                Kind::DoorFates,
                Vec::new(),
                ipc::encode_all(&[admitted, rejected, accepted(OTLP_METRICS, 1)]).unwrap(),
            ),
            Part {
                kind: 9_999,
                ranges: Vec::new(),
                payload: Bytes::from_static(b"of a later version"),
            },
        ])
        .await;
        // The retry of a POST whose answer was lost.
        if second % 3 == 0 {
            let fates = ipc::encode_all(&[accepted("events", viewers as u64)]).unwrap();
            self.append(vec![players(&lines, at), part(Kind::DoorFates, Vec::new(), fates)]).await;
        }
    }

    async fn rows(&self) -> (Book, u64) {
        let (mut book, mut emissions, mut from) = (Book::default(), 0, 0);
        loop {
            let batch = self.log.read(ROWS, from, 1 << 20).await.unwrap();
            if batch.entries.is_empty() {
                return (book, emissions);
            }
            for entry in &batch.entries {
                let rows = rows_of(entry);
                emissions += rows.progress.len() as u64 / 4;
                take(&mut book, rows);
            }
            from = batch.next;
        }
    }

    async fn events(&self) -> Vec<Entry> {
        self.log.read(EVENTS, 0, usize::MAX).await.unwrap().entries
    }
}

/// The rows of an entry. Readers of rows skip unknown kinds; a test must not.
fn rows_of(entry: &Entry) -> TopicRows {
    let known = |kind| Kind::from_code(kind).is_some_and(|kind| TopicRows::KINDS.contains(&kind));
    let unknown = entry.parts.iter().find(|part| !known(part.kind));
    assert!(unknown.is_none(), "rows in {unknown:?}");
    let parts = entry.parts.iter().map(|part| (part.kind, &part.payload[..]));
    TopicRows::decode(parts).unwrap()
}

/// Content cells are one per partition: the country carries the partition into the key.
fn take(book: &mut Book, mut rows: TopicRows) {
    for row in &mut rows.playback {
        row.cell.country = Some(row.partition.to_string());
    }
    book.take(rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_become_rows_through_faults_and_restarts() {
    let mut pipeline = Pipeline::new().await;
    for second in 0..24 {
        pipeline.second(second, 30).await;
        if second % 5 == 1 {
            pipeline.log.inject(Fault::FailBefore);
        }
        pipeline.pass(1_000).await;
        if second % 7 == 6 {
            pipeline.restart().await;
        }
        if second == 10 {
            let fates = ipc::encode_all(&[accepted("cmcd", UNREADABLE)]).unwrap();
            let unreadable = part(Kind::Player, Vec::new(), b"no batch".to_vec());
            pipeline.append(vec![unreadable, part(Kind::DoorFates, Vec::new(), fates)]).await;
        }
    }
    let stats = *pipeline.handle.as_ref().unwrap().stats().borrow();
    assert_eq!(stats.sessions, 30);
    let query = SessionQuery { tenant: "demo".into(), sid: Some("viewer-1".into()), limit: 10 };
    let sessions = pipeline.handle.as_ref().unwrap().sessions(query).await.unwrap();
    assert_eq!(
        (sessions.len(), sessions[0].events, sessions[0].edge.as_deref()),
        (1, 24, Some("e1"))
    );
    for _ in 0..22 {
        pipeline.pass(10_000).await;
    }
    pipeline.cancel.cancel();
    pipeline.running.take().unwrap().await.unwrap();

    // Rows written across all runs equal those of one run that read everything.
    let (book, emissions) = pipeline.rows().await;
    let mut once = Book::default();
    let mut partitions = Partitions::new(4, &Limits::default());
    for entry in pipeline.events().await {
        take(&mut once, partitions.entry(&entry).rows.topic);
    }
    assert_eq!(book.values(), once.values());
    assert_eq!((&book.fates, &book.delivery), (&once.fates, &once.delivery));
    assert!(emissions >= 46, "{emissions}");

    // The ledger balances, and windows count each record once.
    let fates =
        |fate| book.fates.iter().filter(|row| row.fate == fate).map(|row| row.events).sum::<u64>();
    // Each second also has a report of an edge and a data point about a machine.
    assert_eq!(fates(Fate::Accepted), pipeline.sent + 2 * 24);
    assert_eq!(fates(Fate::Duplicate), pipeline.sent / 3);
    assert_eq!(fates(Fate::Rejected), 3 * 24);
    // Each source balances, except for the records lost between collector and windows, which are
    // missing under their source.
    let missing = |source: &str| {
        let rows = book.fates.iter().filter(|row| row.source == source);
        rows.map(|row| row.door.unwrap() as i64 - row.events as i64).sum::<i64>()
    };
    assert_eq!((missing("events"), missing("cmcd")), (0, UNREADABLE as i64));
    assert_eq!(missing(OTLP_METRICS), 0);
    let known = ["events", "cmcd", OTLP_METRICS];
    assert!(book.fates.iter().all(|row| known.contains(&row.source.as_str())));
    let sum = book.sum(Cuboid::Content);
    assert_eq!(
        (sum.events as u64, sum.attempts, sum.starts, sum.ends),
        (pipeline.sent, 30, 30, 30)
    );
    assert_eq!(book.delivery.iter().map(|row| row.requests).sum::<i64>(), 24);
    assert_eq!(partitions.bad_parts(), 1);
}
