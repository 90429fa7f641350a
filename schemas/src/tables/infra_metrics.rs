//! Columns of `infra_metrics`.

use super::columns::define as columns;
use super::{Column, Kind};

pub(super) const COLUMNS: &[Column] = columns! {
    "tenant" Text by "door": "Whose infrastructure, by the write key.";
    "time" Time by "service": "When it was measured, by the reporter's clock.";
    "received_at" Time by "door": "When the collector had it.";
    "started_at" Time by "service": "Since when a sum or a histogram counts.";
    "service" Text by "service": "`service.name` of the resource; empty where it has none.";
    "instance" Text by "service": "`service.instance.id`, else `host.name`.";
    "scope" Text by "service": "The instrumentation scope.";
    "name" Text by "service": "The metric.";
    "kind" Text by "service": "`gauge`, `sum`, `counter` (only grows), `histogram`, `exponential_histogram` or `summary`.";
    "delta" Bool by "service": "Whether a sum counts since the point before, not since `started_at`.";
    "value" Dec by "service": "The value; of histograms and summaries the sum of what was measured.";
    "count" Int by "service": "Of histograms and summaries, how many values were measured.";
    "min" Dec by "service": "The smallest of them.";
    "max" Dec by "service": "The largest of them.";
    "unit" Text by "service": "The unit, as UCUM writes it.";
    "attributes" Pairs by "service": "Attributes of the point, and of the resource beyond those above.";
    "trusted" Bool by "door": "Whether the request proved by the service key to come from a service of ours; true where no service key is set.";
};
