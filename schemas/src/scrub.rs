//! What a URL may tell that is nobody's business: who asked (the credentials before its host)
//! and by which right (the query). Both are cut before anything is stored.

mod header;

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::ops::Range;

use memchr::{memchr2, memchr2_iter, memchr3_iter, memrchr2_iter};

use crate::cmcd::Key;
use crate::dead::GAP;
pub use header::{has_query, header, strings};

/// The marks of a URL, plain and percent-encoded once and twice: version 1 encodes `nor` before the
/// query around it is encoded. Slashes come twice before an authority, and each of the first three
/// ends it.
const SLASH: [&str; 3] = ["/", "%2F", "%252F"];
const QUERY: [&str; 3] = ["?", "%3F", "%253F"];
const FRAGMENT: [&str; 3] = ["#", "%23", "%2523"];
/// What ends the credentials within an authority. Some encoders leave it as it is.
const AT: [&str; 3] = ["@", "%40", "%2540"];
/// What comes before those slashes in a whole URL.
const COLON: [&str; 3] = [":", "%3A", "%253A"];

/// A URL, or a reference relative to one, without credentials, query and fragment.
pub fn url(text: &str) -> Cow<'_, str> {
    // Credentials first: a password may hold an encoded mark of a query.
    match without_credentials(text) {
        Some(mut clean) => {
            clean.truncate(end(&clean));
            Cow::Owned(clean)
        }
        None => Cow::Borrowed(text.get(..end(text)).unwrap_or(text)),
    }
}

/// Where the query or fragment of a URL begins, or the URL ends.
fn end(text: &str) -> usize {
    let all = text.as_bytes();
    query(all).unwrap_or(all.len())
}

/// Where the first query or fragment begins.
fn query(all: &[u8]) -> Option<usize> {
    let begins = |at: &usize| [&QUERY, &FRAGMENT].iter().any(|of| mark(all, *at, of).is_some());
    memchr3_iter(b'?', b'#', b'%', all).find(begins)
}

/// `text` without the credentials of its URLs; `None` when it has none. Looks at each byte a few times
/// only: a record may be full of slashes.
fn without_credentials(text: &str) -> Option<String> {
    let all = text.as_bytes();
    let (mut out, mut from) = (String::new(), 0);
    while let Some(authority) = authority(all, from) {
        out.push_str(text.get(from..authority.start)?);
        let (within, start) = (all.get(authority.clone())?, authority.start);
        let at = memrchr2_iter(b'@', b'%', within).find_map(|at| mark(within, at, &AT));
        let before = at.and_then(|(behind, _)| within.get(..behind)).unwrap_or_default();
        if query(before).is_some() {
            // Either a password holds the mark of a query, or the query an `@`: nothing is sure.
            return Some(out);
        }
        from = at.map_or(authority.end, |(behind, _)| start + behind);
        if at.is_none() {
            out.push_str(text.get(start..from)?);
        }
    }
    out.push_str(text.get(from..)?);
    (out.len() < text.len()).then_some(out)
}

/// Where the first authority behind `from` is: from behind its slashes, of which there may be too
/// many, to what ends it. A mark that is encoded more often than those slashes is part of a name
/// or password.
fn authority(all: &[u8], from: usize) -> Option<Range<usize>> {
    let rest = all.get(from..)?;
    let slash = |at: usize| mark(rest, at, &SLASH);
    let two = |at: usize| {
        let (second, one) = slash(at)?;
        slash(second).map(|(behind, two)| (behind, one.min(two)))
    };
    let (mut start, mut encoded) = memchr2_iter(b'/', b'%', rest).find_map(two)?;
    while let Some((behind, more)) = slash(start) {
        (start, encoded) = (behind, encoded.min(more));
    }
    let ends = |at: &usize| {
        let is = |marks| mark(rest, *at, marks).is_some_and(|(_, times)| times <= encoded);
        rest.get(*at) == Some(&b' ') || is(&SLASH) || is(&QUERY) || is(&FRAGMENT)
    };
    let bytes = rest.iter().enumerate().skip(start);
    let mut marks = bytes.filter(|(_, byte)| b" /?#%".contains(byte)).map(|(at, _)| at);
    Some(from + start..from + marks.find(ends).unwrap_or(rest.len()))
}

/// What is behind one of these marks, if it is at `at`, and how many times the mark is encoded.
/// Percent-encoding may use either case.
fn mark(all: &[u8], at: usize, marks: &[&str; 3]) -> Option<(usize, usize)> {
    let is = |mark: &str| {
        all.get(at..at + mark.len()).is_some_and(|here| here.eq_ignore_ascii_case(mark.as_bytes()))
    };
    let found = marks.iter().enumerate().find(|(_, mark)| is(mark));
    found.map(|(times, mark)| (at + mark.len(), times))
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

/// Text of another key, which may hold a URL all the same.
pub fn other(text: &str) -> Cow<'_, str> {
    // Nearly every text is told apart by its length, or by one look at its bytes.
    if text.len() <= "://".len() || memchr2(b':', b'%', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let all = text.as_bytes();
    let behind = |at: usize, marks| mark(all, at, marks).map(|(behind, _)| behind);
    let slash = |at: usize| behind(at, &SLASH);
    let begins = |at: usize| behind(at, &COLON).and_then(slash).and_then(slash).is_some();
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
            // A password may hold what would end the authority, encoded once more than the URL.
            ("https://u:wJal%2FrX@cdn/v/1.m4s?t=x", "https://cdn/v/1.m4s"),
            ("https%3A%2F%2Fu%3Apa%252Fss%40h%2Fv", "https%3A%2F%2Fh%2Fv"),
            // Nor is it known whether this is a password, or the query behind a host.
            ("https://u:pa%3Fss@cdn/v/1.m4s", "https://"),
            ("https%3A//cdn//seg.m4s%3Fu%3Dme%40mail.com%26t%3Dabc", "https%3A//cdn//"),
            ("https://cdn?from=a@b", "https://cdn"),
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
