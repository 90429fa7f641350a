//! Bytes of the segment header and of the record header (`docs/log-format.md`).

use crate::MAX_ENTRY_BYTES;

/// Length of the header that every segment file starts with.
pub(super) const SEGMENT_HEADER: usize = 40;
/// Length of the header that every record starts with.
pub(super) const RECORD_HEADER: usize = 40;

const SEGMENT_MAGIC: [u8; 6] = *b"TLYSEG";
const VERSION: u16 = 1;
/// The last byte is the version of the record. The first is not ASCII, not the start of a UTF-8
/// sequence and not zero, so that the search for a record skips text and holes quickly.
pub(super) const RECORD_MAGIC: [u8; 4] = [0xA7, b'T', b'R', 1];

/// The header of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Unique per file and repeated in each record, so that a block of another file is never valid.
    pub(super) id: u64,
    /// Offset of its first record.
    pub(super) base: u64,
    /// Append time of the entry before it, Unix µs; append times never fall below it.
    pub(super) floor_us: i64,
}

/// Why a segment header could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadHeader {
    /// Bytes are missing or wrong.
    Damaged,
    /// Intact, but of this version, written by a later release.
    Later(u16),
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut out = [0; SEGMENT_HEADER];
        out[..6].copy_from_slice(&SEGMENT_MAGIC);
        out[6..8].copy_from_slice(&VERSION.to_le_bytes());
        out[8..16].copy_from_slice(&self.id.to_le_bytes());
        out[16..24].copy_from_slice(&self.base.to_le_bytes());
        out[24..32].copy_from_slice(&self.floor_us.to_le_bytes());
        // 32..36 is reserved for later versions.
        let crc = crc32c::crc32c(&out[..36]);
        out[36..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        Self::fields(bytes).unwrap_or(Err(BadHeader::Damaged))
    }

    fn fields(bytes: &[u8]) -> Option<Result<Self, BadHeader>> {
        let crc = u32::from_le_bytes(bytes_at(bytes, 36)?);
        if bytes[..6] != SEGMENT_MAGIC || crc != crc32c::crc32c(&bytes[..36]) {
            return None;
        }
        let version = u16::from_le_bytes(bytes_at(bytes, 6)?);
        if version != VERSION {
            return Some(Err(BadHeader::Later(version)));
        }
        Some(Ok(Self {
            id: u64::from_le_bytes(bytes_at(bytes, 8)?),
            base: u64::from_le_bytes(bytes_at(bytes, 16)?),
            floor_us: i64::from_le_bytes(bytes_at(bytes, 24)?),
        }))
    }
}

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    /// Id of the segment that contains it.
    pub(super) segment: u64,
    /// Its offset in the topic.
    pub(super) offset: u64,
    /// Its append time, Unix µs.
    pub(super) appended_at_us: i64,
    /// Length of the body that follows.
    pub(super) body_len: u32,
}

impl RecordHeader {
    /// The header of a record whose body is the concatenation of `body`.
    pub(super) fn encode<'a>(&self, body: impl Iterator<Item = &'a [u8]>) -> [u8; RECORD_HEADER] {
        let mut out = [0; RECORD_HEADER];
        out[..4].copy_from_slice(&RECORD_MAGIC);
        out[4..8].copy_from_slice(&self.body_len.to_le_bytes());
        out[8..16].copy_from_slice(&self.segment.to_le_bytes());
        out[16..24].copy_from_slice(&self.offset.to_le_bytes());
        out[24..32].copy_from_slice(&self.appended_at_us.to_le_bytes());
        let header_crc = crc32c::crc32c(&out[..32]);
        out[32..36].copy_from_slice(&header_crc.to_le_bytes());
        let crc = body.fold(crc32c::crc32c(&out[..36]), crc32c::crc32c_append);
        out[36..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header at the start of `bytes`, if it is complete, its own checksum is correct and its
    /// length is within the limit.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let crc = u32::from_le_bytes(bytes_at(bytes, 32)?);
        if bytes[..4] != RECORD_MAGIC || crc != crc32c::crc32c(&bytes[..32]) {
            return None;
        }
        let body_len = u32::from_le_bytes(bytes_at(bytes, 4)?);
        if usize::try_from(body_len).ok()? > MAX_ENTRY_BYTES {
            return None;
        }
        Some(Self {
            segment: u64::from_le_bytes(bytes_at(bytes, 8)?),
            offset: u64::from_le_bytes(bytes_at(bytes, 16)?),
            appended_at_us: i64::from_le_bytes(bytes_at(bytes, 24)?),
            body_len,
        })
    }

    /// Length of the whole record.
    pub(super) fn total_len(&self) -> usize {
        RECORD_HEADER + self.body_len as usize
    }
}

/// Whether the checksum of a whole record, header and body, is correct.
pub(super) fn checksum_holds(record: &[u8]) -> bool {
    let Some(stored) = bytes_at(record, 36) else { return false };
    let crc = crc32c::crc32c(&record[..36]);
    u32::from_le_bytes(stored) == crc32c::crc32c_append(crc, &record[RECORD_HEADER..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fixed bytes: any change of the layout must fail this test.
    #[test]
    fn the_layout_stays() {
        let segment = SegmentHeader { id: 0x0102_0304_0506_0708, base: 42, floor_us: -1 };
        let bytes = segment.encode();
        assert_eq!(&bytes[..8], b"TLYSEG\x01\x00");
        assert_eq!(&bytes[8..16], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(SegmentHeader::decode(&bytes), Ok(segment));

        let record = RecordHeader { segment: 7, offset: 1, appended_at_us: 2, body_len: 3 };
        let mut bytes = record.encode([b"a".as_slice(), b"bc"].into_iter()).to_vec();
        bytes.extend_from_slice(b"abc");
        assert_eq!(&bytes[..8], [0xA7, b'T', b'R', 1, 3, 0, 0, 0]);
        assert_eq!(RecordHeader::decode(&bytes), Some(record));
        assert!(checksum_holds(&bytes));
        assert_eq!(bytes.len(), record.total_len());
    }

    #[test]
    fn a_later_version_is_distinguished_from_damage() {
        let mut bytes = SegmentHeader { id: 1, base: 0, floor_us: 0 }.encode();
        bytes[6] = 9;
        assert_eq!(SegmentHeader::decode(&bytes), Err(BadHeader::Damaged));
        let crc = crc32c::crc32c(&bytes[..36]);
        bytes[36..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes), Err(BadHeader::Later(9)));
        assert_eq!(SegmentHeader::decode(&bytes[..20]), Err(BadHeader::Damaged));
    }

    #[test]
    fn a_length_above_the_limit_is_refused() {
        let header =
            RecordHeader { segment: 7, offset: 1, appended_at_us: 2, body_len: (16 << 20) + 1 };
        assert_eq!(RecordHeader::decode(&header.encode(std::iter::empty())), None);
    }
}
