//! The feed over a real WebSocket.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tallylight_eventlog::{Batch, EventLog, LogError, Part, Usage};
use tokio::sync::watch;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{NOW_S, World, append, both, on, progress, row, settings, world};

fn viewers(rows: &Value) -> Vec<(i64, i64)> {
    let playback = rows["playback"].as_array().unwrap();
    playback
        .iter()
        .map(|row| (row["pane"].as_i64().unwrap() / 1_000, row["m"]["viewers"].as_i64().unwrap()))
        .collect()
}

#[tokio::test]
async fn hello_then_a_snapshot_then_deltas() {
    let world = world(settings()).await;
    let early = [row(0, NOW_S - 2, "demo", 5, 1), row(1, NOW_S - 2, "demo", 6, 1)];
    world.append(&early, &both(NOW_S)).await;
    world.append(&[row(0, NOW_S - 400, "demo", 9, 1)], &[]).await;
    world.settled().await;
    let mut feed = world.feed("?since_s=60").await;
    let hello = feed.next().await;
    assert_eq!((&hello["type"], &hello["version"]), (&json!("hello"), &json!(1)));
    assert_eq!(hello["now"], NOW_S * 1_000);
    assert_eq!(hello["resumed"], false);
    assert_eq!(hello["metrics"][0]["name"], "viewers");
    assert_eq!(
        hello["cuboids"][1],
        json!({"name":"delivery","width_s":1,"dimensions":["content","edge","pipeline"]})
    );

    let snapshot = feed.next_of("rows").await;
    let expected = json!([{
        "cuboid": "content", "pane": (NOW_S - 2) * 1_000, "cell": {"content": "demo"},
        "m": {"viewers": 11}, "startup": [[346, 4]], "latency": [],
        "final": false, "partial": false,
    }]);
    assert_eq!(snapshot["playback"], expected, "summed over partitions, nothing older");
    assert_eq!(snapshot["snapshot"], true);
    let seq = snapshot["seq"].as_u64().unwrap();

    world.append(&[row(1, NOW_S - 2, "demo", 7, 2)], &both(NOW_S)).await;
    let delta = feed.next_of("rows").await;
    assert_eq!(delta["seq"], seq + 1);
    assert_eq!(viewers(&delta), [(NOW_S - 2, 12)], "absolute, not a difference");

    world.append(&[row(1, NOW_S - 2, "demo", 3, 1)], &both(NOW_S)).await;
    world.append(&[row(1, NOW_S, "demo", 4, 3)], &[progress(0, NOW_S + 1)]).await;
    let delta = feed.next_of("rows").await;
    assert_eq!(delta["seq"], seq + 2, "an old version is not published");
    assert_eq!(viewers(&delta), [(NOW_S, 4)]);
    assert_eq!(delta["playback"][0]["partial"], true, "partition 1 has not passed it");
    world.append(&[], &[progress(1, NOW_S + 1)]).await;
    let delta = feed.next_of("rows").await;
    assert_eq!(delta["playback"][0]["partial"], false);
}

#[tokio::test]
async fn a_client_that_reconnects_gets_what_it_missed_and_no_more() {
    let world = world(settings()).await;
    world.append(&[row(0, NOW_S - 9, "demo", 1, 1)], &both(NOW_S)).await;
    world.settled().await;
    let mut feed = world.feed("").await;
    let session = feed.next_of("hello").await["session"].as_str().unwrap().to_owned();
    let rows = feed.next_of("rows").await;
    let seq = rows["seq"].as_u64().unwrap();
    drop(feed);
    let before = world.metric("tallylight_dashboard_deltas_total").await;
    for version in 2..5_i64 {
        let changed = row(0, NOW_S - version, "demo", version, version.unsigned_abs());
        world.append(&[changed], &both(NOW_S)).await;
        world.reaches("tallylight_dashboard_deltas_total", before + version as f64 - 1.0).await;
    }
    let mut feed = world.feed(&format!("?resume={seq}&session={session}")).await;
    assert_eq!(feed.next_of("hello").await["resumed"], true);
    let mut got = Vec::new();
    let mut last = seq;
    while got.len() < 3 {
        let rows = feed.next().await;
        assert_eq!(rows["type"], "rows", "no status before the rows that it covers");
        assert_eq!(rows["seq"], last + 1);
        last += 1;
        got.extend(viewers(&rows));
    }
    assert_eq!(got, [(NOW_S - 2, 2), (NOW_S - 3, 3), (NOW_S - 4, 4)]);
    assert_eq!(feed.next().await["type"], "status");
    assert_eq!(world.metric("tallylight_dashboard_resumed_clients_total").await, 1.0);

    for query in [format!("?resume={}", seq - 9), format!("?resume={seq}&session=other")] {
        let mut feed = world.feed(&query).await;
        assert_eq!(feed.next_of("hello").await["resumed"], false, "{query}");
        let rows = feed.next_of("rows").await;
        assert_eq!((viewers(&rows).len(), &rows["seq"]), (4, &json!(last)), "{query}");
    }
}

#[tokio::test]
async fn a_large_snapshot_comes_in_parts_and_counts_when_complete() {
    let world = world(settings()).await;
    let rows: Vec<_> = (0..2_500).map(|n| row(0, NOW_S - 1, &format!("show-{n}"), 1, 1)).collect();
    world.append(&rows, &both(NOW_S)).await;
    world.reaches("tallylight_dashboard_deltas_total", 3.0).await;
    let mut feed = world.feed("").await;
    let mut parts = Vec::new();
    while parts.len() < 3 {
        let rows = feed.next_of("rows").await;
        parts.push((viewers(&rows).len(), rows["seq"] == 0, rows["more"] == true));
    }
    assert_eq!(parts, [(1_000, true, true), (1_000, true, true), (500, false, false)]);
}

#[tokio::test]
async fn status_comes_each_second_and_reports_the_age() {
    let world = world(settings()).await;
    let mut feed = world.feed("").await;
    let blind = feed.next_of("status").await;
    assert_eq!((&blind["partitions"], &blind["freshness_ms"]), (&json!(0), &Value::Null));
    world.clock.advance_us(1_000_000);
    world.append(&[], &[progress(0, NOW_S), progress(1, NOW_S - 7)]).await;
    let mut status = feed.next_of("status").await;
    while status["partitions"] != 2 {
        status = feed.next_of("status").await;
    }
    assert_eq!(status["freshness_ms"], 8_000, "of the slowest partition");
    assert_eq!((&status["reporting"], &status["sessions"]), (&json!(1), &json!(6)));
    assert_eq!(status["log_time"], (NOW_S - 7) * 1_000);
    assert!(status["memory_bytes"].as_u64().unwrap() > 1_000_000);
    assert!(status["log"]["bytes"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_delays_no_other() {
    let mut settings = settings();
    settings.feed.queue_messages = 4;
    settings.feed.delta_ms = 10;
    let world = world(settings).await;
    let mut slow = world.feed("").await;
    slow.next_of("hello").await;
    let mut quick = world.feed("").await;
    let long = "x".repeat(400);
    let mut version = 0;
    // More than the kernel buffers for a connection, plus the queue.
    for _ in 0..60 {
        version += 1;
        let rows: Vec<_> =
            (0..900).map(|n| row(0, NOW_S, &format!("{long}{n}"), 1, version)).collect();
        world.append(&rows, &both(NOW_S)).await;
        assert!(!viewers(&quick.next_of("rows").await).is_empty() || version == 1);
    }
    let (code, reason, bytes) = slow.closed().await;
    assert_eq!(code, 1013);
    assert!(reason.contains("resume"), "{reason}");
    assert!(bytes < 20_000_000, "{bytes} bytes were kept for it");
    assert_eq!(world.metric("tallylight_dashboard_slow_clients_total").await, 1.0);
}

#[tokio::test]
async fn clients_that_receive_their_snapshot_slowly_do_not_delay_others() {
    let mut settings = settings();
    // The slow ones stay to the end, so another client that had to wait for them would wait longer
    // than three times eight seconds.
    settings.feed.send_timeout_s = 60;
    let world = world(settings).await;
    let long = "x".repeat(4_000);
    // More than the kernel buffers for a connection.
    for pane in 0..40 {
        let rows: Vec<_> =
            (0..90).map(|n| row(0, NOW_S - pane, &format!("{long}{n}"), 1, 1)).collect();
        world.append(&rows, &both(NOW_S)).await;
    }
    world.settled().await;
    let mut slow = Vec::new();
    for _ in 0..12 {
        slow.push(world.feed("").await);
    }
    // If the machine stands still, one client has to wait; for slow ones, each would.
    let (mut rows, mut tries) = (None, 0..3);
    while rows.is_none() && tries.next().is_some() {
        let whole = whole_snapshot(&world);
        rows = tokio::time::timeout(Duration::from_secs(8), whole).await.ok();
    }
    assert_eq!(rows.expect("a snapshot although others are slow"), 40 * 90);
    assert_eq!(world.metric("tallylight_dashboard_slow_clients_total").await, 0.0);
}

/// How many rows a new client receives in its snapshot.
async fn whole_snapshot(world: &World) -> usize {
    let mut quick = world.feed("").await;
    let mut rows = 0;
    loop {
        let message = quick.next_of("rows").await;
        rows += viewers(&message).len();
        if message["more"] != true {
            return rows;
        }
    }
}

#[tokio::test]
async fn clients_beyond_the_limit_are_refused_until_one_leaves() {
    let mut settings = settings();
    settings.feed.max_clients = 1;
    let world = world(settings).await;
    let feed = world.feed("").await;
    let url = format!("ws://{}/v1/feed", world.addr);
    match connect_async(&url).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 503),
        other => panic!("{other:?}"),
    }
    drop(feed);
    while world.metric("tallylight_dashboard_clients").await > 0.0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(connect_async(&url).await.is_ok());
}

#[tokio::test]
async fn what_the_log_already_holds_is_available_at_start() {
    let first = world(settings()).await;
    for n in 0..50_i64 {
        let pane = NOW_S - 50 + n;
        append(first.log.as_ref(), &[row(0, pane, "demo", n + 1, 1)], &both(pane + 1)).await;
    }
    let log = first.log.clone();
    let again = on(settings(), log, first.clock.clone(), None).await;
    let mut feed = again.feed("").await;
    assert_eq!(viewers(&feed.next_of("rows").await).len(), 50);
}

#[tokio::test]
async fn clients_are_told_when_the_dashboard_stops() {
    let world = world(settings()).await;
    let mut feed = world.feed("").await;
    feed.next_of("rows").await;
    world.stop.cancel();
    assert_eq!(feed.closed().await.0, 1001);
}

/// A log whose topics have become shorter than what was read of them.
#[derive(Debug)]
struct Shortened(Arc<dyn EventLog>);

#[async_trait]
impl EventLog for Shortened {
    fn id(&self) -> &str {
        self.0.id()
    }

    async fn append(&self, topic: &str, parts: Vec<Part>) -> Result<u64, LogError> {
        self.0.append(topic, parts).await
    }

    async fn read(&self, topic: &str, from: u64, _: usize) -> Result<Batch, LogError> {
        Err(LogError::Data(format!("{topic} was read up to {from} and ends before")))
    }

    fn head(&self, topic: &str) -> Result<watch::Receiver<u64>, LogError> {
        self.0.head(topic)
    }

    fn usage(&self, topic: &str) -> Result<Usage, LogError> {
        self.0.usage(topic)
    }

    async fn close(&self) {}
}

#[tokio::test]
async fn a_dashboard_whose_rows_have_become_fewer_ends() {
    let whole = world(settings()).await;
    whole.append(&[], &both(NOW_S)).await;
    let log = Arc::new(Shortened(Arc::clone(&whole.log)));
    let mut cut = on(settings(), log, Arc::clone(&whole.clock), None).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), &mut cut.running).await;
    let error = ended.expect("it ends by itself").unwrap().unwrap_err();
    assert!(error.to_string().contains("ended"), "{error}");
}
