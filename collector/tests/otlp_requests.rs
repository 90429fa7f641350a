//! OTLP/HTTP logs and traces: log records and spans that describe requests for media become
//! delivery events, others points of metrics, and every one has a fate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/otlp_samples.rs"]
#[allow(unreachable_pub)]
mod samples;
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
use samples::{logs, spans};
use serde_json::{Value, json};
use spoilt::{hits, read_all, spoil};
use tallylight_collector::Settings;
use tallylight_collector::decode::otlp::{
    Export, ExportLogsServiceRequest, ExportTraceServiceRequest, Wire, request,
};
use tallylight_schemas::delivery::{Action, DeliveryEvent, Service};
use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::infra::{Attribute, InfraKind, InfraMetric};
use tallylight_schemas::ipc::{TenantDelivery, decode_all};
use tallylight_schemas::record::Kind;
use world::{NOW, World, parts};

async fn stored(world: &World) -> Vec<DeliveryEvent> {
    let parts = parts(&world.log.entries().await, Kind::Delivery);
    let all = parts.iter().flat_map(|part| decode_all::<TenantDelivery>(&part.payload).unwrap());
    all.map(|row| row.event).collect()
}

async fn points(world: &World) -> Vec<InfraMetric> {
    let parts = parts(&world.log.entries().await, Kind::InfraMetrics);
    parts.iter().flat_map(|part| decode_all::<InfraMetric>(&part.payload).unwrap()).collect()
}

/// The point that is stored for a span that is not a request for media, or not the server's.
fn duration(name: &str, kind: &str) -> InfraMetric {
    let attributes = [
        ("span.name", name),
        ("span.kind", kind),
        ("status.code", "STATUS_CODE_OK"),
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
    ];
    InfraMetric {
        tenant: "demo".into(),
        received_at: NOW,
        time: NOW + 1_500,
        started_at: Some(NOW),
        service: "varnish".into(),
        instance: Some("e1".into()),
        scope: Some("test".into()),
        name: "traces.span.metrics.duration".into(),
        kind: InfraKind::Histogram,
        delta: Some(true),
        value: Some(1.5),
        count: Some(1),
        min: Some(1.5),
        max: Some(1.5),
        unit: Some("ms".into()),
        attributes: attributes.map(|(k, v)| Attribute { k: k.into(), v: v.into() }).into(),
        trusted: true,
    }
}

fn encoded<E: Export>(json: &Value) -> Vec<u8> {
    request::<E>(json.to_string().as_bytes(), Wire::Json).unwrap().encode_to_vec()
}

#[tokio::test]
async fn spans_of_servers_are_stored_and_rejected_ones_are_reported() {
    for wire in ["application/json", "application/x-protobuf"] {
        let world = World::start().await;
        let body = match wire {
            "application/json" => spans().to_string().into_bytes(),
            _ => encoded::<ExportTraceServiceRequest>(&spans()),
        };
        let answer = world.post("/v1/traces", wire, body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, wire));
        let answered = answer.body.as_bytes();
        let (lost, message) = if wire == "application/json" {
            let answered: Value = serde_json::from_slice(answered).unwrap();
            let partial = &answered["partialSuccess"];
            assert_eq!(partial["rejectedSpans"], "1", "{answered}");
            (1, partial["errorMessage"].as_str().unwrap().to_owned())
        } else {
            let partial =
                ExportTraceServiceResponse::decode(answered).unwrap().partial_success.unwrap();
            (partial.rejected_spans, partial.error_message)
        };
        assert_eq!(lost, 1);
        assert!(message.contains("accepted=3, rejected;bad_shape=1"));
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
        // Sent again, it is the same event, so the processor counts it once.
        world.post("/v1/traces", wire, body).await;
        assert_eq!(stored(&world).await, [wanted.clone(), wanted]);
        let fates = world.log.fates().await;
        // The event, its CMCD and two points, twice.
        assert_eq!(fates[&(Fate::Accepted, Reason::None)], 8);
        // OTLP points have no identity, so each is stored twice.
        let points = points(&world).await;
        assert_eq!(points.len(), 4);
        assert_eq!(points[0], duration("GET", "SPAN_KIND_SERVER"));
        assert_eq!(points[1], duration("GET", "SPAN_KIND_CLIENT"));
        let booked = world.log.booked().await;
        let accepted = |source: &str| booked[&(source.to_owned(), Fate::Accepted)];
        assert_eq!((accepted("events"), accepted("otlp_metrics")), (2, 4), "as the processor does");
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
        let fates = "accepted=3, rejected;no_ts=1";
        assert_eq!((answer.status.as_u16(), answer.header("tallylight-fates")), (200, fates));
        if wire != "application/json" {
            let answered = ExportLogsServiceResponse::decode(answer.body.as_bytes()).unwrap();
            assert_eq!(answered.partial_success.unwrap().rejected_log_records, 1);
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
        let [line] = &points(&world).await[..] else { panic!("one line of no request") };
        assert_eq!((line.name.as_str(), line.kind), ("log.record.count", InfraKind::Counter));
        assert_eq!(
            (line.service.as_str(), line.value, line.delta),
            ("nginx", Some(1.0), Some(true))
        );
        let severity = Attribute { k: "severity".into(), v: "INFO".into() };
        assert_eq!((line.time, &line.attributes), (NOW, &vec![severity]), "and not its text");
    }
}

#[tokio::test]
async fn a_request_with_an_impossible_size_or_duration_is_rejected() {
    let world = World::start().await;
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let line = |size: &str, seconds: &str| {
        json!({"timeUnixNano": format!("{NOW}000"), "attributes": [
            text("http.request.method", "GET"),
            text("url.path", "/live/demo/v-360/7.m4s"),
            text("http.response.status_code", "200"),
            text("http.response.body.size", size),
            text("http.server.request.duration", seconds),
        ]})
    };
    let absurd = [("-1", "0.25"), ("1e300", "0.25"), ("2e15", "0.25"), ("1", "1e9"), ("1", "-1")];
    let mut lines = vec![line("70000", "0.25")];
    lines.extend(absurd.map(|(size, seconds)| line(size, seconds)));
    let resource = json!({"attributes": [text("service.name", "nginx")]});
    let logs = json!({"resourceLogs": [
        {"resource": resource, "scopeLogs": [{"logRecords": lines}]}]});
    let answer = world.post("/v1/logs", "application/json", logs.to_string()).await;
    assert_eq!(answer.header("tallylight-fates"), "accepted=1, rejected;bad_shape=5");
    let events = stored(&world).await;
    assert_eq!((events.len(), events[0].bytes), (1, 70_000));
}

#[tokio::test]
async fn only_authenticated_services_may_report_requests() {
    let key = "a-key-that-nobody-guesses";
    let settings = Settings { service_key: Some(key.into()), ..Settings::default() };
    let world = World::with(settings).await;
    let answer = world.post("/v1/traces", "application/json", spans().to_string()).await;
    let fates = "rejected;untrusted=1, accepted=2, rejected;bad_shape=1";
    assert_eq!(answer.header("tallylight-fates"), fates);
    let request = Request::post("/v1/logs?k=demo").header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {key}"));
    let answer = world.send(request.body(Body::from(logs().to_string())).unwrap()).await;
    assert!(answer.header("tallylight-fates").starts_with("accepted=3"), "{answer:?}");
}

#[tokio::test]
async fn a_severity_or_status_that_is_not_a_number_loses_no_record() {
    let world = World::start().await;
    let ns = format!("{NOW}000");
    let record = json!({"timeUnixNano": ns, "severityNumber": "INFO", "severityText": "loud"});
    let logs = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]});
    let span = json!({"name": "x", "startTimeUnixNano": ns, "endTimeUnixNano": ns,
        "status": {"code": "STATUS_CODE_ERROR", "message": 7}});
    let spans = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    for (path, request) in [("/v1/logs", logs), ("/v1/traces", spans)] {
        let answer = world.post(path, "application/json", request.to_string()).await;
        assert_eq!(answer.header("tallylight-fates"), "accepted=1", "{answer:?}");
    }
    let attributes: Vec<String> =
        points(&world).await.iter().map(|p| format!("{:?}", p.attributes)).collect();
    assert!(
        attributes[0].contains("loud") && attributes[1].contains("STATUS_CODE_UNSET"),
        "{attributes:?}"
    );
}

#[tokio::test]
async fn invalid_requests_are_refused_with_the_name_of_the_expected_message() {
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
