//! The messages of an Arrow IPC stream, as far as there are as many bytes as they state: Arrow's reader
//! takes as much memory as they state before it reads one.

use arrow::ipc::{Message, root_as_message};

/// What stands before the length of each message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// A message.
#[derive(Debug)]
pub struct Frame<'a> {
    /// What it says of itself.
    pub message: Message<'a>,
    /// What it is about.
    pub body: &'a [u8],
}

/// The next message and what follows it; `None` at the end. An error says what is wrong, in words.
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
    fn a_stream_that_states_more_than_there_is_is_refused_before_memory_is_taken() {
        let column = Arc::new(Int64Array::from_iter_values(0..100)) as _;
        let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
        let bytes = encode(&batch).unwrap();
        assert_eq!(decode(&bytes).unwrap(), batch);
        let is_torn = |bytes: &[u8]| matches!(decode(bytes), Err(IpcError::Torn(_)));
        let huge = [&[0xff; 4][..], &[0xff, 0xff, 0xff, 0x7f]].concat();
        assert!(is_torn(b"damaged") && is_torn(&huge));
        let whole = (1..bytes.len()).filter(|end| !is_torn(&bytes[..*end])).collect::<Vec<_>>();
        // Behind the schema, and behind the batch, where only the mark of the end is missing.
        assert_eq!(whole.len(), 2, "{whole:?}");
    }
}
