//! A column under construction. It is created by the first row that has a value for it; earlier
//! rows are then filled with nulls, and later rows without a value when the next value comes, so
//! that unused keys cost nothing.

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

/// Initial capacity of a column, in rows. Most requests hold one record, and the builders' default
/// of a thousand would cost each of them 100 KB.
const FEW: usize = 16;

pub(super) fn ints() -> Int64Builder {
    Int64Builder::with_capacity(FEW)
}

pub(super) fn texts() -> StringBuilder {
    StringBuilder::with_capacity(FEW, FEW * 8)
}

/// Appends nulls up to row `rows`.
pub(super) fn fill(column: &mut StringBuilder, rows: usize) {
    column.append_nulls(rows.saturating_sub(column.len()));
}

/// Appends a column, from row `row` on; both columns may be missing.
pub(super) fn append_texts(
    all: &mut Option<StringBuilder>,
    row: usize,
    more: Option<StringBuilder>,
) -> Result<(), ArrowError> {
    let Some(mut more) = more else { return Ok(()) };
    let all = all.get_or_insert_with(texts);
    fill(all, row);
    all.append_array(&more.finish())
}

/// A text column whose value rarely changes from row to row: each run is kept once and expanded at
/// the end.
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

    /// Appends the texts of further rows.
    pub(super) fn append(&mut self, more: Self) {
        for (text, rows) in more.0 {
            match self.0.last_mut() {
                Some((last, sum)) if *last == text => *sum += rows,
                _ => self.0.push((text, rows)),
            }
        }
    }

    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        let lengths = self.0.iter().flat_map(|(text, rows)| repeat_n(text.len(), *rows));
        let offsets = OffsetBuffer::from_lengths(lengths);
        let texts: String = self.0.iter().map(|(text, rows)| text.repeat(*rows)).collect();
        Ok(Arc::new(StringArray::try_new(offsets, Buffer::from(texts.into_bytes()), None)?))
    }
}

/// A column of CMCD values.
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
    /// Most lists name no object type: `ots` is created by the first list that does.
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

    /// Appends the value of row `row`, from `record`. A value of another kind is left out; this
    /// cannot happen, since a record's values have the kinds of their keys.
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

    /// Appends the rows of another column of the same key, from row `row` on.
    pub(super) fn append(&mut self, row: usize, more: Self) -> Result<(), ArrowError> {
        self.fill(row);
        match (&mut self.values, more.values) {
            (Values::Int(all), Values::Int(mut more)) => all.append_array(&more.finish()),
            (Values::Dec(all), Values::Dec(mut more)) => all.append_array(&more.finish()),
            (Values::Bool(all), Values::Bool(mut more)) => all.append_array(&more.finish()),
            (Values::Text(all), Values::Text(mut more)) => all.append_array(&more.finish())?,
            (
                Values::Ints { lists, values, ots },
                Values::Ints { lists: more, values: mut items, ots: names },
            ) => {
                lists.append(values.len(), more);
                append_texts(ots, values.len(), names)?;
                values.append_array(&items.finish());
            }
            (Values::Texts { lists, values }, Values::Texts { lists: more, values: mut items }) => {
                lists.append(values.len(), more);
                values.append_array(&items.finish())?;
            }
            _ => return Ok(()),
        }
        self.rows += more.rows;
        Ok(())
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
            Values::Text(column) => column.append_nulls(missing),
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

    /// Appends further lists, whose items follow the first `items`.
    pub(super) fn append(&mut self, items: usize, mut more: Self) {
        self.ends.extend(more.ends.iter().map(|end| items + end));
        match more.present.finish() {
            Some(present) => self.present.append_buffer(&present),
            None => self.present.append_n_non_nulls(more.ends.len()),
        }
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
