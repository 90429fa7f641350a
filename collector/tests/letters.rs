//! Dead letters: a rejected record is kept with its reason, within bounds, at no other tenant's
//! expense.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::ipc::writer::StreamWriter;
use axum::body::Body;
use axum::http::Request;
use tallylight_collector::Settings;
use tallylight_collector::dead_letters::PER_FLUSH;
use tallylight_collector::settings::Tenant;
use tallylight_eventlog::LogError;
use tallylight_schemas::dead::{DeadLetter, KEPT_BYTES};
use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::ipc::{STREAM_MEDIA_TYPE, decode_all};
use tallylight_schemas::record::Kind;
use world::{Answer, NOW, World, parts};

async fn letters(world: &World) -> Vec<DeadLetter> {
    let parts = parts(&world.log.entries().await, Kind::DeadLetters);
    parts.iter().flat_map(|part| decode_all::<DeadLetter>(&part.payload).unwrap()).collect()
}

/// How many rejected records ended this way.
async fn counted(world: &World, end: &str) -> u64 {
    let text = world.send(Request::get("/metrics").body(Body::empty()).unwrap()).await.body;
    let name = format!("tallylight_collector_dead_letters_total{{end=\"{end}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.parse().unwrap())
}

/// Kept, dropped, over their quota.
async fn ends(world: &World) -> [u64; 3] {
    let [kept, dropped, over_quota] =
        ["kept", "dropped", "over_quota"].map(|end| counted(world, end));
    [kept.await, dropped.await, over_quota.await]
}

async fn cmcd(world: &World, key: &str, lines: &[String]) -> Answer {
    let request = Request::post(format!("/v1/cmcd?k={key}"));
    world.send(request.body(Body::from(lines.join("\n"))).unwrap()).await
}

fn garbage(records: usize) -> Vec<String> {
    (0..records).map(|n| format!("e=ps,sta=p,v=2,pr={n}")).collect()
}

/// A player's event without a session.
fn arrow() -> Vec<u8> {
    let text = |text: &str| Arc::new(StringArray::from(vec![text.to_owned()])) as ArrayRef;
    let columns = [("type", text("player")), ("e", text("ps")), ("cid", text("c"))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn every_route_keeps_rejected_records_with_their_reason() {
    let world = World::start().await;
    let line = "e=ps,sta=p,url=\"https://u:p@cdn.example/1.m4s?token=x\"";
    let metric = r#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "", "gauge": {"dataPoints": [{"asDouble": 1.0}]}}]}]}]}"#;
    world.post("/v1/cmcd", "text/cmcd", line).await.check();
    world.post("/v1/events", "application/json", r#"[{"type": "odd", "a": 1}]"#).await.check();
    world.post("/v1/events", STREAM_MEDIA_TYPE, arrow()).await.check();
    let get = Request::get("/v1/cmcd?k=demo&CMCD=bl%3D100").body(Body::empty()).unwrap();
    world.send(get).await.check();
    assert_eq!(world.post("/v1/metrics", "application/json", metric).await.status, 200);
    let known = format!("e=ps,sta=p,sid=\"a\",sn=0,ts={},v=2", NOW / 1_000);
    world.post("/v1/cmcd", "text/cmcd", known).await.check();
    assert_eq!(cmcd(&world, "nobody", &garbage(1)).await.status, 401);

    let all = letters(&world).await;
    let stored: Vec<_> = all
        .iter()
        .map(|one| (one.source.as_str(), one.reason.as_str(), one.record.as_deref(), one.bytes))
        .collect();
    let kept = Some("e=ps,sta=p,url=\"https://cdn.example/1.m4s…\"");
    let json = r#"{"cid":"c","e":"ps","type":"player"}"#;
    assert_eq!(
        stored,
        [
            ("cmcd", "no_sid", kept, Some(line.len() as i64)),
            ("events", "bad_shape", Some(r#"{"type": "odd", "a": 1}"#), Some(23)),
            ("events", "no_sid", Some(json), Some(json.len() as i64)),
            ("cmcd_query", "no_sid", Some("bl=100"), Some(6)),
            ("otlp_metrics", "bad_shape", None, None),
        ]
    );
    assert!(all.iter().all(|one| one.tenant == "demo" && one.received_at == NOW));
    assert_eq!(counted(&world, "kept").await, 5);
}

#[tokio::test]
async fn a_flood_of_rejected_records_is_counted_and_not_kept() {
    let keys = [("a", "a"), ("b", "b")].map(|(key, tenant)| (key.into(), tenant.into()));
    let world = World::with(Settings {
        write_keys: keys.into(),
        dead_letters_per_day: 20,
        ..Settings::default()
    });
    let world = world.await;
    for _ in 0..3 {
        assert_eq!(cmcd(&world, "a", &garbage(40)).await.fates()["rejected;no_sid"], 40);
    }
    cmcd(&world, "b", &garbage(1)).await.check();
    let all = letters(&world).await;
    let of = |tenant: &str| all.iter().filter(|one| one.tenant == tenant).count();
    assert_eq!((of("a"), of("b")), (20, 1));
    let per_part = parts(&world.log.entries().await, Kind::DeadLetters);
    let per_part = per_part.iter().map(|part| decode_all::<DeadLetter>(&part.payload).unwrap());
    assert_eq!(per_part.map(|letters| letters.len()).max(), Some(PER_FLUSH));
    assert_eq!(ends(&world).await, [21, 24, 76]);
    // The ledger counts all of them.
    assert_eq!(world.log.fates().await[&(Fate::Rejected, Reason::NoSid)], 121);
}

#[tokio::test]
async fn what_the_log_does_not_take_is_no_dead_letter_of_the_day() {
    let world = World::with(Settings { dead_letters_per_day: 20, ..Settings::default() }).await;
    *world.log.fault.lock().unwrap() = Some(LogError::Unavailable);
    for _ in 0..5 {
        assert_eq!(cmcd(&world, "demo", &garbage(10)).await.status, 503);
    }
    *world.log.fault.lock().unwrap() = None;
    for _ in 0..3 {
        cmcd(&world, "demo", &garbage(10)).await.check();
    }
    assert_eq!(letters(&world).await.len(), 20);
    assert_eq!(ends(&world).await, [20, 50, 10]);
}

#[tokio::test]
async fn dead_letters_are_dropped_before_anything_is_shed() {
    let quota = Tenant { records_per_s: Some(50), ..Tenant::default() };
    let tenants = [("demo".into(), quota)].into();
    let world = World::with(Settings { tenants, ..Settings::default() }).await;
    // The clock is frozen, so a spent quota is not refilled.
    while cmcd(&world, "demo", &garbage(10)).await.header("tallylight-pace").is_empty() {}
    let (kept, dropped) = (letters(&world).await.len(), counted(&world, "dropped").await);
    assert!(kept > 0);
    let answer = cmcd(&world, "demo", &garbage(10)).await;
    assert_eq!(answer.header("tallylight-fates"), "rejected;no_sid=10", "nothing is shed yet");
    assert_eq!(letters(&world).await.len(), kept);
    assert_eq!(counted(&world, "dropped").await, dropped + 10);
}

#[tokio::test]
async fn only_the_beginning_of_a_long_record_is_kept() {
    let world = World::start().await;
    // The cut may remove what marks a text as a secret.
    for begin in ["", "sid=\"a\",nor=\"https://u:Zq7sentinel"] {
        for long in ["x", "é", "😀", "\u{7}", "\\\"", "1.2.3.4 ", "//", "?"] {
            let line = format!("{begin}{}", long.repeat(30_000));
            world.post("/v1/cmcd", "text/cmcd", line).await;
        }
    }
    let all = letters(&world).await;
    assert!(all.len() >= 15, "{}", all.len());
    for letter in all {
        let record = letter.record.unwrap();
        assert!(record.len() <= KEPT_BYTES, "{} bytes of {record}", record.len());
        assert!(letter.bytes.unwrap() > KEPT_BYTES as i64);
        assert!(!record.contains("Zq7sentinel"), "{record}");
    }
}
