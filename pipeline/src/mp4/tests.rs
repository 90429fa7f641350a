use super::sample::{Shape, init, segment};
use super::*;
use proptest::prelude::*;

const SHAPE: Shape = Shape {
    tfdt: 4_000_000_000,
    frames: 50,
    step: 100,
    tfdt64: false,
    per_sample: false,
    prft: true,
};

fn shapes() -> impl Strategy<Value = Shape> {
    (0..u64::from(u32::MAX), 1_u32..200, 1_u32..5_000, any::<[bool; 3]>()).prop_map(
        |(tfdt, frames, step, flags)| {
            let [tfdt64, per_sample, prft] = flags;
            Shape { tfdt, frames, step, tfdt64, per_sample, prft }
        },
    )
}

#[test]
fn reads_a_segments_facts() {
    let facts = facts(&segment(&SHAPE)).unwrap();
    let expected = SegmentFacts {
        tfdt: 4_000_000_000,
        duration: 5_000,
        frames: 50,
        sequence: 7,
        first_is_sync: true,
        first_offset: 0,
    };
    assert_eq!(facts, expected);
    assert_eq!(first_sample(&segment(&SHAPE)).unwrap(), [0, 0xaa, 0xbb]);
}

#[test]
fn a_lost_byte_of_sample_data_is_noticed() {
    let mut bytes = segment(&SHAPE);
    bytes.truncate(bytes.len() - 1);
    assert!(matches!(facts(&bytes), Err(Mp4Error::Truncated(_))));
    // The same with a box size that reflects the loss.
    let mdat = bytes.len() - 149 - 8;
    bytes[mdat..mdat + 4].copy_from_slice(&157_u32.to_be_bytes());
    assert!(matches!(facts(&bytes), Err(Mp4Error::Malformed { .. })));
}

#[test]
fn a_rewrite_stamps_the_time_and_marks_filler() {
    let to = Rewrite { tfdt: 1, sequence: 2, taken_us: Some(1_500_000), slate: true };
    let bytes = rewrite(&segment(&SHAPE), &to).unwrap();
    assert_eq!(bytes[..28], *b"\0\0\0\x1cstypcmfs\0\0\0\0iso6cmfsslat");
    let prft = &bytes[28..60];
    assert_eq!(prft[4..8], *b"prft");
    assert_eq!(prft[16..20], u32::to_be_bytes(2_208_988_801));
    assert_eq!(prft[20..24], [0x80, 0, 0, 0], "half a second");
    assert_eq!(prft[24..32], 1_u64.to_be_bytes());
    assert_eq!(rewrite(&bytes, &to).unwrap(), bytes, "rewriting twice changes nothing more");
}

#[test]
fn init_segments_of_two_encoders_become_equal() {
    let (a, b) = (init(1), init(2));
    assert_ne!(a, b);
    assert_eq!(normalise_init(&a).unwrap(), normalise_init(&b).unwrap());
    let facts = init_facts(&a).unwrap();
    assert_eq!((facts.codecs.as_str(), facts.timescale), ("avc1.64001e", 2_500));
    assert_eq!((facts.width, facts.height), (Some(640), Some(360)));
}

proptest! {
    #[test]
    fn moving_a_segment_changes_its_time_and_nothing_else(shape in shapes(), tfdt in any::<u64>(), sequence in any::<u32>()) {
        let old = segment(&shape);
        let tfdt = tfdt / 2;
        let moved = retime(&old, tfdt, sequence).unwrap();
        let (was, is) = (facts(&old).unwrap(), facts(&moved).unwrap());
        prop_assert_eq!(is, SegmentFacts { tfdt, sequence, ..was });
        prop_assert_eq!(first_sample(&moved).unwrap(), first_sample(&old).unwrap());
        let back = retime(&moved, was.tfdt, was.sequence).unwrap();
        prop_assert_eq!(facts(&back).unwrap(), was);
    }

    #[test]
    fn truncated_bytes_are_an_error(shape in shapes(), cut in any::<prop::sample::Index>()) {
        let bytes = segment(&shape);
        let cut = &bytes[..cut.index(bytes.len())];
        prop_assert!(facts(cut).is_err());
        prop_assert!(retime(cut, 1, 1).is_err());
    }

    #[test]
    fn changed_bytes_never_panic(shape in shapes(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let (mut bytes, mut header) = (segment(&shape), init(5));
        for (at, value) in changes {
            let place = at.index(bytes.len());
            bytes[place] = value;
            let place = at.index(header.len());
            header[place] = value;
        }
        let _ = (facts(&bytes), first_sample(&bytes), init_facts(&header));
        if let Ok(moved) = retime(&bytes, 9, 9) {
            prop_assert_eq!(facts(&moved).unwrap().tfdt, 9);
        }
        let _ = normalise_init(&header);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = (facts(&bytes), retime(&bytes, 1, 1), first_sample(&bytes));
        let _ = (init_facts(&bytes), normalise_init(&bytes));
    }
}
