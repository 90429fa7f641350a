//! Tables as sorted lines of text, to be compared and hashed.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use tallylight_schemas::tables::Table;
use tallylight_store::history::History;

/// The rows of batches, without the columns of `skip`.
pub fn lines(batches: &[RecordBatch], skip: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    let options = FormatOptions::default().with_null("NULL");
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .zip(batch.schema().fields())
            .filter(|(_, field)| !skip.contains(&field.name().as_str()))
            .map(|(column, _)| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> =
                columns.iter().map(|column| column.value(row).to_string()).collect();
            out.push(values.join("|"));
        }
    }
    out.sort();
    out
}

/// Numeric columns that are part of a row's key.
const KEYS: [&str; 2] = ["asn", "k"];

/// The rows of batches, without the columns of `skip`, summed by all columns that are not numbers:
/// each shard of a log has its own row for a pane and cell.
pub fn sums(batches: &[RecordBatch], skip: &[&str]) -> Vec<String> {
    let mut sums = BTreeMap::<String, BTreeMap<(String, i32), i64>>::new();
    for batch in batches {
        let schema = batch.schema();
        let all = || schema.fields().iter().zip(batch.columns());
        let is_sum = |field: &Field| {
            let is_number = matches!(field.data_type(), DataType::Int64 | DataType::List(_));
            is_number && !KEYS.contains(&field.name().as_str())
        };
        let names = all().map(|(field, _)| field.as_ref()).filter(|field| is_sum(field));
        let no_key: Vec<&str> =
            names.map(|field| field.name().as_str()).chain(skip.iter().copied()).collect();
        for row in 0..batch.num_rows() {
            let key = lines(&[batch.slice(row, 1)], &no_key).remove(0);
            let to = sums.entry(key).or_default();
            for (field, column) in all().filter(|(field, _)| is_sum(field)) {
                let of = |bin| (field.name().clone(), bin);
                if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
                    *to.entry(of(0)).or_default() += numbers.value(row);
                } else if let Some(sketches) = column.as_list_opt::<i32>() {
                    let bins = sketches.value(row);
                    let (at, n) = (bins.as_struct().column(0), bins.as_struct().column(1));
                    let (at, n) = (at.as_primitive::<Int32Type>(), n.as_primitive::<Int64Type>());
                    for (at, n) in at.values().iter().zip(n.values()) {
                        *to.entry(of(*at)).or_default() += n;
                    }
                }
            }
        }
    }
    // A row whose sums are all 0 is left out.
    sums.values_mut().for_each(|sum| sum.retain(|_, n| *n != 0));
    sums.retain(|_, sum| !sum.is_empty());
    sums.into_iter().map(|(key, sum)| format!("{key} {sum:?}")).collect()
}

/// All rows of a table of history, without the columns of `skip`.
pub async fn rows(history: &History, table: Table, skip: &[&str]) -> Vec<String> {
    lines(&history.select(table, "SELECT * FROM rows").await.unwrap(), skip)
}

/// The first line in which two tables differ, as it is in each.
pub fn difference(got: &[String], want: &[String]) -> Option<String> {
    let at = (0..got.len().max(want.len())).find(|at| got.get(*at) != want.get(*at))?;
    let (mine, theirs) = (got.get(at), want.get(at));
    Some(format!(
        "{} rows for {}; first:\n  got  {mine:?}\n  want {theirs:?}",
        got.len(),
        want.len()
    ))
}
