//! Moves a segment to another time. Only headers change; the sample data stays as it is.

use super::boxes::{BoxAt, put, top, u32_at, version_flags};
use super::segment::{Moof, fragments};
use super::{Mp4Error, segment};

/// Seconds from the NTP epoch (1900) to the Unix epoch.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// The values that a rewrite puts into a segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Decode time of the first sample.
    pub tfdt: u64,
    /// `mfhd` sequence number.
    pub sequence: u32,
    /// Unix µs at which the first sample was captured, for the `prft` box; `None`: no `prft`.
    pub taken_us: Option<i64>,
    /// Add the brand `slat` to `styp`: this is filler, not the programme.
    pub slate: bool,
}

/// Moves `segment` to decode time `tfdt` with the given `mfhd` sequence number. An old `prft`,
/// which would now state a wrong time, is dropped.
pub fn retime(segment: &[u8], tfdt: u64, sequence: u32) -> Result<Vec<u8>, Mp4Error> {
    rewrite(segment, &Rewrite { tfdt, sequence, ..Rewrite::default() })
}

/// Rewrites `segment` with the values of `to`. `tfdt` becomes 64-bit. Multiple fragments keep
/// their distances. A `sidx` is dropped: nothing we serve uses it, and its times would be stale.
pub fn rewrite(segment: &[u8], to: &Rewrite) -> Result<Vec<u8>, Mp4Error> {
    let fragments = fragments(segment)?;
    let old = fragments.first().ok_or(Mp4Error::Missing("moof"))?.0.tfdt(segment)?;
    // Reading refuses absolute data offsets, which would break when boxes move.
    segment::facts(segment)?;
    let mut out = Vec::with_capacity(segment.len() + 64);
    let mut moofs = fragments.iter().map(|(moof, _)| moof);
    for item in top(segment) {
        let item = item?;
        match &item.kind {
            b"prft" | b"sidx" => {}
            b"styp" => styp(segment, &item, to.slate, &mut out)?,
            b"moof" => {
                let moof = moofs.next().ok_or(Mp4Error::Missing("moof"))?;
                let since = moof.tfdt(segment)?.saturating_sub(old);
                let tfdt = to.tfdt.checked_add(since).ok_or(Mp4Error::Truncated(item.start))?;
                if let (Some(taken_us), 0) = (to.taken_us, since) {
                    prft(u32_at(segment, moof.tfhd.body + 4)?, taken_us, tfdt, &mut out);
                }
                fragment(segment, moof, tfdt, to.sequence, &mut out)?;
            }
            _ => out.extend_from_slice(bytes(segment, item.start, item.end)?),
        }
    }
    Ok(out)
}

fn bytes(data: &[u8], from: usize, to: usize) -> Result<&[u8], Mp4Error> {
    data.get(from..to).ok_or(Mp4Error::Truncated(from))
}

/// One `moof` with its new time.
fn fragment(
    data: &[u8],
    moof: &Moof,
    tfdt: u64,
    sequence: u32,
    out: &mut Vec<u8>,
) -> Result<(), Mp4Error> {
    let base = out.len();
    out.extend_from_slice(bytes(data, moof.moof.start, moof.tfdt.start)?);
    out.extend_from_slice(&20_u32.to_be_bytes());
    out.extend_from_slice(b"tfdt\x01\0\0\0");
    out.extend_from_slice(&tfdt.to_be_bytes());
    out.extend_from_slice(bytes(data, moof.tfdt.end, moof.moof.end)?);
    let old_size = moof.tfdt.end - moof.tfdt.start;
    // A 32-bit tfdt is 16 bytes long, so it grows by 4; a 64-bit one stays.
    let grown = u32::try_from(20_usize.saturating_sub(old_size)).unwrap_or(0);
    // The new position of a byte of the old moof. Boxes around tfdt start before it.
    let now = |at: usize| {
        base + (at - moof.moof.start) + if at > moof.tfdt.start { grown as usize } else { 0 }
    };
    for parent in [&moof.moof, &moof.traf] {
        let size = u32_at(data, parent.start)?
            .checked_add(grown)
            .ok_or(Mp4Error::Truncated(parent.start))?;
        put(out, now(parent.start), &size.to_be_bytes())?;
    }
    put(out, now(moof.mfhd.body + 4), &sequence.to_be_bytes())?;
    for trun in &moof.truns {
        let (_, flags) = version_flags(data, trun)?;
        if flags & 1 != 0 {
            let offset = u32_at(data, trun.body + 8)?.wrapping_add(grown);
            put(out, now(trun.body + 8), &offset.to_be_bytes())?;
        }
    }
    Ok(())
}

/// The segment type box, with the brand `slat` if `slate`.
fn styp(data: &[u8], styp: &BoxAt, slate: bool, out: &mut Vec<u8>) -> Result<(), Mp4Error> {
    let body = bytes(data, styp.body, styp.end)?;
    let has = body.chunks_exact(4).enumerate().any(|(at, brand)| at != 1 && brand == b"slat");
    let add: &[u8] = if slate && !has { b"slat" } else { b"" };
    let size =
        u32::try_from(8 + body.len() + add.len()).map_err(|_| Mp4Error::Truncated(styp.start))?;
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(b"styp");
    out.extend_from_slice(body);
    out.extend_from_slice(add);
    Ok(())
}

/// Producer reference time: media time `tfdt` was captured at `taken_us` of Unix time.
fn prft(track: u32, taken_us: i64, tfdt: u64, out: &mut Vec<u8>) {
    let us = u64::try_from(taken_us).unwrap_or(0);
    let seconds = us / 1_000_000 + NTP_TO_UNIX;
    let fraction = ((us % 1_000_000) << 32) / 1_000_000;
    out.extend_from_slice(&32_u32.to_be_bytes());
    out.extend_from_slice(b"prft\x01\0\0\0");
    out.extend_from_slice(&track.to_be_bytes());
    // NTP seconds are 32 bits and wrap in 2036, as NTP's own do.
    out.extend_from_slice(&((seconds << 32) | fraction).to_be_bytes());
    out.extend_from_slice(&tfdt.to_be_bytes());
}
