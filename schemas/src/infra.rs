//! Infrastructure metrics: data points of OpenTelemetry metrics, one row each.

use serde::{Deserialize, Serialize};

/// The source of data points in the fates: `POST /v1/metrics`.
pub const OTLP_METRICS: &str = "otlp_metrics";

/// The kind of a data point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InfraKind {
    /// A value at that time.
    Gauge,
    /// A sum that can rise and fall.
    Sum,
    /// A sum that only rises.
    Counter,
    /// A distribution of values.
    Histogram,
    /// The same in exponential buckets.
    ExponentialHistogram,
    /// Quantiles computed by the reporter.
    Summary,
}

/// An attribute: its key, and its value as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// The key.
    pub k: String,
    /// The value; values other than text are written as JSON.
    pub v: String,
}

/// A data point: the row of table `infra_metrics`. Times are Unix µs, `None` is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InfraMetric {
    /// Tenant whose infrastructure it is.
    pub tenant: String,
    /// When the collector received it.
    pub received_at: i64,
    /// When it was measured, by the reporter's clock.
    pub time: i64,
    /// Start of the interval that a sum or histogram covers.
    pub started_at: Option<i64>,
    /// `service.name` of the resource; empty where it has none.
    pub service: String,
    /// `service.instance.id`, else `host.name`.
    pub instance: Option<String>,
    /// The instrumentation scope.
    pub scope: Option<String>,
    /// Name of the metric.
    pub name: String,
    /// Kind of data point.
    pub kind: InfraKind,
    /// Whether a sum counts from the previous point rather than from `started_at`.
    pub delta: Option<bool>,
    /// The value; for histograms and summaries, the sum of the measured values.
    pub value: Option<f64>,
    /// Number of measured values, for histograms and summaries.
    pub count: Option<i64>,
    /// Smallest measured value.
    pub min: Option<f64>,
    /// Largest measured value.
    pub max: Option<f64>,
    /// The unit, in UCUM notation.
    pub unit: Option<String>,
    /// Attributes of the point, and those of the resource not listed above.
    pub attributes: Vec<Attribute>,
    /// Whether the request carried the service key; true where none is set.
    pub trusted: bool,
}
