//! `span_panes`: the spans of a group, cut into panes. A span is added where it begins and removed
//! where it ends, as in the windows of the processor (ADR 6), with no work in between: a span of an
//! hour in one-second panes costs no more than one in a single pane.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, ListArray, StructArray, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Int64Type, IntervalMonthDayNanoType, IntervalUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

use super::cuts::Cuts;
use crate::sql::error::{SqlError, inside};
use crate::sql::tables::time;

/// Most panes of one group: an hour of seconds, a day of quarter minutes.
const GROUP: usize = 6_000;
/// Most panes that all calls of one query may make: about 100 MB.
const QUERY: usize = 4_000_000;

/// `span_panes(from, to, width)`: for each pane, how many spans last until its end, and their total
/// time in it.
#[derive(Debug, Clone)]
pub(super) struct SpanPanes {
    signature: Signature,
    made: Arc<AtomicUsize>,
}

/// The number of panes made so far does not make it another function.
impl PartialEq for SpanPanes {
    fn eq(&self, other: &Self) -> bool {
        self.signature == other.signature
    }
}

impl Eq for SpanPanes {}

impl std::hash::Hash for SpanPanes {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.signature.hash(state);
    }
}

impl SpanPanes {
    /// One for a query.
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), made: Arc::default() }
    }
}

fn pane_fields() -> Fields {
    let field = |name, kind| Field::new(name, kind, true);
    vec![field("pane", time()), field("at_end", DataType::Int64), field("ms", DataType::Int64)]
        .into()
}

fn item() -> FieldRef {
    Arc::new(Field::new("item", DataType::Struct(pane_fields()), true))
}

impl AggregateUDFImpl for SpanPanes {
    fn name(&self) -> &str {
        "span_panes"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let is_time = |kind: &DataType| matches!(kind, DataType::Timestamp(..) | DataType::Null);
        match types {
            [from, to, DataType::Interval(_)] if is_time(from) && is_time(to) => {
                Ok(vec![time(), time(), DataType::Interval(IntervalUnit::MonthDayNano)])
            }
            _ => plan_err!(
                "span_panes takes two times and a width, such as \
                 span_panes(\"from\", \"to\", INTERVAL '10 seconds')"
            ),
        }
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Cutting { cuts: Cuts::default(), made: Arc::clone(&self.made) }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let numbers = DataType::new_list(DataType::Int64, true);
        let name = format_state_name(args.name, "cuts");
        Ok(vec![Arc::new(Field::new(name, numbers, true))])
    }
}

#[derive(Debug)]
struct Cutting {
    cuts: Cuts,
    made: Arc<AtomicUsize>,
}

/// A width in µs. Months are refused, as they differ in length.
fn width_us(months: i32, days: i32, nanoseconds: i64) -> Result<i64> {
    let day_us = i64::from(days).saturating_mul(86_400_000_000);
    let width = day_us.saturating_add(nanoseconds / 1_000);
    if months == 0 && nanoseconds % 1_000_000 == 0 && width > 0 {
        return Ok(width);
    }
    Err(inside(SqlError::invalid(
        "the width of span_panes is a fixed length over 0 in whole milliseconds, such as \
         INTERVAL '10 seconds'",
    )))
}

fn too_many(panes: impl std::fmt::Display, which: &str, most: usize) -> SqlError {
    SqlError::limit(format!(
        "span_panes would make {panes} panes {which}; {most} are allowed. Use wider panes, or cut \
         the spans with greatest(\"from\", …) and least(\"to\", …)"
    ))
}

impl Cutting {
    fn panes(&self) -> Result<StructArray> {
        let count = self.cuts.span();
        if count > GROUP as u64 {
            return Err(inside(too_many(count, "of one group", GROUP)));
        }
        let before =
            self.made.fetch_add(usize::try_from(count).unwrap_or(GROUP), Ordering::Relaxed);
        if before > QUERY {
            return Err(inside(too_many(format!("over {QUERY}"), "of all groups", QUERY)));
        }
        let (mut starts, mut at_end, mut ms) = (Vec::new(), Vec::new(), Vec::new());
        for pane in self.cuts.panes() {
            starts.push(pane.start);
            at_end.push(pane.at_end);
            ms.push(pane.spent / 1_000);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from(starts).with_timezone("UTC")),
            Arc::new(Int64Array::from(at_end)),
            Arc::new(Int64Array::from(ms)),
        ];
        Ok(StructArray::try_new(pane_fields(), columns, None)?)
    }
}

impl Accumulator for Cutting {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [from, to, width] = values else {
            return exec_err!("span_panes takes three arguments");
        };
        let (from, to) = (
            from.as_primitive::<TimestampMicrosecondType>(),
            to.as_primitive::<TimestampMicrosecondType>(),
        );
        let widths = width.as_primitive::<IntervalMonthDayNanoType>();
        for row in 0..from.len() {
            if from.is_null(row) || to.is_null(row) || widths.is_null(row) {
                continue;
            }
            let width = widths.value(row);
            let width = width_us(width.months, width.days, width.nanoseconds)?;
            if !self.cuts.add(from.value(row), to.value(row), width) {
                return exec_err!("the width of span_panes is the same for all rows of a group");
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(lists) = states.first().and_then(|lists| lists.as_list_opt::<i32>()) else {
            return exec_err!("a state of span_panes is a list");
        };
        for list in lists.iter().flatten() {
            if !self.cuts.merge(list.as_primitive::<Int64Type>().values()) {
                return exec_err!("the width of span_panes is the same for all rows of a group");
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let numbers: Vec<_> = self.cuts.numbers().into_iter().map(|n| Some(n).into()).collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&numbers, &DataType::Int64))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let panes = self.panes()?;
        let offsets = OffsetBuffer::<i32>::from_lengths([panes.len()]);
        let list = ListArray::try_new(item(), offsets, Arc::new(panes), None)?;
        Ok(ScalarValue::List(Arc::new(list)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.cuts.bytes()
    }
}
