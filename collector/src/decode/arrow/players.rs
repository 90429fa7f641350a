//! Rows that are a player's event, read from their columns straight into a record. The record is
//! the one that the row would give as JSON ([`super::columns::event`]), except for its digest,
//! which is of the values themselves. Other rows, and those that may be too long, are converted to
//! JSON.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::array::{Float64Array, Int64Array, ListArray, RecordBatch, UInt64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use arrow::error::ArrowError;
use tallylight_schemas::cmcd::{Key, MAX_EVENT_BYTES, Record, Typed, is_custom};
use tallylight_schemas::fates::Reason;
use tallylight_schemas::ident;

/// Most bytes that a number, a boolean or the syntax around a value takes as JSON.
const PLAIN_BYTES: usize = 32;
/// Most bytes of a character as JSON: `\u0000`.
const ESCAPED: usize = 6;

/// The columns of a batch, ready to be read row by row.
pub(super) struct Players {
    kinds: StringArray,
    /// Sorted by name, as the members of a JSON object are: the order of columns means nothing.
    members: Vec<Member>,
    /// Bytes of a row as JSON, without its texts and lists.
    plain_bytes: usize,
}

struct Member {
    name: String,
    what: What,
    /// Identifies name and type in the digest.
    tag: u64,
    cells: Cells,
}

#[derive(Clone, Copy)]
enum What {
    Key(Key),
    Custom,
    Unknown,
}

/// The values of a column, in the widest type of their kind.
enum Cells {
    Whole(Int64Array),
    /// Unsigned numbers, which may exceed [`Cells::Whole`].
    Huge(UInt64Array),
    Number(Float64Array),
    Truth(BooleanArray),
    Text(StringArray),
    List {
        lists: ListArray,
        items: Box<Cells>,
        /// For a list of pairs: the pairs (for their nulls) and the object types.
        pairs: Option<(ArrayRef, Option<StringArray>)>,
    },
}

impl Players {
    /// Prepares the columns of a batch whose schema was checked.
    pub(super) fn new(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let mut members = Vec::with_capacity(batch.num_columns());
        let mut kinds = StringArray::new_null(batch.num_rows());
        let mut plain_bytes = PLAIN_BYTES;
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let name = field.name();
            if name == "type" {
                kinds = text(column)?;
                continue;
            }
            let what = match Key::from_name(name) {
                Some(key) => What::Key(key),
                None if is_custom(name) => What::Custom,
                None => What::Unknown,
            };
            plain_bytes += ESCAPED * name.len() + PLAIN_BYTES;
            let cells = Cells::new(column)?;
            let tag = ident::hash(name, cells.kind());
            members.push(Member { name: name.clone(), what, tag, cells });
        }
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { kinds, members, plain_bytes })
    }

    /// Reads a row into `record`; `sent` is a reused buffer. `None` when the row has to be
    /// converted to JSON.
    pub(super) fn read<'a>(
        &'a self,
        row: usize,
        record: &mut Record<'a>,
        sent: &mut Vec<u8>,
    ) -> Option<Result<(), Reason>> {
        (self.kinds.is_valid(row) && self.kinds.value(row) == "player").then_some(())?;
        record.begin();
        sent.clear();
        let mut bytes = self.plain_bytes;
        for member in &self.members {
            member.read(row, record, sent, &mut bytes);
            (bytes <= MAX_EVENT_BYTES).then_some(())?;
        }
        Some(record.end(sent))
    }
}

impl Member {
    /// Reads a row's value, if it has one, and adds to `bytes` how much its texts may take as JSON.
    #[inline]
    fn read<'a>(
        &'a self,
        row: usize,
        record: &mut Record<'a>,
        sent: &mut Vec<u8>,
        bytes: &mut usize,
    ) {
        if let Cells::List { lists, .. } = &self.cells {
            if lists.is_valid(row) {
                sent.extend_from_slice(&self.tag.to_le_bytes());
                self.read_list(lists, row, record, sent, bytes);
            }
            return;
        }
        let Some(value) = self.cells.at(row) else { return };
        sent.extend_from_slice(&self.tag.to_le_bytes());
        *bytes += note(sent, value);
        match (self.what, value) {
            (What::Key(key), value) => record.put(key, value),
            (What::Custom, Typed::Text(text)) => record.put_custom(&self.name, text),
            _ => record.put_unknown(&self.name),
        }
    }

    fn read_list<'a>(
        &'a self,
        lists: &ListArray,
        row: usize,
        record: &mut Record<'a>,
        sent: &mut Vec<u8>,
        bytes: &mut usize,
    ) {
        let Cells::List { items, pairs, .. } = &self.cells else { return };
        let What::Key(key) = self.what else { return };
        let offsets = lists.value_offsets();
        let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
        *bytes += (to - from) * 2 * PLAIN_BYTES;
        if *bytes > MAX_EVENT_BYTES {
            return;
        }
        sent.extend_from_slice(&(to - from).to_le_bytes());
        let all = (from..to).map(|at| {
            let (whole, ots) = match pairs {
                Some((pairs, ots)) => (pairs.is_valid(at), ots.as_ref()),
                None => (true, None),
            };
            let value = items.at(at).filter(|_| whole);
            let ot = ots.filter(|ots| whole && ots.is_valid(at)).map(|ots| ots.value(at));
            sent.push(u8::from(value.is_some()) | u8::from(ot.is_some()) << 1);
            *bytes += value.map_or(0, |value| note(sent, value));
            *bytes += ot.map_or(0, |ot| note(sent, Typed::Text(ot)));
            Some((value?, ot))
        });
        record.put_list(key, all);
    }
}

/// Adds a value to the digest's input; returns how many bytes its text may take as JSON.
#[inline]
fn note(sent: &mut Vec<u8>, value: Typed<'_>) -> usize {
    match value {
        Typed::Int(number) => sent.extend_from_slice(&number.to_le_bytes()),
        Typed::Dec(number) => sent.extend_from_slice(&number.to_le_bytes()),
        Typed::Bool(truth) => sent.push(u8::from(truth)),
        Typed::Text(text) => {
            sent.extend_from_slice(&text.len().to_le_bytes());
            sent.extend_from_slice(text.as_bytes());
            return ESCAPED * text.len();
        }
    }
    0
}

impl Cells {
    fn new(column: &ArrayRef) -> Result<Self, ArrowError> {
        Ok(match column.data_type() {
            DataType::Boolean => Self::Truth(column.as_boolean().clone()),
            DataType::Utf8 | DataType::LargeUtf8 => Self::Text(text(column)?),
            DataType::UInt64 => Self::Huge(column.as_primitive::<UInt64Type>().clone()),
            DataType::Float32 | DataType::Float64 => {
                let wide = cast(column, &DataType::Float64)?;
                Self::Number(wide.as_primitive::<Float64Type>().clone())
            }
            DataType::List(_) => Self::list(column.as_list())?,
            _ => {
                let wide = cast(column, &DataType::Int64)?;
                Self::Whole(wide.as_primitive::<Int64Type>().clone())
            }
        })
    }

    fn list(lists: &ListArray) -> Result<Self, ArrowError> {
        let (lists, items) = (lists.clone(), lists.values());
        let Some(pairs) = items.as_struct_opt() else {
            return Ok(Self::List { items: Box::new(Self::new(items)?), pairs: None, lists });
        };
        let values = pairs.column_by_name("v");
        let values = values.ok_or_else(|| ArrowError::SchemaError("pairs without `v`".into()))?;
        let ots = pairs.column_by_name("ot").map(text).transpose()?;
        let pairs = Some((items.clone(), ots));
        Ok(Self::List { items: Box::new(Self::new(values)?), pairs, lists })
    }

    /// A name that distinguishes it from other types.
    fn kind(&self) -> &'static str {
        match self {
            Self::Whole(_) | Self::Huge(_) => "whole",
            Self::Number(_) => "number",
            Self::Truth(_) => "truth",
            Self::Text(_) => "text",
            Self::List { .. } => "list",
        }
    }

    /// A value; `None` for null, and for NaN and infinity, which JSON does not have.
    #[inline]
    fn at(&self, at: usize) -> Option<Typed<'_>> {
        match self {
            Self::Whole(all) => all.is_valid(at).then(|| Typed::Int(all.value(at))),
            Self::Huge(all) => all.is_valid(at).then(|| {
                let number = all.value(at);
                i64::try_from(number).map_or(Typed::Dec(number as f64), Typed::Int)
            }),
            Self::Number(all) => {
                let number = all.is_valid(at).then(|| all.value(at));
                number.filter(|number| number.is_finite()).map(Typed::Dec)
            }
            Self::Truth(all) => all.is_valid(at).then(|| Typed::Bool(all.value(at))),
            Self::Text(all) => all.is_valid(at).then(|| Typed::Text(all.value(at))),
            Self::List { .. } => None,
        }
    }
}

fn text(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
}

#[cfg(test)]
mod tests;
