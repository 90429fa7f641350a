//! Checks that the bytes of a stream match what its messages declare.

use arrow::ipc::{Field, FieldNode, MessageHeader, Precision, RecordBatch, Schema, Type};
use tallylight_schemas::ipc::{buffers, frames};

use super::Refused;

/// Most columns, counting those inside lists and structs.
const MAX_FIELDS: usize = 256;
/// A list of structs of plain values is the deepest type.
const MAX_DEPTH: usize = 3;

/// Checks every message of a stream.
pub(super) fn check(body: &[u8]) -> Result<(), Refused> {
    let next = |bytes| frames::next(bytes).map_err(refused);
    let (head, mut rest) = next(body)?.ok_or_else(|| refused("it is empty"))?;
    let schema = head.message.header_as_schema();
    let schema = schema.ok_or_else(|| refused("it does not begin with a schema"))?;
    let layout = Layout::of(&schema)?;
    while let Some((frame, behind)) = next(rest)? {
        rest = behind;
        match frame.message.header_type() {
            MessageHeader::RecordBatch => {
                let batch = frame.message.header_as_record_batch();
                let batch = batch.ok_or_else(|| refused("a batch has no header"))?;
                layout.fits(&batch, frame.body)?;
            }
            MessageHeader::DictionaryBatch => return Err(refused(NO_DICTIONARY)),
            _ => return Err(refused("a message is neither a batch nor a dictionary")),
        }
    }
    Ok(())
}

const NO_DICTIONARY: &str = "dictionary-encoded columns are not taken; send plain strings";

/// The buffers of each column, in the order in which a batch lists them.
struct Layout(Vec<Buffers>);

/// A column's buffers: validity, then `items` of this many bytes each (numbers or offsets; a struct
/// has none), then the text that offsets point into.
struct Buffers {
    count: usize,
    item_bytes: usize,
}

impl Layout {
    fn of(schema: &Schema<'_>) -> Result<Self, Refused> {
        let mut layout = Self(Vec::new());
        // The reader requires a list of fields, even if it is empty.
        let fields = schema.fields().ok_or_else(|| refused("its schema has no columns"))?;
        for field in fields {
            layout.add(&field, 1)?;
        }
        Ok(layout)
    }

    /// Only types that [`super::columns`] reads are accepted, since the reader panics on some
    /// others.
    fn add(&mut self, field: &Field<'_>, depth: usize) -> Result<(), Refused> {
        let name = crate::problem::echo(field.name().unwrap_or_default());
        if self.0.len() >= MAX_FIELDS || depth > MAX_DEPTH {
            return Err(refused("it has too many columns, or nests them too deeply"));
        }
        if field.dictionary().is_some() {
            return Err(refused(NO_DICTIONARY));
        }
        let children = field.children().map_or(0, |children| children.len());
        let number = number_bytes(field);
        let (count, item_bytes, wanted) = match (field.type_type(), number) {
            (Type::Bool, _) => (2, 1, Some(0)),
            (Type::Int | Type::FloatingPoint, Some(bytes)) => (2, bytes, Some(0)),
            (Type::Utf8, _) => (3, 4, Some(0)),
            (Type::LargeUtf8, _) => (3, 8, Some(0)),
            (Type::List, _) => (2, 4, Some(1)),
            (Type::Struct_, _) if children > 0 => (1, 1, None),
            (other, _) => {
                let other = other.variant_name().unwrap_or("unknown");
                let taken = "integers, floats, booleans, strings, and lists of them";
                return Err(Refused(format!(
                    "column `{name}` has the type {other}; {taken} are taken"
                )));
            }
        };
        if wanted.is_some_and(|wanted| wanted != children) {
            return Err(Refused(format!("column `{name}` does not have the children of its type")));
        }
        self.0.push(Buffers { count, item_bytes });
        field.children().into_iter().flatten().try_for_each(|child| self.add(&child, depth + 1))
    }

    fn fits(&self, batch: &RecordBatch<'_>, body: &[u8]) -> Result<(), Refused> {
        if batch.compression().is_some() {
            let detail = "its buffers are compressed one by one; compress the body instead \
                          (Content-Encoding)";
            return Err(refused(detail));
        }
        let wrong = || refused("a batch does not fit its schema or its own length");
        // No column that is taken uses these, and the reader panics on any that are left.
        if batch.variadicBufferCounts().is_some_and(|counts| !counts.is_empty()) {
            return Err(wrong());
        }
        let nodes = batch.nodes().ok_or_else(wrong)?;
        // Without this check any number of columns could share one buffer, and each is copied where
        // it has to be widened.
        let buffers = buffers::places(batch, body).map_err(refused)?;
        let wanted = self.0.iter().map(|column| column.count).sum::<usize>();
        if nodes.len() != self.0.len() || buffers.len() != wanted {
            return Err(wrong());
        }
        let mut rest = buffers.as_slice();
        for (node, column) in nodes.iter().zip(&self.0) {
            let (own, behind) = rest.split_at(column.count);
            rest = behind;
            let bytes = |at| own.get(at).map_or(0, |buffer: &&[u8]| buffer.len());
            let (validity, items) = (bytes(0), bytes(1));
            if items % column.item_bytes != 0 || !is_borne_out(node, validity, body.len()) {
                return Err(wrong());
            }
        }
        Ok(())
    }
}

/// A row takes at least one bit, and a nullable one takes a bit of the validity buffer.
fn is_borne_out(node: &FieldNode, validity: usize, body: usize) -> bool {
    let (Ok(rows), Ok(nulls)) =
        (usize::try_from(node.length()), usize::try_from(node.null_count()))
    else {
        return false;
    };
    rows <= body.saturating_mul(8) && nulls <= rows && (nulls == 0 || rows <= validity * 8)
}

/// The size of a number in bytes; `None` for a size that is not supported.
fn number_bytes(field: &Field<'_>) -> Option<usize> {
    if let Some(int) = field.type_as_int() {
        let bits = usize::try_from(int.bitWidth()).ok()?;
        return [8, 16, 32, 64].contains(&bits).then_some(bits / 8);
    }
    match field.type_as_floating_point()?.precision() {
        Precision::SINGLE => Some(4),
        Precision::DOUBLE => Some(8),
        _ => None,
    }
}

fn refused(why: &str) -> Refused {
    Refused(why.to_owned())
}
