//! One column while it is written. A column exists from the first row that has a value for
//! it on; earlier rows are filled in then, and rows without one when the next value comes,
//! so that keys nobody sends cost nothing.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListArray,
    NullBufferBuilder, StringBuilder, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use arrow::error::ArrowError;

use crate::cmcd::{Kind, Value};

/// Rows that a column has room for at first. Most requests hold one record, and the
/// builders' own thousand would cost each of them 100 KB.
const FEW: usize = 16;

pub(super) fn ints() -> Int64Builder {
    Int64Builder::with_capacity(FEW)
}

pub(super) fn texts() -> StringBuilder {
    StringBuilder::with_capacity(FEW, FEW * 8)
}

/// A column of CMCD values.
#[derive(Debug)]
pub(super) enum Column {
    Int(Int64Builder),
    Dec(Float64Builder),
    Bool(BooleanBuilder),
    Text(StringBuilder),
    Ints { lists: Lists, values: Int64Builder, ots: StringBuilder },
    Texts { lists: Lists, values: StringBuilder },
}

impl Column {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int => Column::Int(ints()),
            Kind::Dec => Column::Dec(Float64Builder::with_capacity(FEW)),
            Kind::Bool => Column::Bool(BooleanBuilder::with_capacity(FEW)),
            Kind::Token | Kind::Str => Column::Text(texts()),
            Kind::Ints => Column::Ints { lists: Lists::default(), values: ints(), ots: texts() },
            Kind::Strs => Column::Texts { lists: Lists::default(), values: texts() },
        }
    }

    /// Appends the value of row `row`. A value of another kind is left out: it cannot occur,
    /// since a record's values have the kinds of their keys.
    pub(super) fn push(&mut self, row: usize, value: &Value<'_>) {
        self.fill(row);
        match (self, value) {
            (Column::Int(column), Value::Int(value)) => column.append_value(*value),
            (Column::Dec(column), Value::Dec(value)) => column.append_value(*value),
            (Column::Bool(column), Value::Bool(value)) => column.append_value(*value),
            (Column::Text(column), Value::Text(text)) => column.append_value(text),
            (Column::Ints { lists, values, ots }, Value::Ints(items)) => {
                for (value, ot) in items {
                    values.append_value(*value);
                    ots.append_option(ot.as_deref());
                }
                lists.end(values.len());
            }
            (Column::Texts { lists, values }, Value::Texts(items)) => {
                items.iter().for_each(|text| values.append_value(text));
                lists.end(values.len());
            }
            _ => {}
        }
    }

    fn len(&self) -> usize {
        match self {
            Column::Int(column) => column.len(),
            Column::Dec(column) => column.len(),
            Column::Bool(column) => column.len(),
            Column::Text(column) => column.len(),
            Column::Ints { lists, .. } | Column::Texts { lists, .. } => lists.len(),
        }
    }

    fn fill(&mut self, rows: usize) {
        let missing = rows.saturating_sub(self.len());
        match self {
            Column::Int(column) => column.append_nulls(missing),
            Column::Dec(column) => column.append_nulls(missing),
            Column::Bool(column) => column.append_nulls(missing),
            Column::Text(column) => (0..missing).for_each(|_| column.append_null()),
            Column::Ints { lists, .. } | Column::Texts { lists, .. } => lists.skip(missing),
        }
    }

    /// The column of a batch of `rows` rows.
    pub(super) fn finish(mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.fill(rows);
        Ok(match self {
            Column::Int(mut column) => Arc::new(column.finish()),
            Column::Dec(mut column) => Arc::new(column.finish()),
            Column::Bool(mut column) => Arc::new(column.finish()),
            Column::Text(mut column) => Arc::new(column.finish()),
            Column::Ints { lists, mut values, mut ots } => lists.finish(items(
                [("v", DataType::Int64), ("ot", DataType::Utf8)],
                [Arc::new(values.finish()), Arc::new(ots.finish())],
            )?)?,
            Column::Texts { lists, mut values } => lists.finish(Arc::new(values.finish()))?,
        })
    }
}

/// Where the lists of a list column end.
#[derive(Debug)]
pub(super) struct Lists {
    ends: Vec<usize>,
    present: NullBufferBuilder,
}

impl Default for Lists {
    fn default() -> Self {
        Self { ends: Vec::new(), present: NullBufferBuilder::new(0) }
    }
}

impl Lists {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Ends a row's list at item `end`.
    pub(super) fn end(&mut self, end: usize) {
        self.ends.push(end);
        self.present.append_non_null();
    }

    /// Appends rows without a list.
    pub(super) fn skip(&mut self, rows: usize) {
        let end = self.ends.last().copied().unwrap_or(0);
        self.ends.resize(self.ends.len() + rows, end);
        self.present.append_n_nulls(rows);
    }

    pub(super) fn finish(mut self, values: ArrayRef) -> Result<ArrayRef, ArrowError> {
        let lengths = self.ends.iter().scan(0, |from, end| {
            let length = end - *from;
            *from = *end;
            Some(length)
        });
        let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        Ok(Arc::new(ListArray::try_new(item, offsets, values, self.present.finish())?))
    }
}

/// The items of a list of pairs.
pub(super) fn items(
    names: [(&str, DataType); 2],
    columns: [ArrayRef; 2],
) -> Result<ArrayRef, ArrowError> {
    let fields: Fields =
        names.into_iter().map(|(name, kind)| Field::new(name, kind, true)).collect();
    Ok(Arc::new(StructArray::try_new(fields, columns.into(), None)?))
}
