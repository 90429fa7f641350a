//! A Parquet file of a table: sorted, with a bloom filter on the session id, and synced before any
//! reader can see it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use arrow::compute::{max, min};
use arrow::datatypes::{DataType, Field, Schema, TimestampMicrosecondType};
use chrono::DateTime;
use deltalake::kernel::Add;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::compute_leaves;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};
use tallylight_schemas::tables::{Column, HOUR, Kind, Table};

use super::HistoryError;
use super::gather::Gathered;
use super::hot::{Hot, hour_name};
use crate::synced::Synced;

/// Rows of a row group.
const ROW_GROUP: usize = 128 << 10;
/// Most distinct session ids that a bloom filter is sized for.
const DISTINCT: u64 = 256 << 10;

/// Batches by the hour in which they were read.
pub(super) fn by_hour(hot: &[Hot]) -> BTreeMap<i64, Vec<&Hot>> {
    let mut hours: BTreeMap<i64, Vec<&Hot>> = BTreeMap::new();
    hot.iter().for_each(|one| hours.entry(one.hour).or_default().push(one));
    hours
}

/// An error of writing; unreadable data counts as damage.
impl From<ParquetError> for HistoryError {
    fn from(error: ParquetError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

pub(super) fn failed(path: &Path, error: &impl std::fmt::Display) -> HistoryError {
    HistoryError::Unavailable(format!("{}: {error}", path.display()))
}

/// Writes batches of one hour as one file and describes it for the table's log. The suffix of its
/// name is unique, so no other writer writes the same file, even one that still believes it is the
/// owner.
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
        store(&folder, &path, table, &Gathered::new(table, batches)?)
    });
    let (size, stats) = written
        .await
        .map_err(|error| HistoryError::Unavailable(format!("a write was abandoned: {error}")))??;
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

/// The settings of every file of a table, for `rows` rows.
fn properties(table: Table, rows: usize) -> Result<WriterProperties, HistoryError> {
    let level = ZstdLevel::try_new(1).map_err(|error| HistoryError::Data(error.to_string()))?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_created_by("tallylight".to_owned());
    for column in table.columns() {
        properties = of_column(properties, table, column, rows);
    }
    Ok(properties.build())
}

/// How one column is written.
fn of_column(
    properties: WriterPropertiesBuilder,
    table: Table,
    column: &Column,
    rows: usize,
) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(column.name);
    let sorted = table.sorted_by().contains(&column.name);
    let flat = !matches!(column.kind.arrow(), DataType::List(_) | DataType::Utf8);
    let properties = match flat || sorted || column.name == "tenant" {
        true => properties.set_column_statistics_enabled(path.clone(), EnabledStatistics::Page),
        // Minima and maxima of texts within half a minute exclude next to nothing and cost two
        // comparisons a row. Nor is a list found by its items.
        false => properties,
    };
    match (column.kind, column.name) {
        // Nearly every row has a distinct value, close to the one before: a dictionary would hold
        // them all, while a difference takes a few bits.
        (Kind::Time | Kind::MsTime, _) | (Kind::Int, "offset" | "row") => properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
        // Noise does not compress.
        (Kind::Int, "digest") => properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_compression(path, Compression::UNCOMPRESSED),
        (Kind::Text, "sid") => properties
            .set_column_bloom_filter_enabled(path.clone(), true)
            .set_column_bloom_filter_max_ndv(path, (rows as u64).clamp(64, DISTINCT)),
        _ => properties,
    }
}

/// Writes a file, complete or not at all, and answers its size and statistics.
fn store(
    folder: &Path,
    path: &Path,
    table: Table,
    rows: &Gathered,
) -> Result<(u64, Value), HistoryError> {
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let put = put(folder, path, table, rows);
    if put.is_err() {
        // No table names it. On a full disk the next try, under another name, would find even less
        // room.
        let _ = fs::remove_file(path);
    }
    put
}

fn put(
    folder: &Path,
    path: &Path,
    table: Table,
    rows: &Gathered,
) -> Result<(u64, Value), HistoryError> {
    let file = Synced::create(path).map_err(|error| failed(path, &error))?;
    let (file, stats) = columns(file, table, rows).map_err(|error| match error {
        HistoryError::Unavailable(why) => failed(path, &why),
        other => other,
    })?;
    let synced = file.finish().and_then(|file| {
        sync_dir(folder)?;
        file.metadata()
    });
    Ok((synced.map_err(|error| failed(path, &error))?.len(), stats))
}

/// Writes the table's columns one by one, except the column that the folder is named after.
fn columns(file: Synced, table: Table, rows: &Gathered) -> Result<(Synced, Value), HistoryError> {
    let columns: Vec<&Column> = table.columns().iter().filter(|of| of.name != HOUR).collect();
    let fields: Vec<Field> =
        columns.iter().map(|of| Field::new(of.name, of.kind.arrow(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let properties = properties(table, rows.rows())?;
    let pieces: Vec<Option<Vec<ArrayRef>>> =
        columns.iter().map(|of| rows.pieces(of)).collect::<Result<_, _>>()?;
    let out = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))?;
    let (mut out, groups) = out.into_serialized_writer()?;
    let mut stats = Stats::default();
    for (group, first) in (0..rows.rows()).step_by(ROW_GROUP).enumerate() {
        let range = first..rows.rows().min(first + ROW_GROUP);
        let mut chunks = groups.create_column_writers(group)?.into_iter();
        let mut to = out.next_row_group()?;
        for ((of, field), pieces) in columns.iter().zip(schema.fields()).zip(&pieces) {
            let values = match pieces {
                Some(pieces) => rows.values(pieces, range.clone())?,
                None => new_null_array(field.data_type(), range.len()),
            };
            stats.column(of, &values);
            for (leaf, mut chunk) in compute_leaves(field, &values)?.iter().zip(&mut chunks) {
                chunk.write(leaf)?;
                chunk.close()?.append_to_row_group(&mut to)?;
            }
        }
        to.close()?;
    }
    Ok((out.into_inner()?, stats.finish(rows.rows())))
}

pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Where the table's log has its checkpoint of a version, if it made one.
pub(super) fn checkpoint(log: &Path, version: u64) -> PathBuf {
    log.join(format!("{version:020}.checkpoint.parquet"))
}

/// Makes a commit of the table's log survive a power cut.
pub(super) async fn sync_commit(dir: &Path, version: u64) -> Result<(), HistoryError> {
    let (root, log) = (dir.to_owned(), dir.join("_delta_log"));
    let path = log.join(format!("{version:020}.json"));
    let synced = tokio::task::spawn_blocking(move || {
        let sync = || {
            File::open(&path)?.sync_all()?;
            let checkpoint = checkpoint(&log, version);
            if checkpoint.exists() {
                File::open(&checkpoint)?.sync_all()?;
            }
            sync_dir(&log)?;
            sync_dir(&root)
        };
        sync().map_err(|error| failed(&path, &error))
    });
    synced.await.map_err(|error| HistoryError::Unavailable(error.to_string()))?
}

/// The statistics by which readers skip files: the number of rows, and minimum and maximum of every
/// time column.
#[derive(Debug, Default)]
struct Stats {
    /// Minimum, maximum and number of nulls, by column.
    times: BTreeMap<&'static str, (Option<i64>, Option<i64>, usize)>,
}

impl Stats {
    fn column(&mut self, of: &Column, values: &ArrayRef) {
        let Some(times) = values.as_primitive_opt::<TimestampMicrosecondType>() else { return };
        let (least, greatest, nulls) = self.times.entry(of.name).or_default();
        *least = [*least, min(times)].into_iter().flatten().min();
        *greatest = (*greatest).max(max(times));
        *nulls += times.null_count();
    }

    fn finish(self, rows: usize) -> Value {
        let (mut least, mut greatest, mut nulls) = (Map::new(), Map::new(), Map::new());
        for (name, (low, high, missing)) in self.times {
            if let (Some(low), Some(high)) = (low.and_then(text), high.and_then(text)) {
                least.insert(name.to_owned(), Value::String(low));
                greatest.insert(name.to_owned(), Value::String(high));
            }
            nulls.insert(name.to_owned(), json!(missing));
        }
        json!({
            "numRecords": rows, "minValues": least, "maxValues": greatest, "nullCount": nulls,
        })
    }
}

fn text(us: i64) -> Option<String> {
    let time = DateTime::from_timestamp_micros(us)?;
    Some(time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

/// Minimum and maximum, by a file's statistics, of the time by which its table is sorted, Unix µs.
pub(super) fn range(stats: &str, table: Table) -> Option<(i64, i64)> {
    let stats: Value = serde_json::from_str(stats).ok()?;
    let column = table.sorted_by().last()?;
    let end = |which: &str| {
        let text = stats.get(which)?.get(column)?.as_str()?;
        Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros())
    };
    Some((end("minValues")?, end("maxValues")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::BooleanArray;

    #[test]
    fn a_file_that_cannot_be_written_to_its_end_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        // The file is made by the time it turns out that these are no times.
        let no_times: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
        let batch = RecordBatch::try_from_iter([("received_at", no_times)]).unwrap();
        let rows = Gathered::new(Table::PlayerEvents, vec![batch]).unwrap();
        let folder = dir.path().join("hour=2026-11-30T14");
        let stored = store(&folder, &folder.join("a.parquet"), Table::PlayerEvents, &rows);
        assert!(matches!(stored, Err(HistoryError::Data(_))), "{stored:?}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }
}
