//! Records into columns, without a struct per event in between.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Int64Builder, RecordBatch, RecordBatchOptions, StringBuilder, UInt32Array,
    UInt64Array,
};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;

use super::column::{Column, Runs, append_texts, fill, ints, texts};
use super::door::{AboutColumns, Door};
use super::pairs::{HopsColumn, PairsColumn};
use crate::cmcd::{Key, Record, cmsd};
use crate::scrub;

/// Rows that room is made for at once: what a commit gathers.
const MOST_EXPECTED: usize = 2_048;

/// Records into an Arrow batch. The caller bounds the number of rows; a row is bounded by
/// the limits of [`crate::cmcd`].
#[derive(Debug)]
pub struct PlayerBatchBuilder {
    rows: usize,
    /// Rows that new columns get room for.
    room: usize,
    tenant: Runs,
    mode: Runs,
    /// Null where it is what the mode says.
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

    /// Makes room for so many rows more, in columns that are not there yet.
    pub fn expect(&mut self, rows: usize) {
        self.room = self.rows + rows.min(MOST_EXPECTED);
    }

    /// Appends a record as a row.
    pub fn push(&mut self, door: &Door<'_>, record: &Record<'_>) {
        let row = self.rows;
        self.rows += 1;
        self.tenant.push(door.tenant);
        self.mode.push(door.mode.as_str());
        if door.source != door.mode.source() {
            let column = self.source.get_or_insert_with(texts);
            fill(column, row);
            column.append_value(door.source);
        }
        self.received_at.append_value(door.received_at);
        self.digest.push(record.digest());
        self.dropped_values.push(record.dropped_values());
        let room = self.room;
        for (key, value) in record.values() {
            let column =
                self.columns[*key as usize].get_or_insert_with(|| Column::new(key.kind(), room));
            column.push(row, *key, value, record);
        }
        self.about.push(row, &door.about, record);
        self.custom.push(row, record.custom().iter().map(|(k, v)| (k.as_ref(), v.as_ref())));
        self.push_broken(row, door, record);
        self.push_cmsd(row, record);
    }

    /// Our own event format is not CMCD, so it breaks no rule of it.
    fn push_broken(&mut self, row: usize, door: &Door<'_>, record: &Record<'_>) {
        if !record.broken().is_empty() && door.source != "events" {
            let examples = record.examples().iter();
            self.broken.push(row, examples.map(|(rule, shown)| (rule.slug(), shown.as_ref())));
        }
    }

    /// What is told of copied headers is read from what may be kept of them.
    fn push_cmsd(&mut self, row: usize, record: &Record<'_>) {
        if let Some(text) = record.text(Key::Cmsds) {
            let pairs = cmsd::fixed(&scrub::header(text));
            self.cmsd_static.push(row, pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        }
        if let Some(text) = record.text(Key::Cmsdd) {
            self.cmsd_hops.push(row, &cmsd::hops(&scrub::header(text)));
        }
    }

    /// Appends all rows of another builder: much cheaper than joining batches, or than sorting one.
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
