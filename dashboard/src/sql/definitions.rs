//! Metrics in SQL: each expression is derived from the single definition of the metric (ADR 5), so
//! a query and a tile agree.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use tallylight_schemas::metrics::{ALL, Formula, Metric, VERSION};

/// A metric over rows of `playback`. Any rows of one cuboid may be combined: sums add, and sketches
/// merge.
pub fn sql(metric: &Metric) -> String {
    match metric.formula {
        Formula::Gauge { of } => {
            format!("SUM({of})::double / NULLIF(COUNT(DISTINCT pane), 0)")
        }
        Formula::Rate { of } => {
            format!("SUM({of})::double / NULLIF(COUNT(DISTINCT pane) * MAX(width_s), 0)")
        }
        Formula::Ratio { num, den, scale } => {
            let den: Vec<String> = den.iter().map(|name| format!("SUM({name})")).collect();
            format!("{scale:?} * SUM({num}) / NULLIF({}, 0)", den.join(" + "))
        }
        Formula::Quantile { of, q } => format!("sketch_quantile(sketch_merge({of}), {q})"),
    }
}

/// The rows of table `metrics`.
pub(super) fn rows(schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let text = |of: &dyn Fn(&Metric) -> String| -> ArrayRef {
        Arc::new(ALL.iter().map(|metric| Some(of(metric))).collect::<StringArray>())
    };
    let limit = |at: usize| -> ArrayRef {
        Arc::new(
            ALL.iter()
                .map(|metric| metric.limits.map(|limits| limits[at]))
                .collect::<Float64Array>(),
        )
    };
    RecordBatch::try_new(
        Arc::clone(schema),
        vec![
            text(&|metric| metric.name.into()),
            text(&|metric| metric.title.into()),
            text(&|metric| metric.unit.into()),
            text(&sql),
            text(&|metric| metric.denominator.into()),
            text(&|metric| metric.source.into()),
            limit(0),
            limit(1),
            limit(2),
            Arc::new(Int32Array::from(vec![i32::try_from(VERSION).unwrap_or(i32::MAX); ALL.len()])),
        ],
    )
}
