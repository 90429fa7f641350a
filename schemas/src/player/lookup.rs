//! Looks up columns by name and values by row; any of them may be missing.

use arrow::array::{
    Array, BooleanArray, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
};

use crate::ipc::IpcError;

/// A list column whose items are pairs.
#[derive(Debug, Clone)]
pub(super) struct Pairs<V> {
    pub(super) lists: ListArray,
    pub(super) values: V,
    pub(super) names: Option<StringArray>,
}

pub(super) fn column<T: Array + Clone + 'static>(
    batch: &RecordBatch,
    name: &str,
) -> Result<Option<T>, IpcError> {
    batch.column_by_name(name).map(|array| typed(array.as_ref(), name)).transpose()
}

fn typed<T: Array + Clone + 'static>(array: &dyn Array, name: &str) -> Result<T, IpcError> {
    array
        .as_any()
        .downcast_ref::<T>()
        .cloned()
        .ok_or_else(|| IpcError::Column { name: name.to_owned(), found: array.data_type().clone() })
}

pub(super) fn texts(
    batch: &RecordBatch,
    name: &str,
) -> Result<Option<(ListArray, StringArray)>, IpcError> {
    let Some(lists) = column::<ListArray>(batch, name)? else { return Ok(None) };
    let values = typed(lists.values().as_ref(), name)?;
    Ok(Some((lists, values)))
}

pub(super) fn pairs<V: Array + Clone + 'static>(
    batch: &RecordBatch,
    name: &str,
    value: &str,
    of: &str,
) -> Result<Option<Pairs<V>>, IpcError> {
    let Some(lists) = column::<ListArray>(batch, name)? else { return Ok(None) };
    let items: StructArray = typed(lists.values().as_ref(), name)?;
    let Some(values) = items.column_by_name(value) else { return Ok(None) };
    let names = items.column_by_name(of).map(|array| typed(array.as_ref(), name)).transpose()?;
    Ok(Some(Pairs { values: typed(values.as_ref(), name)?, names, lists }))
}

/// Positions of the items of row `i`; none for a null.
pub(super) fn items(lists: &ListArray, i: usize) -> std::ops::Range<usize> {
    if i >= lists.len() || lists.is_null(i) {
        return 0..0;
    }
    let offset = |i: usize| usize::try_from(lists.value_offsets()[i]).unwrap_or(0);
    offset(i)..offset(i + 1)
}

pub(super) fn present<T: Array>(column: &Option<T>, i: usize) -> Option<&T> {
    column.as_ref().filter(|column| i < column.len() && column.is_valid(i))
}

pub(super) fn text(column: &Option<StringArray>, i: usize) -> Option<&str> {
    present(column, i).map(|column| column.value(i))
}

pub(super) fn int(column: &Option<Int64Array>, i: usize) -> Option<i64> {
    present(column, i).map(|column| column.value(i))
}

pub(super) fn bool(column: &Option<BooleanArray>, i: usize) -> Option<bool> {
    present(column, i).map(|column| column.value(i))
}
