//! Spans and log records as exporters send them.

use serde_json::{Value, json};

use super::world::NOW;

const NS: u64 = NOW as u64 * 1_000;

/// Attributes in OTLP's JSON, where numbers are strings.
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
        "status": {"code": 1, "message": "x"}, "events": [{"timeUnixNano": NS.to_string(), "name": "x"}]})
}

fn get(path: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("http.request.method", json!("GET")),
        ("url.path", json!(path)),
        ("http.response.status_code", json!(200)),
        ("http.response.body.size", json!(70_000)),
    ]
}

/// A segment with its viewer; and three that give no event: a page, an edge's own fetch, and a
/// request without a size.
pub fn spans() -> Value {
    let mut segment = get("/live/demo/v-360/7.m4s");
    segment.push(("url.query", json!("x=1&CMCD=cid%3D%22show%22%2Csid%3D%22s-1%22")));
    segment.push(("http.response.header.cache-status", json!(["shield; fwd=miss", "e1; hit"])));
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

/// A manifest in the older attribute names, a PUT, a line that is not a request, and one without a
/// time.
pub fn logs() -> Value {
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
