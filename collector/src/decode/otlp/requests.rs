//! Log records and spans: one that describes a request for media, as its server saw it, is a
//! delivery event, any other a [metric point](other). Which attributes are required and which are
//! read is in docs/opentelemetry.md.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tallylight_schemas::cmcd::{HEADERS, header_value, query_value};
use tallylight_schemas::delivery::{Action, DeliveryEvent, Service};
use tallylight_schemas::fates::Reason;

use super::http::{hit, split};
use super::media::Object;
use super::resource::Origin;
use super::salvage::{LOGS, SPANS};
use super::value::{first, micros, number, said};
use super::{Export, ExportLogsServiceRequest, ExportTraceServiceRequest, Reading, Signal};
use super::{metrics, other};
use crate::decode::reported::ReportedCmcd;
use crate::decode::{Context, Rows, delivery};
use crate::fates::{Source, Tally};

impl Export for ExportLogsServiceRequest {
    const SIGNAL: Signal = Signal {
        message: "ExportLogsServiceRequest",
        member: "resourceLogs",
        records: "logRecords",
        rejected: "rejectedLogRecords",
        source: Source::Events,
        whole: LOGS,
    };

    fn records(&self) -> usize {
        let scopes = self.resource_logs.iter().flat_map(|of| &of.scope_logs);
        scopes.map(|of| of.log_records.len()).sum()
    }

    fn read(&self, number: u64, context: Context<'_>, rows: &mut Rows) -> Tally {
        let all = self.resource_logs.iter().map(|of_resource| {
            let scopes = of_resource.scope_logs.iter();
            let records = scopes.flat_map(|of| of.log_records.iter().map(move |one| (of, one)));
            let reported = records.map(|(of, record)| Reported {
                attributes: &record.attributes,
                of_server: true,
                time_ns: other::time_ns(record),
                took_us: took(&record.attributes),
                scope: of.scope.as_ref(),
                whole: Whole::Log(record),
            });
            (of_resource.resource.as_ref(), reported)
        });
        read(all, number, context, rows)
    }
}

impl Export for ExportTraceServiceRequest {
    const SIGNAL: Signal = Signal {
        message: "ExportTraceServiceRequest",
        member: "resourceSpans",
        records: "spans",
        rejected: "rejectedSpans",
        source: Source::Events,
        whole: SPANS,
    };

    fn records(&self) -> usize {
        let scopes = self.resource_spans.iter().flat_map(|of| &of.scope_spans);
        scopes.map(|of| of.spans.len()).sum()
    }

    fn read(&self, number: u64, context: Context<'_>, rows: &mut Rows) -> Tally {
        let all = self.resource_spans.iter().map(|of_resource| {
            let scopes = of_resource.scope_spans.iter();
            let spans = scopes.flat_map(|of| of.spans.iter().map(move |one| (of, one)));
            let reported = spans.map(|(of, span)| Reported {
                attributes: &span.attributes,
                // The client reports the same request in a span of its own.
                of_server: span.kind == SpanKind::Server as i32,
                time_ns: span.start_time_unix_nano,
                took_us: span
                    .end_time_unix_nano
                    .checked_sub(span.start_time_unix_nano)
                    .map(|ns| ns / 1_000),
                scope: of.scope.as_ref(),
                whole: Whole::Span(span),
            });
            (of_resource.resource.as_ref(), reported)
        });
        read(all, number, context, rows)
    }
}

/// What log records and spans have in common.
struct Reported<'a> {
    attributes: &'a [KeyValue],
    of_server: bool,
    time_ns: u64,
    took_us: Option<u64>,
    scope: Option<&'a InstrumentationScope>,
    whole: Whole<'a>,
}

/// The complete record.
enum Whole<'a> {
    Log(&'a LogRecord),
    Span(&'a Span),
}

fn read<'a>(
    all: impl Iterator<Item = (Option<&'a Resource>, impl Iterator<Item = Reported<'a>>)>,
    number: u64,
    context: Context<'_>,
    rows: &mut Rows,
) -> Tally {
    let mut reading = Reading::new(context, Source::Events, rows);
    let mut seq = 0..;
    for (resource, records) in all {
        let origin = Origin::of(resource);
        let kept = origin.as_ref().is_ok_and(|origin| metrics::keeps(origin, context));
        for (reported, seq) in records.zip(&mut seq) {
            reading.next(|context, to| {
                let origin = origin.as_ref().map_err(|reason| *reason)?;
                let by = (origin, reported.scope);
                let point = || match reported.whole {
                    Whole::Log(record) => other::of_log(by, record, context),
                    Whole::Span(span) => other::of_span(by, span, context),
                };
                let Some((event, cmcd)) = event(origin, &reported, (number, seq))? else {
                    return metrics::keep(kept, point, context, to);
                };
                let text = cmcd.as_deref();
                let asked = text.map(|text| ReportedCmcd { text, source: Source::Otlp });
                delivery::keep(event, asked, context, to.rows, &mut to.tally)
            });
        }
    }
    reading.to.tally
}

/// The request as an event, and its CMCD; `None` if it is not a request for media. A request that
/// is sent again has the same bytes, so the number made from them and the position of the record
/// identify it.
fn event(
    origin: &Origin,
    reported: &Reported<'_>,
    (boot, seq): (u64, u64),
) -> Result<Option<(DeliveryEvent, Option<String>)>, Reason> {
    let all = reported.attributes;
    let text = |names: &[&str]| said(all, names).and_then(first);
    let whole = |names: &[&str]| said(all, names).and_then(number).filter(|n| *n >= 0.0);
    let action = match text(&["http.request.method", "http.method"]) {
        Some("GET") if reported.of_server => Action::Get,
        Some("PUT") if reported.of_server => Action::Put,
        _ => return Ok(None),
    };
    let target = text(&["url.path", "http.target", "url.full", "http.url"]);
    let Some((path, query)) = target.map(split) else { return Ok(None) };
    let Some(object) = Object::of(path) else { return Ok(None) };
    let stream = text(&["tallylight.stream"]).unwrap_or(object.stream);
    let size: [&str; 2] = match action {
        Action::Put => ["http.request.body.size", "http.request_content_length"],
        _ => ["http.response.body.size", "http.response_content_length"],
    };
    let status = whole(&["http.response.status_code", "http.status_code"]);
    let status = status.filter(|status| (100.0..600.0).contains(status));
    let (Some(status), Some(bytes), Some(took), false) =
        (status, whole(&size), reported.took_us, stream.is_empty())
    else {
        return Err(Reason::BadShape);
    };
    let service = match origin.service() {
        "packager" => Service::Packager,
        "origin" => Service::Origin,
        "steering" => Service::Steering,
        _ => Service::Edge,
    };
    let source = origin.instance().unwrap_or(origin.service()).to_owned();
    let event = DeliveryEvent {
        boot,
        seq,
        ts: micros(reported.time_ns)?,
        service,
        action,
        stream: stream.to_owned(),
        track: text(&["tallylight.track"]).unwrap_or(object.track).to_owned(),
        k: object.k,
        status: status as u16,
        bytes: bytes as u64,
        ttfb_us: took,
        held_us: 0,
        hit: hit(all),
        edge: (service == Service::Edge).then(|| source.clone()),
        source,
        pipeline: None,
        sid: None,
        cid: None,
        reserved_kbps: None,
        capacity_kbps: None,
        sessions: None,
        late_us: None,
        defect: None,
    };
    Ok(Some((event, cmcd(all, query.or(text(&["url.query"]))))))
}

/// The duration of the request by a log record: seconds, under the name of the metric.
fn took(all: &[KeyValue]) -> Option<u64> {
    let seconds = said(all, &["http.server.request.duration"]).and_then(number)?;
    (seconds >= 0.0).then_some((seconds * 1e6) as u64)
}

/// The CMCD of the request: from the headers, else from the query, of which nothing else is read.
fn cmcd(all: &[KeyValue], query: Option<&str>) -> Option<String> {
    let names = HEADERS.map(|name| format!("http.request.header.{name}"));
    let headers = names.iter().filter_map(|name| said(all, &[name]).and_then(first));
    header_value(headers).or_else(|| query_value(query?).map(Cow::into_owned))
}
