//! The CMCD of requests that edges and access logs report: it becomes a player's record, beside the
//! delivery event of the request.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use serde_json::{Value, json};
use tallylight_collector::Settings;
use tallylight_schemas::cmcd::Mode;
use tallylight_schemas::fates::{Fate, FateCount, Reason};
use tallylight_schemas::ipc::{TenantDelivery, decode, decode_all};
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::record::Kind;
use world::{NOW, World, parts};

/// A segment that an edge served 300 ms ago.
fn event(seq: u64, cmcd: &Value) -> Value {
    json!({"type": "delivery", "source": "edge-e1", "boot": 7, "seq": seq, "ts": NOW - 300_000,
        "service": "edge", "action": "get", "stream": "demo", "track": "v-360", "k": 7,
        "status": 200, "bytes": 10, "edge": "e1", "cmcd": cmcd})
}

async fn players(world: &World) -> Vec<PlayerRows> {
    let parts = parts(&world.log.entries().await, Kind::Player);
    parts.iter().map(|part| PlayerRows::new(&decode(&part.payload).unwrap()).unwrap()).collect()
}

async fn deliveries(world: &World) -> Vec<TenantDelivery> {
    let parts = parts(&world.log.entries().await, Kind::Delivery);
    parts.iter().flat_map(|part| decode_all(&part.payload).unwrap()).collect()
}

/// What the collector counted under a source.
async fn booked(world: &World, source: &str) -> Vec<(Fate, Reason, u64)> {
    let parts = parts(&world.log.entries().await, Kind::DoorFates);
    let rows = parts.iter().flat_map(|part| decode_all::<FateCount>(&part.payload).unwrap());
    let own = rows.filter(|row| row.source == source);
    own.map(|row| (row.fate, row.reason, row.events)).collect()
}

#[tokio::test]
async fn an_edges_event_brings_the_players_cmcd() {
    let world = World::start().await;
    let older = r#"bl=2100,br=900,cid="show",ot=v,sid="s-1",su"#;
    let body = json!([
        event(0, &json!(older)),
        // These have no usable CMCD; the events are stored all the same.
        event(1, &json!("bl=100")),
        event(2, &json!("v=3,sid=\"s-2\"")),
        event(3, &json!(7)),
        event(4, &Value::Null),
        event(5, &json!(format!("sid=\"s-3\",nor=\"{}\"", "x".repeat(4_096)))),
    ]);
    let answer = world.post("/v1/events", "application/json", body.to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.header("tallylight-fates")), (204, "accepted=6"));
    let [rows] = &players(&world).await[..] else { panic!("one part") };
    assert_eq!(rows.len(), 1);
    let row = rows.get(0);
    assert_eq!(
        (row.mode, row.source, row.sid, row.cid),
        (Mode::Request, "edge", "s-1", Some("show"))
    );
    assert_eq!((row.br_kbps, row.su, row.ot, row.v), (Some(900), Some(true), Some("v"), 1));
    // It has the time of the response, not of the report.
    assert_eq!((row.received_at, row.ts), (NOW - 300_000, None));
    let events = deliveries(&world).await;
    let sids: Vec<_> = events.iter().map(|of| of.event.sid.as_deref()).collect();
    assert_eq!(sids, [Some("s-1"), None, None, None, None, None]);
    assert_eq!(booked(&world, "edge").await, [(Fate::Accepted, Reason::None, 1)]);
    assert_eq!(booked(&world, "events").await, [(Fate::Accepted, Reason::None, 6)]);
}

#[tokio::test]
async fn unauthenticated_services_report_nothing_of_players() {
    let settings = Settings { service_key: Some("k".repeat(16)), ..Settings::default() };
    let world = World::with(settings).await;
    let body = json!([event(0, &json!("sid=\"s-1\""))]);
    let answer = world.post("/v1/events", "application/json", body.to_string()).await;
    assert_eq!(answer.header("tallylight-fates"), "rejected;untrusted=1");
    assert!(players(&world).await.is_empty());
    assert!(booked(&world, "edge").await.is_empty());
}

/// A line of a CDN's log, as OTLP has it.
fn logged(query: &str, headers: Option<&str>) -> Value {
    let text = |key: &str, text: &str| json!({"key": key, "value": {"stringValue": text}});
    let url = format!("https://cdn.example/live/demo/v-360/7.m4s?token=secret&{query}&a=secret");
    let mut attributes = vec![
        text("http.request.method", "GET"),
        text("url.full", &url),
        text("http.response.status_code", "200"),
        text("http.response.body.size", "70000"),
        text("http.server.request.duration", "0.2"),
    ];
    attributes.extend(headers.map(|header| text("http.request.header.cmcd-session", header)));
    let resource = json!({"attributes": [text("service.name", "cdn")]});
    let record =
        json!({"timeUnixNano": ((NOW - 2_000_000) * 1_000).to_string(), "attributes": attributes});
    json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]})
}

#[tokio::test]
async fn an_access_log_brings_it_too_and_the_same_request_is_recognized() {
    let world = World::start().await;
    let cmcd = r#"bl=2100,nor="..%2F8.m4s%3Ftoken=secret",sid="s-1""#;
    let quoted = "bl%3D2100%2Cnor%3D%22..%252F8.m4s%253Ftoken%3Dsecret%22%2Csid%3D%22s-1%22";
    let log = logged(&format!("CMCD={quoted}"), None).to_string();
    let answer = world.post("/v1/logs", "application/json", log).await;
    assert_eq!((answer.status.as_u16(), answer.header("tallylight-fates")), (200, "accepted=1"));
    let edge = json!([event(0, &json!(cmcd))]).to_string();
    world.post("/v1/events", "application/json", edge).await;
    // Headers take precedence over a query.
    let log = logged("CMCD=sid%3D%22s-2%22", Some("sid=\"s-3\"")).to_string();
    world.post("/v1/logs", "application/json", log).await;
    let all = players(&world).await;
    let rows: Vec<_> = all.iter().flat_map(|rows| (0..rows.len()).map(|at| rows.get(at))).collect();
    let reported: Vec<_> = rows.iter().map(|row| (row.source, row.sid, row.received_at)).collect();
    assert_eq!(
        reported,
        [
            ("otlp", "s-1", NOW - 2_000_000),
            ("edge", "s-1", NOW - 300_000),
            ("otlp", "s-3", NOW - 2_000_000)
        ]
    );
    assert_eq!(rows[0].digest, rows[1].digest);
    assert_eq!(booked(&world, "otlp").await.iter().map(|(.., events)| events).sum::<u64>(), 2);
    let entries = format!("{:?}", world.log.entries().await);
    assert!(!entries.contains("secret"), "{entries}");
}
