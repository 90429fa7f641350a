//! OTLP/HTTP: log records and spans that tell of requests for media are delivery events, and
//! whatever else comes has a fate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/otlp.rs"]
#[allow(unreachable_pub)]
mod spoilt;
#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use axum::body::Body;
use axum::http::Request;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};
use spoilt::{hits, read_all, spoil};
use tallylight_collector::Settings;
use tallylight_collector::decode::otlp::{
    Export, ExportLogsServiceRequest, ExportTraceServiceRequest, Wire, request,
};
use tallylight_schemas::delivery::{Action, DeliveryEvent, Service};
use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::ipc::{TenantDelivery, decode_all};
use tallylight_schemas::record::Kind;
use world::{NOW, World, parts};

const NS: u64 = NOW as u64 * 1_000;

/// Attributes as OTLP has them: numbers are strings in its JSON.
fn attributes(pairs: &[(&str, Value)]) -> Value {
    let value = |value: &Value| match value {
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Array(texts) => json!({"arrayValue": {"values":
            texts.iter().map(|text| json!({"stringValue": text})).collect::<Vec<_>>()}}),
        text => json!({"stringValue": text}),
    };
    pairs.iter().map(|(key, of)| json!({"key": key, "value": value(of)})).collect()
}

fn resource(service: &str, instance: &str) -> Value {
    let pairs = [("service.name", json!(service)), ("service.instance.id", json!(instance))];
    json!({"attributes": attributes(&pairs)})
}

/// A span of its kind (2 is the server's) that took 1.5 ms.
fn span(kind: u8, pairs: &[(&str, Value)]) -> Value {
    json!({"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331",
        "name": "GET", "kind": kind, "startTimeUnixNano": NS.to_string(),
        "endTimeUnixNano": NS + 1_500_000, "attributes": attributes(pairs),
        "status": {"code": 1}, "events": [{"timeUnixNano": NS.to_string(), "name": "x"}]})
}

fn get(path: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("http.request.method", json!("GET")),
        ("url.path", json!(path)),
        ("http.response.status_code", json!(200)),
        ("http.response.body.size", json!(70_000)),
    ]
}

/// A segment with its viewer; a page, what an edge fetched, a request of no size: none of them.
fn spans() -> Value {
    let mut segment = get("/live/demo/v-360/7.m4s");
    segment.push(("url.query", json!("x=1&CMCD=cid%3D%22show%22%2Csid%3D%22s-1%22")));
    segment.push(("http.response.header.cache-status", json!(["e1; hit", "origin; fwd=miss"])));
    let mut sizeless = get("/live/demo/v-360/8.m4s");
    sizeless.pop();
    let all = json!([
        span(2, &segment),
        span(2, &get("/index.html")),
        span(3, &get("/live/demo/v-360/7.m4s")),
        span(2, &sizeless),
    ]);
    json!({"resourceSpans": [{"resource": resource("varnish", "e1"),
        "scopeSpans": [{"scope": {"name": "test"}, "spans": all}]}]})
}

/// A line of an access log in the older names, a PUT, a line that tells of no request.
fn logs() -> Value {
    let manifest = [
        ("http.method", json!("GET")),
        ("http.url", json!("https://cdn.example/live/demo/master.m3u8?token=secret")),
        ("http.status_code", json!("404")),
        ("http.response_content_length", json!("12")),
        ("http.server.request.duration", json!("0.25")),
        ("http.request.header.cmcd-session", json!(["sid=\"s-2\""])),
        ("http.response.header.x-cache", json!("MISS from e2")),
    ];
    let put = [
        ("http.request.method", json!("PUT")),
        ("url.path", json!("/live/demo/v-360/9.m4s")),
        ("http.response.status_code", json!(201)),
        ("http.request.body.size", json!(80_000)),
        ("http.server.request.duration", json!("0.003")),
    ];
    let record = |pairs: &[(&str, Value)]| {
        json!({"timeUnixNano": NS, "severityText": "INFO",
        "severityNumber": 9, "body": {"stringValue": "a line"}, "attributes": attributes(pairs)})
    };
    let untimed = json!({"attributes": attributes(&put)});
    json!({"resourceLogs": [
        {"resource": resource("nginx", "e2"),
            "scopeLogs": [{"logRecords": [record(&manifest), record(&[]), untimed]}]},
        {"resource": resource("origin", "o1"), "scopeLogs": [{"logRecords": [record(&put)]}]}]})
}

async fn stored(world: &World) -> Vec<DeliveryEvent> {
    let parts = parts(&world.log.entries().await, Kind::Delivery);
    let all = parts.iter().flat_map(|part| decode_all::<TenantDelivery>(&part.payload).unwrap());
    all.map(|row| row.event).collect()
}

fn encoded<E: Export>(json: &Value) -> Vec<u8> {
    request::<E>(json.to_string().as_bytes(), Wire::Json).unwrap().encode_to_vec()
}

#[tokio::test]
async fn spans_of_servers_are_stored_and_what_is_rejected_is_told() {
    for wire in ["application/json", "application/x-protobuf"] {
        let world = World::start().await;
        let body = match wire {
            "application/json" => spans().to_string().into_bytes(),
            _ => encoded::<ExportTraceServiceRequest>(&spans()),
        };
        let answer = world.post("/v1/traces", wire, body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, wire));
        let told = answer.body.as_bytes();
        let (lost, message) = if wire == "application/json" {
            let told: Value = serde_json::from_slice(told).unwrap();
            let partial = &told["partialSuccess"];
            assert_eq!(partial["rejectedSpans"], "3", "{told}");
            (3, partial["errorMessage"].as_str().unwrap().to_owned())
        } else {
            let partial =
                ExportTraceServiceResponse::decode(told).unwrap().partial_success.unwrap();
            (partial.rejected_spans, partial.error_message)
        };
        assert_eq!(lost, 3);
        assert!(message.contains("accepted=1, rejected;not_media=2, rejected;bad_shape=1"));
        let [event] = &stored(&world).await[..] else { panic!("one event") };
        let wanted = DeliveryEvent {
            source: "e1".into(),
            boot: event.boot,
            seq: 0,
            ts: NOW,
            service: Service::Edge,
            action: Action::Get,
            stream: "demo".into(),
            track: "v-360".into(),
            k: Some(7),
            status: 200,
            bytes: 70_000,
            ttfb_us: 1_500,
            held_us: 0,
            hit: Some(true),
            edge: Some("e1".into()),
            pipeline: None,
            sid: Some("s-1".into()),
            cid: Some("show".into()),
            reserved_kbps: None,
            capacity_kbps: None,
            sessions: None,
            late_us: None,
            defect: None,
        };
        assert_eq!(*event, wanted);
        // Sent again it is the same event, so the processor counts it once.
        world.post("/v1/traces", wire, body).await;
        assert_eq!(stored(&world).await, [wanted.clone(), wanted]);
        let fates = world.log.fates().await;
        assert_eq!(fates[&(Fate::Rejected, Reason::NotMedia)], 4);
    }
}

#[tokio::test]
async fn lines_of_access_logs_are_stored_in_the_older_names_too() {
    for wire in ["application/json", "application/x-protobuf"] {
        let world = World::start().await;
        let body = match wire {
            "application/json" => logs().to_string().into_bytes(),
            _ => encoded::<ExportLogsServiceRequest>(&logs()),
        };
        let answer = world.send(world::post("/v1/logs", wire, body)).await;
        let fates = "accepted=2, rejected;not_media=1, rejected;no_ts=1";
        assert_eq!((answer.status.as_u16(), answer.header("tallylight-fates")), (200, fates));
        if wire != "application/json" {
            let told = ExportLogsServiceResponse::decode(answer.body.as_bytes()).unwrap();
            assert_eq!(told.partial_success.unwrap().rejected_log_records, 2);
        }
        let mut events = stored(&world).await;
        events.sort_by(|a, b| a.source.cmp(&b.source));
        let [manifest, put] = &events[..] else { panic!("{events:?}") };
        assert_eq!((manifest.source.as_str(), manifest.edge.as_deref()), ("e2", Some("e2")));
        assert_eq!((manifest.stream.as_str(), manifest.track.as_str()), ("demo", ""));
        assert_eq!((manifest.status, manifest.bytes, manifest.ttfb_us), (404, 12, 250_000));
        assert_eq!((manifest.hit, manifest.sid.as_deref()), (Some(false), Some("s-2")));
        assert_eq!(
            (put.service, put.action, put.edge.as_ref()),
            (Service::Origin, Action::Put, None)
        );
        assert_eq!((put.bytes, put.ttfb_us, put.k), (80_000, 3_000, Some(9)));
        assert_eq!((put.boot, put.seq), (manifest.boot, 3), "one request, numbered through");
    }
}

#[tokio::test]
async fn only_who_proves_to_be_ours_may_tell_of_requests() {
    let key = "a key that nobody guesses";
    let settings = Settings { service_key: Some(key.into()), ..Settings::default() };
    let world = World::with(settings).await;
    let answer = world.post("/v1/traces", "application/json", spans().to_string()).await;
    let fates = "rejected;untrusted=1, rejected;not_media=2, rejected;bad_shape=1";
    assert_eq!(answer.header("tallylight-fates"), fates);
    let request = Request::post("/v1/logs?k=demo").header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {key}"));
    let answer = world.send(request.body(Body::from(logs().to_string())).unwrap()).await;
    assert!(answer.header("tallylight-fates").starts_with("accepted=2"), "{answer:?}");
}

#[tokio::test]
async fn what_is_no_request_of_a_signal_is_refused_by_its_name() {
    let world = World::start().await;
    for (path, name) in
        [("/v1/logs", "ExportLogsServiceRequest"), ("/v1/traces", "ExportTraceServiceRequest")]
    {
        let none = world.post(path, "application/json", "{}").await;
        assert_eq!((none.status.as_u16(), none.body.as_str()), (200, "{}"));
        let bad = world.post(path, "application/x-protobuf", b"\xff\xff".to_vec()).await;
        assert!(bad.status == 400 && bad.body.contains(name), "{bad:?}");
        let bad = world.post(path, "application/json", "[]").await;
        assert!(bad.status == 400 && bad.body.contains(name), "{bad:?}");
        assert_eq!(world.post(path, "text/html", "x").await.status, 415);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_mutated_request_never_panics_and_loses_no_record(
        hits in hits(),
    ) {
        let protobuf =
            [encoded::<ExportTraceServiceRequest>(&spans()), encoded::<ExportLogsServiceRequest>(&logs())];
        let json = [spans(), logs()].map(|json| json.to_string().into_bytes());
        for (bodies, wire) in [(protobuf, Wire::Protobuf), (json, Wire::Json)] {
            for mut body in bodies {
                spoil(&mut body, &hits);
                read_all::<ExportTraceServiceRequest>(&body, wire, 3);
                read_all::<ExportLogsServiceRequest>(&body, wire, 3);
            }
        }
    }
}
