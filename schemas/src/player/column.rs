//! One column while it is written. A column exists from the first row that has a value for
//! it on; earlier rows are filled in then, and rows without one when the next value comes,
//! so that keys nobody sends cost nothing.

use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListArray,
    NullBufferBuilder, StringArray, StringBuilder, StructArray, new_null_array,
};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::error::ArrowError;

use crate::cmcd::{Key, Kind, Record, Value};
use crate::scrub;

/// Rows that a column has room for at first. Most requests hold one record, and the
/// builders' own thousand would cost each of them 100 KB.
const FEW: usize = 16;

pub(super) fn ints() -> Int64Builder {
    Int64Builder::with_capacity(FEW)
}

pub(super) fn texts() -> StringBuilder {
    StringBuilder::with_capacity(FEW, FEW * 8)
}

/// Appends nulls up to row `rows`.
pub(super) fn fill(column: &mut StringBuilder, rows: usize) {
    (column.len()..rows).for_each(|_| column.append_null());
}

/// A text of every row that nearly always is that of the row before: it is kept once for each
/// run, and written out at the end.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<(Box<str>, usize)>);

impl Runs {
    /// Appends the text of the next row.
    pub(super) fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            Some((last, rows)) if last.as_ref() == text => *rows += 1,
            _ => self.0.push((text.into(), 1)),
        }
    }

    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        let lengths = self.0.iter().flat_map(|(text, rows)| repeat_n(text.len(), *rows));
        let offsets = OffsetBuffer::from_lengths(lengths);
        let texts: String = self.0.iter().map(|(text, rows)| text.repeat(*rows)).collect();
        Ok(Arc::new(StringArray::try_new(offsets, Buffer::from(texts.into_bytes()), None)?))
    }
}

/// A column of CMCD values, or of what the door knows.
#[derive(Debug)]
pub(super) struct Column {
    rows: usize,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Int(Int64Builder),
    Dec(Float64Builder),
    Bool(BooleanBuilder),
    Text(StringBuilder),
    /// Most lists name no object type: its column is there from the first that does on.
    Ints {
        lists: Lists,
        values: Int64Builder,
        ots: Option<StringBuilder>,
    },
    Texts {
        lists: Lists,
        values: StringBuilder,
    },
}

impl Column {
    /// A column with room for `rows`.
    pub(super) fn new(kind: Kind, rows: usize) -> Self {
        let rows = rows.max(FEW);
        let ints = || Int64Builder::with_capacity(rows);
        let texts = || StringBuilder::with_capacity(rows, rows * 8);
        let values = match kind {
            Kind::Int => Values::Int(ints()),
            Kind::Dec => Values::Dec(Float64Builder::with_capacity(rows)),
            Kind::Bool => Values::Bool(BooleanBuilder::with_capacity(rows)),
            Kind::Token | Kind::Str => Values::Text(texts()),
            Kind::Ints => {
                Values::Ints { lists: Lists::with_capacity(rows), values: ints(), ots: None }
            }
            Kind::Strs => Values::Texts { lists: Lists::with_capacity(rows), values: texts() },
        };
        Self { rows: 0, values }
    }

    /// Appends the value of row `row`, of `record`. A value of another kind is left out: it cannot
    /// occur, since a record's values have the kinds of their keys.
    pub(super) fn push(&mut self, row: usize, key: Key, value: &Value<'_>, record: &Record<'_>) {
        self.fill(row);
        match (&mut self.values, value) {
            (Values::Int(column), Value::Int(value)) => column.append_value(*value),
            (Values::Dec(column), Value::Dec(value)) => column.append_value(*value),
            (Values::Bool(column), Value::Bool(value)) => column.append_value(*value),
            (Values::Text(column), Value::Text(text)) => {
                column.append_value(scrub::stored(key, text));
            }
            (Values::Ints { lists, values, ots }, Value::Ints(list)) => {
                for (value, ot) in record.ints(*list) {
                    if let Some(ot) = ot {
                        let ots = ots.get_or_insert_with(self::texts);
                        fill(ots, values.len());
                        ots.append_value(ot);
                    }
                    values.append_value(*value);
                }
                lists.end(values.len());
            }
            (Values::Texts { lists, values }, Value::Texts(list)) => {
                for text in record.texts(*list) {
                    values.append_value(scrub::stored(key, text));
                }
                lists.end(values.len());
            }
            _ => return,
        }
        self.rows += 1;
    }

    /// Appends nulls up to row `rows`.
    #[inline]
    fn fill(&mut self, rows: usize) {
        let missing = rows.saturating_sub(self.rows);
        if missing == 0 {
            return;
        }
        self.rows = rows;
        match &mut self.values {
            Values::Int(column) => column.append_nulls(missing),
            Values::Dec(column) => column.append_nulls(missing),
            Values::Bool(column) => column.append_nulls(missing),
            Values::Text(column) => (0..missing).for_each(|_| column.append_null()),
            Values::Ints { lists, .. } | Values::Texts { lists, .. } => lists.skip(missing),
        }
    }

    /// The column of a batch of `rows` rows.
    pub(super) fn finish(mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.fill(rows);
        Ok(match self.values {
            Values::Int(mut column) => Arc::new(column.finish()),
            Values::Dec(mut column) => Arc::new(column.finish()),
            Values::Bool(mut column) => Arc::new(column.finish()),
            Values::Text(mut column) => Arc::new(column.finish()),
            Values::Ints { lists, mut values, ots } => {
                let ots = match ots {
                    None => new_null_array(&DataType::Utf8, values.len()),
                    Some(mut ots) => {
                        fill(&mut ots, values.len());
                        Arc::new(ots.finish())
                    }
                };
                lists.finish(items(
                    [("v", DataType::Int64), ("ot", DataType::Utf8)],
                    [Arc::new(values.finish()), ots],
                )?)?
            }
            Values::Texts { lists, mut values } => lists.finish(Arc::new(values.finish()))?,
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
    fn with_capacity(rows: usize) -> Self {
        Self { ends: Vec::with_capacity(rows), ..Self::default() }
    }

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
