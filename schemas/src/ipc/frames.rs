//! Splits an Arrow IPC stream into messages and checks that each has as many bytes as it states.
//! Arrow's reader allocates the stated size before it reads a byte.

use arrow::ipc::{Message, root_as_message};

/// Precedes the length of each message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// A message.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Its metadata.
    pub message: Message<'a>,
    /// Its body: the buffers.
    pub body: &'a [u8],
}

/// The next message and the bytes after it; `None` at the end. The error is text.
pub fn next(bytes: &[u8]) -> Result<Option<(Frame<'_>, &[u8])>, &'static str> {
    const TORN: &str = "it breaks off inside a message";
    if bytes.is_empty() {
        return Ok(None);
    }
    let bytes = bytes
        .strip_prefix(&CONTINUATION)
        .ok_or("a message does not begin with FF FF FF FF; send the stream format, not a file")?;
    let (length, bytes) = bytes.split_first_chunk::<4>().ok_or(TORN)?;
    let length = usize::try_from(i32::from_le_bytes(*length)).map_err(|_| TORN)?;
    if length == 0 {
        let more = "something follows the end of the stream";
        return if bytes.is_empty() { Ok(None) } else { Err(more) };
    }
    let (meta, bytes) = bytes.split_at_checked(length).ok_or(TORN)?;
    let message = root_as_message(meta).map_err(|_| "a message cannot be read")?;
    let length = usize::try_from(message.bodyLength()).map_err(|_| TORN)?;
    let (body, rest) = bytes.split_at_checked(length).ok_or(TORN)?;
    Ok(Some((Frame { message, body }, rest)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};

    use crate::ipc::{IpcError, decode, encode};

    #[test]
    fn a_stream_shorter_than_it_states_is_refused_before_memory_is_allocated() {
        let column = Arc::new(Int64Array::from_iter_values(0..100)) as _;
        let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
        let bytes = encode(&batch).unwrap();
        assert_eq!(decode(&bytes).unwrap(), batch);
        let is_torn = |bytes: &[u8]| matches!(decode(bytes), Err(IpcError::Torn(_)));
        let huge = [&[0xff; 4][..], &[0xff, 0xff, 0xff, 0x7f]].concat();
        assert!(is_torn(b"damaged") && is_torn(&huge));
        let whole = (1..bytes.len()).filter(|end| !is_torn(&bytes[..*end])).collect::<Vec<_>>();
        // After the schema, and after the batch, where only the end marker is missing.
        assert_eq!(whole.len(), 2, "{whole:?}");
    }
}
