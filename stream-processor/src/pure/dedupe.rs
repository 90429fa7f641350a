//! Which records arrived before (ADR 6): [`Seen`] for the records of one session, [`Sequences`] for
//! the delivery events of our own reporters, [`Tombstones`] for sessions long over.

mod numbers;
mod seen;
mod sequences;
mod tombstones;

pub use numbers::Numbers;
pub use seen::{Identity, Seen};
pub use sequences::Sequences;
pub use tombstones::{Past, Tombstone, Tombstones};

/// A fixed mixing of 64 bits (the finaliser of SplitMix64), to combine several numbers into one
/// identity.
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut x = a.rotate_left(32) ^ b.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
