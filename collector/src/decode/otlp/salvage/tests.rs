//! One bad record costs no other, in both encodings and of all signals.

use serde_json::{Value, json};
use tallylight_schemas::fates::Reason;

use super::salvage;
use crate::decode::otlp::{
    Export, ExportLogsServiceRequest, ExportMetricsServiceRequest, ExportTraceServiceRequest, Wire,
    request,
};

const NS: &str = "1795000000000000000";

/// Attributes with one text.
fn attributes(text: &str) -> Value {
    json!([{"key": "a", "value": {"stringValue": text}}])
}

/// A log record, span or data point.
fn record(attributes: &Value) -> Value {
    json!({"timeUnixNano": NS, "startTimeUnixNano": NS, "attributes": attributes})
}

/// A resource with these attributes and log records.
fn of_resource(attributes: &Value, records: &Value) -> Value {
    json!({"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": records}]})
}

fn logs(records: &Value) -> Value {
    json!({"resourceLogs": [of_resource(&attributes("right"), records)]})
}

fn spans(records: &Value) -> Value {
    json!({"resourceSpans": [{"scopeSpans": [{"spans": records}]}]})
}

fn points(records: &Value) -> Value {
    json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "m", "gauge": {"dataPoints": records}}]}]}]})
}

/// The request in protobuf, with each text "spoil" no longer UTF-8.
fn spoilt<E: Export>(json: &Value) -> Vec<u8> {
    let request: E = request(json.to_string().as_bytes(), Wire::Json).unwrap();
    let mut body = request.encode_to_vec();
    let places: Vec<_> = (0..body.len()).filter(|at| body[*at..].starts_with(b"spoil")).collect();
    places.into_iter().for_each(|at| body[at] = 0xff);
    body
}

/// The number of records that are kept, and why the others are not.
fn salvaged<E: Export>(body: &[u8], wire: Wire) -> Option<(usize, Vec<Reason>)> {
    assert!(request::<E>(body, wire).is_err(), "it can be read as a whole");
    salvage::<E>(body, wire).map(|(request, lost)| (request.records(), lost))
}

fn the_middle_one_is_lost<E: Export>(of: fn(&Value) -> Value) {
    let good = record(&attributes("right"));
    let three = |middle: Value| of(&json!([good, middle, good]));
    let body = spoilt::<E>(&three(record(&attributes("spoil"))));
    let wanted = Some((2, vec![Reason::NotUtf8]));
    assert_eq!(salvaged::<E>(&body, Wire::Protobuf), wanted);
    let valued = |value: Value| record(&json!([{"key": "a", "value": value}]));
    let wanted = Some((2, vec![Reason::BadShape]));
    for middle in [
        valued(json!({"intValue": "99999999999999999999"})),
        valued(json!({"intValue": 1e20})),
        valued(json!({"bytesValue": "?"})),
        json!({"timeUnixNano": "soon", "startTimeUnixNano": "soon"}),
        json!(7),
    ] {
        let body = three(middle).to_string();
        assert_eq!(salvaged::<E>(body.as_bytes(), Wire::Json), wanted, "{body}");
    }
}

#[test]
fn a_record_that_cannot_be_read_costs_no_other() {
    the_middle_one_is_lost::<ExportLogsServiceRequest>(logs);
    the_middle_one_is_lost::<ExportTraceServiceRequest>(spans);
    the_middle_one_is_lost::<ExportMetricsServiceRequest>(points);
}

#[test]
fn a_resource_or_kind_that_cannot_be_read_costs_its_own_records() {
    let good = record(&attributes("right"));
    let two = |bad: &Value| {
        let bad = of_resource(bad, &json!([good, good]));
        json!({"resourceLogs": [bad, of_resource(&attributes("right"), &json!([good]))]})
    };
    let body = spoilt::<ExportLogsServiceRequest>(&two(&attributes("spoil")));
    let wanted = Some((1, vec![Reason::NotUtf8; 2]));
    assert_eq!(salvaged::<ExportLogsServiceRequest>(&body, Wire::Protobuf), wanted);
    let body = two(&json!([{"key": "a", "value": {"bytesValue": "?"}}])).to_string();
    let wanted = Some((1, vec![Reason::BadShape; 2]));
    assert_eq!(salvaged::<ExportLogsServiceRequest>(body.as_bytes(), Wire::Json), wanted);
    let sum = json!({"aggregationTemporality": "often", "dataPoints": [good, good]});
    let body = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "m", "sum": sum}, {"name": "m", "gauge": {"dataPoints": [good]}}]}]}]});
    let body = body.to_string();
    assert_eq!(salvaged::<ExportMetricsServiceRequest>(body.as_bytes(), Wire::Json), wanted);
}

#[test]
fn nothing_is_left_of_what_is_no_request() {
    let json = |body: &str| salvaged::<ExportLogsServiceRequest>(body.as_bytes(), Wire::Json);
    for body in [
        "",
        "[]",
        r#"{"resourceLogs": 1}"#,
        r#"{"resourceLogs": [7]}"#,
        r#"{"resourceLogs": {"scopeLogs": []}}"#,
        r#"{"resourceLogs": [{"scopeLogs": [{"logRecords": 1}]}]}"#,
        // Records where none belong.
        r#"{"resource_logs": [{"scope_logs": [{"logRecords": [{}]}]}]}"#,
        r#"{"resourceLogs": [{"instrumentationLibraryLogs": [{"logRecords": [{}]}]}]}"#,
    ] {
        assert_eq!(json(body), None, "{body}");
    }
    let body = r#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "m", "gauge": {"dataPoints": [{"asInt": 1}]}},
        {"name": "m", "dataPoints": [{"asInt": 1}]}]}]}]}"#;
    assert_eq!(salvaged::<ExportMetricsServiceRequest>(body.as_bytes(), Wire::Json), None);
    let protobuf = |body: &[u8]| salvaged::<ExportLogsServiceRequest>(body, Wire::Protobuf);
    let mut cut = spoilt::<ExportLogsServiceRequest>(&logs(&json!([record(&json!([]))])));
    cut.pop();
    let bodies: [&[u8]; 5] = [b"\xff\xff", b"\x0a\x05", b"\x08\x01", b"\x0b\x0c", &cut];
    for body in bodies {
        assert_eq!(protobuf(body), None, "{body:?}");
    }
}
