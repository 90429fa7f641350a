//! Sorts and writes one batch into memory: no file, no sync, no table that lists it.

use arrow::array::RecordBatch;
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// The batches as one Parquet file with only the columns that have values, sorted by two keys.
pub(crate) fn write(batches: &[RecordBatch], keys: &[&str]) -> anyhow::Result<Vec<u8>> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let rows = concat_batches(&first.schema(), batches)?;
    let keys = keys.iter().filter_map(|name| rows.column_by_name(name));
    let keys: Vec<SortColumn> =
        keys.map(|values| SortColumn { values: values.clone(), options: None }).collect();
    let rows = take_record_batch(&rows, &lexsort_to_indices(&keys, None)?)?;
    let compression = Compression::ZSTD(ZstdLevel::try_new(1)?);
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut out = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties))?;
    out.write(&rows)?;
    Ok(out.into_inner()?)
}
