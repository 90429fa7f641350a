//! An entry as the value of a Kafka record: version, append time, then the body as on disk. The
//! offset and the checksum, which the consumer checks, are Kafka's.

use bytes::{Buf, BufMut, Bytes};

use crate::{Entry, Part, entry};

/// Later versions are not read.
const VERSION: u8 = 1;
/// Bytes before the body.
pub(super) const HEAD: usize = 1 + 8;

/// Encodes `parts`, whose body has `body_len` bytes.
pub(super) fn encode(parts: &[Part], body_len: usize, appended_at_us: i64) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEAD + body_len);
    value.put_u8(VERSION);
    value.put_i64_le(appended_at_us);
    entry::encode_table(parts, &mut value);
    parts.iter().for_each(|part| value.put_slice(&part.payload));
    value
}

/// Decodes a value; `None` if Tallylight did not write it.
pub(super) fn decode(offset: u64, mut value: Bytes) -> Option<Entry> {
    if value.try_get_u8().ok()? != VERSION {
        return None;
    }
    let appended_at_us = value.try_get_i64_le().ok()?;
    Some(Entry { offset, appended_at_us, parts: entry::decode(value)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_decoded_and_nothing_else_is() {
        let payload = Bytes::from_static(b"bytes");
        let parts = vec![Part { kind: 7, ranges: vec![], payload }];
        let value = encode(&parts, entry::checked_len(&parts).unwrap(), -5);
        let decoded = decode(9, value.clone().into()).unwrap();
        assert_eq!(decoded, Entry { offset: 9, appended_at_us: -5, parts });
        for cut in 0..value.len() {
            assert_eq!(decode(9, value[..cut].to_vec().into()), None, "{cut} bytes");
        }
        let mut later = value;
        later[0] = VERSION + 1;
        assert_eq!(decode(9, later.into()), None);
    }
}
