//! From Arrow columns to bytes that survive a power cut.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::{EventLog, Part, TopicSettings};
use tallylight_schemas::clock::WallClock;
use tallylight_schemas::ipc;
use tallylight_schemas::record::{EVENTS, Kind};

use super::{Folder, Measured, cpu, sample};

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    [16, sample::ROWS].into_iter().map(one).collect()
}

/// Appends of `rows` rows, one after the other.
pub(crate) fn one(rows: usize) -> anyhow::Result<Measured> {
    let (batch, ranges) = sample::batch(&sample::lines(rows, sample::BEGAN_MS))?;
    let folder = Folder::new("append");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let topic = TopicSettings::new(EVENTS, 256 << 20);
    let log = DiskLog::open(DiskSettings::new(&folder.0, vec![topic]), Arc::new(WallClock))?;
    let step = cpu::rate(rows, || {
        let payload = Bytes::from(ipc::encode(&batch)?);
        let part = Part { kind: Kind::Player.code(), ranges: ranges.clone(), payload };
        runtime.block_on(log.append(EVENTS, vec![part]))?;
        Ok(())
    })?;
    runtime.block_on(log.close());
    let batch = with_dictionaries(&batch)?;
    let mut file = File::create(folder.0.join("floor"))?;
    let floor = cpu::rate(rows, || {
        file.write_all(&ipc::encode(&batch)?)?;
        Ok(file.sync_data()?)
    })?;
    let what = "Arrow IPC with dictionaries and LZ4, write and fdatasync to a plain file";
    Ok(Measured::new(format!("append/{rows}-rows"), step, floor, what))
}

/// The batch with each column of few distinct words as a dictionary.
fn with_dictionaries(batch: &RecordBatch) -> anyhow::Result<RecordBatch> {
    let words = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let few = *field.data_type() == DataType::Utf8 && field.name() != "sid";
        let column = if few { cast(column, &words)? } else { column.clone() };
        fields.push(Field::new(field.name(), column.data_type().clone(), true));
        columns.push(column);
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}
