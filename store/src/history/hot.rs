//! What is in memory and in no file yet.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use chrono::{DateTime, NaiveDateTime};
use tallylight_schemas::tables::{HOUR, Table, conform};

use super::folder::Folder;

const HOUR_S: i64 = 3_600;

/// The number of the hour that contains a moment (Unix µs).
pub fn hour_of(us: i64) -> i64 {
    us.div_euclid(1_000_000 * HOUR_S)
}

/// The hour as folders are named.
pub fn hour_name(hour: i64) -> String {
    let start = DateTime::from_timestamp(hour * HOUR_S, 0);
    start.map(|start| start.format("%Y-%m-%dT%H").to_string()).unwrap_or_default()
}

/// The number of the hour that a folder is named after; `None` if the name is not an hour's.
pub fn hour_number(name: &str) -> Option<i64> {
    let start = NaiveDateTime::parse_from_str(&format!("{name}:00"), "%Y-%m-%dT%H:%M").ok()?;
    Some(start.and_utc().timestamp().div_euclid(HOUR_S))
}

/// A table: its files, and the rows that follow them.
#[derive(Debug)]
pub(super) struct TableState {
    pub(super) folder: Folder,
    /// Ordered by offset.
    pub(super) hot: VecDeque<Hot>,
    /// Rows before this time are final in the newest view, by the state in that view.
    pub(super) final_up_to: Option<i64>,
}

impl TableState {
    pub(super) fn new(folder: Folder) -> Self {
        Self { folder, hot: VecDeque::new(), final_up_to: None }
    }
}

/// A batch as it came; missing columns are filled in when it is read.
#[derive(Debug, Clone)]
pub(super) struct Hot {
    pub(super) offset: u64,
    pub(super) hour: i64,
    pub(super) batch: RecordBatch,
    bytes: u64,
}

impl Hot {
    pub(super) fn new(offset: u64, hour: i64, batch: RecordBatch) -> Self {
        let bytes = held(&batch) as u64;
        Self { offset, hour, batch, bytes }
    }

    pub(super) fn rows(&self) -> u64 {
        self.batch.num_rows() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The batch as it came, with the columns that its place in the log determines. Missing columns
    /// are not filled in.
    pub(super) fn placed(&self, table: Table, log_id: &str) -> Result<RecordBatch, ArrowError> {
        let mut fields = Vec::new();
        let mut columns: Vec<ArrayRef> = Vec::new();
        let mut set = |name: &str, column: ArrayRef| {
            fields.push(Arc::new(Field::new(name, column.data_type().clone(), true)));
            columns.push(column);
        };
        let rows = self.batch.num_rows();
        if table.column("offset").is_some() {
            let offset = i64::try_from(self.offset).unwrap_or(i64::MAX);
            set("offset", Arc::new(Int64Array::from(vec![offset; rows])));
            set("log_id", Arc::new(StringArray::from(vec![log_id; rows])));
        }
        // Of two columns with the same name, the first counts.
        fields.extend(self.batch.schema().fields().iter().cloned());
        columns.extend(self.batch.columns().iter().cloned());
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }

    /// The rows, with the columns of the table.
    pub(super) fn wide(&self, table: Table, log_id: &str) -> Result<RecordBatch, ArrowError> {
        let batch = conform(&self.placed(table, log_id)?, table)?;
        let (schema, mut columns) = (batch.schema(), batch.columns().to_vec());
        if let Ok(at) = schema.index_of(HOUR) {
            let hour = vec![hour_name(self.hour); batch.num_rows()];
            columns[at] = Arc::new(StringArray::from(hour));
        }
        RecordBatch::try_new(schema, columns)
    }
}

/// The rows that are in no file, with the columns of the table, where files end at the offset
/// `files_to`: a process that has learned of another's commit may still hold rows in memory that
/// are in files.
pub(super) fn unwritten(
    hot: &[Hot],
    files_to: u64,
    table: Table,
    log_id: &str,
) -> Result<Vec<RecordBatch>, ArrowError> {
    let rest = hot.iter().filter(|one| one.offset >= files_to);
    rest.map(|one| one.wide(table, log_id)).collect()
}

/// The memory that a batch holds, bytes. Columns read from one message can share its buffer, so
/// each buffer counts once, however many columns are in it.
fn held(batch: &RecordBatch) -> usize {
    let mut pieces = HashSet::new();
    batch.columns().iter().map(|column| held_by(&column.to_data(), &mut pieces)).sum()
}

fn held_by(data: &ArrayData, pieces: &mut HashSet<usize>) -> usize {
    let buffers = data.buffers().iter().chain(data.nulls().map(|nulls| nulls.buffer()));
    let new = buffers.filter(|buffer| pieces.insert(buffer.data_ptr().addr().get()));
    let own: usize = new.map(|buffer| buffer.capacity()).sum();
    own + data.child_data().iter().map(|child| held_by(child, pieces)).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::{held, hour_name, hour_number};
    use arrow::array::{Array, Int64Array, RecordBatch};
    use std::sync::Arc;

    #[test]
    fn an_hour_is_read_as_it_is_named_and_nothing_else_is_an_hour() {
        for hour in [0, 490_000, 498_788] {
            assert_eq!(hour_number(&hour_name(hour)), Some(hour));
        }
        for name in ["", "2026-11-27", "2026-11-27T24", "2026-11-27T20:00", "yesterday"] {
            assert_eq!(hour_number(name), None, "{name}");
        }
    }

    #[test]
    fn what_columns_share_counts_once() {
        let whole: Arc<dyn Array> = Arc::new(Int64Array::from_iter_values(0..1_000));
        let one = RecordBatch::try_from_iter([("a", whole.clone())]).unwrap();
        let parts = (0..10).map(|n| (format!("c{n}"), whole.slice(n * 100, 100)));
        let ten = RecordBatch::try_from_iter(parts).unwrap();
        assert_eq!(held(&one), held(&ten));
        assert!((8_000..9_000).contains(&held(&one)), "{}", held(&one));
    }
}
