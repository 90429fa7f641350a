//! Open sessions as rows of table `sessions`, with selected columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{FieldRef, Schema};
use arrow::error::ArrowError;

use super::{Column, Table, conform};
use crate::ipc::{self, IpcError};
use crate::session::SessionRow;

/// The columns of table `sessions` of these names.
pub fn session_columns(names: &[String]) -> Result<Vec<&'static Column>, ArrowError> {
    let all = Table::Sessions.columns();
    let find = |name: &String| {
        let missing = || ArrowError::SchemaError(format!("table sessions has no column {name}"));
        all.iter().find(|column| column.name == name).ok_or_else(missing)
    };
    names.iter().map(find).collect()
}

/// Open sessions with only the columns of these names; `final` is false for all.
pub fn open_sessions(rows: &[SessionRow], names: &[String]) -> Result<RecordBatch, IpcError> {
    let wanted = ipc::fields::<SessionRow>()?.iter().filter(|field| names.contains(field.name()));
    let wanted: Vec<FieldRef> = wanted.cloned().collect();
    let count = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let none = || RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &count);
    let batch = match wanted.as_slice() {
        [] => none()?,
        wanted => serde_arrow::to_record_batch(wanted, &rows)?,
    };
    let columns = session_columns(names)?.into_iter().map(|column| {
        let array: ArrayRef = match column.name {
            "final" => Arc::new(BooleanArray::from(vec![false; rows.len()])),
            _ => conform::column(&batch, column)?,
        };
        Ok((column.name, array, true))
    });
    let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selected_columns_equal_those_of_the_whole_row() {
        let row = SessionRow { sid: "a".into(), events: 3, ..SessionRow::default() };
        let rows = [row.clone(), SessionRow { country: Some("DE".into()), ..row }];
        let whole = ipc::to_batch(&rows).and_then(|batch| Ok(conform(&batch, Table::Sessions)?));
        let whole = whole.expect("a batch");
        for names in [&["events", "country", "sid"][..], &["final"], &["rebuffers", "hour"]] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let some = open_sessions(&rows, &names).expect("a batch");
            assert_eq!((some.num_rows(), some.num_columns()), (2, names.len()));
            for name in names.iter().filter(|name| *name != "final") {
                assert_eq!(some.column_by_name(name), whole.column_by_name(name), "{name}");
            }
        }
        assert!(open_sessions(&rows, &["country; --".to_owned()]).is_err());
    }
}
