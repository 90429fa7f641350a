//! Copied headers: what is in quotes in one may be a URL.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::memchr_iter;

use super::url;
use crate::cmcd::cmsd;

/// So long a word outside of quotes may be Base64 that cannot be read.
const LONG: usize = 16;

/// A copied header, in Base64 or as it came: what stands in quotes in it may be a URL. One that has
/// more outside of quotes than words of a header may hold anything, so nothing is left of it.
pub fn header(text: &str) -> Cow<'_, str> {
    let (plain, encoded) = cmsd::header(text);
    let outside = strings(&plain).step_by(2);
    if !outside.into_iter().all(|piece| is_words(piece) && (encoded || !has_long_word(piece))) {
        return Cow::Borrowed("");
    }
    let pieces = strings(&plain).enumerate();
    let clean = pieces.map(|(at, piece)| if at % 2 == 1 { url(piece) } else { piece.into() });
    let clean = clean.collect::<Vec<_>>().join("\"");
    match clean == plain {
        true => Cow::Borrowed(text),
        false if encoded => Cow::Owned(BASE64_STANDARD.encode(clean)),
        false => Cow::Owned(clean),
    }
}

/// What stands outside of quotes and in quotes, in turns; with `"` between them it is the text again.
pub fn strings(text: &str) -> impl Iterator<Item = &str> {
    let (mut rest, mut inside) = (Some(text), false);
    std::iter::from_fn(move || {
        let (text, mut escaped) = (rest.take()?, false);
        let end = text.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = inside && c == '\\' && !escaped;
            ends
        });
        inside = !inside;
        let (piece, behind) = text.split_at(end.unwrap_or(text.len()));
        rest = behind.strip_prefix('"');
        Some(piece)
    })
}

/// Whether a piece of a header outside of quotes has keys, numbers, booleans, plain words only.
fn is_words(piece: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b" \t,;=()*-_.:/+?".contains(&byte);
    piece.bytes().all(word) && !has_query(piece)
}

/// Whether a piece outside of quotes has a `?` that begins no boolean.
pub fn has_query(piece: &str) -> bool {
    let all = piece.as_bytes();
    let is_boolean = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| all.get(before));
        let begins = before.is_none_or(|byte| b"=,;( ".contains(byte));
        let ends = all.get(at + 2).is_none_or(|byte| b",;) ".contains(byte));
        begins && ends && matches!(all.get(at + 1), Some(b'0' | b'1'))
    };
    memchr_iter(b'?', all).any(|at| !is_boolean(at))
}

fn has_long_word(piece: &str) -> bool {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    piece.split(|c| !is_of_word(c)).any(|word| word.len() >= LONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_header_loses_what_its_urls_tell_in_base64_too() {
        for (sent, kept) in [
            ("nor=\"../2.m4s?t=x\",ot=v", "nor=\"../2.m4s\",ot=v"),
            (
                "n=\"a\\\"b?t\",nor=(\"c#x\" \"https://u:p@d/e\"),du=?1",
                "n=\"a\\\"b\",nor=(\"c\" \"https://d/e\"),du=?1",
            ),
            ("nor=\"2.m4s?t=x", "nor=\"2.m4s"),
            ("du,etp=100", "du,etp=100"),
        ] {
            assert_eq!(header(sent), kept);
            assert_eq!(header(&BASE64_STANDARD.encode(sent)), BASE64_STANDARD.encode(kept));
        }
        // Cut, it is no Base64 any more.
        let cut = BASE64_STANDARD.encode("nor=\"../../2.m4s?t=x\"");
        assert_eq!(header(cut.get(..25).unwrap_or_default()), "");
        assert_eq!(header("aHR0cHM-_w"), "aHR0cHM-_w");
        // Nor is it with a byte of another alphabet; and without quotes nobody can tell what a URL is.
        let odd = format!("{} {}", cut.get(..10).unwrap(), cut.get(10..).unwrap());
        for sent in [
            &odd,
            &format!("{cut}%3D"),
            "https://u:p@h/x?t=x",
            "nor=../2.m4s?t=x",
            "u=h%3Ft",
            "nor=2?1795-s",
            "u=?1x",
        ] {
            assert_eq!(header(sent), "", "{sent}");
            assert_eq!(header(&BASE64_STANDARD.encode("nor=https://h/x?1795000000-sig")), "");
        }
        let tracing =
            BASE64_STANDARD.encode("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(header(&tracing), tracing);
    }
}
