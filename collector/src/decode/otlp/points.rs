//! A data point as a row.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, Metric, NumberDataPoint,
};
use tallylight_schemas::fates::Reason;
use tallylight_schemas::infra::{InfraKind, InfraMetric};

use super::resource::Origin;
use super::value::{micros, with_attributes};
use crate::decode::Context;

/// Longest name of a metric, as OpenTelemetry limits it, and of everything else that has a name.
pub(super) const NAME_BYTES: usize = 255;
/// The flag of a point that has no recorded value.
const NO_VALUE: u32 = DataPointFlags::NoRecordedValueMask as u32;
/// A flag that OpenTelemetry does not use. It marks a summary in JSON whose sum is not finite,
/// which the generated type cannot hold.
pub(super) const NO_SUM: u32 = 1 << 31;

/// What the kinds of data points have in common.
pub(super) struct Measured<'a> {
    pub(super) kind: InfraKind,
    pub(super) delta: Option<bool>,
    pub(super) started_ns: u64,
    pub(super) time_ns: u64,
    pub(super) value: Option<f64>,
    pub(super) count: Option<u64>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) attributes: &'a [KeyValue],
}

impl Measured<'_> {
    /// Drops the numbers of a point that is flagged as having no recorded value: they mean nothing,
    /// and unknown is NULL, never 0.
    fn with_flags(self, flags: u32) -> Self {
        match flags & NO_VALUE {
            0 => self,
            _ => Self { value: None, count: None, min: None, max: None, ..self },
        }
    }
}

/// The number of data points.
pub(super) fn count(data: &Data) -> usize {
    match data {
        Data::Gauge(of) => of.data_points.len(),
        Data::Sum(of) => of.data_points.len(),
        Data::Histogram(of) => of.data_points.len(),
        Data::ExponentialHistogram(of) => of.data_points.len(),
        Data::Summary(of) => of.data_points.len(),
    }
}

/// The row of point `at` of a metric.
pub(super) fn point(
    (origin, scope, metric): (&Origin, Option<&InstrumentationScope>, &Metric),
    at: usize,
    context: Context<'_>,
) -> Result<InfraMetric, Reason> {
    let data = metric.data.as_ref();
    let measured = data.and_then(|data| measured(data, at)).ok_or(Reason::BadShape)?;
    if metric.name.is_empty() {
        return Err(Reason::BadShape);
    }
    row((origin, scope, &metric.name, &metric.unit), &measured, context)
}

/// A measurement, of a metric by its name and unit, as a row.
pub(super) fn row(
    (origin, scope, name, unit): (&Origin, Option<&InstrumentationScope>, &str, &str),
    measured: &Measured<'_>,
    context: Context<'_>,
) -> Result<InfraMetric, Reason> {
    let Context { tenant, received_at, trusted, .. } = context;
    let scope = scope.map_or("", |scope| &scope.name);
    if [name, scope, unit].iter().any(|name| name.len() > NAME_BYTES) {
        return Err(Reason::TooLong);
    }
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    Ok(InfraMetric {
        tenant: tenant.to_owned(),
        received_at,
        time: micros(measured.time_ns)?,
        started_at: (measured.started_ns > 0).then(|| micros(measured.started_ns)).transpose()?,
        service: origin.service().to_owned(),
        instance: origin.instance().map(str::to_owned),
        scope: some(scope),
        name: name.to_owned(),
        kind: measured.kind,
        delta: measured.delta,
        value: finite(measured.value),
        count: measured.count.and_then(|count| i64::try_from(count).ok()),
        min: finite(measured.min),
        max: finite(measured.max),
        unit: some(unit),
        attributes: with_attributes(origin.rest()?, measured.attributes.iter())?,
        trusted,
    })
}

/// Points of distributions share no message type, only the names of their fields.
macro_rules! spread {
    ($point:expr, $kind:expr, $delta:expr, sum $sum:expr, min $min:expr, max $max:expr) => {
        Measured {
            kind: $kind,
            delta: $delta,
            started_ns: $point.start_time_unix_nano,
            time_ns: $point.time_unix_nano,
            value: $sum,
            count: Some($point.count),
            min: $min,
            max: $max,
            attributes: &$point.attributes,
        }
        .with_flags($point.flags)
    };
}

fn measured(data: &Data, at: usize) -> Option<Measured<'_>> {
    Some(match data {
        Data::Gauge(of) => number(of.data_points.get(at)?, InfraKind::Gauge, None),
        Data::Sum(of) => {
            let kind = if of.is_monotonic { InfraKind::Counter } else { InfraKind::Sum };
            number(of.data_points.get(at)?, kind, delta(of.aggregation_temporality))
        }
        Data::Histogram(of) => {
            let (point, delta) = (of.data_points.get(at)?, delta(of.aggregation_temporality));
            spread!(point, InfraKind::Histogram, delta, sum point.sum, min point.min, max point.max)
        }
        Data::ExponentialHistogram(of) => {
            let (point, delta) = (of.data_points.get(at)?, delta(of.aggregation_temporality));
            let kind = InfraKind::ExponentialHistogram;
            spread!(point, kind, delta, sum point.sum, min point.min, max point.max)
        }
        Data::Summary(of) => {
            let point = of.data_points.get(at)?;
            let sum = (point.flags & NO_SUM == 0).then_some(point.sum);
            spread!(point, InfraKind::Summary, None, sum sum, min None, max None)
        }
    })
}

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
    .with_flags(point.flags)
}

fn delta(temporality: i32) -> Option<bool> {
    match AggregationTemporality::try_from(temporality).ok()? {
        AggregationTemporality::Unspecified => None,
        AggregationTemporality::Delta => Some(true),
        AggregationTemporality::Cumulative => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::metrics::v1::{
        ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
        Summary, SummaryDataPoint,
    };

    use super::*;

    /// A point of each kind, with all its numbers.
    fn each_kind(flags: u32) -> [Data; 4] {
        let number = NumberDataPoint { flags, value: Some(Value::AsInt(0)), ..Default::default() };
        let (sum, min, max) = (Some(0.0), Some(0.0), Some(0.0));
        let histogram = HistogramDataPoint { flags, sum, min, max, ..Default::default() };
        let exponential =
            ExponentialHistogramDataPoint { flags, sum, min, max, ..Default::default() };
        let summary = SummaryDataPoint { flags, ..Default::default() };
        [
            Data::Gauge(Gauge { data_points: vec![number] }),
            Data::Histogram(Histogram { data_points: vec![histogram], aggregation_temporality: 1 }),
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: vec![exponential],
                aggregation_temporality: 1,
            }),
            Data::Summary(Summary { data_points: vec![summary] }),
        ]
    }

    #[test]
    fn a_point_without_a_recorded_value_has_no_number() {
        let numbers = |data: &Data| {
            let Measured { value, count, min, max, .. } = measured(data, 0).unwrap();
            [value, count.map(|count| count as f64), min, max]
        };
        for (recorded, none) in each_kind(0).iter().zip(&each_kind(NO_VALUE)) {
            assert!(numbers(recorded).contains(&Some(0.0)), "{recorded:?}");
            assert_eq!(numbers(none), [None; 4], "{none:?}");
        }
    }
}
