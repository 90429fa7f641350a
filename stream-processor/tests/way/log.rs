//! From player batches in a log to rows in a log, through faults and restarts.

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

pub struct Way {
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

/// Records that the door let in with a part that cannot be read.
const LOST: u64 = 5;

fn accepted(source: &str, events: u64) -> FateCount {
    let (tenant, source) = ("demo".into(), source.into());
    FateCount { tenant, source, fate: Fate::Accepted, reason: Reason::None, events }
}

impl Way {
    async fn new() -> Self {
        let mut way = Self::without_processor();
        way.start().await;
        way
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

    /// As good as a crash: what was in memory is gone.
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

    /// Moves the clock, and with the next tick log time.
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
        let let_in = accepted("events", viewers as u64 + 1);
        let rejected =
            FateCount { fate: Fate::Rejected, reason: Reason::NoSid, events: 3, ..let_in.clone() };
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
                ipc::encode_all(&[let_in, rejected, accepted(OTLP_METRICS, 1)]).unwrap(),
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
            let door = ipc::encode_all(&[accepted("events", viewers as u64)]).unwrap();
            self.append(vec![players(&lines, at), part(Kind::DoorFates, Vec::new(), door)]).await;
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
                let rows = told(entry);
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

/// The rows of an entry. Who reads rows passes over kinds that are not known; a check must not.
fn told(entry: &Entry) -> TopicRows {
    let known = |kind| Kind::from_code(kind).is_some_and(|kind| TopicRows::KINDS.contains(&kind));
    let unknown = entry.parts.iter().find(|part| !known(part.kind));
    assert!(unknown.is_none(), "rows in {unknown:?}");
    let parts = entry.parts.iter().map(|part| (part.kind, &part.payload[..]));
    TopicRows::decode(parts).unwrap()
}

/// Content cells are one per partition: the key gets the partition by way of the edge.
fn take(book: &mut Book, mut rows: TopicRows) {
    for row in &mut rows.playback {
        row.cell.country = Some(row.partition.to_string());
    }
    book.take(rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_become_rows_through_faults_and_restarts() {
    let mut way = Way::new().await;
    for second in 0..24 {
        way.second(second, 30).await;
        if second % 5 == 1 {
            way.log.inject(Fault::FailBefore);
        }
        way.pass(1_000).await;
        if second % 7 == 6 {
            way.restart().await;
        }
        if second == 10 {
            let door = ipc::encode_all(&[accepted("cmcd", LOST)]).unwrap();
            let unreadable = part(Kind::Player, Vec::new(), b"no batch".to_vec());
            way.append(vec![unreadable, part(Kind::DoorFates, Vec::new(), door)]).await;
        }
    }
    let stats = *way.handle.as_ref().unwrap().stats().borrow();
    assert_eq!(stats.sessions, 30);
    let query = SessionQuery { tenant: "demo".into(), sid: Some("viewer-1".into()), limit: 10 };
    let sessions = way.handle.as_ref().unwrap().sessions(query).await.unwrap();
    assert_eq!(
        (sessions.len(), sessions[0].events, sessions[0].edge.as_deref()),
        (1, 24, Some("e1"))
    );
    for _ in 0..22 {
        way.pass(10_000).await;
    }
    way.cancel.cancel();
    way.running.take().unwrap().await.unwrap();

    // Rows as written across all the lives equal those of one life that read it all.
    let (book, emissions) = way.rows().await;
    let mut once = Book::default();
    let mut partitions = Partitions::new(4, &Limits::default());
    for entry in way.events().await {
        take(&mut once, partitions.entry(&entry).rows.topic);
    }
    assert_eq!(book.values(), once.values());
    assert_eq!((&book.fates, &book.delivery), (&once.fates, &once.delivery));
    assert!(emissions >= 46, "{emissions}");

    // The ledger is balanced, and windows hold each record once.
    let fates =
        |fate| book.fates.iter().filter(|row| row.fate == fate).map(|row| row.events).sum::<u64>();
    // Each second also has a report of an edge and a number about a machine.
    assert_eq!(fates(Fate::Accepted), way.sent + 2 * 24);
    assert_eq!(fates(Fate::Duplicate), way.sent / 3);
    assert_eq!(fates(Fate::Rejected), 3 * 24);
    // What came by one way balances; what was lost between door and windows shows, under the
    // way it came, and nothing else does.
    let missing = |source: &str| {
        let rows = book.fates.iter().filter(|row| row.source == source);
        rows.map(|row| row.door.unwrap() as i64 - row.events as i64).sum::<i64>()
    };
    assert_eq!((missing("events"), missing("cmcd")), (0, LOST as i64));
    assert_eq!(missing(OTLP_METRICS), 0);
    let known = ["events", "cmcd", OTLP_METRICS];
    assert!(book.fates.iter().all(|row| known.contains(&row.source.as_str())));
    let sum = book.sum(Cuboid::Content);
    assert_eq!((sum.events as u64, sum.attempts, sum.starts, sum.ends), (way.sent, 30, 30, 30));
    assert_eq!(book.delivery.iter().map(|row| row.requests).sum::<i64>(), 24);
    assert_eq!(partitions.bad_parts(), 1);
}
