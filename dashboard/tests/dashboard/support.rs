//! A dashboard on a memory log, and a client of its feed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use prometheus_client::registry::Registry;
use serde_json::Value;
use tallylight_dashboard::{Dashboard, OpenSessions, Parts, Sessions, Settings, build};
use tallylight_eventlog::memory::MemoryLog;
use tallylight_eventlog::{EventLog, Part, TopicSettings};
use tallylight_schemas::clock::{Clock, ManualClock};
use tallylight_schemas::record::{EVENTS, Kind, ROWS};
use tallylight_schemas::rows::{Cell, Cuboid, Measures, PlaybackRow, ProgressRow};
use tallylight_schemas::session::{Outcome, SessionRow};
use tallylight_schemas::sketch::Sketch;
use tallylight_schemas::tables::open_sessions;
use tallylight_schemas::{ipc, metrics};
use tallylight_store::history::History;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;

/// 2023-11-14T22:13:20Z, Unix s: the tests' now.
pub(crate) const NOW_S: i64 = 1_700_000_000;

pub(crate) struct World {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) addr: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) running: JoinHandle<Result<(), tallylight_dashboard::Error>>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn settings() -> Settings {
    let mut settings =
        Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() };
    settings.feed.delta_ms = 20;
    settings
}

pub(crate) async fn world(settings: Settings) -> World {
    world_over(settings, None).await
}

pub(crate) async fn world_over(settings: Settings, history: Option<History>) -> World {
    let clock = Arc::new(ManualClock::at_us(NOW_S * 1_000_000));
    let topics = [EVENTS, ROWS].map(|name| TopicSettings::new(name, 1 << 30));
    let log = MemoryLog::new(topics.into(), Arc::clone(&clock) as Arc<dyn Clock>);
    let log: Arc<dyn EventLog> = Arc::new(log);
    let world = on(settings, log, clock, history).await;
    world.ready().await;
    world
}

pub(crate) async fn on(
    settings: Settings,
    log: Arc<dyn EventLog>,
    clock: Arc<ManualClock>,
    history: Option<History>,
) -> World {
    let parts = Parts {
        log: Arc::clone(&log).into(),
        sessions: Arc::new(TwoSessions),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        history,
        facts: None,
        neighbours: Registry::default(),
    };
    let dashboard: Dashboard = build(settings, parts).await.unwrap();
    let addr = dashboard.addr();
    let stop = CancellationToken::new();
    let running = tokio::spawn(dashboard.run(stop.clone()));
    World { log, clock, addr, stop, running }
}

impl World {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(self.url(path)).await.unwrap()
    }

    pub(crate) async fn ready(&self) {
        for _ in 0..200 {
            if self.get("/readyz").await.status() == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the dashboard did not become ready");
    }

    pub(crate) async fn append(&self, rows: &[PlaybackRow], progress: &[ProgressRow]) {
        append(self.log.as_ref(), rows, progress).await;
    }

    pub(crate) async fn feed(&self, query: &str) -> Feed {
        let (socket, _) =
            connect_async(format!("ws://{}/v1/feed{query}", self.addr)).await.unwrap();
        Feed(socket)
    }

    /// Waits until `metric` is at least `value`.
    pub(crate) async fn reaches(&self, metric: &str, value: f64) {
        for _ in 0..1_000 {
            if self.metric(metric).await >= value {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{metric} stays below {value}");
    }

    /// Waits until everything appended has been applied and published.
    pub(crate) async fn settled(&self) {
        let appended = *self.log.head(ROWS).unwrap().borrow();
        self.reaches("tallylight_dashboard_entries_total", appended as f64).await;
        // In steps: if the machine stands still, a single pause is over before all is published.
        for _ in 0..15 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.text().await.unwrap();
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))[name.len() + 1..].parse().unwrap()
    }
}

pub(crate) async fn append(log: &dyn EventLog, rows: &[PlaybackRow], progress: &[ProgressRow]) {
    let part = |kind: Kind, payload: Vec<u8>| Part {
        kind: kind.code(),
        ranges: Vec::new(),
        payload: payload.into(),
    };
    let mut parts = vec![part(Kind::Progress, ipc::encode_all(progress).unwrap())];
    if !rows.is_empty() {
        parts.push(part(Kind::Playback, ipc::encode_all(rows).unwrap()));
    }
    log.append(ROWS, parts).await.unwrap();
}

pub(crate) struct Feed(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Feed {
    /// The next message, JSON or close.
    pub(crate) async fn raw(&mut self) -> Option<Result<Message, Error>> {
        tokio::time::timeout(Duration::from_secs(10), self.0.next())
            .await
            .expect("a message in 10 s")
    }

    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match self.raw().await.expect("still open").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next message of that type; fails after 10 s even while others arrive.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        let found = async {
            loop {
                let message = self.next().await;
                if message["type"] == kind {
                    return message;
                }
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(10), found).await;
        found.unwrap_or_else(|_| panic!("no {kind} message in 10 s"))
    }

    /// Close code, reason, and the bytes received before the connection was closed.
    pub(crate) async fn closed(&mut self) -> (u16, String, usize) {
        let mut bytes = 0;
        let end = async {
            loop {
                match self.raw().await {
                    Some(Ok(Message::Close(Some(frame)))) => {
                        return (u16::from(frame.code), frame.reason.to_string());
                    }
                    Some(Ok(message)) => bytes += message.len(),
                    other => panic!("{other:?}"),
                }
            }
        };
        let (code, reason) =
            tokio::time::timeout(Duration::from_secs(20), end).await.expect("a close in 20 s");
        (code, reason, bytes)
    }
}

pub(crate) fn row(
    partition: u16,
    pane_s: i64,
    content: &str,
    viewers: i64,
    version: u64,
) -> PlaybackRow {
    let mut startup = Sketch::default();
    startup.add(1_000, 2);
    PlaybackRow {
        tenant: "demo".into(),
        partition,
        pane: pane_s * 1_000_000,
        width_s: 1,
        cuboid: Cuboid::Content,
        cell: Cell { content: Some(content.into()), ..Cell::default() },
        measures: Measures { viewers, ..Measures::default() },
        startup_sketch: startup,
        latency_sketch: Sketch::default(),
        r#final: false,
        version,
        metrics_version: metrics::VERSION,
    }
}

pub(crate) fn progress(partition: u16, log_time_s: i64) -> ProgressRow {
    ProgressRow {
        partition,
        partitions: 2,
        offset: u64::try_from(log_time_s).unwrap(),
        log_time: log_time_s * 1_000_000,
        final_up_to: (log_time_s - 120) * 1_000_000,
        sessions: 3,
        lost_events: 1,
        lost_entries: 0,
    }
}

/// Both partitions have reached `s`.
pub(crate) fn both(s: i64) -> [ProgressRow; 2] {
    [progress(0, s), progress(1, s)]
}

/// A column that, when requested alone, the processor is too busy to answer.
pub(crate) const BUSY: &str = "switches";

struct TwoSessions;

#[async_trait]
impl Sessions for TwoSessions {
    async fn sessions(
        &self,
        tenant: &str,
        sid: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, String> {
        if sid == Some("busy") {
            return Err("its worker is replaying".into());
        }
        let all = ["a", "b"].map(|sid| session(tenant, sid));
        let wanted = all.into_iter().filter(|row| sid.is_none_or(|sid| row.sid == sid));
        Ok(wanted.take(limit).collect())
    }

    async fn open(&self, tenant: &str, columns: &[String]) -> Result<Vec<OpenSessions>, String> {
        if columns == ["tenant", BUSY] {
            return Err("its worker is replaying".into());
        }
        // As from two processors with one session each.
        let shards = ["a", "b"].map(|sid| {
            let batch = open_sessions(&[session(tenant, sid)], columns);
            stream::iter([batch.map_err(|error| error.to_string())]).boxed()
        });
        Ok(shards.into())
    }
}

fn session(tenant: &str, sid: &str) -> SessionRow {
    SessionRow {
        tenant: tenant.into(),
        sid: sid.into(),
        started_at: Some(NOW_S * 1_000_000),
        outcome: Outcome::Playing,
        state: Some("s".into()),
        events: 1,
        last_seen: NOW_S * 1_000_000,
        ..SessionRow::default()
    }
}
