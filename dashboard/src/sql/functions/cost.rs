//! What a call can cost at most, computed before it is made.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::{cast, max, min};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;

use crate::sql::error::{SqlError, inside};

/// Most bytes that one call may make for a batch of rows.
const CALL: u64 = 32 << 20;
/// Most bytes that one call may make for one row. A join can repeat them for each row of a batch.
const ROW: u64 = 64 << 10;
/// Most steps of a call whose time grows faster than its result.
const STEPS: u64 = 256 << 20;
/// Most bytes of a pattern.
const PATTERN: usize = 1_000;
/// Bytes of one element of a list of numbers.
const ELEMENT: u64 = 8;

/// How a call's cost follows from its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Cost {
    /// This many times the size of all arguments together.
    Sum(u64),
    /// Argument `what`, repeated as often as argument `times` says.
    Times { what: usize, times: usize },
    /// As long as the second argument says.
    Padded,
    /// The second argument for each byte of the first.
    Product(usize, usize),
    /// From the first to the second argument in steps of the third.
    Steps,
    /// The first argument between all the others, or the second between the items of the first.
    Joined,
    /// A regular expression, which must be the same for all rows, and perhaps a replacement.
    Pattern,
}

impl Cost {
    /// Refuses a call that is too expensive.
    pub(super) fn check(self, name: &str, args: &[ColumnarValue], rows: usize) -> Result<()> {
        let sizes: Vec<Sizes> = args.iter().map(|arg| Sizes::of(arg, rows)).collect();
        match self {
            Cost::Sum(factor) => {
                let total = sizes.iter().map(|size| size.total).fold(0, u64::saturating_add);
                let most = sizes.iter().map(|size| size.most).fold(0, u64::saturating_add);
                within(name, total.saturating_mul(factor), most)
            }
            Cost::Times { what, times } => {
                let (Some(size), Some(by)) = (sizes.get(what), args.get(times)) else {
                    return Ok(());
                };
                let by = largest(by)?.max(0).unsigned_abs();
                let most = size.most.max(1).saturating_mul(by);
                within(name, size.total.max(size.rows).saturating_mul(by), most)
            }
            Cost::Padded => {
                let (Some(size), Some(to)) = (sizes.first(), args.get(1)) else { return Ok(()) };
                // In a column of lengths, DataFusion takes a negative one for a huge one.
                if smallest(to)? < 0 {
                    let detail =
                        format!("{name}: a text has no length below 0; write greatest(n, 0)");
                    return Err(inside(SqlError::invalid(detail)));
                }
                let most = largest(to)?.max(0).unsigned_abs().saturating_mul(4);
                within(name, most.saturating_mul(size.rows), most)
            }
            Cost::Product(a, b) => {
                let (Some(a), Some(b)) = (sizes.get(a), sizes.get(b)) else { return Ok(()) };
                let most = a.most.saturating_add(1).saturating_mul(b.most.max(1));
                let total = most.saturating_mul(a.rows);
                match name {
                    "replace" => within(name, total, most),
                    _ => steps(name, total),
                }
            }
            Cost::Steps => {
                let count = count(args)?.saturating_mul(ELEMENT);
                within(name, count.saturating_mul(sizes.first().map_or(1, |size| size.rows)), count)
            }
            Cost::Joined => {
                let total = sizes.iter().map(|size| size.total).fold(0, u64::saturating_add);
                let most = sizes.iter().map(|size| size.most).fold(0, u64::saturating_add);
                // A text between the arguments, or between the items of a list.
                let (at, parts) = match name {
                    "concat_ws" => (0, sizes.len() as u64),
                    _ => (1, sizes.first().map_or(1, |list| list.most / 2 + 1)),
                };
                let between = sizes.get(at).map_or(1, |size| size.most).saturating_mul(parts);
                let rows = sizes.first().map_or(1, |size| size.rows);
                let all = total.saturating_add(between.saturating_mul(rows));
                within(name, all, most.saturating_add(between))
            }
            Cost::Pattern => pattern(name, args, &sizes),
        }
    }
}

fn within(name: &str, total: u64, most: u64) -> Result<()> {
    if most > ROW {
        return Err(inside(SqlError::limit(format!(
            "{name} would make {most} bytes of one row; {ROW} are allowed"
        ))));
    }
    if total > CALL {
        return Err(inside(SqlError::limit(format!(
            "{name} would make {total} bytes at once; {CALL} are allowed"
        ))));
    }
    Ok(())
}

fn steps(name: &str, steps: u64) -> Result<()> {
    if steps > STEPS {
        return Err(inside(SqlError::limit(format!(
            "{name} would take {steps} steps at once; {STEPS} are allowed"
        ))));
    }
    Ok(())
}

fn pattern(name: &str, args: &[ColumnarValue], sizes: &[Sizes]) -> Result<()> {
    let literal = match args.get(1) {
        Some(ColumnarValue::Scalar(value)) => text(value).is_none_or(|text| text.len() <= PATTERN),
        _ => false,
    };
    if !literal {
        return Err(inside(SqlError::limit(format!(
            "the pattern of {name} must be a literal of at most {PATTERN} bytes"
        ))));
    }
    if name != "regexp_replace" {
        return Ok(());
    }
    let (Some(input), Some(by)) = (sizes.first(), args.get(2)) else { return Ok(()) };
    let ColumnarValue::Scalar(by) = by else {
        return Err(inside(SqlError::limit("the replacement of regexp_replace must be a literal")));
    };
    let by = text(by).unwrap_or_default();
    // Each reference to a group can be as long as the whole text.
    let references = by.bytes().filter(|byte| matches!(byte, b'$' | b'\\')).count() as u64;
    let one = (by.len() as u64).saturating_add(references.saturating_mul(input.most));
    let most = input.most.saturating_add(1).saturating_mul(one.max(1));
    // It is impossible that every byte is a match and each reference has the whole text, but the
    // bound holds even then.
    within(name, most.saturating_mul(input.rows.min(64)), most)
}

fn text(value: &ScalarValue) -> Option<&str> {
    value.try_as_str().flatten()
}

/// Bytes of an argument.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// Of all rows together.
    total: u64,
    /// Of the largest row.
    most: u64,
    rows: u64,
}

impl Sizes {
    fn of(arg: &ColumnarValue, rows: usize) -> Self {
        let rows = rows.max(1) as u64;
        match arg {
            ColumnarValue::Array(array) => {
                let total = array
                    .to_data()
                    .get_slice_memory_size()
                    .unwrap_or(array.get_array_memory_size());
                let most = (0..array.len()).map(|row| row_size(array, row)).max().unwrap_or(0);
                Self { total: total as u64, most, rows }
            }
            ColumnarValue::Scalar(value) => {
                let one = match text(value) {
                    Some(text) => text.len() as u64,
                    None if value.is_null() => 0,
                    None => value.to_array().map_or(8, |array| row_size(&array, 0)),
                };
                Self { total: one.saturating_mul(rows), most: one, rows }
            }
        }
    }
}

/// The approximate size of a row's value in bytes.
pub(in crate::sql) fn row_size(array: &ArrayRef, row: usize) -> u64 {
    if array.is_null(row) {
        return 0;
    }
    let bytes = match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value_length(row) as usize,
        DataType::LargeUtf8 => array.as_string::<i64>().value_length(row) as usize,
        DataType::Utf8View => array.as_string_view().value(row).len(),
        DataType::Binary => array.as_binary::<i32>().value_length(row) as usize,
        DataType::LargeBinary => array.as_binary::<i64>().value_length(row) as usize,
        DataType::BinaryView => array.as_binary_view().value(row).len(),
        DataType::List(_) => list_size(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list_size(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list_size(&array.as_fixed_size_list().value(row)),
        DataType::Struct(_) => {
            let columns = array.as_struct().columns().iter();
            columns.map(|column| row_size(column, row) as usize).sum()
        }
        DataType::Map(..) => list_size(&(Arc::new(array.as_map().value(row)) as ArrayRef)),
        other => other.primitive_width().unwrap_or(16),
    };
    bytes as u64
}

fn list_size(items: &ArrayRef) -> usize {
    let bytes = items.to_data().get_slice_memory_size().unwrap_or(items.get_array_memory_size());
    // Truth values take a bit and NULLs nothing, and yet each item may become a row.
    bytes.max(items.len() * ELEMENT as usize)
}

/// An argument as integers.
fn whole(arg: &ColumnarValue) -> Result<Int64Array> {
    let array = match arg {
        ColumnarValue::Array(array) => Arc::clone(array),
        ColumnarValue::Scalar(value) => value.to_array()?,
    };
    Ok(cast(&array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

fn largest(arg: &ColumnarValue) -> Result<i64> {
    Ok(max(&whole(arg)?).unwrap_or(0))
}

fn smallest(arg: &ColumnarValue) -> Result<i64> {
    Ok(min(&whole(arg)?).unwrap_or(0))
}

/// The largest number of values that a series can have. Series of times are refused, because their
/// number cannot be bounded this way.
fn count(args: &[ColumnarValue]) -> Result<u64> {
    if args.iter().any(|arg| !arg.data_type().is_integer() && !arg.data_type().is_null()) {
        return Err(inside(SqlError::limit(
            "lists of times are not available; use generate_series in FROM",
        )));
    }
    let span = match args {
        [to] => i128::from(largest(to)?),
        [from, to, ..] => {
            let up = i128::from(largest(to)?) - i128::from(smallest(from)?);
            let down = i128::from(largest(from)?) - i128::from(smallest(to)?);
            up.max(down)
        }
        [] => 0,
    };
    Ok(u64::try_from(span.max(0).saturating_add(1)).unwrap_or(u64::MAX))
}
