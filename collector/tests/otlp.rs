//! OTLP/HTTP metrics: what OpenTelemetry's exporters send is stored as rows, and the answers follow
//! the protocol.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/otlp.rs"]
#[allow(unreachable_pub)]
mod spoilt;
#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::io::Read as _;

use axum::body::Body;
use axum::http::Request;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics,
    Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use prost::Message as _;
use spoilt::{hits, read_all, spoil};
use tallylight_collector::Settings;
use tallylight_collector::decode::otlp::{Export as _, REQUEST_BYTES, ROWS_BYTES, Wire};
use tallylight_collector::decode::{Context, Rows};
use tallylight_collector::talkers::Talkers;
use tallylight_schemas::infra::{InfraKind, InfraMetric};
use tallylight_schemas::ipc::decode_all;
use tallylight_schemas::record::Kind;
use world::{NOW, TestLog, World, parts};

const PATH: &str = "/v1/metrics";
const NS: u64 = NOW as u64 * 1_000;

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Any::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value) }
}

fn number(value: Option<Value>, time_unix_nano: u64) -> NumberDataPoint {
    let attributes = vec![text("cpu", "0"), text("url.full", "https://a:b@host/path?token=secret")];
    NumberDataPoint { attributes, time_unix_nano, value, ..Default::default() }
}

fn metric(name: &str, data: Data) -> Metric {
    Metric { name: name.to_owned(), unit: "By".to_owned(), data: Some(data), ..Default::default() }
}

/// A gauge with two points, one without a time; a counter; and a histogram.
fn sample() -> ExportMetricsServiceRequest {
    let gauge = vec![number(Some(Value::AsDouble(0.5)), NS), number(None, 0)];
    let counter = NumberDataPoint {
        start_time_unix_nano: NS - 5_000_000_000,
        ..number(Some(Value::AsInt(42)), NS)
    };
    let histogram = HistogramDataPoint {
        time_unix_nano: NS,
        count: 3,
        sum: Some(6.0),
        max: Some(f64::INFINITY),
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![1.0],
        ..Default::default()
    };
    let metrics = vec![
        metric("memory", Data::Gauge(Gauge { data_points: gauge })),
        metric(
            "requests",
            Data::Sum(Sum {
                data_points: vec![counter],
                aggregation_temporality: 2,
                is_monotonic: true,
            }),
        ),
        metric(
            "latency",
            Data::Histogram(Histogram { data_points: vec![histogram], aggregation_temporality: 1 }),
        ),
    ];
    let attributes =
        vec![text("service.name", "edge"), text("host.name", "h1"), text("region", "eu")];
    let scope = InstrumentationScope { name: "test".to_owned(), ..Default::default() };
    let scope_metrics =
        vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() }];
    let resource = Some(Resource { attributes, ..Default::default() });
    let resource_metrics =
        vec![ResourceMetrics { resource, scope_metrics, schema_url: String::new() }];
    ExportMetricsServiceRequest { resource_metrics }
}

async fn stored(log: &TestLog) -> Vec<InfraMetric> {
    let parts = parts(&log.entries().await, Kind::InfraMetrics);
    parts.iter().flat_map(|part| decode_all::<InfraMetric>(&part.payload).unwrap()).collect()
}

/// Both encodings give the same rows.
fn check(rows: &[InfraMetric]) {
    let [memory, requests, latency] = rows else { panic!("{rows:?}") };
    assert_eq!((memory.name.as_str(), memory.value), ("memory", Some(0.5)));
    assert_eq!((memory.kind, memory.delta), (InfraKind::Gauge, None));
    assert_eq!((memory.service.as_str(), memory.instance.as_deref()), ("edge", Some("h1")));
    assert_eq!((memory.time, memory.unit.as_deref()), (NOW, Some("By")));
    let pairs: Vec<_> = memory.attributes.iter().map(|a| (a.k.as_str(), a.v.as_str())).collect();
    // As every URL at the collector, without credentials and query.
    assert_eq!(pairs, [("region", "eu"), ("cpu", "0"), ("url.full", "https://host/path")]);
    assert_eq!((requests.kind, requests.value), (InfraKind::Counter, Some(42.0)));
    assert_eq!((requests.delta, requests.started_at), (Some(false), Some(NOW - 5_000_000)));
    assert_eq!((latency.kind, latency.delta), (InfraKind::Histogram, Some(true)));
    assert_eq!((latency.value, latency.count, latency.max), (Some(6.0), Some(3), None));
}

#[tokio::test]
async fn protobuf_is_stored_and_rejected_points_are_reported() {
    let world = World::start().await;
    let url = format!("{}{PATH}?k=demo", world.url);
    let mut body = Vec::new();
    flate2::read::GzEncoder::new(sample().encode_to_vec().as_slice(), flate2::Compression::fast())
        .read_to_end(&mut body)
        .unwrap();
    let answer = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "gzip")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/x-protobuf");
    let body = answer.bytes().await.unwrap();
    let partial = ExportMetricsServiceResponse::decode(body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_data_points, 1);
    assert!(partial.error_message.contains("no_ts=1"), "{partial:?}");
    check(&stored(&world.log).await);
}

/// This many points of a resource with these attributes.
fn crowd(attributes: Vec<KeyValue>, points: usize) -> ExportMetricsServiceRequest {
    let point = NumberDataPoint { time_unix_nano: NS, ..Default::default() };
    let data = Data::Gauge(Gauge { data_points: vec![point; points] });
    let mut request = sample();
    let [of] = request.resource_metrics.as_mut_slice() else { panic!("one") };
    of.resource = Some(Resource { attributes, ..Default::default() });
    of.scope_metrics[0].metrics = vec![metric("memory", data)];
    request
}

#[test]
fn resource_attributes_are_read_once_and_repeated_within_limits() {
    let talkers = Talkers::new(0);
    let context = Context::calm("demo", NOW, &talkers);
    let read = |attributes, points| {
        let mut rows = Rows::new(4);
        let request = crowd(attributes, points);
        assert!(request.encoded_len() <= REQUEST_BYTES, "{}", request.encoded_len());
        let tally = request.read(1, context, &mut rows);
        assert_eq!(tally.records(), points as u64);
        (tally.accepted(), rows)
    };
    // Half a million colons in one attribute or name. Rereading them for each point took minutes.
    let endless = ":".repeat(500_000);
    let began = std::time::Instant::now();
    for key in ["x", "service.name", "service.instance.id"] {
        assert_eq!(read(vec![text(key, &endless)], 9_000).0, 0, "{key}");
    }
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    // Each point repeats 8 KB: 100 KB become 72 MB.
    let many: Vec<_> = (0..100).map(|n| text(&format!("key-{n}"), &"x".repeat(70))).collect();
    let (accepted, rows) = read(many, 9_000);
    assert!(rows.point_bytes() <= ROWS_BYTES, "{}", rows.point_bytes());
    assert!((1_000..2_000).contains(&accepted), "{accepted}");
    // Usual requests of exporters fit.
    let usual: Vec<_> =
        (0..25).map(|n| text(&format!("resource.{n}"), "some usual value")).collect();
    assert_eq!(read(usual, 5_000).0, 5_000);
}

#[tokio::test]
async fn json_is_stored_in_all_its_forms() {
    let world = World::start().await;
    let body = serde_json::json!({"resourceMetrics": [{
    "resource": {"attributes": [
        {"key": "service.name", "value": {"stringValue": "edge"}},
        {"key": "host.name", "value": {"stringValue": "h1"}},
        {"key": "region", "value": {"stringValue": "eu"}}]},
    "scopeMetrics": [{"scope": {"name": "test"}, "metrics": [
        {"name": "memory", "unit": "By", "gauge": {"dataPoints": [{
            "timeUnixNano": NS.to_string(), "asDouble": 0.5, "attributes": [
                {"key": "cpu", "value": {"intValue": "0"}},
                {"key": "url.full",
                 "value": {"stringValue": "https://a:b@host/path?token=secret"}}]}]}},
        {"name": "requests", "sum": {"aggregationTemporality": 2, "isMonotonic": true,
            "dataPoints": [{"startTimeUnixNano": NS - 5_000_000_000, "timeUnixNano": NS,
                "asInt": "42"}]}},
        {"name": "latency", "histogram": {"aggregationTemporality": 1, "dataPoints": [{
            "timeUnixNano": NS.to_string(), "count": "3", "sum": 6,
            "bucketCounts": ["1", "2"], "explicitBounds": [1]}]}},
        {"name": "spread", "exponentialHistogram": {"aggregationTemporality": 1,
            "dataPoints": [{"timeUnixNano": NS.to_string(), "count": "3"}]}},
        {"name": "quantiles", "summary": {"dataPoints": [{"timeUnixNano": NS, "count": "3",
            "sum": 6, "quantileValues": [{"quantile": 0.5, "value": 1}]}]}}
    ]}]}]});
    let answer = world.post(PATH, "application/json", body.to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "{}"), "{answer:?}");
    let mut rows = stored(&world.log).await;
    let quantiles = rows.pop().unwrap();
    assert_eq!((quantiles.kind, quantiles.value), (InfraKind::Summary, Some(6.0)));
    let spread = rows.pop().unwrap();
    assert_eq!((spread.kind, spread.count), (InfraKind::ExponentialHistogram, Some(3)));
    check(&rows);
}

#[tokio::test]
async fn refusals_follow_the_protocol() {
    let settings = Settings { service_key: Some("k".repeat(16)), ..Settings::default() };
    let world = World::with(settings).await;
    let protobuf = "application/x-protobuf";
    let empty = world.post(PATH, protobuf, Body::from(Vec::new())).await;
    // A missing body is an HTTP error; an empty request is not.
    assert_eq!(empty.status, 411, "{empty:?}");
    let none = world.post(PATH, "application/json", "{}").await;
    assert_eq!((none.status.as_u16(), none.body.as_str()), (200, "{}"));
    let misfit = serde_json::json!({"resourceMetrics": [{"scopeMetrics": 1}]});
    for (status, media_type, body) in [
        (400, protobuf, b"\xff\xff".to_vec()),
        (400, "application/json", b"[]".to_vec()),
        (400, "application/json", br#"{"resourceMetrics": 1}"#.to_vec()),
        (400, "application/json", misfit.to_string().into_bytes()),
        (415, "text/html", Vec::from("x")),
        (413, "application/json", vec![b' '; (1 << 20) + 1]),
    ] {
        let answer = world.post(PATH, media_type, body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 400 {
            assert_eq!(answer.header("content-type"), media_type);
            assert!(answer.body.contains("ExportMetricsServiceRequest"), "{answer:?}");
        }
    }
    let key = Request::post(PATH).header("content-type", "application/json");
    let answer = world.send(key.body("{}".into()).unwrap()).await;
    assert_eq!(answer.status, 401);
    // The write key is public, so its rows are marked as not trusted.
    world.post(PATH, protobuf, sample().encode_to_vec()).await;
    assert!(stored(&world.log).await.iter().all(|row| !row.trusted));
}

#[tokio::test]
async fn a_point_that_cannot_be_read_costs_no_other() {
    let world = World::start().await;
    let mut request = crowd(vec![text("service.name", "edge")], 3);
    let Some(Data::Gauge(gauge)) =
        &mut request.resource_metrics[0].scope_metrics[0].metrics[0].data
    else {
        panic!("a gauge")
    };
    gauge.data_points[1].attributes = vec![text("agent", "spoil")];
    let mut body = request.encode_to_vec();
    let at = body.windows(5).position(|five| five == b"spoil").unwrap();
    body[at] = 0xff;
    let answer = world.post(PATH, "application/x-protobuf", body).await;
    let fates = "accepted=2, rejected;not_utf8=1";
    assert_eq!((answer.status.as_u16(), answer.header("tallylight-fates")), (200, fates));
    let point = |time: &str| serde_json::json!({"timeUnixNano": time, "asInt": 1});
    let (good, bad) = (point(&NS.to_string()), point("soon"));
    let body = serde_json::json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "a", "gauge": {"dataPoints": [good, bad, good]}}]}]}]});
    let answer = world.post(PATH, "application/json", body.to_string()).await;
    assert_eq!(answer.header("tallylight-fates"), "accepted=2, rejected;bad_shape=1");
    assert!(answer.body.contains(r#""rejectedDataPoints":"1""#), "{answer:?}");
    assert_eq!(stored(&world.log).await.len(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_mutated_request_never_panics_and_loses_no_point(
        hits in hits(),
    ) {
        let json = serde_json::to_vec(&sample()).unwrap();
        for (mut body, wire) in [(sample().encode_to_vec(), Wire::Protobuf), (json, Wire::Json)] {
            spoil(&mut body, &hits);
            read_all::<ExportMetricsServiceRequest>(&body, wire, 100);
        }
    }
}
