//! Appends records to columns, without an intermediate struct per event.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Int64Builder, RecordBatch, RecordBatchOptions, StringBuilder, UInt32Array,
    UInt64Array,
};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;

use super::column::{Column, Runs, append_texts, fill, ints, texts};
use super::envelope::{AboutColumns, Envelope};
use super::pairs::{HopsColumn, PairsColumn};
use crate::cmcd::{Key, Record, cmsd};
use crate::scrub;

/// The most rows to reserve capacity for at once: a typical commit.
const MOST_EXPECTED: usize = 2_048;

/// Builds an Arrow batch from records. The caller bounds the number of rows; the limits of
/// [`crate::cmcd`] bound each row.
#[derive(Debug)]
pub struct PlayerBatchBuilder {
    rows: usize,
    /// Capacity of new columns, in rows.
    room: usize,
    tenant: Runs,
    mode: Runs,
    /// Null where it is the default of the mode.
    source: Option<StringBuilder>,
    received_at: Int64Builder,
    digest: Vec<u64>,
    dropped_values: Vec<u32>,
    /// A column per key, on the heap: a builder is moved through futures.
    columns: Vec<Option<Column>>,
    about: AboutColumns,
    custom: PairsColumn,
    broken: PairsColumn,
    cmsd_static: PairsColumn,
    cmsd_hops: HopsColumn,
}

impl Default for PlayerBatchBuilder {
    fn default() -> Self {
        Self {
            rows: 0,
            room: 0,
            tenant: Runs::default(),
            mode: Runs::default(),
            source: None,
            received_at: ints(),
            digest: Vec::new(),
            dropped_values: Vec::new(),
            columns: Key::ALL.iter().map(|_| None).collect(),
            about: AboutColumns::default(),
            custom: PairsColumn::default(),
            broken: PairsColumn::default(),
            cmsd_static: PairsColumn::default(),
            cmsd_hops: HopsColumn::default(),
        }
    }
}

impl PlayerBatchBuilder {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reserves capacity for this many more rows, in columns that are yet to be created.
    pub fn expect(&mut self, rows: usize) {
        self.room = self.rows + rows.min(MOST_EXPECTED);
    }

    /// Appends a record as a row.
    pub fn push(&mut self, envelope: &Envelope<'_>, record: &Record<'_>) {
        let row = self.rows;
        self.rows += 1;
        self.tenant.push(envelope.tenant);
        self.mode.push(envelope.mode.as_str());
        if envelope.source != envelope.mode.source() {
            let column = self.source.get_or_insert_with(texts);
            fill(column, row);
            column.append_value(envelope.source);
        }
        self.received_at.append_value(envelope.received_at);
        self.digest.push(record.digest());
        self.dropped_values.push(record.dropped_values());
        let room = self.room;
        for (key, value) in record.values() {
            let column =
                self.columns[*key as usize].get_or_insert_with(|| Column::new(key.kind(), room));
            column.push(row, *key, value, record);
        }
        self.about.push(row, &envelope.about, record);
        self.custom.push(row, record.custom().iter().map(|(k, v)| (k.as_ref(), v.as_ref())));
        self.push_broken(row, envelope, record);
        self.push_cmsd(row, record);
    }

    /// Our own event format is not CMCD, so CMCD rules do not apply to it.
    fn push_broken(&mut self, row: usize, envelope: &Envelope<'_>, record: &Record<'_>) {
        if !record.broken().is_empty() && envelope.source != "events" {
            let examples = record.examples().iter();
            self.broken.push(row, examples.map(|(rule, shown)| (rule.slug(), shown.as_ref())));
        }
    }

    /// Decodes the copied CMSD headers after scrubbing, so that nothing private is stored.
    fn push_cmsd(&mut self, row: usize, record: &Record<'_>) {
        if let Some(text) = record.text(Key::Cmsds) {
            let pairs = cmsd::fixed(&scrub::header(text));
            self.cmsd_static.push(row, pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        }
        if let Some(text) = record.text(Key::Cmsdd) {
            self.cmsd_hops.push(row, &cmsd::hops(&scrub::header(text)));
        }
    }

    /// Appends all rows of another builder; much cheaper than joining or sorting batches.
    pub fn append(&mut self, mut more: Self) -> Result<(), ArrowError> {
        let row = self.rows;
        self.rows += more.rows;
        self.tenant.append(more.tenant);
        self.mode.append(more.mode);
        append_texts(&mut self.source, row, more.source)?;
        self.received_at.append_array(&more.received_at.finish());
        self.digest.append(&mut more.digest);
        self.dropped_values.append(&mut more.dropped_values);
        let room = self.room;
        for ((key, all), more) in Key::ALL.iter().zip(&mut self.columns).zip(more.columns) {
            if let Some(more) = more {
                all.get_or_insert_with(|| Column::new(key.kind(), room)).append(row, more)?;
            }
        }
        self.about.append(row, more.about)?;
        self.custom.append(row, more.custom)?;
        self.broken.append(row, more.broken)?;
        self.cmsd_static.append(row, more.cmsd_static)?;
        self.cmsd_hops.append(row, more.cmsd_hops)
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row yet.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The batch in the order of arrival. The builder is empty afterwards.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        std::mem::take(self).into_batch()
    }

    fn into_batch(mut self) -> Result<RecordBatch, ArrowError> {
        let mut named: Vec<(&str, ArrayRef)> = vec![
            ("tenant", self.tenant.finish()?),
            ("mode", self.mode.finish()?),
            ("received_at", Arc::new(self.received_at.finish())),
            ("digest", Arc::new(UInt64Array::from(self.digest))),
        ];
        if let Some(mut column) = self.source {
            fill(&mut column, self.rows);
            named.push(("source", Arc::new(column.finish())));
        }
        if self.dropped_values.iter().any(|dropped| *dropped > 0) {
            named.push(("dropped_values", Arc::new(UInt32Array::from(self.dropped_values))));
        }
        for (key, column) in Key::ALL.iter().zip(self.columns) {
            if let Some(column) = column {
                named.push((key.name(), column.finish(self.rows)?));
            }
        }
        named.extend(self.about.finish(self.rows));
        for (name, column) in
            [("custom", self.custom), ("broken", self.broken), ("cmsd_static", self.cmsd_static)]
        {
            if !column.is_empty() {
                named.push((name, column.finish(self.rows)?));
            }
        }
        if !self.cmsd_hops.is_empty() {
            named.push(("cmsd_hops", self.cmsd_hops.finish(self.rows)?));
        }
        let field =
            |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
        let schema = Schema::new(named.iter().map(field).collect::<Vec<_>>());
        let arrays = named.into_iter().map(|(_, array)| array).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options)
    }
}
