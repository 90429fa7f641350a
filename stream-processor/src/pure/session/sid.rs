//! A player's session id. Nearly all are UUIDs, which take 16 bytes here and no other memory.

use serde::{Deserialize, Serialize};

/// A session id, in few bytes where it is a UUID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sid {
    /// A UUID in lower case, with its four hyphens.
    Uuid([u8; 16]),
    /// Any other.
    Text(Box<str>),
}

/// Where a UUID's bytes stand in its text.
const AT: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The value of each lower-case hexadecimal digit; 255 is none.
const VALUES: [u8; 256] = {
    let (mut values, mut value) = ([255; 256], 0);
    while value < 16 {
        values[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
};

fn uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let value = |at: usize| VALUES[usize::from(text[at])];
    // A value above 15 is not a digit; checked once for all.
    let (mut bytes, mut all) = ([0; 16], 0);
    for (byte, at) in bytes.iter_mut().zip(AT) {
        let (high, low) = (value(at), value(at + 1));
        all |= high | low;
        *byte = (high << 4) | low;
    }
    (all < 16 && HYPHENS.iter().all(|at| text[*at] == b'-')).then_some(bytes)
}

impl Sid {
    /// The id of that text.
    pub fn of(text: &str) -> Self {
        uuid(text).map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }

    /// Whether it is the id of that text.
    pub fn is(&self, text: &str) -> bool {
        match self {
            Self::Uuid(bytes) => uuid(text).as_ref() == Some(bytes),
            Self::Text(own) => **own == *text,
        }
    }

    /// Its text.
    pub fn text(&self) -> String {
        let bytes = match self {
            Self::Uuid(bytes) => bytes,
            Self::Text(text) => return text.to_string(),
        };
        let mut text = String::with_capacity(36);
        for (byte, at) in bytes.iter().zip(AT) {
            if text.len() < at {
                text.push('-');
            }
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_usual_form_is_a_uuid() {
        let usual = "6b1f0d3e-5a0c-4c0e-9e57-0000000000af";
        assert!(matches!(Sid::of(usual), Sid::Uuid(_)));
        for other in [
            "",
            "6B1F0D3E-5A0C-4C0E-9E57-0000000000AF",
            "6b1f0d3e5a0c4c0e9e570000000000af",
            "6b1f0d3e-5a0c-4c0e-9e57-0000000000ag",
            "6b1f0d3e-5a0c-4c0e-9e57:0000000000af",
            "6b1f0d3e-5a0c-4c0e-9e57-0000000000a\u{0}",
        ] {
            assert!(matches!(Sid::of(other), Sid::Text(_)), "{other}");
            assert!(!Sid::of(usual).is(other) && !Sid::of(other).is(usual));
        }
    }

    proptest! {
        #[test]
        fn its_text_is_what_it_was_made_of(
            text in prop_oneof!["[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", ".{0,40}"],
            other in "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        ) {
            let sid = Sid::of(&text);
            prop_assert_eq!(&sid.text(), &text);
            prop_assert!(sid.is(&text));
            prop_assert_eq!(sid.is(&other), text == other);
        }
    }
}
