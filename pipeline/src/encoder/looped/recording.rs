//! The recording's files, embedded in the binary.

/// Segments per track.
pub(super) const LENGTH: usize = 4;

/// One recorded track.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) name: &'static str,
    pub(super) bandwidth: u64,
    pub(super) init: &'static [u8],
    pub(super) segments: [&'static [u8]; LENGTH],
    pub(super) slates: &'static [&'static [u8]],
}

macro_rules! file {
    ($($part:literal),+) => { include_bytes!(concat!("../../../media/loop/", $($part),+)) };
}

macro_rules! track {
    ($name:literal, $bandwidth:literal, [$($slate:literal),+]) => {
        Recorded {
            name: $name,
            bandwidth: $bandwidth,
            init: file!($name, "-init.mp4"),
            segments: [
                file!($name, "-0.m4s"),
                file!($name, "-1.m4s"),
                file!($name, "-2.m4s"),
                file!($name, "-3.m4s"),
            ],
            slates: &[$(file!($name, "-slate-", $slate, ".m4s")),+],
        }
    };
}

/// All tracks, in the ladder's order.
pub(super) static RECORDING: [Recorded; 4] = [
    track!("v-360", 500_000, ["0"]),
    track!("v-270", 300_000, ["0"]),
    track!("v-180", 150_000, ["0"]),
    track!("audio", 64_000, ["0", "1"]),
];
