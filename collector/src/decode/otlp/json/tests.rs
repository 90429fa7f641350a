//! JSON gives the same rows as protobuf, whatever it leaves out or spells differently.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Summary, SummaryDataPoint,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use serde_json::{Value, json};
use tallylight_schemas::infra::InfraMetric;

use super::MOST_EMPTY;
use crate::decode::otlp::{Export as _, ExportMetricsServiceRequest, Wire, request};
use crate::decode::{Context, Rows};
use crate::talkers::Talkers;

const NOW: i64 = 1_795_000_000_000_000;
const NS: u64 = 1_795_000_000_000_000_000;

/// The rows of a request, and its fates.
fn read(body: &[u8], wire: Wire) -> (Vec<InfraMetric>, String) {
    let request: ExportMetricsServiceRequest = request(body, wire).unwrap();
    let (talkers, mut rows) = (Talkers::new(0), Rows::new(4));
    let tally = request.read(1, Context::calm("demo", NOW, &talkers), &mut rows);
    (rows.infra, tally.header())
}

fn protobuf(resource: Vec<KeyValue>, data: Data) -> Vec<u8> {
    let metrics = vec![Metric { name: "m".to_owned(), data: Some(data), ..Default::default() }];
    let resource = Some(Resource { attributes: resource, ..Default::default() });
    let scope_metrics = vec![ScopeMetrics { metrics, ..Default::default() }];
    let of = ResourceMetrics { resource, scope_metrics, ..Default::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![of] }.encode_to_vec()
}

/// The same as JSON: a metric of one point, by the name of its kind.
fn as_json(resource: &Value, kind: &str, point: &Value) -> Vec<u8> {
    let metric = json!({"name": "m", kind: {"dataPoints": [point]}});
    let of = json!({"resource": {"attributes": resource}, "scopeMetrics": [{"metrics": [metric]}]});
    json!({"resourceMetrics": [of]}).to_string().into_bytes()
}

fn any(value: Option<Any>) -> AnyValue {
    AnyValue { value }
}

fn pair(key: &str, value: Option<Any>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)) }
}

fn array(values: Vec<AnyValue>) -> Option<Any> {
    Some(Any::ArrayValue(ArrayValue { values }))
}

fn map(values: Vec<KeyValue>) -> Option<Any> {
    Some(Any::KvlistValue(KeyValueList { values }))
}

#[test]
fn attributes_without_a_value_are_empty_on_both_wires() {
    let (nan, word) = (Some(Any::DoubleValue(f64::NAN)), Some(Any::StringValue("a".to_owned())));
    let all = [
        ("nothing", None, json!({}), ""),
        ("new kind", None, json!({"newValue": 1}), ""),
        ("null", nan.clone(), json!({"doubleValue": null}), ""),
        ("none", nan.clone(), json!({"doubleValue": "NaN"}), ""),
        ("number", Some(Any::DoubleValue(1.5)), json!({"doubleValue": "1.5"}), "1.5"),
        ("array", array(vec![]), json!({"arrayValue": {}}), "[]"),
        ("map", map(vec![]), json!({"kvlistValue": {}}), "{}"),
        (
            "items",
            array(vec![any(None), any(None), any(word), any(nan)]),
            json!({"arrayValue": {"values":
                [null, {}, {"stringValue": "a"}, {"doubleValue": "-Infinity"}]}}),
            "[null,null,\"a\",null]",
        ),
        (
            "pairs",
            map(vec![pair("k", None), pair("l", array(vec![any(None)]))]),
            json!({"kvlistValue": {"values": [{"key": "k", "value": {}},
                {"key": "l", "value": {"arrayValue": {"values": [null]}}}]}}),
            "{\"k\":null,\"l\":[null]}",
        ),
        ("service.instance.id", None, json!({}), ""),
    ];
    let mut resource: Vec<_> = all.iter().map(|(key, any, ..)| pair(key, any.clone())).collect();
    resource.push(pair("host.name", Some(Any::StringValue("h1".to_owned()))));
    let mut json: Vec<_> = all.iter().map(|(k, _, v, _)| json!({"key": k, "value": v})).collect();
    json.push(json!({"key": "host.name", "value": {"stringValue": "h1"}}));

    let point = NumberDataPoint { time_unix_nano: NS, ..Default::default() };
    let data = Data::Gauge(Gauge { data_points: vec![point] });
    let (rows, _) = read(&protobuf(resource, data), Wire::Protobuf);
    let point = json!({"timeUnixNano": NS.to_string()});
    assert_eq!(read(&as_json(&json.into(), "gauge", &point), Wire::Json).0, rows);
    let kept: Vec<_> = rows[0].attributes.iter().map(|a| (a.k.as_str(), a.v.as_str())).collect();
    let wanted: Vec<_> = all.iter().map(|(key, _, _, text)| (*key, *text)).collect();
    assert_eq!(kept, wanted);
    assert_eq!(rows[0].instance.as_deref(), Some("h1"), "an empty id is none");
}

fn number(time_unix_nano: u64, value: f64) -> Data {
    let value = Some(Number::AsDouble(value));
    Data::Gauge(Gauge {
        data_points: vec![NumberDataPoint { time_unix_nano, value, ..Default::default() }],
    })
}

fn histogram(sum: Option<f64>, min: Option<f64>) -> Data {
    let point = HistogramDataPoint { time_unix_nano: NS, sum, min, ..Default::default() };
    Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality: 0 })
}

fn exponential(time_unix_nano: u64, max: Option<f64>) -> Data {
    let point = ExponentialHistogramDataPoint { time_unix_nano, max, ..Default::default() };
    Data::ExponentialHistogram(ExponentialHistogram {
        data_points: vec![point],
        aggregation_temporality: 0,
    })
}

fn summary(time_unix_nano: u64, sum: f64, flags: u32) -> Data {
    let point = SummaryDataPoint { time_unix_nano, sum, flags, ..Default::default() };
    Data::Summary(Summary { data_points: vec![point] })
}

#[test]
fn points_that_leave_out_or_spell_their_numbers_are_the_same_on_both_wires() {
    let at = |point: Value| {
        let mut point = point;
        point["timeUnixNano"] = NS.to_string().into();
        point
    };
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    for (kind, data, point, value) in [
        ("gauge", number(NS, nan), at(json!({"asDouble": "NaN"})), None),
        ("gauge", number(NS, 1.5), at(json!({"asDouble": "1.5"})), Some(1.5)),
        ("gauge", number(0, 1.5), json!({"asDouble": 1.5}), None),
        ("histogram", histogram(None, None), at(json!({})), None),
        (
            "histogram",
            histogram(Some(nan), Some(-infinite)),
            at(json!({"sum": "NaN", "min": "-Infinity"})),
            None,
        ),
        ("histogram", histogram(Some(6.0), None), at(json!({"sum": "6"})), Some(6.0)),
        ("exponentialHistogram", exponential(NS, Some(2.0)), at(json!({"max": "2"})), None),
        (
            "exponentialHistogram",
            exponential(NS, Some(infinite)),
            at(json!({"max": "Infinity"})),
            None,
        ),
        ("exponentialHistogram", exponential(0, None), json!({}), None),
        ("summary", summary(NS, 0.0, 0), at(json!({})), Some(0.0)),
        ("summary", summary(NS, nan, 0), at(json!({"sum": "NaN"})), None),
        ("summary", summary(NS, 0.0, 1), at(json!({"flags": 1})), None),
        ("summary", summary(NS, nan, 1), at(json!({"flags": 1, "sum": "NaN"})), None),
        ("summary", summary(0, 1.0, 0), json!({"sum": 1}), None),
    ] {
        let (rows, fates) = read(&protobuf(Vec::new(), data), Wire::Protobuf);
        let untimed = point.get("timeUnixNano").is_none();
        assert_eq!(
            fates,
            if untimed { "rejected;no_ts=1" } else { "accepted=1" },
            "{kind} {point}"
        );
        assert_eq!(rows.iter().find_map(|row| row.value), value, "{kind} {point}");
        let json = read(&as_json(&json!([]), kind, &point), Wire::Json);
        assert_eq!(json, (rows, fates), "{kind} {point}");
    }
}

#[test]
fn empty_items_that_would_take_much_memory_are_refused() {
    let of = |items: usize| {
        let value = json!({"arrayValue": {"values": vec![json!({}); items]}});
        let point = json!({"timeUnixNano": NS, "attributes": [{"key": "x", "value": value}]});
        let body = as_json(&json!([]), "gauge", &point);
        request::<ExportMetricsServiceRequest>(&body, Wire::Json).is_ok()
    };
    assert_eq!([of(MOST_EMPTY), of(MOST_EMPTY + 1)], [true, false]);
}
