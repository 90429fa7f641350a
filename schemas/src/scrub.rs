//! What a URL may tell that is nobody's business: who asked (the credentials before its host)
//! and by which right (the query). Both are cut before anything is stored.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::ops::Range;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::{memchr2, memchr2_iter, memchr3_iter, memrchr2_iter};

use crate::cmcd::{Key, cmsd};
use crate::dead::GAP;

/// Where a query or fragment begins, plain or percent-encoded once or twice: version 1 encodes
/// `nor` before the query around it is encoded.
const ENDS: [&str; 8] = ["?", "#", "%3F", "%3f", "%23", "%253F", "%253f", "%2523"];
/// What comes, twice, before an authority, and once behind it; and what ends the credentials
/// within it. Some encoders leave some of them as they are.
const SLASH: [&str; 3] = ["/", "%2F", "%252F"];
const AT: [&str; 3] = ["@", "%40", "%2540"];
/// What comes before those slashes in a whole URL.
const COLON: [&str; 3] = [":", "%3A", "%253A"];
/// So long a word outside of quotes may be Base64 that cannot be read.
const LONG: usize = 16;

/// A URL, or a reference relative to one, without credentials, query and fragment.
pub fn url(text: &str) -> Cow<'_, str> {
    let cut = end(text).and_then(|end| text.get(..end)).unwrap_or(text);
    match without_credentials(cut) {
        Some(clean) => Cow::Owned(clean),
        None => Cow::Borrowed(cut),
    }
}

/// Where the query or fragment of a URL begins.
fn end(text: &str) -> Option<usize> {
    let all = text.as_bytes();
    memchr3_iter(b'?', b'#', b'%', all).find(|at| starts(all, *at, &ENDS).is_some())
}

/// `text` without the credentials of its URLs; `None` when it has none. Looks at each byte a few times
/// only: a record may be full of slashes.
fn without_credentials(text: &str) -> Option<String> {
    // Percent-encoding may use either case; positions are the same in both.
    let upper = text.to_ascii_uppercase();
    let all = upper.as_bytes();
    let (mut out, mut from) = (String::new(), 0);
    while let Some(authority) = authority(all, from) {
        out.push_str(text.get(from..authority.start)?);
        let (within, start) = (all.get(authority.clone())?, authority.start);
        let at = memrchr2_iter(b'@', b'%', within).find_map(|at| starts(within, at, &AT));
        from = at.map_or(authority.end, |behind| start + behind);
        if at.is_none() {
            out.push_str(text.get(start..from)?);
        }
    }
    out.push_str(text.get(from..)?);
    (out.len() < text.len()).then_some(out)
}

/// Where the first authority behind `from` is: from behind its slashes, of which there may be too
/// many, to what ends it.
fn authority(all: &[u8], from: usize) -> Option<Range<usize>> {
    let rest = all.get(from..)?;
    let slash = |at: usize| starts(rest, at, &SLASH);
    let two = |at: usize| slash(at).and_then(slash);
    let mut start = memchr2_iter(b'/', b'%', rest).find_map(two)?;
    while let Some(behind) = slash(start) {
        start = behind;
    }
    let ends = memchr3_iter(b'/', b'%', b' ', rest.get(start..)?).map(|at| start + at);
    let end = ends.into_iter().find(|at| rest.get(*at) == Some(&b' ') || slash(*at).is_some());
    Some(from + start..from + end.unwrap_or(rest.len()))
}

/// What is behind one of these marks, if it stands at `at`.
fn starts(all: &[u8], at: usize, marks: &[&str]) -> Option<usize> {
    let rest = all.get(at..)?;
    let mark = marks.iter().find(|mark| rest.starts_with(mark.as_bytes()))?;
    Some(at + mark.len())
}

/// A text of a key as it may be stored.
pub fn stored(key: Key, text: &str) -> Cow<'_, str> {
    match key {
        Key::Url | Key::Nor => url(text),
        Key::Cmsds | Key::Cmsdd | Key::Smrt => header(text),
        // `sid` names the session, in storage as in the partition that was chosen by it.
        Key::Sid => Cow::Borrowed(text),
        _ => other(text),
    }
}

/// Cleans a name where it is.
pub fn name(name: &mut String) {
    if let Cow::Owned(clean) = other(name) {
        *name = clean;
    }
}

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
    let all = piece.as_bytes();
    let boolean = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| all.get(before));
        let begins = before.is_none_or(|byte| b"=,;( ".contains(byte));
        let ends = all.get(at + 2).is_none_or(|byte| b",;) ".contains(byte));
        begins && ends && matches!(all.get(at + 1), Some(b'0' | b'1'))
    };
    all.iter().enumerate().all(|(at, byte)| match byte {
        b'?' => boolean(at),
        byte => byte.is_ascii_alphanumeric() || b" \t,;=()*-_.:/+".contains(byte),
    })
}

fn has_long_word(piece: &str) -> bool {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    piece.split(|c| !is_of_word(c)).any(|word| word.len() >= LONG)
}

/// Text of another key, which may hold a URL all the same.
pub fn other(text: &str) -> Cow<'_, str> {
    // Nearly every text is told apart by its length, or by one look at its bytes.
    if text.len() <= "://".len() || memchr2(b':', b'%', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let upper = text.to_ascii_uppercase();
    let all = upper.as_bytes();
    let slash = |at: usize| starts(all, at, &SLASH);
    let begins = |at: usize| starts(all, at, &COLON).and_then(slash).and_then(slash).is_some();
    match memchr2_iter(b':', b'%', all).any(begins) {
        true => url(text),
        false => Cow::Borrowed(text),
    }
}

/// A text without addresses: whose they are nobody may know, and versions that look like one are
/// no loss.
pub fn without_addresses(text: &str) -> String {
    let is_of_address = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    let (mut out, mut escapes) = (String::with_capacity(text.len()), false);
    for piece in text.split_inclusive(|c| !is_of_address(c)) {
        let run = piece.trim_end_matches(|c| !is_of_address(c));
        // Two digits behind `%` are a character.
        let (escaped, address) =
            run.split_at_checked(if escapes { 2 } else { 0 }).unwrap_or((run, ""));
        out.push_str(escaped);
        match is_address(address) {
            true => out.push(GAP),
            false => out.push_str(address),
        }
        out.push_str(&piece[run.len()..]);
        escapes = piece.ends_with('%');
    }
    out
}

fn is_address(run: &str) -> bool {
    let mut dotted = run.split(|c: char| c != '.' && !c.is_ascii_digit());
    let is_v4 = |numbers: &str| {
        let numbers: Vec<bool> = numbers.split('.').map(|n| n.parse::<u8>().is_ok()).collect();
        numbers.windows(4).any(|four| four.iter().all(|is_number| *is_number))
    };
    let v6 = || [run, run.trim_matches(':')].iter().any(|run| run.parse::<Ipv6Addr>().is_ok());
    dotted.any(is_v4) || v6()
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

    #[test]
    fn credentials_and_queries_are_cut_in_any_spelling() {
        for (sent, stored) in [
            ("https://u:p@cdn.example/v/1.m4s?token=x#y", "https://cdn.example/v/1.m4s"),
            ("https://u:p@cdn.example", "https://cdn.example"),
            ("//u@cdn.example/a@b", "//cdn.example/a@b"),
            ("../v/2.m4s?token=x", "../v/2.m4s"),
            ("https%3A%2F%2Fu%3Ap%40cdn.example%2f1%3ft%3dx", "https%3A%2F%2Fcdn.example%2f1"),
            ("..%252F2.m4s%253Ft%253Dx", "..%252F2.m4s"),
            ("2.m4s%253ft", "2.m4s"),
            ("2.m4s%2523x", "2.m4s"),
            ("100%25.m4s", "100%25.m4s"),
            ("https%253A%252F%252Fu%253Ap%2540h%252f1%253Ft", "https%253A%252F%252Fh%252f1"),
            ("https://cdn.example/a@b/1.m4s", "https://cdn.example/a@b/1.m4s"),
            ("seg-1.m4s", "seg-1.m4s"),
            ("", ""),
        ] {
            assert_eq!(url(sent), stored);
        }
        for (sent, stored) in [
            ("who? me", "who? me"),
            ("see http://a:b@c/?d", "see http://c/"),
            ("https%3A//u%3Ap%40h/x%3Ft%3D1", "https%3A//h/x"),
            ("https%253A%252F%252Fu%253Ap%2540h%252Fx%253Ft", "https%253A%252F%252Fh%252Fx"),
            ("https://a/b -> https://u:p@c/d", "https://a/b -> https://c/d"),
            ("https:%2F//u:p%40h/x", "https:%2F//h/x"),
            ("https:////u:p@@h//v@w/x", "https:////h//w/x"),
        ] {
            assert_eq!(other(sent), stored);
        }
        assert_eq!(stored(Key::Ec, "404 https://a:b@c/?d"), "404 https://c/");
    }

    /// A record may have 16 KiB, a body thousands of them.
    #[test]
    fn a_text_full_of_slashes_takes_no_longer_than_another() {
        for part in ["/", "//", "%2F", "//a", "//@", "//a@/", "%2F/b%40", " //"] {
            let text = format!("https://u:p@h/{}", part.repeat((1 << 22) / part.len()));
            assert!(url(&text).len() < text.len(), "{part}");
            // 4 MiB would take hours if each slash cost a look at all that follow.
            assert!(!other(&text).contains("u:p"), "{part}");
        }
    }
}
