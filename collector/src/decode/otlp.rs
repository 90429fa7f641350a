//! OpenTelemetry's metrics (OTLP/HTTP): each data point a row of `infra_metrics`.

mod json;
mod points;
mod value;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use tallylight_schemas::fates::{Fate, Reason};

use super::{Context, Rows, lot};
use crate::fates::Tally;
use crate::pure::priority::Priority;
use points::{Origin, point};

/// Most bytes of a request once inflated. A message of two bytes takes a hundred in memory, so
/// this is below what other bodies may have.
pub const REQUEST_BYTES: usize = 1 << 20;

/// What a request is written in; its answer is too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Binary protobuf.
    Protobuf,
    /// The JSON of OTLP, which is protobuf's with a few rules of its own.
    Json,
}

impl Wire {
    /// What a media type says; `None` for one that is not taken.
    pub fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/x-protobuf" => Some(Wire::Protobuf),
            "application/json" => Some(Wire::Json),
            _ => None,
        }
    }

    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Wire::Protobuf => "application/x-protobuf",
            Wire::Json => "application/json",
        }
    }
}

/// A request from its body; `Err` is the parser's word.
pub fn request(body: &[u8], wire: Wire) -> Result<ExportMetricsServiceRequest, String> {
    match wire {
        Wire::Protobuf => {
            ExportMetricsServiceRequest::decode(body).map_err(|error| error.to_string())
        }
        Wire::Json => json::request(body),
    }
}

/// How many data points there are. A metric without any is none.
pub fn points(request: &ExportMetricsServiceRequest) -> usize {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let metrics = scopes.flat_map(|scope| &scope.metrics);
    metrics.map(|metric| metric.data.as_ref().map_or(0, count)).sum()
}

fn count(data: &Data) -> usize {
    match data {
        Data::Gauge(of) => of.data_points.len(),
        Data::Sum(of) => of.data_points.len(),
        Data::Histogram(of) => of.data_points.len(),
        Data::ExponentialHistogram(of) => of.data_points.len(),
        Data::Summary(of) => of.data_points.len(),
    }
}

/// Reads the data points of a request into `rows`.
pub fn metrics(
    request: &ExportMetricsServiceRequest,
    context: Context<'_>,
    rows: &mut Rows,
) -> Tally {
    let mut tally = Tally::default();
    let mut left = context.max_records;
    for of_resource in &request.resource_metrics {
        let origin = Origin::of(of_resource.resource.as_ref());
        let kept = context.standing.keeps_all()
            || context.standing.keeps(Priority::Heartbeat, lot(context.tenant, origin.service()));
        for of_scope in &of_resource.scope_metrics {
            for metric in &of_scope.metrics {
                let Some(data) = &metric.data else { continue };
                let here = (&origin, of_scope.scope.as_ref(), metric);
                for at in 0..count(data) {
                    if left == 0 {
                        tally.reject(Reason::TooMany);
                        continue;
                    }
                    left -= 1;
                    if !kept {
                        tally.add(Fate::Shed, context.standing.cause, 1);
                        continue;
                    }
                    match point(here, data, at, context) {
                        Ok(row) => {
                            rows.infra.push(row);
                            tally.accept(0, 0);
                        }
                        Err(reason) => tally.reject(reason),
                    }
                }
            }
        }
    }
    tally
}
