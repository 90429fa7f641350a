//! Columns of lists of pairs and of hops, while they are written. Like every column they are
//! there from the first row that has something on.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Int64Builder, StringBuilder, StructArray,
};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::error::ArrowError;

use super::column::{Lists, ints, items, texts};
use crate::cmcd::cmsd::Hop;
use crate::scrub;

/// `list<struct<k, v>>`.
#[derive(Debug)]
pub(super) struct PairsColumn {
    lists: Lists,
    keys: StringBuilder,
    values: StringBuilder,
}

impl Default for PairsColumn {
    fn default() -> Self {
        Self { lists: Lists::default(), keys: texts(), values: texts() }
    }
}

impl PairsColumn {
    /// Appends the list of row `row`, values without what may be secret; one without pairs is none.
    pub(super) fn push<'a>(&mut self, row: usize, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
        let before = self.keys.len();
        for (key, value) in pairs {
            self.keys.append_value(key);
            self.values.append_value(scrub::other(value));
        }
        if self.keys.len() > before {
            self.lists.skip(row - self.lists.len());
            self.lists.end(self.keys.len());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lists.len() == 0
    }

    /// Appends the lists of another such column, from row `row` on.
    pub(super) fn append(&mut self, row: usize, mut more: Self) -> Result<(), ArrowError> {
        if more.is_empty() {
            return Ok(());
        }
        self.lists.skip(row - self.lists.len());
        self.lists.append(self.keys.len(), more.lists);
        self.keys.append_array(&more.keys.finish())?;
        self.values.append_array(&more.values.finish())
    }

    pub(super) fn finish(mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.lists.skip(rows - self.lists.len());
        self.lists.finish(items(
            [("k", DataType::Utf8), ("v", DataType::Utf8)],
            [Arc::new(self.keys.finish()), Arc::new(self.values.finish())],
        )?)
    }
}

/// `list<struct<n, du, etp, mb, rd, rtt>>`: the hops of CMSD.
#[derive(Debug)]
pub(super) struct HopsColumn {
    lists: Lists,
    names: StringBuilder,
    duress: BooleanBuilder,
    /// `etp`, `mb`, `rd`, `rtt`.
    numbers: [Int64Builder; 4],
}

impl Default for HopsColumn {
    fn default() -> Self {
        Self {
            lists: Lists::default(),
            names: texts(),
            duress: BooleanBuilder::new(),
            numbers: [ints(), ints(), ints(), ints()],
        }
    }
}

impl HopsColumn {
    /// Appends the hops of row `row`; no hops are no list.
    pub(super) fn push(&mut self, row: usize, hops: &[Hop]) {
        if hops.is_empty() {
            return;
        }
        for hop in hops {
            self.names.append_value(scrub::other(&hop.n));
            self.duress.append_option(hop.du);
            let values = [hop.etp, hop.mb, hop.rd, hop.rtt];
            for (column, value) in self.numbers.iter_mut().zip(values) {
                column.append_option(value);
            }
        }
        self.lists.skip(row - self.lists.len());
        self.lists.end(self.names.len());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lists.len() == 0
    }

    /// Appends the hops of another such column, from row `row` on.
    pub(super) fn append(&mut self, row: usize, mut more: Self) -> Result<(), ArrowError> {
        if more.is_empty() {
            return Ok(());
        }
        self.lists.skip(row - self.lists.len());
        self.lists.append(self.names.len(), more.lists);
        self.names.append_array(&more.names.finish())?;
        self.duress.append_array(&more.duress.finish());
        for (all, more) in self.numbers.iter_mut().zip(&mut more.numbers) {
            all.append_array(&more.finish());
        }
        Ok(())
    }

    pub(super) fn finish(mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.lists.skip(rows - self.lists.len());
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(self.names.finish()), Arc::new(self.duress.finish())];
        columns.extend(self.numbers.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        let names = ["n", "du", "etp", "mb", "rd", "rtt"];
        let field =
            |(name, column): (&str, &ArrayRef)| Field::new(name, column.data_type().clone(), true);
        let fields: Fields = names.into_iter().zip(&columns).map(field).collect();
        self.lists.finish(Arc::new(StructArray::try_new(fields, columns, None)?))
    }
}
