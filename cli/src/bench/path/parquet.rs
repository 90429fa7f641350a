//! Counts what history holds from its files, independently of their writer.

use std::fs::File;
use std::path::Path;

use anyhow::anyhow;
use arrow::array::AsArray;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tallylight_schemas::fates::Fate;

/// Accepted records in a table's Parquet files.
pub(crate) fn accepted(table: &Path) -> anyhow::Result<usize> {
    let mut all = 0;
    for entry in std::fs::read_dir(table)? {
        let path = entry?.path();
        if path.is_dir() {
            all += accepted(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            all += in_file(&path)?;
        }
    }
    Ok(all)
}

fn in_file(path: &Path) -> anyhow::Result<usize> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let only = ProjectionMask::columns(reader.parquet_schema(), ["fate"]);
    let mut all = 0;
    for batch in reader.with_projection(only).build()? {
        let batch = batch?;
        let fates = batch.column(0).as_string_opt::<i32>();
        let fates = fates.ok_or_else(|| anyhow!("{}: fate is not text", path.display()))?;
        all += fates.iter().filter(|fate| *fate == Some(Fate::Accepted.as_str())).count();
    }
    Ok(all)
}
