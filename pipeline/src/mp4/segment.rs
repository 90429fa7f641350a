//! Measures a segment from its bytes: its start, its duration and its samples.

use super::Mp4Error;
use super::boxes::{BoxAt, child, children, first, top, u32_at, u64_at, version_flags};

/// The sample flag that says "not a sync sample".
const NON_SYNC: u32 = 0x0001_0000;

/// The measured facts of a segment. Times are in units of the track's timescale.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SegmentFacts {
    /// Decode time of the first sample.
    pub tfdt: u64,
    /// Sum of the sample durations.
    pub duration: u64,
    /// Samples: frames of video, or of AAC.
    pub frames: u32,
    /// `mfhd` sequence number.
    pub sequence: u32,
    /// Whether decoding can start at the first sample.
    pub first_is_sync: bool,
    /// Smallest composition offset, so the earliest picture is shown at `tfdt + first_offset`.
    pub first_offset: i64,
}

/// One movie fragment's boxes: those that we use of a single-track CMAF `moof`.
pub(crate) struct Moof {
    pub(crate) moof: BoxAt,
    pub(crate) mfhd: BoxAt,
    pub(crate) traf: BoxAt,
    pub(crate) tfhd: BoxAt,
    pub(crate) tfdt: BoxAt,
    pub(crate) truns: Vec<BoxAt>,
}

impl Moof {
    pub(crate) fn read(data: &[u8], moof: BoxAt) -> Result<Self, Mp4Error> {
        let traf = child(data, &moof, "traf")?;
        let is = |kind: &'static [u8; 4]| {
            move |found: &Result<BoxAt, Mp4Error>| found.is_ok_and(|b| b.kind == *kind)
        };
        if children(data, &moof, 0).filter(is(b"traf")).count() != 1 {
            return Err(Mp4Error::Malformed {
                at: moof.start,
                what: "more than one track in a fragment",
            });
        }
        let tfdt = child(data, &traf, "tfdt")?;
        let mut truns = Vec::new();
        for found in children(data, &traf, 0) {
            let found = found?;
            if found.kind == *b"trun" {
                truns.push(found);
            }
        }
        if [moof, traf, tfdt].iter().any(|b| b.body - b.start != 8) {
            return Err(Mp4Error::Malformed {
                at: moof.start,
                what: "a 64-bit size in a fragment header",
            });
        }
        if truns.is_empty() {
            return Err(Mp4Error::Missing("trun"));
        }
        let (mfhd, tfhd) = (child(data, &moof, "mfhd")?, child(data, &traf, "tfhd")?);
        Ok(Self { moof, mfhd, traf, tfhd, tfdt, truns })
    }

    pub(crate) fn tfdt(&self, data: &[u8]) -> Result<u64, Mp4Error> {
        let (version, _) = version_flags(data, &self.tfdt)?;
        let wanted = if version == 0 { 8 } else { 12 };
        if self.tfdt.end - self.tfdt.body != wanted {
            return Err(Mp4Error::Truncated(self.tfdt.start));
        }
        if version == 0 {
            u32_at(data, self.tfdt.body + 4).map(u64::from)
        } else {
            u64_at(data, self.tfdt.body + 4)
        }
    }
}

/// Defaults from `tfhd`.
struct Defaults {
    duration: Option<u32>,
    size: Option<u32>,
    flags: Option<u32>,
}

fn defaults(data: &[u8], moof: &Moof) -> Result<Defaults, Mp4Error> {
    let (_, flags) = version_flags(data, &moof.tfhd)?;
    if flags & 0x01 != 0 {
        // Absolute file offsets mean nothing in a segment of a live stream.
        return Err(Mp4Error::Malformed {
            at: moof.tfhd.start,
            what: "an absolute base data offset",
        });
    }
    let mut at = moof.tfhd.body + 8 + if flags & 0x02 != 0 { 4 } else { 0 };
    let mut next = |flag: u32| -> Result<Option<u32>, Mp4Error> {
        if flags & flag == 0 {
            return Ok(None);
        }
        let value = u32_at(data, at)?;
        at += 4;
        Ok(Some(value))
    };
    Ok(Defaults { duration: next(0x08)?, size: next(0x10)?, flags: next(0x20)? })
}

/// Samples of one `trun`, summed.
struct Run {
    frames: u32,
    duration: u64,
    bytes: u64,
    first_flags: u32,
    first_size: u32,
    first_offset: i64,
    data_offset: Option<i32>,
}

fn run(data: &[u8], trun: &BoxAt, defaults: &Defaults) -> Result<Run, Mp4Error> {
    let (version, flags) = version_flags(data, trun)?;
    let frames = u32_at(data, trun.body + 4)?;
    let mut at = trun.body + 8;
    let mut word = |wanted: bool| -> Result<Option<u32>, Mp4Error> {
        if !wanted {
            return Ok(None);
        }
        if at + 4 > trun.end {
            return Err(Mp4Error::Truncated(trun.start));
        }
        let value = u32_at(data, at)?;
        at += 4;
        Ok(Some(value))
    };
    let data_offset = word(flags & 0x01 != 0)?.map(u32::cast_signed);
    let first_flags = word(flags & 0x04 != 0)?;
    let mut sum = Run {
        frames,
        duration: 0,
        bytes: 0,
        first_flags: 0,
        first_size: 0,
        first_offset: i64::MAX,
        data_offset,
    };
    if flags & 0xf00 == 0 {
        // No fields per sample: multiply, since any number of `frames` then costs no bytes.
        let duration = defaults.duration.ok_or(Mp4Error::Missing("sample duration"))?;
        let size = defaults.size.ok_or(Mp4Error::Missing("sample size"))?;
        sum.duration = u64::from(frames) * u64::from(duration);
        sum.bytes = u64::from(frames) * u64::from(size);
        (sum.first_size, sum.first_offset) = (size, 0);
        sum.first_flags = first_flags.or(defaults.flags).unwrap_or(0);
        return Ok(sum);
    }
    for index in 0..frames {
        let duration = word(flags & 0x100 != 0)?
            .or(defaults.duration)
            .ok_or(Mp4Error::Missing("sample duration"))?;
        let size =
            word(flags & 0x200 != 0)?.or(defaults.size).ok_or(Mp4Error::Missing("sample size"))?;
        let sample_flags = word(flags & 0x400 != 0)?;
        let offset = match word(flags & 0x800 != 0)? {
            None => 0,
            Some(raw) if version == 0 => i64::from(raw),
            Some(raw) => i64::from(raw.cast_signed()),
        };
        if index == 0 {
            sum.first_size = size;
            sum.first_flags = first_flags.or(sample_flags).or(defaults.flags).unwrap_or(0);
        }
        sum.first_offset = sum
            .first_offset
            .min(i64::try_from(sum.duration).unwrap_or(i64::MAX).saturating_add(offset));
        sum.duration = sum.duration.saturating_add(u64::from(duration));
        sum.bytes = sum.bytes.saturating_add(u64::from(size));
    }
    Ok(sum)
}

/// Every `moof` of a segment with the `mdat` that follows it.
pub(crate) fn fragments(data: &[u8]) -> Result<Vec<(Moof, BoxAt)>, Mp4Error> {
    let mut found = Vec::new();
    let mut open: Option<Moof> = None;
    for item in top(data) {
        let item = item?;
        match &item.kind {
            b"moof" => {
                if open.is_some() {
                    return Err(Mp4Error::Missing("mdat"));
                }
                open = Some(Moof::read(data, item)?);
            }
            b"mdat" => found.push((open.take().ok_or(Mp4Error::Missing("moof"))?, item)),
            _ => {}
        }
    }
    match open {
        Some(_) => Err(Mp4Error::Missing("mdat")),
        None if found.is_empty() => Err(Mp4Error::Missing("moof")),
        None => Ok(found),
    }
}

/// Measures a segment: one track, one or more movie fragments that follow each other in time,
/// each with sample data that fills its `mdat` exactly.
pub fn facts(segment: &[u8]) -> Result<SegmentFacts, Mp4Error> {
    let mut all: Option<SegmentFacts> = None;
    for (moof, mdat) in fragments(segment)? {
        let defaults = defaults(segment, &moof)?;
        let (tfdt, sequence) = (moof.tfdt(segment)?, u32_at(segment, moof.mfhd.body + 4)?);
        let mut bytes = 0_u64;
        for trun in &moof.truns {
            let run = run(segment, trun, &defaults)?;
            let so_far = all.get_or_insert(SegmentFacts {
                tfdt,
                duration: 0,
                frames: 0,
                sequence,
                first_is_sync: run.first_flags & NON_SYNC == 0,
                first_offset: run.first_offset,
            });
            if bytes == 0 && tfdt != so_far.tfdt.saturating_add(so_far.duration) {
                return Err(Mp4Error::Malformed {
                    at: moof.tfdt.start,
                    what: "a gap between fragments",
                });
            }
            bytes = bytes.saturating_add(run.bytes);
            so_far.frames = so_far.frames.saturating_add(run.frames);
            so_far.duration = so_far.duration.saturating_add(run.duration);
        }
        if bytes != (mdat.end - mdat.body) as u64 {
            return Err(Mp4Error::Malformed {
                at: mdat.start,
                what: "the samples do not fill the mdat",
            });
        }
    }
    all.ok_or(Mp4Error::Missing("moof"))
}

/// The bytes of the first sample, so that the caller can check whether it is an IDR picture.
pub fn first_sample(segment: &[u8]) -> Result<&[u8], Mp4Error> {
    let moof = Moof::read(segment, first(top(segment), "moof")?)?;
    let trun = moof.truns.first().ok_or(Mp4Error::Missing("trun"))?;
    let run = run(segment, trun, &defaults(segment, &moof)?)?;
    let offset = run.data_offset.ok_or(Mp4Error::Missing("data offset"))?;
    let start = usize::try_from(offset).ok().and_then(|o| o.checked_add(moof.moof.start));
    let start = start.ok_or(Mp4Error::Truncated(trun.start))?;
    let end = start.checked_add(run.first_size as usize).ok_or(Mp4Error::Truncated(start))?;
    segment.get(start..end).ok_or(Mp4Error::Truncated(start))
}
