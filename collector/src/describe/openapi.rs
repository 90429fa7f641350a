//! The OpenAPI document (3.1) of the collector.

use serde_json::{Value, json};
use tallylight_schemas::cmcd::HEADERS;
use tallylight_schemas::ipc::STREAM_MEDIA_TYPE;

use super::events::schema;
use super::{OPENAPI_PATH, SCHEMA_PATH};
use crate::receive::JSON_LINES;

/// The document.
pub fn openapi() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tallylight collector",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Accepts what players and services report, and answers once it is stored.",
        },
        "paths": {
            "/v1/cmcd": {"post": post_cmcd(), "get": get_cmcd()},
            "/v1/events": {"post": post_events()},
            "/v1/metrics": {"post": export("metrics", "Metrics")},
            "/v1/logs": {"post": export("logs", "Logs")},
            "/v1/traces": {"post": export("traces", "Trace")},
            "/v1/beacons": {"get": get_beacons()},
            SCHEMA_PATH: plain("The JSON Schema of an event", "application/schema+json"),
            OPENAPI_PATH: plain("This document", "application/json"),
            "/healthz": plain("200 while the process answers", "text/plain"),
            "/readyz": ready(),
            "/metrics": plain("Prometheus metrics", "application/openmetrics-text"),
        },
        "components": {
            "schemas": {"Event": schema(), "Problem": problem()},
            "securitySchemes": {
                "query": {
                    "type": "apiKey", "in": "query", "name": "k",
                    "description": "The write key, which says whose records they are.",
                },
                "bearer": {
                    "type": "http", "scheme": "bearer",
                    "description": "The write key, which takes precedence over `k`; or the service \
                                    key, with the write key as `k`.",
                },
            },
        },
    })
}

/// A write key, in the query or as a bearer token.
fn keys() -> Value {
    json!([{"query": []}, {"bearer": []}])
}

/// How a body may be compressed.
fn encoding() -> Value {
    let names = ["identity", "gzip", "deflate", "zstd", "br"];
    json!({"name": "Content-Encoding", "in": "header", "schema": {"type": "string", "enum": names}})
}

fn post_cmcd() -> Value {
    let lines = json!({"schema": {"type": "string"}});
    let of_drafts = json!({"schema": {"type": ["object", "array"], "items": {"type": "object"}}});
    let content = json!({
        "application/cmcd": lines, "text/cmcd": lines, "text/plain": lines,
        "application/json": of_drafts,
    });
    json!({
        "summary": "CMCD version 2 event reports, one a line; JSON as in its drafts",
        "security": keys(),
        "parameters": [encoding()],
        "requestBody": {"required": true, "content": with_json_lines(content)},
        "responses": stored(&POST_REFUSALS),
    })
}

/// Adds one JSON object a line, under every name of that type.
fn with_json_lines(mut content: Value) -> Value {
    for media_type in JSON_LINES {
        content[media_type] = json!({"schema": {"type": "string"}});
    }
    content
}

fn get_cmcd() -> Value {
    let text =
        |name: &str, place: &str| json!({"name": name, "in": place, "schema": {"type": "string"}});
    let headers = HEADERS.map(|name| text(name, "header"));
    let parameters: Vec<Value> = [text("CMCD", "query")].into_iter().chain(headers).collect();
    json!({
        "summary": "A request-mode record or an event report, in four headers or else in the query",
        "security": keys(),
        "parameters": parameters,
        "responses": stored(&[400, 401, 429, 500, 503]),
    })
}

fn post_events() -> Value {
    let event = json!({"$ref": "#/components/schemas/Event"});
    let array = json!({"type": "array", "items": event, "minItems": 1});
    let content = json!({
        "application/json": {"schema": {"oneOf": [event, array]}},
        "text/plain": {"schema": {"type": "string"}},
        STREAM_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}},
    });
    json!({
        "summary": "Events of players and services",
        "security": keys(),
        "parameters": [encoding()],
        "requestBody": {"required": true, "content": with_json_lines(content)},
        "responses": stored(&POST_REFUSALS),
    })
}

/// A signal of OpenTelemetry, and its word in the names of messages.
fn export(signal: &str, word: &str) -> Value {
    let (json, protobuf) = ("application/json", "application/x-protobuf");
    let binary = json!({"schema": {"type": "string", "format": "binary"}});
    let object = json!({"schema": {"type": "object"}});
    let mut responses = sent_back(&POST_REFUSALS);
    for (_, refusal) in responses.as_object_mut().into_iter().flatten() {
        // Exporters read a google.rpc.Status; other clients get problem+json as elsewhere.
        refusal["content"][json] = object.clone();
        refusal["content"][protobuf] = binary.clone();
    }
    responses["200"] = json!({
        "description": format!(
            "Export{word}ServiceResponse: stored, except for what partial_success reports"
        ),
        "headers": {"Tallylight-Fates": fates()},
        "content": {json: object, protobuf: binary},
    });
    json!({
        "summary": format!("OpenTelemetry's {signal}: an Export{word}ServiceRequest"),
        "security": keys(),
        "parameters": [encoding()],
        "requestBody": {"required": true, "content": {json: object, protobuf: binary}},
        "responses": responses,
    })
}

fn get_beacons() -> Value {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer", "minimum": 0});
    let mut responses = refusals(&[400, 401, 403]);
    responses["200"] = json!({
        "description": "The newest records",
        "content": {"application/json": {"schema": {"type": "object"}}},
    });
    json!({
        "summary": "The newest records as received, for setting up a player, from this machine only",
        "security": keys(),
        "parameters": [
            {"name": "sid", "in": "query", "schema": text},
            {"name": "after", "in": "query", "schema": number},
            {"name": "last", "in": "query", "schema": number},
        ],
        "responses": responses,
    })
}

fn plain(summary: &str, media_type: &str) -> Value {
    let mut responses = refusals(&[]);
    responses["200"] = json!({"description": summary, "content": {media_type: {}}});
    json!({"get": {"summary": summary, "responses": responses}})
}

fn ready() -> Value {
    let mut path = plain("200 while appends to the log work", "text/plain");
    path["get"]["responses"]["503"] = refusal(503);
    path["get"]["responses"]["503"]["headers"] = json!({"Retry-After": retry_after()});
    path
}

/// What a request with a body may be refused with.
const POST_REFUSALS: [u16; 9] = [400, 401, 408, 411, 413, 415, 429, 500, 503];

fn stored(statuses: &[u16]) -> Value {
    let mut responses = sent_back(statuses);
    let dropped = header("string", "Values lost from records that were accepted");
    responses["204"] = json!({
        "description": "Every record of the request is in the log with its fate",
        "headers": {
            "Tallylight-Fates": fates(),
            "Tallylight-Dropped-Values": dropped,
            "Tallylight-Pace": pace(),
        },
    });
    responses
}

/// Refusals of a route that takes records: those to be sent again later say when, and what became
/// of the records.
fn sent_back(statuses: &[u16]) -> Value {
    let mut responses = refusals(statuses);
    for status in ["429", "503"] {
        responses[status]["headers"] = json!({
            "Retry-After": retry_after(), "Tallylight-Pace": pace(), "Tallylight-Fates": fates(),
        });
    }
    responses
}

fn header(kind: &str, about: &str) -> Value {
    json!({"description": about, "schema": {"type": kind}})
}

fn fates() -> Value {
    let about = "What became of the records that were read: `accepted=3, rejected;no_sid=1`";
    header("string", about)
}

fn pace() -> Value {
    header("string", "What clients are asked for until the next answer: `interval=3, sample=0.50`")
}

fn retry_after() -> Value {
    header("integer", "The same request may succeed after so many seconds")
}

/// The statuses that any request may be refused with before its route is known.
const HEAD_REFUSALS: [u16; 2] = [414, 431];

/// Answers of these statuses, and of those of any request.
fn refusals(statuses: &[u16]) -> Value {
    let all = statuses.iter().chain(&HEAD_REFUSALS);
    all.map(|status| (status.to_string(), refusal(*status))).collect()
}

fn refusal(status: u16) -> Value {
    let about = match status {
        400 => "The request cannot be read, or holds nothing",
        401 => "The write key is missing or unknown",
        403 => "Only this machine may ask",
        408 => "The body was not complete in time",
        411 => "A POST without a body",
        413 => "The body is too large, as sent or inflated",
        414 => "Path and query are too long",
        415 => "A content type or encoding that is not accepted",
        429 => "The tenant is far above its share or quota",
        431 => "Too many headers, or too long ones",
        500 => "The log refused the commit permanently",
        _ => "At a limit, or the log is unavailable",
    };
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    json!({"description": about, "content": {"application/problem+json": {"schema": problem}}})
}

/// RFC 9457.
fn problem() -> Value {
    let text = json!({"type": "string"});
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": text, "title": text, "status": {"type": "integer"}, "detail": text,
        },
    })
}
