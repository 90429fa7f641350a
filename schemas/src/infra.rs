//! Numbers about machines and services: the data points of OpenTelemetry's metrics, one row each.

use serde::{Deserialize, Serialize};

/// Where data points come in, as fates name it: `POST /v1/metrics`.
pub const OTLP_METRICS: &str = "otlp_metrics";

/// What a data point is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InfraKind {
    /// A value as it was at that time.
    Gauge,
    /// A sum that goes up and down.
    Sum,
    /// A sum that only grows.
    Counter,
    /// How values were spread.
    Histogram,
    /// The same in exponential buckets.
    ExponentialHistogram,
    /// Quantiles that the reporter worked out.
    Summary,
}

/// An attribute: its key, and its value as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// The key.
    pub k: String,
    /// The value; one that is not text is written as JSON.
    pub v: String,
}

/// A data point: the row of table `infra_metrics`. Times are Unix µs, `None` is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InfraMetric {
    /// Whose infrastructure.
    pub tenant: String,
    /// When the collector had it.
    pub received_at: i64,
    /// When it was measured, by the reporter's clock.
    pub time: i64,
    /// Since when a sum or a histogram counts.
    pub started_at: Option<i64>,
    /// `service.name` of the resource; empty where it has none.
    pub service: String,
    /// `service.instance.id`, else `host.name`.
    pub instance: Option<String>,
    /// The instrumentation scope.
    pub scope: Option<String>,
    /// The metric.
    pub name: String,
    /// What it is of.
    pub kind: InfraKind,
    /// Whether sums count since the point before, and not since `started_at`.
    pub delta: Option<bool>,
    /// The value; of histograms and summaries the sum of what was measured.
    pub value: Option<f64>,
    /// Of histograms and summaries, how many values were measured.
    pub count: Option<i64>,
    /// The smallest of them.
    pub min: Option<f64>,
    /// The largest of them.
    pub max: Option<f64>,
    /// The unit, as UCUM writes it.
    pub unit: Option<String>,
    /// Attributes of the point, and of the resource beyond those above.
    pub attributes: Vec<Attribute>,
    /// Whether the request proved to come from a service that knows the service key.
    pub trusted: bool,
}
