//! A table value as JSON. Values that JSON cannot hold exactly are written as text: integers beyond
//! 2^53, decimals, times (ISO 8601, UTC, microseconds), NaN and infinities.

use std::collections::HashSet;
use std::io::Write;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{
    DataType, FieldRef, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

/// The largest integer that every JSON reader holds exactly.
const EXACT: i64 = (1 << 53) - 1;

const TIME: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// How times are written.
pub(super) fn options() -> FormatOptions<'static> {
    FormatOptions::new()
        .with_null("null")
        .with_timestamp_format(Some(TIME))
        .with_timestamp_tz_format(Some(TIME))
        .with_datetime_format(Some(TIME))
}

/// A name that two columns share, or two members of a structure in one. JSON readers keep only one
/// of them.
pub(super) fn duplicate_name(fields: &[FieldRef]) -> Option<&str> {
    let mut names = HashSet::new();
    fields.iter().find_map(|field| match field.data_type() {
        _ if !names.insert(field.name()) => Some(field.name().as_str()),
        DataType::Struct(members) => duplicate_name(members),
        DataType::List(item) | DataType::LargeList(item) => {
            duplicate_name(std::slice::from_ref(item))
        }
        _ => None,
    })
}

/// The names of a batch's columns, as they are written before the values.
pub(crate) fn keys(batch: &RecordBatch) -> Vec<Vec<u8>> {
    let schema = batch.schema();
    schema.fields().iter().map(|field| key(field.name())).collect()
}

fn key(name: &str) -> Vec<u8> {
    let mut out = quoted(name);
    out.push(b':');
    out
}

fn quoted(text: &str) -> Vec<u8> {
    // A text always serializes.
    serde_json::to_vec(text).unwrap_or_default()
}

/// Writes a row as an object.
pub(super) fn row(
    out: &mut Vec<u8>,
    batch: &RecordBatch,
    keys: &[Vec<u8>],
    row: usize,
) -> Result<(), ArrowError> {
    object(out, batch.columns().iter().zip(keys), row)
}

/// Writes a row as an object without its NULLs.
pub(crate) fn known(
    out: &mut Vec<u8>,
    batch: &RecordBatch,
    keys: &[Vec<u8>],
    row: usize,
) -> Result<(), ArrowError> {
    let columns = batch.columns().iter().zip(keys);
    object(out, columns.filter(|(column, _)| !column.is_null(row)), row)
}

fn object<'a>(
    out: &mut Vec<u8>,
    columns: impl Iterator<Item = (&'a ArrayRef, &'a Vec<u8>)>,
    row: usize,
) -> Result<(), ArrowError> {
    out.push(b'{');
    for (at, (column, key)) in columns.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key);
        value(out, column.as_ref(), row)?;
    }
    out.push(b'}');
    Ok(())
}

macro_rules! number {
    ($out:ident, $array:ident, $row:ident, $kind:ty) => {{
        let _ = write!($out, "{}", $array.as_primitive::<$kind>().value($row));
    }};
}

/// Writes one value.
pub(super) fn value(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> Result<(), ArrowError> {
    if array.is_null(row) || array.data_type().is_null() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Boolean => {
            let _ = write!(out, "{}", array.as_boolean().value(row));
        }
        DataType::Int8 => number!(out, array, row, Int8Type),
        DataType::Int16 => number!(out, array, row, Int16Type),
        DataType::Int32 => number!(out, array, row, Int32Type),
        DataType::UInt8 => number!(out, array, row, UInt8Type),
        DataType::UInt16 => number!(out, array, row, UInt16Type),
        DataType::UInt32 => number!(out, array, row, UInt32Type),
        DataType::Int64 => whole(out, i128::from(array.as_primitive::<Int64Type>().value(row))),
        DataType::UInt64 => whole(out, i128::from(array.as_primitive::<UInt64Type>().value(row))),
        DataType::Float16 => float(out, array.as_primitive::<Float16Type>().value(row).to_f64()),
        DataType::Float32 => {
            // In its own shortest form, so that 0.1 does not become 0.10000000149.
            let number = array.as_primitive::<Float32Type>().value(row);
            if number.is_finite() {
                let _ = write!(out, "{number}");
            } else {
                float(out, f64::from(number));
            }
        }
        DataType::Float64 => float(out, array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => out.extend(quoted(array.as_string::<i32>().value(row))),
        DataType::LargeUtf8 => out.extend(quoted(array.as_string::<i64>().value(row))),
        DataType::Utf8View => out.extend(quoted(array.as_string_view().value(row))),
        DataType::List(_) => list(out, &array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => list(out, &array.as_list::<i64>().value(row))?,
        DataType::FixedSizeList(..) => list(out, &array.as_fixed_size_list().value(row))?,
        DataType::Map(..) => list(out, &array.as_map().value(row))?,
        DataType::Struct(fields) => {
            out.push(b'{');
            for (at, (field, column)) in fields.iter().zip(array.as_struct().columns()).enumerate()
            {
                if at > 0 {
                    out.push(b',');
                }
                out.extend(key(field.name()));
                value(out, column.as_ref(), row)?;
            }
            out.push(b'}');
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let at = dictionary.normalized_keys()[row];
            value(out, dictionary.values().as_ref(), at)?;
        }
        _ => {
            let text = ArrayFormatter::try_new(array, &options())?.value(row).try_to_string()?;
            out.extend(quoted(&text));
        }
    }
    Ok(())
}

/// A value as a cell's bytes, without the quotes of a text, and whether it is a text (an empty text
/// is not NULL).
pub(super) fn cell(column: &dyn Array, row: usize) -> Result<(Vec<u8>, bool), ArrowError> {
    if column.is_null(row) || column.data_type().is_null() {
        return Ok((Vec::new(), false));
    }
    let mut cell = Vec::new();
    value(&mut cell, column, row)?;
    let nested = matches!(
        column.data_type(),
        DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::Struct(_)
            | DataType::Map(..)
    );
    if !nested && cell.first() == Some(&b'"') {
        let text: String = serde_json::from_slice(&cell).unwrap_or_default();
        return Ok((text.into_bytes(), true));
    }
    Ok((cell, false))
}

fn list(out: &mut Vec<u8>, items: &dyn Array) -> Result<(), ArrowError> {
    out.push(b'[');
    for at in 0..items.len() {
        if at > 0 {
            out.push(b',');
        }
        value(out, items, at)?;
    }
    out.push(b']');
    Ok(())
}

fn whole(out: &mut Vec<u8>, number: i128) {
    let exact = number.unsigned_abs() <= EXACT.unsigned_abs().into();
    let _ = if exact { write!(out, "{number}") } else { write!(out, "\"{number}\"") };
}

fn float(out: &mut Vec<u8>, number: f64) {
    if number.is_finite() {
        // serde_json writes the shortest text that parses to the same number.
        out.extend(serde_json::to_vec(&number).unwrap_or_default());
    } else if number.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else {
        out.extend_from_slice(if number > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
    }
}
