//! Init segments: their facts, and a normal form in which those of two encoders are equal.

use super::Mp4Error;
use super::boxes::{
    BoxAt, Boxes, child, children, first, put, top, u8_at, u16_at, u32_at, version_flags,
};

/// The facts of an init segment. Video has a width and height, audio a rate and channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitFacts {
    /// Units per second of this track's times.
    pub timescale: u32,
    /// RFC 6381 codec string, such as `avc1.64001e` or `mp4a.40.2`.
    pub codecs: String,
    /// Pixels across.
    pub width: Option<u32>,
    /// Pixels down.
    pub height: Option<u32>,
    /// Samples per second.
    pub rate: Option<u32>,
    /// Channels.
    pub channels: Option<u32>,
}

/// Reads an init segment with one AVC, HEVC or AAC track.
pub fn init_facts(init: &[u8]) -> Result<InitFacts, Mp4Error> {
    let moov = first(top(init), "moov")?;
    let mdia = child(init, &child(init, &moov, "trak")?, "mdia")?;
    let mdhd = child(init, &mdia, "mdhd")?;
    let (version, _) = version_flags(init, &mdhd)?;
    let timescale = u32_at(init, mdhd.body + if version == 0 { 12 } else { 20 })?;
    let stbl = child(init, &child(init, &mdia, "minf")?, "stbl")?;
    let stsd = child(init, &stbl, "stsd")?;
    let entry = children(init, &stsd, 8).next().ok_or(Mp4Error::Missing("sample entry"))??;
    match &entry.kind {
        b"avc1" | b"avc3" => avc(init, &entry, timescale),
        b"hvc1" => hevc(init, &entry, timescale),
        b"mp4a" => aac(init, &entry, timescale),
        _ => Err(Mp4Error::Malformed { at: entry.start, what: "neither AVC, HEVC nor AAC" }),
    }
}

fn avc(init: &[u8], entry: &BoxAt, timescale: u32) -> Result<InitFacts, Mp4Error> {
    let config = first(children(init, entry, 78), "avcC")?;
    let [profile, compatibility, level] = [
        u8_at(init, config.body + 1)?,
        u8_at(init, config.body + 2)?,
        u8_at(init, config.body + 3)?,
    ];
    let name = String::from_utf8_lossy(&entry.kind);
    video(init, entry, timescale, format!("{name}.{profile:02x}{compatibility:02x}{level:02x}"))
}

/// HEVC with its parameter sets in the init segment only; the string is that of ISO/IEC 14496-15,
/// annex E.
fn hevc(init: &[u8], entry: &BoxAt, timescale: u32) -> Result<InitFacts, Mp4Error> {
    let config = first(children(init, entry, 78), "hvcC")?;
    let profile = u8_at(init, config.body + 1)?;
    let space = ["", "A", "B", "C"].get(usize::from(profile >> 6)).copied().unwrap_or("");
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let compatibility = u32_at(init, config.body + 2)?.reverse_bits();
    let level = u8_at(init, config.body + 12)?;
    let mut codecs = format!("hvc1.{space}{}.{compatibility:X}.{tier}{level}", profile & 0x1f);
    let mut constraints = Vec::new();
    for at in 6..12 {
        constraints.push(u8_at(init, config.body + at)?);
    }
    // Trailing zero bytes are omitted.
    while constraints.last() == Some(&0) {
        constraints.pop();
    }
    for byte in constraints {
        codecs.push_str(&format!(".{byte:X}"));
    }
    video(init, entry, timescale, codecs)
}

fn video(
    init: &[u8],
    entry: &BoxAt,
    timescale: u32,
    codecs: String,
) -> Result<InitFacts, Mp4Error> {
    Ok(InitFacts {
        timescale,
        codecs,
        width: Some(u16_at(init, entry.body + 24)?.into()),
        height: Some(u16_at(init, entry.body + 26)?.into()),
        rate: None,
        channels: None,
    })
}

fn aac(init: &[u8], entry: &BoxAt, timescale: u32) -> Result<InitFacts, Mp4Error> {
    let esds = first(children(init, entry, 28), "esds")?;
    let object = audio_object(init, &esds)?;
    Ok(InitFacts {
        timescale,
        codecs: format!("mp4a.40.{object}"),
        width: None,
        height: None,
        rate: Some(u32_at(init, entry.body + 24)? >> 16),
        channels: Some(u16_at(init, entry.body + 16)?.into()),
    })
}

/// The AAC object type, from the decoder's own configuration inside `esds`.
fn audio_object(init: &[u8], esds: &BoxAt) -> Result<u8, Mp4Error> {
    let mut at = esds.body + 4;
    // ES descriptor: id and flags; decoder configuration: 13 bytes; then the config itself.
    for (tag, skip) in [(3_u8, 3_usize), (4, 13), (5, 0)] {
        if u8_at(init, at)? != tag {
            return Err(Mp4Error::Malformed { at, what: "an unexpected descriptor in esds" });
        }
        at += 1;
        // The length is 1 to 4 bytes long, the last without its top bit.
        for _ in 0..4 {
            at += 1;
            if u8_at(init, at - 1)? & 0x80 == 0 {
                break;
            }
        }
        at += skip;
    }
    let bits = u16_at(init, at)?;
    let object = u8::try_from(bits >> 11).unwrap_or(0);
    // 31 is an escape: six more bits, counted from 32.
    Ok(if object == 31 { 32 + u8::try_from((bits >> 5) & 0x3f).unwrap_or(0) } else { object })
}

/// The init segment with all creation and modification times set to zero, so that two encoders
/// with the same settings have equal init segments, byte for byte.
pub fn normalise_init(init: &[u8]) -> Result<Vec<u8>, Mp4Error> {
    let mut out = init.to_vec();
    let moov = first(top(init), "moov")?;
    zero_times(init, &child(init, &moov, "mvhd")?, &mut out)?;
    for trak in of_kind(children(init, &moov, 0), *b"trak") {
        let trak = trak?;
        zero_times(init, &child(init, &trak, "tkhd")?, &mut out)?;
        zero_times(init, &child(init, &child(init, &trak, "mdia")?, "mdhd")?, &mut out)?;
    }
    Ok(out)
}

fn of_kind(boxes: Boxes<'_>, kind: [u8; 4]) -> impl Iterator<Item = Result<BoxAt, Mp4Error>> {
    boxes.filter(move |found| found.is_err() || found.is_ok_and(|b| b.kind == kind))
}

fn zero_times(init: &[u8], found: &BoxAt, out: &mut [u8]) -> Result<(), Mp4Error> {
    let (version, _) = version_flags(init, found)?;
    let zeros = [0_u8; 16];
    let length = if version == 0 { 8 } else { 16 };
    if found.body + 4 + length > found.end {
        return Err(Mp4Error::Truncated(found.start));
    }
    put(out, found.body + 4, zeros.get(..length).unwrap_or(&[]))
}
