//! A data point as a row.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric, NumberDataPoint};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tallylight_schemas::fates::Reason;
use tallylight_schemas::infra::{InfraKind, InfraMetric};

use super::value::{attributes, text};
use crate::decode::Context;

/// Longest name of a metric, as OpenTelemetry limits it, and of everything else with a name.
const NAME_BYTES: usize = 255;
/// The attribute that says which service speaks.
const SERVICE: &str = "service.name";
/// Those that say which instance of it, the better first.
const INSTANCE: [&str; 2] = ["service.instance.id", "host.name"];
/// Times before 2001 are no Unix time in nanoseconds.
const FIRST_NS: u64 = 1_000_000_000_000_000_000;

/// Whose metrics, by the attributes of the resource.
pub(super) struct Origin<'a> {
    service: String,
    instance: Option<String>,
    rest: Vec<&'a KeyValue>,
}

impl<'a> Origin<'a> {
    pub(super) fn of(resource: Option<&'a Resource>) -> Self {
        let all = resource.map_or(&[][..], |resource| resource.attributes.as_slice());
        let find = |key: &str| {
            let pair = all.iter().find(|pair| pair.key == key)?;
            pair.value.as_ref().map(text)
        };
        let named = INSTANCE.into_iter().find_map(|key| Some((key, find(key)?)));
        let told = |key: &str| key == SERVICE || named.as_ref().is_some_and(|(by, _)| *by == key);
        Self {
            service: find(SERVICE).unwrap_or_default(),
            rest: all.iter().filter(|pair| !told(&pair.key)).collect(),
            instance: named.map(|(_, name)| name),
        }
    }

    pub(super) fn service(&self) -> &str {
        &self.service
    }
}

/// What the kinds of data points have in common.
struct Measured<'a> {
    kind: InfraKind,
    delta: Option<bool>,
    started_ns: u64,
    time_ns: u64,
    value: Option<f64>,
    count: Option<u64>,
    min: Option<f64>,
    max: Option<f64>,
    attributes: &'a [KeyValue],
}

/// The row of point `at` of a metric.
pub(super) fn point(
    (origin, scope, metric): (&Origin<'_>, Option<&InstrumentationScope>, &Metric),
    data: &Data,
    at: usize,
    context: Context<'_>,
) -> Result<InfraMetric, Reason> {
    let measured = measured(data, at).ok_or(Reason::BadShape)?;
    let Context { tenant, received_at, trusted, .. } = context;
    if metric.name.is_empty() {
        return Err(Reason::BadShape);
    }
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let row = InfraMetric {
        tenant: tenant.to_owned(),
        received_at,
        time: micros(measured.time_ns)?,
        started_at: (measured.started_ns > 0).then(|| micros(measured.started_ns)).transpose()?,
        service: origin.service.clone(),
        instance: origin.instance.clone(),
        scope: scope.and_then(|scope| some(&scope.name)),
        name: metric.name.clone(),
        kind: measured.kind,
        delta: measured.delta,
        value: measured.value.filter(|value| value.is_finite()),
        count: measured.count.and_then(|count| i64::try_from(count).ok()),
        min: measured.min.filter(|value| value.is_finite()),
        max: measured.max.filter(|value| value.is_finite()),
        unit: some(&metric.unit),
        attributes: attributes(origin.rest.iter().copied().chain(measured.attributes))?,
        trusted,
    };
    let names = [Some(&row.service), row.instance.as_ref(), row.scope.as_ref(), row.unit.as_ref()];
    let long = names.into_iter().flatten().chain([&row.name]).any(|name| name.len() > NAME_BYTES);
    if long { Err(Reason::TooLong) } else { Ok(row) }
}

fn measured(data: &Data, at: usize) -> Option<Measured<'_>> {
    Some(match data {
        Data::Gauge(of) => number(of.data_points.get(at)?, InfraKind::Gauge, None),
        Data::Sum(of) => {
            let kind = if of.is_monotonic { InfraKind::Counter } else { InfraKind::Sum };
            number(of.data_points.get(at)?, kind, delta(of.aggregation_temporality))
        }
        Data::Histogram(of) => {
            let point = of.data_points.get(at)?;
            Measured {
                kind: InfraKind::Histogram,
                delta: delta(of.aggregation_temporality),
                started_ns: point.start_time_unix_nano,
                time_ns: point.time_unix_nano,
                value: point.sum,
                count: Some(point.count),
                min: point.min,
                max: point.max,
                attributes: &point.attributes,
            }
        }
        Data::ExponentialHistogram(of) => {
            let point = of.data_points.get(at)?;
            Measured {
                kind: InfraKind::ExponentialHistogram,
                delta: delta(of.aggregation_temporality),
                started_ns: point.start_time_unix_nano,
                time_ns: point.time_unix_nano,
                value: point.sum,
                count: Some(point.count),
                min: point.min,
                max: point.max,
                attributes: &point.attributes,
            }
        }
        Data::Summary(of) => {
            let point = of.data_points.get(at)?;
            Measured {
                kind: InfraKind::Summary,
                delta: None,
                started_ns: point.start_time_unix_nano,
                time_ns: point.time_unix_nano,
                value: Some(point.sum),
                count: Some(point.count),
                min: None,
                max: None,
                attributes: &point.attributes,
            }
        }
    })
}

/// A point that says it has no value has none: NULL is unknown, never 0.
fn number(point: &NumberDataPoint, kind: InfraKind, delta: Option<bool>) -> Measured<'_> {
    let value = point.value.map(|value| match value {
        Value::AsDouble(value) => value,
        Value::AsInt(value) => value as f64,
    });
    Measured {
        kind,
        delta,
        started_ns: point.start_time_unix_nano,
        time_ns: point.time_unix_nano,
        value,
        count: None,
        min: None,
        max: None,
        attributes: &point.attributes,
    }
}

fn delta(temporality: i32) -> Option<bool> {
    match AggregationTemporality::try_from(temporality).ok()? {
        AggregationTemporality::Unspecified => None,
        AggregationTemporality::Delta => Some(true),
        AggregationTemporality::Cumulative => Some(false),
    }
}

fn micros(ns: u64) -> Result<i64, Reason> {
    match ns {
        0 => Err(Reason::NoTs),
        FIRST_NS.. => i64::try_from(ns / 1_000).map_err(|_| Reason::BadTs),
        _ => Err(Reason::BadTs),
    }
}
