//! Columns of `infra_metrics`.

use super::columns::define as columns;
use super::{Column, Kind};

pub(super) const COLUMNS: &[Column] = columns! {
    "tenant" Text by "collector": "Tenant whose infrastructure it is, by the write key.";
    "time" Time by "service": "When it was measured, by the reporter's clock.";
    "received_at" Time by "collector": "When the collector received it.";
    "started_at" Time by "service": "Start of the interval that a sum or histogram covers.";
    "service" Text by "service": "`service.name` of the resource; empty where it has none.";
    "instance" Text by "service": "`service.instance.id`, else `host.name`.";
    "scope" Text by "service": "The instrumentation scope.";
    "name" Text by "service": "Name of the metric.";
    "kind" Text by "service": "`gauge`, `sum`, `counter` (only rises), `histogram`, `exponential_histogram` or `summary`.";
    "delta" Bool by "service": "Whether a sum counts from the previous point rather than from `started_at`.";
    "value" Dec by "service": "The value; for histograms and summaries, the sum of the measured values.";
    "count" Int by "service": "Number of measured values, for histograms and summaries.";
    "min" Dec by "service": "Smallest measured value.";
    "max" Dec by "service": "Largest measured value.";
    "unit" Text by "service": "The unit, in UCUM notation.";
    "attributes" Pairs by "service": "Attributes of the point, and those of the resource not listed above.";
    "trusted" Bool by "collector": "Whether the request carried the service key; true where none is set.";
};
