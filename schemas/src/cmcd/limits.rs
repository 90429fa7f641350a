//! The limits of a record. The sender chooses its values, so each is bounded before it is kept.

use super::key::{Key, Unit};

/// Longest record, bytes.
pub const MAX_RECORD_BYTES: usize = 8 * 1_024;
/// Longest record as JSON, which has more quotes, bytes.
pub const MAX_EVENT_BYTES: usize = 2 * MAX_RECORD_BYTES;
/// Most custom keys of a record.
pub const MAX_CUSTOM: usize = 32;
/// Longest custom key and longest custom value, characters.
pub const MAX_CUSTOM_CHARS: usize = 64;
/// Most items of an inner list.
pub const MAX_ITEMS: usize = 32;

/// Plausible Unix times of an event in ms: 2000-01-01 up to 2100-01-01.
const PLAUSIBLE_TS: (i64, i64) = (946_684_800_000, 4_102_444_799_999);

/// Whether `text` has at most `chars` characters. Usually its bytes are few enough, and nothing is
/// counted.
pub(super) fn fits(text: &str, chars: usize) -> bool {
    text.len() <= chars || text.chars().count() <= chars
}

/// Whether a string or token is short enough for `key`.
pub(super) fn text_fits(key: Key, text: &str) -> bool {
    fits(text, CHARS[key as usize])
}

/// Whether a number is plausible for `key`. Sums of plausible numbers cannot overflow.
pub(super) fn int_fits(key: Key, value: i64) -> bool {
    let (least, most) = BOUNDS[key as usize];
    (least..=most).contains(&value)
}

const KEYS: usize = Key::ALL.len();

/// The longest text of each key, characters.
const CHARS: [usize; KEYS] = {
    let (mut all, mut at) = ([usize::MAX; KEYS], 0);
    while at < KEYS {
        if let Unit::Chars(chars) = Key::ALL[at].unit() {
            all[at] = chars;
        }
        at += 1;
    }
    all
};

/// The least and the largest number of each key.
const BOUNDS: [(i64, i64); KEYS] = {
    let (mut all, mut at) = ([(i64::MIN, i64::MAX); KEYS], 0);
    while at < KEYS {
        all[at] = bounds(Key::ALL[at]);
        at += 1;
    }
    all
};

/// The least and the largest number that is plausible for `key`.
pub const fn bounds(key: Key) -> (i64, i64) {
    match (key.unit(), key) {
        (Unit::Kbps, _) => (0, 100_000_000),
        (Unit::Ms, _) => (0, 10_000_000_000),
        (Unit::SignedMs, _) => (-10_000_000_000, 10_000_000_000),
        (Unit::Time, Key::Ts) => PLAUSIBLE_TS,
        (Unit::Time, _) => (-999_999_999_999_999, 999_999_999_999_999),
        (Unit::Count, Key::V) => (1, i64::MAX),
        (Unit::Count, _) => (0, 999_999_999_999_999),
        (Unit::Chars(_) | Unit::Plain, _) => (i64::MIN, i64::MAX),
    }
}
