//! Converts any batch to the columns of a table: a column is found by name, at the top level or
//! inside a struct, and cast to the table's type; a missing column is NULL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StructArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, TimeUnit, UInt64Type};
use arrow::error::ArrowError;

use super::{Column, Kind, Table};

/// `batch` with the columns of `table`. Other columns are dropped; values that cannot be cast
/// become NULL.
pub fn conform(batch: &RecordBatch, table: Table) -> Result<RecordBatch, ArrowError> {
    let columns = table.columns().iter().map(|of| column(batch, of));
    RecordBatch::try_new(table.schema(), columns.collect::<Result<_, _>>()?)
}

/// One column of a table; NULL if `batch` does not have it.
pub(super) fn column(batch: &RecordBatch, of: &Column) -> Result<ArrayRef, ArrowError> {
    let found = found(batch, of)?;
    Ok(found.unwrap_or_else(|| new_null_array(&of.kind.arrow(), batch.num_rows())))
}

/// One column of a table, if `batch` has a column of its name.
pub fn found(batch: &RecordBatch, of: &Column) -> Result<Option<ArrayRef>, ArrowError> {
    find(batch, of.name).map(|array| shape(&array, of.kind)).transpose()
}

/// The column of that name, at the top level or one struct below.
fn find(batch: &RecordBatch, name: &str) -> Option<ArrayRef> {
    if let Some(column) = batch.column_by_name(name)
        && !matches!(column.data_type(), DataType::Struct(_))
    {
        return Some(Arc::clone(column));
    }
    batch.columns().iter().find_map(|column| {
        let within: &StructArray = column.as_struct_opt()?;
        within.column_by_name(name).cloned()
    })
}

fn shape(array: &ArrayRef, kind: Kind) -> Result<ArrayRef, ArrowError> {
    let wanted = kind.arrow();
    if *array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    match (kind, array.data_type()) {
        // Hashes use all 64 bits; values above the largest signed number keep their bits.
        (Kind::Int, DataType::UInt64) => {
            let numbers = array.as_primitive::<UInt64Type>();
            Ok(Arc::new(numbers.unary::<_, Int64Type>(u64::cast_signed)))
        }
        (Kind::MsTime, DataType::Int64) => {
            let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
            cast(&cast(array, &time)?, &wanted)
        }
        (_, DataType::List(_)) => match &wanted {
            DataType::List(item) => items(array.as_list(), item),
            _ => cast(array, &wanted),
        },
        _ => cast(array, &wanted),
    }
}

/// A list with its items renamed and cast; fields of structs are matched by order, not by name.
fn items(list: &ListArray, item: &Arc<Field>) -> Result<ArrayRef, ArrowError> {
    let values = match item.data_type() {
        DataType::Struct(fields) => {
            let from: &StructArray = list.values().as_struct();
            let columns = fields.iter().zip(from.columns());
            let columns = columns.map(|(field, column)| cast(column, field.data_type()));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            Arc::new(StructArray::try_new(fields.clone(), columns, from.nulls().cloned())?)
        }
        other => cast(list.values(), other)?,
    };
    let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, nulls)?))
}
