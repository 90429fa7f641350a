//! Metrics: each data point is a row.

use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::infra::InfraMetric;

use super::points::{count, point};
use super::resource::Origin;
use super::salvage::METRICS;
use super::value::held;
use super::{Export, ExportMetricsServiceRequest, Reading, Signal, To};
use crate::decode::{Context, Rows, lot};
use crate::fates::{Source, Tally};
use crate::pure::priority::Priority;

impl Export for ExportMetricsServiceRequest {
    const SIGNAL: Signal = Signal {
        message: "ExportMetricsServiceRequest",
        member: "resourceMetrics",
        records: "dataPoints",
        rejected: "rejectedDataPoints",
        source: Source::OtlpMetrics,
        whole: METRICS,
    };

    /// A metric without data points has no records.
    fn records(&self) -> usize {
        let scopes = self.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        let metrics = scopes.flat_map(|scope| &scope.metrics);
        metrics.filter_map(|metric| metric.data.as_ref()).map(count).sum()
    }

    fn read(&self, _number: u64, context: Context<'_>, rows: &mut Rows) -> Tally {
        let mut reading = Reading::new(context, Source::OtlpMetrics, rows);
        for of_resource in &self.resource_metrics {
            let origin = Origin::of(of_resource.resource.as_ref());
            let kept = origin.as_ref().is_ok_and(|origin| keeps(origin, context));
            for of_scope in &of_resource.scope_metrics {
                for metric in &of_scope.metrics {
                    for at in 0..metric.data.as_ref().map_or(0, count) {
                        reading.next(|context, to| {
                            let origin = origin.as_ref().map_err(|reason| *reason)?;
                            let here = (origin, of_scope.scope.as_ref(), metric);
                            keep(kept, || point(here, at, context), context, to)
                        });
                    }
                }
            }
        }
        reading.to.tally
    }
}

/// Whether points of a service are accepted: under pressure they count as its heartbeats.
pub(super) fn keeps(origin: &Origin, context: Context<'_>) -> bool {
    let Context { tenant, standing, .. } = context;
    standing.keeps_all() || standing.keeps(Priority::Heartbeat, lot(tenant, origin.service()))
}

/// Gives a point its fate: a row, or shed; `Err` is why it is rejected.
pub(super) fn keep(
    kept: bool,
    point: impl FnOnce() -> Result<InfraMetric, Reason>,
    context: Context<'_>,
    to: &mut To<'_>,
) -> Result<(), Reason> {
    if kept {
        let point = point()?;
        let bytes = held(&point);
        to.room = to.room.checked_sub(bytes).ok_or(Reason::TooLong)?;
        to.rows.push_point(point, bytes);
        to.tally.accept_point();
    } else {
        to.tally.add(Fate::Shed, context.standing.cause, 1);
    }
    Ok(())
}
