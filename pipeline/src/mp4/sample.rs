//! Hand-built segments and init segments for tests, so that the reader is not only tested
//! against one muxer.

/// A box.
pub(crate) fn mp4_box(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(8 + body.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(kind);
    out.extend_from_slice(body);
    out
}

/// A full box.
pub(crate) fn full_box(kind: &[u8; 4], version: u8, flags: u32, body: &[u8]) -> Vec<u8> {
    let word = (u32::from(version) << 24) | flags;
    mp4_box(kind, &[&word.to_be_bytes()[..], body].concat())
}

/// The form of a test segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) tfdt: u64,
    pub(crate) frames: u32,
    pub(crate) step: u32,
    pub(crate) tfdt64: bool,
    pub(crate) per_sample: bool,
    pub(crate) prft: bool,
}

/// One fragment of `frames` samples of 3 bytes each.
pub(crate) fn segment(shape: &Shape) -> Vec<u8> {
    segment_of(shape, &[0, 0xaa, 0xbb])
}

/// One fragment of `frames` samples that are all `sample`.
pub(crate) fn segment_of(shape: &Shape, sample: &[u8]) -> Vec<u8> {
    let size = u32::try_from(sample.len()).unwrap();
    let mut defaults = 1_u32.to_be_bytes().to_vec();
    defaults.extend(shape.step.to_be_bytes());
    defaults.extend(size.to_be_bytes());
    defaults.extend(0x0101_0000_u32.to_be_bytes());
    let tfhd = full_box(b"tfhd", 0, 0x02_0038, &defaults);
    let tfdt = if shape.tfdt64 {
        full_box(b"tfdt", 1, 0, &shape.tfdt.to_be_bytes())
    } else {
        full_box(b"tfdt", 0, 0, &u32::try_from(shape.tfdt).unwrap().to_be_bytes())
    };
    let moof = |offset: u32| {
        let mut run = shape.frames.to_be_bytes().to_vec();
        run.extend(offset.to_be_bytes());
        run.extend(0x0200_0000_u32.to_be_bytes());
        let mut flags = 0x05;
        if shape.per_sample {
            flags |= 0x300;
            for _ in 0..shape.frames {
                run.extend(shape.step.to_be_bytes());
                run.extend(size.to_be_bytes());
            }
        }
        let traf =
            mp4_box(b"traf", &[&tfhd[..], &tfdt, &full_box(b"trun", 0, flags, &run)].concat());
        mp4_box(b"moof", &[full_box(b"mfhd", 0, 0, &7_u32.to_be_bytes()), traf].concat())
    };
    let offset = u32::try_from(moof(0).len() + 8).unwrap();
    let data = sample.repeat(shape.frames as usize);
    let mut out = mp4_box(b"styp", b"cmfs\0\0\0\0iso6cmfs");
    if shape.prft {
        out.extend(full_box(b"prft", 1, 0, &[9; 20]));
    }
    out.extend(moof(offset));
    out.extend(mp4_box(b"mdat", &data));
    out
}

/// An AVC init segment created at `time`.
pub(crate) fn init(time: u32) -> Vec<u8> {
    let times = [time.to_be_bytes(), time.to_be_bytes()].concat();
    let mvhd = full_box(b"mvhd", 0, 0, &[&times[..], &[0; 88]].concat());
    let tkhd = full_box(b"tkhd", 0, 3, &[&times[..], &[0; 72]].concat());
    let mdhd = full_box(b"mdhd", 0, 0, &[&times[..], &2_500_u32.to_be_bytes(), &[0; 8]].concat());
    let mut entry = vec![0; 78];
    entry[24..28].copy_from_slice(&[2, 128, 1, 104]);
    entry.extend(mp4_box(b"avcC", &[1, 0x64, 0, 0x1e, 0xff, 0xe0, 0]));
    let stsd =
        full_box(b"stsd", 0, 0, &[&1_u32.to_be_bytes()[..], &mp4_box(b"avc1", &entry)].concat());
    let minf = mp4_box(b"minf", &mp4_box(b"stbl", &stsd));
    let trak = mp4_box(b"trak", &[tkhd, mp4_box(b"mdia", &[mdhd, minf].concat())].concat());
    [mp4_box(b"ftyp", b"cmf2\0\0\0\0cmfc"), mp4_box(b"moov", &[mvhd, trak].concat())].concat()
}
