//! The collector over real HTTP: a record is stored before it is acknowledged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use tallylight_collector::Settings;
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::{EventLog, LogError};
use tallylight_schemas::cmcd::Mode;
use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::ident::partition;
use tallylight_schemas::ipc::{TenantDelivery, decode, decode_all};
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::record::Kind;
use world::{NOW, World, parts, post};

fn event(sid: &str, sn: u64) -> String {
    format!("bl=1200,e=ps,sid=\"{sid}\",sn={sn},sta=p,ts={},v=2", NOW / 1_000)
}

fn delivery(seq: u64, sid: Option<&str>) -> serde_json::Value {
    json!({"type": "delivery", "source": format!("edge-{}", seq % 3), "boot": 7, "seq": seq,
        "ts": NOW, "service": "edge", "action": "get", "stream": "demo", "track": "v-360",
        "k": 1, "status": 200, "bytes": 10, "hit": true, "sid": sid})
}

#[tokio::test]
async fn what_is_acknowledged_is_in_the_memory_log_by_partition() {
    round_trip(&World::start().await).await;
}

#[tokio::test]
async fn what_is_acknowledged_is_in_the_disk_log_by_partition() {
    let dir = tempfile::tempdir().unwrap();
    let settings = DiskSettings::new(dir.path(), world::topics());
    let log = DiskLog::open(settings, world::clock()).unwrap();
    let world = World::over(Settings::default(), Arc::new(log)).await;
    round_trip(&world).await;
    world.log.close().await;
    let answer = world.post("/v1/cmcd", "text/plain", event("a", 1)).await;
    assert_eq!(answer.status, 503, "{answer:?}");
}

async fn round_trip(world: &World) {
    let client = reqwest::Client::new();
    let url = format!("{}/v1/cmcd?k=demo", world.url);
    let sent: Vec<(String, u64)> = (0..600).map(|n| (format!("s{}", n % 37), n)).collect();
    let send = |chunk: &[(String, u64)]| {
        let lines: Vec<_> = chunk.iter().map(|(sid, sn)| event(sid, *sn)).collect();
        let request = client.post(&url).header("content-type", "application/cmcd");
        request.body(lines.join("\n") + "\n").send()
    };
    let answers = futures::future::join_all(sent.chunks(20).map(send)).await;
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.headers()["tallylight-fates"], "accepted=20");
    }
    let mut stored = BTreeSet::new();
    for part in parts(&world.log.entries().await, Kind::Player) {
        let batch = decode(&part.payload).unwrap();
        let rows = PlayerRows::new(&batch).unwrap();
        let mut next = 0;
        for range in &part.ranges {
            assert_eq!(range.first_row, next);
            next += range.rows;
            for row in range.first_row..next {
                let row = rows.get(row as usize);
                assert_eq!(partition("demo", row.sid, 4), range.partition);
                assert_eq!((row.tenant, row.received_at), ("demo", NOW));
                assert!(stored.insert((row.sid.to_owned(), row.sn.unwrap())));
            }
        }
        assert_eq!(next as usize, rows.len());
    }
    assert_eq!(stored, sent.into_iter().collect());
    assert_eq!(world.log.fates().await, [((Fate::Accepted, Reason::None), 600)].into());
}

#[tokio::test]
async fn delivery_and_player_events_come_back_as_sent() {
    let world = World::start().await;
    let mut events: Vec<_> =
        (0..40).map(|n| delivery(n, (n % 2 == 0).then_some("viewer"))).collect();
    events.push(json!({"type": "player", "sid": "p", "e": "ps", "sta": "s", "ts": NOW / 1000}));
    events.push(json!({"type": "delivery", "source": "edge"}));
    // A delivery event's times are in µs, unlike a player's.
    let mut in_ms = delivery(99, None);
    in_ms["ts"] = (NOW / 1_000).into();
    events.push(in_ms);
    events.push(json!(["no", "object"]));
    let body = serde_json::to_vec(&events).unwrap();
    let answer = world.post("/v1/events", "application/json", body).await;
    assert_eq!(
        answer.header("tallylight-fates"),
        "accepted=41, rejected;bad_shape=2, rejected;bad_ts=1"
    );
    let entries = world.log.entries().await;
    let part = &parts(&entries, Kind::Delivery)[0];
    let stored: Vec<TenantDelivery> = decode_all(&part.payload).unwrap();
    assert_eq!(stored.len(), 40);
    let seqs: BTreeSet<u64> = stored.iter().map(|row| row.event.seq).collect();
    assert_eq!(seqs.len(), 40);
    for range in &part.ranges {
        for row in &stored[range.first_row as usize..][..range.rows as usize] {
            let key = row.event.sid.as_deref().unwrap_or(&row.event.source);
            assert_eq!(partition("demo", key, 4), range.partition);
        }
    }
    let batch = decode(&parts(&entries, Kind::Player)[0].payload).unwrap();
    assert_eq!(PlayerRows::new(&batch).unwrap().get(0).sid, "p");
}

#[tokio::test]
async fn a_query_is_a_request_record_or_an_event() {
    let world = World::start().await;
    let client = reqwest::Client::new();
    for cmcd in ["bl=1200,br=900,sid=\"q\"", "e=ps,sid=\"q\",sta=p,ts=1795000000000"] {
        let encoded =
            percent_encoding::utf8_percent_encode(cmcd, percent_encoding::NON_ALPHANUMERIC);
        let url = format!("{}/v1/cmcd?k=demo&CMCD={encoded}", world.url);
        let answer = client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 204);
    }
    let modes: Vec<Mode> = parts(&world.log.entries().await, Kind::Player)
        .iter()
        .map(|part| PlayerRows::new(&decode(&part.payload).unwrap()).unwrap().get(0).mode)
        .collect();
    assert_eq!(modes, [Mode::Request, Mode::Event]);
    let head = client.head(format!("{}/v1/cmcd?k=demo", world.url)).send().await.unwrap();
    assert_eq!(head.status(), 405);
}

#[tokio::test]
async fn a_failed_append_acknowledges_nothing() {
    let world = World::start().await;
    let faults: [(world::Fault, u16); 4] = [
        (LogError::Unavailable, 503),
        (LogError::Closed, 503),
        (LogError::Invalid, 500),
        (LogError::Data, 500),
    ];
    for (fault, status) in faults {
        *world.log.fault.lock().unwrap() = Some(fault);
        let answer = world.post("/v1/cmcd", "text/plain", event("a", 1)).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("tallylight-fates"), "");
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
        let wait = answer.header("retry-after").parse::<u32>().ok();
        assert!(wait.is_none_or(|wait| (2..30).contains(&wait)), "{wait:?}");
        assert!(world.log.entries().await.is_empty());
        let ready = reqwest::get(format!("{}/readyz", world.url)).await.unwrap();
        assert_eq!(ready.status(), 503);
    }
    *world.log.fault.lock().unwrap() = None;
    let metrics =
        reqwest::get(format!("{}/metrics", world.url)).await.unwrap().text().await.unwrap();
    assert!(!metrics.contains("tallylight_events_total{"), "{metrics}");
    let until_ready = async {
        while reqwest::get(format!("{}/readyz", world.url)).await.unwrap().status() != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), until_ready).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_sheds_and_counts() {
    let settings =
        Settings { queue_records: 4, request_records: 4, flush_rows: 1, ..Settings::default() };
    let world = World::with(settings).await;
    world.log.hold();
    let body = [event("a", 1), event("b", 2), event("c", 3)].join("\n");
    let first = tokio::spawn({
        let (router, body) = (world.router.clone(), body.clone());
        async move { tower::ServiceExt::oneshot(router, post("/v1/cmcd", "", body)).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let second = world.post("/v1/cmcd", "text/cmcd", body).await;
    assert_eq!(second.status, 503);
    assert_eq!(second.header("tallylight-fates"), "shed;overload=3");
    let retry: u32 = second.header("retry-after").parse().unwrap();
    assert!((2..10).contains(&retry), "{retry}");
    world.log.release();
    assert_eq!(first.await.unwrap().status(), 204);
    world.stop.cancel();
    world.running.await.unwrap().unwrap();
    let stored = world.log.fates().await;
    assert_eq!(
        stored,
        [((Fate::Accepted, Reason::None), 3), ((Fate::Shed, Reason::Overload), 3)].into()
    );
}

#[tokio::test]
async fn records_that_queue_behind_a_slow_log_are_all_stored() {
    let world = World::start().await;
    world.log.hold();
    let requests = (0..40_u64).map(|n| {
        let (world, extra) = (&world, if n % 2 == 0 { "bg," } else { "cid=\"c\"," });
        async move {
            tokio::time::sleep(Duration::from_millis(n * 3)).await;
            let body = format!("{extra}{}", event(&format!("s{n}"), n));
            let answer = world.post("/v1/cmcd", "", body).await;
            assert_eq!(answer.status, 204);
        }
    });
    let release = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        world.log.release();
    };
    futures::future::join(futures::future::join_all(requests), release).await;
    let entries = world.log.entries().await;
    assert!(entries.len() < 10, "{} entries", entries.len());
    let mut numbers = BTreeSet::new();
    for part in parts(&entries, Kind::Player) {
        let batch = decode(&part.payload).unwrap();
        let rows = PlayerRows::new(&batch).unwrap();
        numbers.extend((0..rows.len()).map(|at| rows.get(at).sn.unwrap()));
    }
    assert_eq!(numbers, (0..40).collect());
    assert_eq!(world.log.fates().await, [((Fate::Accepted, Reason::None), 40)].into());
}

#[tokio::test]
async fn a_drain_stores_and_answers_requests_in_flight() {
    let world = World::with(Settings { flush_ms: 1, ..Settings::default() }).await;
    let url = format!("{}/v1/cmcd?k=demo", world.url);
    world.log.hold();
    let waiting = tokio::spawn(reqwest::Client::new().post(&url).body(event("a", 1)).send());
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.stop.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(reqwest::Client::new().post(&url).body(event("b", 1)).send().await.is_err());
    world.log.release();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 204);
    world.running.await.unwrap().unwrap();
    assert_eq!(world.log.fates().await, [((Fate::Accepted, Reason::None), 1)].into());
}

#[tokio::test]
async fn a_collector_that_cannot_commit_any_more_says_so_and_ends() {
    let mut world = World::start().await;
    *world.log.fault.lock().unwrap() = Some(|_| panic!("as the test wants it"));
    let answer = reqwest::Client::new().post(format!("{}/v1/cmcd?k=demo", world.url));
    let answer = answer.body(event("a", 1)).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let ended = tokio::time::timeout(Duration::from_secs(5), &mut world.running).await.unwrap();
    let error = ended.unwrap().unwrap_err().to_string();
    assert!(error.contains("as the test wants it"), "{error}");
    // No request waits for commits that never come, and a probe shows it.
    let probe = Request::get("/readyz").body(Body::empty()).unwrap();
    for request in [post("/v1/cmcd", "", event("a", 2)), probe] {
        assert_eq!(world.send(request).await.status, 503);
    }
}

#[tokio::test]
async fn a_flooding_session_is_held_to_its_quota_and_others_are_not() {
    // The clock is frozen, so no quota is refilled: a burst of 50, half of it for heartbeats.
    let world = World::with(Settings { session_records_per_s: 10, ..Settings::default() }).await;
    let beats = |sid: &str, count: u64| {
        let beat = |n| format!("e=t,sid=\"{sid}\",sn={n},sta=p,ts={},v=2\n", NOW / 1_000);
        (1..=count).map(beat).collect::<String>()
    };
    let both = beats("hot", 200) + &beats("calm", 20);
    let answer = world.post("/v1/cmcd", "application/cmcd", both).await;
    assert_eq!(answer.status, 204);
    let (accepted, shed) = (answer.fates()["accepted"], answer.fates()["shed;quota"]);
    assert_eq!(accepted + shed, 220);
    assert!((25 + 20..=50 + 20).contains(&accepted), "{accepted}");
    // Vital records of the hot session are still accepted.
    let end = format!("e=ps,sid=\"hot\",sn=201,sta=e,ts={},v=2", NOW / 1_000);
    let answer = world.post("/v1/cmcd", "application/cmcd", end).await;
    assert_eq!(answer.fates(), [("accepted".to_owned(), 1)].into());
    let stored = world.log.fates().await;
    assert_eq!(stored[&(Fate::Accepted, Reason::None)], accepted + 1);
    assert_eq!(stored[&(Fate::Shed, Reason::Quota)], shed);
}
