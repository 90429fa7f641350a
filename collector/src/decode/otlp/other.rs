//! A log record or a span that does not describe a request for media, as a metric point: under the
//! names that OpenTelemetry's own collector uses when it makes metrics of the two (its span metrics
//! and count connectors).

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tallylight_schemas::fates::Reason;
use tallylight_schemas::infra::{InfraKind, InfraMetric};
use tallylight_schemas::scrub;

use super::points::{Measured, row};
use super::resource::Origin;
use super::value::text;
use crate::decode::Context;

/// The duration of a span: one value, measured once.
const DURATION: (&str, &str) = ("traces.span.metrics.duration", "ms");
/// A log record: counts one.
const COUNT: (&str, &str) = ("log.record.count", "{record}");
/// Attributes that are kept: those that OpenTelemetry's conventions define with few values and
/// about the service alone. Exporters of text logs turn whatever a line holds into attributes,
/// under any name, including addresses and people.
const KEPT: [&str; 18] = [
    "db.operation.name",
    "db.system",
    "db.system.name",
    "error.type",
    "exception.type",
    "http.method",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "http.status_code",
    "messaging.operation.type",
    "messaging.system",
    "network.protocol.name",
    "network.protocol.version",
    "rpc.method",
    "rpc.service",
    "rpc.system",
    "url.scheme",
];
/// Severity numbers, four to each name.
const SEVERITIES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// The reporter: resource and scope.
type Reporter<'a> = (&'a Origin, Option<&'a InstrumentationScope>);

/// The time of a log record.
pub(super) fn time_ns(record: &LogRecord) -> u64 {
    match record.time_unix_nano {
        0 => record.observed_time_unix_nano,
        at => at,
    }
}

/// A span: its duration, by its name, kind and status. Events and links are not kept.
pub(super) fn of_span(
    (origin, scope): Reporter<'_>,
    span: &Span,
    context: Context<'_>,
) -> Result<InfraMetric, Reason> {
    let (began, ended) = (span.start_time_unix_nano, span.end_time_unix_nano);
    let took = ended.checked_sub(began).filter(|_| began > 0).ok_or(Reason::NoTs)?;
    let ms = Some(took as f64 / 1e6);
    let status = span.status.as_ref().map_or(StatusCode::Unset, |status| status.code());
    let mut attributes = vec![
        named("span.name", &span.name),
        named("span.kind", SpanKind::as_str_name(&span.kind())),
        named("status.code", StatusCode::as_str_name(&status)),
    ];
    attributes.extend(kept(&span.attributes));
    let measured = Measured {
        kind: InfraKind::Histogram,
        delta: Some(true),
        started_ns: began,
        time_ns: ended,
        value: ms,
        count: Some(1),
        min: ms,
        max: ms,
        attributes: &attributes,
    };
    row((origin, scope, DURATION.0, DURATION.1), &measured, context)
}

/// A log record: that there was one, by its severity and event. Its text is not kept: it is written
/// for people, may name any of them, and no metric is made of it.
pub(super) fn of_log(
    (origin, scope): Reporter<'_>,
    record: &LogRecord,
    context: Context<'_>,
) -> Result<InfraMetric, Reason> {
    let number = record.severity_number.checked_sub(1);
    let word = number
        .and_then(|number| usize::try_from(number).ok())
        .and_then(|number| SEVERITIES.get(number / 4))
        .copied();
    let mut attributes = vec![named("severity", word.unwrap_or(&record.severity_text))];
    if !record.event_name.is_empty() {
        attributes.push(named("event.name", &record.event_name));
    }
    attributes.extend(kept(&record.attributes));
    let measured = Measured {
        kind: InfraKind::Counter,
        delta: Some(true),
        started_ns: 0,
        time_ns: time_ns(record),
        value: Some(1.0),
        count: None,
        min: None,
        max: None,
        attributes: &attributes,
    };
    row((origin, scope, COUNT.0, COUNT.1), &measured, context)
}

fn kept(all: &[KeyValue]) -> impl Iterator<Item = KeyValue> {
    let kept = all.iter().filter(|pair| KEPT.contains(&pair.key.as_str()));
    kept.map(|pair| named(&pair.key, &pair.value.as_ref().map(text).unwrap_or_default()))
}

/// An attribute without the addresses and the query that a name made from a request can contain.
fn named(key: &str, value: &str) -> KeyValue {
    let value = value.split('?').next().unwrap_or_default();
    let value = Value::StringValue(scrub::without_addresses(value));
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}
