//! How much of a record we are willing to hold. Values are the sender's to choose, so each
//! one is bounded before it is kept.

use super::key::{Key, Unit};

/// Longest record, bytes.
pub const MAX_RECORD_BYTES: usize = 8 * 1_024;
/// Most custom keys of a record.
pub const MAX_CUSTOM: usize = 32;
/// Longest custom key and longest custom value, characters.
pub const MAX_CUSTOM_CHARS: usize = 64;
/// Most items of an inner list.
pub const MAX_ITEMS: usize = 32;

/// Plausible Unix times of an event in ms: 2000-01-01 up to 2100-01-01.
const PLAUSIBLE_TS: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;

/// Whether `text` has at most `chars` characters. Bytes bound characters, so the usual case
/// counts nothing.
pub(super) fn fits(text: &str, chars: usize) -> bool {
    text.len() <= chars || text.chars().count() <= chars
}

/// Whether a string or token is short enough for `key`.
pub(super) fn text_fits(key: Key, text: &str) -> bool {
    match key.unit() {
        Unit::Chars(chars) => fits(text, chars),
        _ => true,
    }
}

/// Whether a number can be meant honestly. Sums of what passes cannot overflow.
pub(super) fn int_fits(key: Key, value: i64) -> bool {
    match key.unit() {
        Unit::Kbps => (0..=100_000_000).contains(&value),
        Unit::Ms => (0..=10_000_000_000).contains(&value),
        Unit::SignedMs => (-10_000_000_000..=10_000_000_000).contains(&value),
        Unit::Time if key == Key::Ts => PLAUSIBLE_TS.contains(&value),
        Unit::Time => (-999_999_999_999_999..=999_999_999_999_999).contains(&value),
        Unit::Count if key == Key::V => value >= 1,
        Unit::Count => (0..=999_999_999_999_999).contains(&value),
        Unit::Chars(_) | Unit::Plain => true,
    }
}
