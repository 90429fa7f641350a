//! Boxes as positions in one byte slice, and bounds-checked big-endian reads.

use super::Mp4Error;

/// One box: `[start, end)` with its content from `body` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BoxAt {
    pub(crate) kind: [u8; 4],
    pub(crate) start: usize,
    pub(crate) body: usize,
    pub(crate) end: usize,
}

/// The boxes in `[at, end)`, in order; ends after the first error.
pub(crate) struct Boxes<'a> {
    data: &'a [u8],
    at: usize,
    end: usize,
}

/// All boxes at the top level of `data`.
pub(crate) fn top(data: &[u8]) -> Boxes<'_> {
    Boxes { data, at: 0, end: data.len() }
}

/// The boxes within `parent`, after the first `skip` bytes of its content.
pub(crate) fn children<'a>(data: &'a [u8], parent: &BoxAt, skip: usize) -> Boxes<'a> {
    let end = parent.end.min(data.len());
    Boxes { data, at: parent.body.saturating_add(skip).min(end), end }
}

impl Boxes<'_> {
    fn read(&self) -> Result<BoxAt, Mp4Error> {
        let start = self.at;
        let size = u32_at(self.data, start)?;
        let kind = bytes_at::<4>(self.data, start.saturating_add(4))?;
        let (size, header) = match size {
            // A 64-bit size is legal for `mdat`; "to the end of the file" (0) is not for a
            // segment, which must know where it ends.
            0 => return Err(Mp4Error::Malformed { at: start, what: "a box without a size" }),
            1 => (u64_at(self.data, start.saturating_add(8))?, 16),
            size => (u64::from(size), 8),
        };
        let size = usize::try_from(size).map_err(|_| Mp4Error::Truncated(start))?;
        let end = start.checked_add(size).ok_or(Mp4Error::Truncated(start))?;
        if size < header {
            return Err(Mp4Error::Malformed { at: start, what: "a box smaller than its header" });
        }
        if end > self.end {
            return Err(Mp4Error::Truncated(start));
        }
        Ok(BoxAt { kind, start, body: start + header, end })
    }
}

impl Iterator for Boxes<'_> {
    type Item = Result<BoxAt, Mp4Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let found = self.read();
        self.at = found.as_ref().map_or(self.end, |found| found.end);
        Some(found)
    }
}

/// The first box of `kind` within `parent`.
pub(crate) fn child(data: &[u8], parent: &BoxAt, kind: &'static str) -> Result<BoxAt, Mp4Error> {
    first(children(data, parent, 0), kind)
}

/// The first box of `kind` among `boxes`.
pub(crate) fn first(boxes: Boxes<'_>, kind: &'static str) -> Result<BoxAt, Mp4Error> {
    for found in boxes {
        let found = found?;
        if found.kind == kind.as_bytes() {
            return Ok(found);
        }
    }
    Err(Mp4Error::Missing(kind))
}

pub(crate) fn bytes_at<const N: usize>(data: &[u8], at: usize) -> Result<[u8; N], Mp4Error> {
    let end = at.checked_add(N).ok_or(Mp4Error::Truncated(at))?;
    let slice = data.get(at..end).ok_or(Mp4Error::Truncated(at))?;
    slice.try_into().map_err(|_| Mp4Error::Truncated(at))
}

pub(crate) fn u8_at(data: &[u8], at: usize) -> Result<u8, Mp4Error> {
    data.get(at).copied().ok_or(Mp4Error::Truncated(at))
}

pub(crate) fn u16_at(data: &[u8], at: usize) -> Result<u16, Mp4Error> {
    bytes_at(data, at).map(u16::from_be_bytes)
}

pub(crate) fn u32_at(data: &[u8], at: usize) -> Result<u32, Mp4Error> {
    bytes_at(data, at).map(u32::from_be_bytes)
}

pub(crate) fn u64_at(data: &[u8], at: usize) -> Result<u64, Mp4Error> {
    bytes_at(data, at).map(u64::from_be_bytes)
}

/// Overwrites existing bytes.
pub(crate) fn put(data: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), Mp4Error> {
    let end = at.checked_add(bytes.len()).ok_or(Mp4Error::Truncated(at))?;
    data.get_mut(at..end).ok_or(Mp4Error::Truncated(at))?.copy_from_slice(bytes);
    Ok(())
}

/// The version and flags at the start of a full box.
pub(crate) fn version_flags(data: &[u8], found: &BoxAt) -> Result<(u8, u32), Mp4Error> {
    let word = u32_at(data, found.body)?;
    if found.end - found.body < 4 {
        return Err(Mp4Error::Truncated(found.start));
    }
    Ok((word.to_be_bytes()[0], word & 0x00ff_ffff))
}
