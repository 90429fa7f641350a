//! What a batch states of its buffers, as far as it can be so: Arrow's reader panics at one that is
//! not in the body, and takes as much memory as a compressed one states.

use arrow::ipc::{FieldNode, MessageHeader, RecordBatch};

use super::frames::Frame;

/// How many bytes become of one that is compressed with LZ4, at most.
const FROM_A_BYTE: usize = 255;

/// Whether a message's batch, if it has one, can be read from its body. An error says what is wrong,
/// in words.
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
    are_within(&batch, frame.body).ok_or("a batch has a buffer that is not in its body")?;
    let mut nodes = batch.nodes().into_iter().flatten();
    let sane = batch.length() >= 0 && nodes.all(is_sane);
    if sane { Ok(()) } else { Err("a batch has a column of no possible length") }
}

fn is_sane(node: &FieldNode) -> bool {
    (0..=node.length()).contains(&node.null_count())
}

/// They lie one behind the other, so that no byte is unpacked twice.
fn are_within(batch: &RecordBatch<'_>, body: &[u8]) -> Option<()> {
    let mut rest_from = 0;
    for buffer in batch.buffers().into_iter().flatten() {
        let start = usize::try_from(buffer.offset()).ok()?;
        let end = start.checked_add(usize::try_from(buffer.length()).ok()?)?;
        let bytes = body.get(start..end)?;
        if bytes.is_empty() {
            continue;
        }
        if start < rest_from {
            return None;
        }
        rest_from = end;
        if batch.compression().is_some() {
            let (stated, packed) = bytes.split_first_chunk::<8>()?;
            let stated = i64::from_le_bytes(*stated);
            // -1: this one is not compressed.
            let most = i64::try_from(packed.len().checked_mul(FROM_A_BYTE)?).ok()?;
            (-1..=most).contains(&stated).then_some(())?;
        }
    }
    Some(())
}
