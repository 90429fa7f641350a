//! The bytes of one entry's parts, the same on disk and in Kafka.
//!
//! The table of all parts comes first and the payloads follow, so that an append writes the
//! payloads without copying them.

use bytes::{Buf, Bytes};

use crate::{LogError, MAX_ENTRY_BYTES, Part, PartitionRange};

/// Bytes of the table per part: kind, number of ranges, payload length.
const PART_BYTES: usize = 2 + 4 + 4;
/// Bytes of the table per range: partition, first row, rows.
const RANGE_BYTES: usize = 2 + 4 + 4;
/// The smallest body: an entry without parts.
pub(crate) const MIN_BODY: usize = 2;

/// The length of `parts` as a body, or why they cannot be stored.
pub(crate) fn checked_len(parts: &[Part]) -> Result<usize, LogError> {
    if parts.len() > usize::from(u16::MAX) {
        return Err(LogError::Invalid(format!("an entry of {} parts", parts.len())));
    }
    let len = MIN_BODY
        + parts
            .iter()
            .map(|part| PART_BYTES + RANGE_BYTES * part.ranges.len() + part.payload.len())
            .sum::<usize>();
    if len > MAX_ENTRY_BYTES {
        return Err(LogError::Invalid(format!(
            "an entry of {len} bytes, above the {MAX_ENTRY_BYTES} allowed; append less at once"
        )));
    }
    Ok(len)
}

/// Appends the table of `parts` to `out`; the payloads must follow in the same order. The lengths
/// fit because [`checked_len`] was called first.
pub(crate) fn encode_table(parts: &[Part], out: &mut Vec<u8>) {
    out.extend_from_slice(&u16::try_from(parts.len()).unwrap_or(u16::MAX).to_le_bytes());
    for part in parts {
        out.extend_from_slice(&part.kind.to_le_bytes());
        for len in [part.ranges.len(), part.payload.len()] {
            out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
        }
        for range in &part.ranges {
            out.extend_from_slice(&range.partition.to_le_bytes());
            out.extend_from_slice(&range.first_row.to_le_bytes());
            out.extend_from_slice(&range.rows.to_le_bytes());
        }
    }
}

/// Decodes a body. Payloads share the memory of `body`. `None` unless every byte is valid; nothing
/// larger than the body is allocated.
pub(crate) fn decode(mut body: Bytes) -> Option<Vec<Part>> {
    let count = usize::from(body.try_get_u16_le().ok()?);
    if count * PART_BYTES > body.len() {
        return None;
    }
    let mut parts = Vec::with_capacity(count);
    let mut lengths = Vec::with_capacity(count);
    for _ in 0..count {
        let kind = body.try_get_u16_le().ok()?;
        let ranges = usize::try_from(body.try_get_u32_le().ok()?).ok()?;
        lengths.push(usize::try_from(body.try_get_u32_le().ok()?).ok()?);
        if ranges.checked_mul(RANGE_BYTES)? > body.len() {
            return None;
        }
        let ranges = (0..ranges).map(|_| decode_range(&mut body)).collect::<Option<Vec<_>>>()?;
        parts.push(Part { kind, ranges, payload: Bytes::new() });
    }
    for (part, len) in parts.iter_mut().zip(lengths) {
        if len > body.len() {
            return None;
        }
        part.payload = body.split_to(len);
    }
    body.is_empty().then_some(parts)
}

fn decode_range(body: &mut Bytes) -> Option<PartitionRange> {
    Some(PartitionRange {
        partition: body.try_get_u16_le().ok()?,
        first_row: body.try_get_u32_le().ok()?,
        rows: body.try_get_u32_le().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(parts: &[Part]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_table(parts, &mut out);
        parts.iter().for_each(|part| out.extend_from_slice(&part.payload));
        out
    }

    fn part() -> impl Strategy<Value = Part> {
        let range = (any::<u16>(), any::<u32>(), any::<u32>())
            .prop_map(|(partition, first_row, rows)| PartitionRange { partition, first_row, rows });
        let ranges = prop::collection::vec(range, 0..5);
        (any::<u16>(), ranges, prop::collection::vec(any::<u8>(), 0..50))
            .prop_map(|(kind, ranges, payload)| Part { kind, ranges, payload: payload.into() })
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(parts in prop::collection::vec(part(), 0..6)) {
            let body = encode(&parts);
            prop_assert_eq!(checked_len(&parts).unwrap(), body.len());
            prop_assert_eq!(decode(body.into()), Some(parts));
        }

        #[test]
        fn a_body_cut_or_lengthened_is_refused(parts in prop::collection::vec(part(), 0..6), at: prop::sample::Index) {
            let mut body = encode(&parts);
            prop_assert_eq!(decode(body[..at.index(body.len())].to_vec().into()), None);
            body.push(0);
            prop_assert_eq!(decode(body.into()), None);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(parts) = decode(bytes.clone().into()) {
                prop_assert_eq!(encode(&parts), bytes);
            }
        }
    }

    #[test]
    fn an_entry_above_the_limit_is_refused() {
        let part = |len| Part { kind: 1, ranges: vec![], payload: vec![0; len].into() };
        let most = MAX_ENTRY_BYTES - MIN_BODY - PART_BYTES;
        assert_eq!(checked_len(&[part(most)]).unwrap(), MAX_ENTRY_BYTES);
        assert!(matches!(checked_len(&[part(most + 1)]), Err(LogError::Invalid(_))));
    }
}
