//! Finds the ends of runs of bytes, eight at a time: most of a record is plain text and digits.

/// A word with this byte in each place.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The highest bit of each byte that is below `limit`, which is at most 128. Only the first one found
/// is reliable.
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(all(limit)) & !word & all(0x80)
}

/// How many bytes precede the first quote, backslash or control character; with `ascii`, also the
/// first DEL or byte beyond ASCII.
#[inline]
pub(super) fn plain(text: &[u8], ascii: bool) -> usize {
    let mut at = 0;
    while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*word);
        let mut found =
            below(word ^ all(b'"'), 1) | below(word ^ all(b'\\'), 1) | below(word, 0x20);
        if ascii {
            found |= below(word ^ all(0x7f), 1) | word & all(0x80);
        }
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let ends = |byte: &u8| match byte {
        b'"' | b'\\' | 0..0x20 => true,
        0x7f.. => ascii,
        _ => false,
    };
    let tail = text.get(at..).unwrap_or_default();
    at + tail.iter().position(ends).unwrap_or(tail.len())
}

/// The number at the start of `text`, and how many digits it has: 0 where there is no number, or
/// where there are more than `most`, which is at most 18.
#[inline]
pub(super) fn whole(text: &[u8], most: usize) -> (i64, usize) {
    let (mut value, mut digits) = (0, 0);
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if digits == most {
            return (0, 0);
        }
        value = value * 10 + i64::from(digit);
        digits += 1;
    }
    (value, digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_end_where_a_search_byte_by_byte_ends(text in prop::collection::vec(
            prop_oneof![3 => b'a'..=b'z', 1 => any::<u8>()], 0..40,
        )) {
            let plain_end = |ascii: bool| {
                let ends = |b: &u8| b"\"\\".contains(b) || *b < 0x20 || ascii && *b >= 0x7f;
                text.iter().position(ends).unwrap_or(text.len())
            };
            prop_assert_eq!(plain(&text, false), plain_end(false));
            prop_assert_eq!(plain(&text, true), plain_end(true));
        }

        #[test]
        fn numbers_are_what_their_digits_say(number in 0..1_000_000_000_000_000_000_i64, most in 1..19_usize) {
            let text = number.to_string();
            let read = if text.len() > most { (0, 0) } else { (number, text.len()) };
            prop_assert_eq!(whole(format!("{text};").as_bytes(), most), read);
            prop_assert_eq!(whole(text.as_bytes(), most), read);
        }
    }
}
