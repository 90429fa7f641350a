//! Tables as sorted lines of text, to be compared and hashed.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use tallylight_schemas::tables::Table;
use tallylight_store::archive::History;

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

/// All rows of a table of history, without the columns of `skip`.
pub async fn rows(history: &History, table: Table, skip: &[&str]) -> Vec<String> {
    lines(&history.select(table, "SELECT * FROM rows").await.unwrap(), skip)
}

/// The first line in which two tables differ, with what it is in each.
pub fn difference(got: &[String], want: &[String]) -> Option<String> {
    let at = (0..got.len().max(want.len())).find(|at| got.get(*at) != want.get(*at))?;
    let (mine, theirs) = (got.get(at), want.get(at));
    Some(format!(
        "{} rows for {}; first:\n  got  {mine:?}\n  want {theirs:?}",
        got.len(),
        want.len()
    ))
}
