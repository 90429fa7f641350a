//! Checks what a batch states about its buffers. Arrow's reader panics at a buffer outside the
//! body, and allocates as much memory as a compressed buffer states.

use arrow::ipc::{Buffer, FieldNode, MessageHeader, RecordBatch};

use super::frames::Frame;

/// The largest expansion of LZ4: bytes per compressed byte.
const FROM_A_BYTE: usize = 255;

/// Checks that a message's batch, if it has one, can be read from its body. The error is text.
pub(super) fn check(frame: &Frame<'_>) -> Result<(), &'static str> {
    let message = &frame.message;
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => {
            message.header_as_dictionary_batch().and_then(|values| values.data())
        }
        _ => return Ok(()),
    };
    let batch = batch.ok_or("a batch has no header")?;
    let buffers = places(&batch, frame.body)?;
    if batch.compression().is_some() {
        let mut filled = buffers.into_iter().filter(|bytes| !bytes.is_empty());
        filled.try_for_each(check_unpacked)?;
    }
    let mut nodes = batch.nodes().into_iter().flatten();
    let sane = batch.length() >= 0 && nodes.all(is_sane);
    if sane { Ok(()) } else { Err("a batch has a column of an impossible length") }
}

fn is_sane(node: &FieldNode) -> bool {
    (0..=node.length()).contains(&node.null_count())
}

/// The bytes of each buffer that a batch lists, in order. They must be in the body and must not
/// overlap, so that no byte is read twice. The error is text.
pub fn places<'a>(batch: &RecordBatch<'_>, body: &'a [u8]) -> Result<Vec<&'a [u8]>, &'static str> {
    let mut rest_from = 0;
    let buffers = batch.buffers().into_iter().flatten();
    let placed = buffers.map(|buffer| {
        let (start, bytes) =
            place(buffer, body).ok_or("a batch has a buffer that is not in its body")?;
        if !bytes.is_empty() {
            if start < rest_from {
                return Err("a batch has buffers that overlap or are out of order");
            }
            rest_from = start + bytes.len();
        }
        Ok(bytes)
    });
    placed.collect()
}

/// The start of a buffer in the body, and its bytes.
fn place<'a>(buffer: &Buffer, body: &'a [u8]) -> Option<(usize, &'a [u8])> {
    let start = usize::try_from(buffer.offset()).ok()?;
    let end = start.checked_add(usize::try_from(buffer.length()).ok()?)?;
    Some((start, body.get(start..end)?))
}

/// Checks that a compressed buffer can expand to the length that it states.
fn check_unpacked(bytes: &[u8]) -> Result<(), &'static str> {
    let (stated, packed) = bytes
        .split_first_chunk::<8>()
        .ok_or("a batch has a compressed buffer that does not state its uncompressed length")?;
    let most = i64::try_from(packed.len().saturating_mul(FROM_A_BYTE)).unwrap_or(i64::MAX);
    // -1: this one is not compressed.
    if (-1..=most).contains(&i64::from_le_bytes(*stated)) {
        return Ok(());
    }
    Err("a batch has a compressed buffer that cannot expand to the length that it states")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};

    use crate::ipc::{IpcError, decode, encode, frames};

    #[test]
    fn an_impossible_uncompressed_length_is_refused() {
        let column = Arc::new(Int64Array::from_iter_values(0..100)) as _;
        let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
        let bytes = encode(&batch).unwrap();
        let (_schema, rest) = frames::next(&bytes).unwrap().unwrap();
        let (frame, behind) = frames::next(rest).unwrap().unwrap();
        let buffers = frame.message.header_as_record_batch().unwrap().buffers().unwrap();
        let values = buffers.get(buffers.len() - 1);
        let body = bytes.len() - behind.len() - frame.body.len();
        let at = body + usize::try_from(values.offset()).unwrap();
        for stated in [-2, i64::MAX] {
            let mut lie = bytes.clone();
            lie[at..at + 8].copy_from_slice(&stated.to_le_bytes());
            let Err(IpcError::Torn(why)) = decode(&lie) else { panic!("{stated} is believed") };
            assert!(why.contains("cannot expand to the length"), "{why}");
        }
    }
}
