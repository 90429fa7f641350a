//! A Parquet file of a table: sorted, with a bloom filter on the session id, synced before
//! anyone is told of it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{SortColumn, concat, lexsort_to_indices, max, min, take};
use arrow::datatypes::{DataType, Schema, TimestampMicrosecondType};
use arrow::error::ArrowError;
use chrono::DateTime;
use deltalake::kernel::Add;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};
use tallylight_schemas::tables::{HOUR, Table};

use super::HistoryError;
use super::hot::{Hot, hour_name};

/// Rows of a row group.
const ROW_GROUP: usize = 128 << 10;
/// Distinct session ids that a bloom filter is made for, at most.
const DISTINCT: u64 = 256 << 10;

/// Batches by the hour they were read in.
pub(super) fn by_hour(hot: &[Hot]) -> BTreeMap<i64, Vec<&Hot>> {
    let mut hours: BTreeMap<i64, Vec<&Hot>> = BTreeMap::new();
    hot.iter().for_each(|one| hours.entry(one.hour).or_default().push(one));
    hours
}

pub(super) fn failed(path: &Path, error: &impl std::fmt::Display) -> HistoryError {
    HistoryError::Unavailable(format!("{}: {error}", path.display()))
}

/// Writes batches of one hour as one file and describes it for the table's log. What is added to
/// its name makes it a file that nobody else writes, whatever else he takes himself for.
pub(super) async fn write(
    dir: &Path,
    table: Table,
    hour: i64,
    name: String,
    batches: Vec<RecordBatch>,
    now_ms: i64,
) -> Result<Add, HistoryError> {
    let folder = dir.join(format!("{HOUR}={}", hour_name(hour)));
    let mine = RandomState::new().hash_one(now_ms);
    let name = format!("{name}-{mine:016x}.parquet");
    let path = folder.join(&name);
    let written = tokio::task::spawn_blocking(move || {
        let rows = sorted(table, &batches)?;
        let size = store(&folder, &path, table, &rows)?;
        Ok::<_, HistoryError>((size, stats(&rows)))
    });
    let (size, stats) = written
        .await
        .map_err(|error| HistoryError::Unavailable(format!("a write was given up: {error}")))??;
    let hour = hour_name(hour);
    Ok(Add {
        path: format!("{HOUR}={hour}/{name}"),
        partition_values: HashMap::from([(HOUR.to_owned(), Some(hour))]),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        modification_time: now_ms,
        data_change: true,
        stats: Some(stats.to_string()),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    })
}

/// The rows in the table's order, without the column that the folder is named after.
fn sorted(table: Table, batches: &[RecordBatch]) -> Result<RecordBatch, HistoryError> {
    let schema = table.schema();
    let columns = (0..schema.fields().len()).map(|at| joined(&schema, batches, at));
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<_, _>>()?)?;
    let keys = table.sorted_by().iter().filter_map(|name| rows.column_by_name(name));
    let keys: Vec<SortColumn> =
        keys.map(|values| SortColumn { values: values.clone(), options: None }).collect();
    let order: UInt32Array = lexsort_to_indices(&keys, None)?;
    // A column without a value is the same in any order.
    let moved = rows.columns().iter().map(|column| match is_null(column) {
        true => Ok(Arc::clone(column)),
        false => take(column, &order, None),
    });
    let mut rows = RecordBatch::try_new(schema, moved.collect::<Result<_, _>>()?)?;
    if let Ok(at) = rows.schema().index_of(HOUR) {
        rows.remove_column(at);
    }
    Ok(rows)
}

/// Column `at` of all batches. Most columns of a table have no value in most of its files, and
/// need no copying then.
fn joined(schema: &Schema, batches: &[RecordBatch], at: usize) -> Result<ArrayRef, ArrowError> {
    let pieces: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(at).as_ref()).collect();
    if batches.iter().all(|batch| is_null(batch.column(at))) {
        let rows = pieces.iter().map(|piece| piece.len()).sum();
        return Ok(new_null_array(schema.field(at).data_type(), rows));
    }
    concat(&pieces)
}

fn is_null(column: &ArrayRef) -> bool {
    column.null_count() == column.len()
}

/// The settings of every file of a table, for `rows` rows.
pub fn properties(table: Table, rows: usize) -> Result<WriterProperties, HistoryError> {
    let level = ZstdLevel::try_new(1).map_err(|error| HistoryError::Data(error.to_string()))?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_created_by("tallylight".to_owned());
    if table.schema().field_with_name("sid").is_ok() {
        let sid = ColumnPath::from("sid");
        let distinct = (rows as u64).clamp(64, DISTINCT);
        properties = properties
            .set_column_bloom_filter_enabled(sid.clone(), true)
            .set_column_bloom_filter_max_ndv(sid, distinct);
    }
    Ok(properties.build())
}

fn store(
    folder: &Path,
    path: &PathBuf,
    table: Table,
    rows: &RecordBatch,
) -> Result<u64, HistoryError> {
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let file = File::create(path).map_err(|error| failed(path, &error))?;
    let properties = properties(table, rows.num_rows())?;
    let written =
        ArrowWriter::try_new(file, rows.schema(), Some(properties)).and_then(|mut out| {
            out.write(rows)?;
            out.into_inner()
        });
    let file = written.map_err(|error| failed(path, &error))?;
    let synced = file.sync_all().and_then(|()| sync_dir(folder)).and_then(|()| file.metadata());
    Ok(synced.map_err(|error| failed(path, &error))?.len())
}

pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Makes a commit of the table's log last through a power cut.
pub(super) async fn sync_commit(dir: &Path, version: u64) -> Result<(), HistoryError> {
    let (root, log) = (dir.to_owned(), dir.join("_delta_log"));
    let path = log.join(format!("{version:020}.json"));
    let synced = tokio::task::spawn_blocking(move || {
        let sync = || {
            File::open(&path)?.sync_all()?;
            sync_dir(&log)?;
            sync_dir(&root)
        };
        sync().map_err(|error| failed(&path, &error))
    });
    synced.await.map_err(|error| HistoryError::Unavailable(error.to_string()))?
}

/// What readers skip files by: the number of rows, and least and greatest of every time.
fn stats(rows: &RecordBatch) -> Value {
    let (mut least, mut greatest, mut nulls) = (Map::new(), Map::new(), Map::new());
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        if !matches!(field.data_type(), DataType::Timestamp(_, _)) {
            continue;
        }
        let (low, high) = ends(column);
        if let (Some(low), Some(high)) = (low, high) {
            least.insert(field.name().clone(), Value::String(low));
            greatest.insert(field.name().clone(), Value::String(high));
        }
        nulls.insert(field.name().clone(), json!(column.null_count()));
    }
    json!({
        "numRecords": rows.num_rows(), "minValues": least, "maxValues": greatest,
        "nullCount": nulls,
    })
}

fn ends(column: &ArrayRef) -> (Option<String>, Option<String>) {
    let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() else {
        return (None, None);
    };
    let text = |us: i64| {
        let time = DateTime::from_timestamp_micros(us)?;
        Some(time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
    };
    (min(times).and_then(text), max(times).and_then(text))
}

/// Least and greatest value, by a file's stats, of the time that its table is sorted by, Unix µs.
pub(super) fn range(stats: &str, table: Table) -> Option<(i64, i64)> {
    let stats: Value = serde_json::from_str(stats).ok()?;
    let column = table.sorted_by().last()?;
    let end = |which: &str| {
        let text = stats.get(which)?.get(column)?.as_str()?;
        Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros())
    };
    Some((end("minValues")?, end("maxValues")?))
}
