//! A log record and a span with attributes of the names that are read, and any values. The first
//! line has times, kind and severity; each other line is an attribute: a letter for its name, and
//! its value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tallylight_collector::decode::otlp::{
    self, Export, ExportLogsServiceRequest, ExportTraceServiceRequest, Wire,
};
use tallylight_fuzz::collect;

const NAMES: [&str; 24] = [
    "http.request.method",
    "http.method",
    "url.path",
    "http.target",
    "url.full",
    "http.url",
    "url.query",
    "http.response.status_code",
    "http.status_code",
    "http.response.body.size",
    "http.response_content_length",
    "http.request.body.size",
    "http.request_content_length",
    "http.server.request.duration",
    "http.response.header.cache-status",
    "http.response.header.x-cache",
    "http.request.header.cmcd-session",
    "http.request.header.cmcd-request",
    "tallylight.stream",
    "tallylight.track",
    "service.name",
    "service.instance.id",
    "client.address",
    "exception.message",
];

fn attribute(line: &str) -> Option<Value> {
    let letter = line.chars().next()?;
    let (name, value) = (letter as usize, line.get(letter.len_utf8()..)?);
    let key = NAMES.get(name.wrapping_sub('a' as usize)).copied().unwrap_or(value);
    let text = json!({"stringValue": value});
    let value = match (value.parse::<i64>(), value.strip_prefix('[')) {
        (Ok(number), _) => json!({"intValue": number.to_string()}),
        (_, Some(first)) => json!({"arrayValue": {"values": [{"stringValue": first}, text]}}),
        _ => text,
    };
    Some(json!({"key": key, "value": value}))
}

fn read<E: Export>(request: &Value) {
    // Numbers out of range make the request invalid.
    let Ok(request) = otlp::request::<E>(request.to_string().as_bytes(), Wire::Json) else {
        return;
    };
    let tally = collect(|context, rows| request.read(1, context, rows));
    assert_eq!((tally.records(), request.records()), (1, 1));
}

fuzz_target!(|input: &str| {
    let mut lines = input.split('\n');
    let mut head = lines.next().unwrap_or_default().split(' ');
    let mut number = || head.next().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let (began, ended, kind) = (number().to_string(), number().to_string(), number() as u32 as i32);
    let all: Vec<Value> = lines.take(200).filter_map(attribute).collect();
    let resource = json!({"attributes": all.iter().take(3).collect::<Vec<_>>()});
    let name = input.get(..40).unwrap_or("GET");
    let span = json!({"name": name, "kind": kind, "startTimeUnixNano": began,
        "endTimeUnixNano": ended, "attributes": all, "status": {"code": kind}});
    read::<ExportTraceServiceRequest>(
        &json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}),
    );
    let record = json!({"timeUnixNano": began, "observedTimeUnixNano": ended,
        "severityNumber": kind, "severityText": name, "body": {"stringValue": input},
        "attributes": all});
    read::<ExportLogsServiceRequest>(
        &json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}),
    );
});
