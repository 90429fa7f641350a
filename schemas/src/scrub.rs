//! What a URL may tell that is nobody's business: who asked (the credentials before its host)
//! and by which right (the query). Both are cut before anything is stored.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::memchr2;

use crate::cmcd::{Key, cmsd};

/// Where a query or fragment begins, plain or percent-encoded.
const ENDS: [&str; 5] = ["?", "#", "%3F", "%3f", "%23"];
/// What stands before an authority, what ends it, and what ends the credentials within it.
const PLAIN: [&str; 3] = ["//", "/", "@"];
const ENCODED: [&str; 3] = ["%2F%2F", "%2F", "%40"];

/// A URL, or a reference relative to one, without credentials, query and fragment.
pub fn url(text: &str) -> Cow<'_, str> {
    let end = ENDS.iter().filter_map(|mark| text.find(mark)).min();
    let cut = end.and_then(|end| text.get(..end)).unwrap_or(text);
    match without_credentials(cut) {
        Some(clean) => Cow::Owned(clean),
        None => Cow::Borrowed(cut),
    }
}

/// `text` without the credentials of its first URL; `None` when it has none.
fn without_credentials(text: &str) -> Option<String> {
    // Percent-encoding may use either case; positions are the same in both.
    let upper = text.to_ascii_uppercase();
    [PLAIN, ENCODED].iter().find_map(|[before, ends, at]| {
        let start = upper.find(before)? + before.len();
        let authority = upper.get(start..)?;
        let end = authority.find(ends).unwrap_or(authority.len());
        let cut = start + authority.get(..end)?.rfind(at)? + at.len();
        Some(format!("{}{}", text.get(..start)?, text.get(cut..)?))
    })
}

/// A text of a key as it may be stored.
pub fn stored(key: Key, text: &str) -> Cow<'_, str> {
    match key {
        Key::Url | Key::Nor => url(text),
        Key::Cmsds | Key::Cmsdd | Key::Smrt => header(text),
        // `sid` names the session, in storage as in the partition that was chosen by it.
        Key::Sid => Cow::Borrowed(text),
        _ => other(text).map_or(Cow::Borrowed(text), Cow::Owned),
    }
}

/// Cleans a name where it is.
pub fn name(name: &mut String) {
    if let Some(clean) = other(name) {
        *name = clean;
    }
}

/// A copied header, in Base64 or as it came: what stands in quotes in it may be a URL. Base64 that
/// cannot be read may hold anything, so nothing is left of it.
pub fn header(text: &str) -> Cow<'_, str> {
    let (plain, encoded) = cmsd::header(text);
    if !encoded && is_broken_base64(text) {
        return Cow::Borrowed("");
    }
    match in_quotes(&plain) {
        None => Cow::Borrowed(text),
        Some(clean) if encoded => Cow::Owned(BASE64_STANDARD.encode(clean)),
        Some(clean) => Cow::Owned(clean),
    }
}

/// Whether a text that is not Base64 looks as if it was meant so; the words of a header are shorter.
fn is_broken_base64(text: &str) -> bool {
    let is_one = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte);
    text.len() >= 24 && text.as_bytes().iter().all(is_one)
}

/// The text with each string in quotes cleaned as a URL; `None` when it may stay.
fn in_quotes(text: &str) -> Option<String> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, behind)) = rest.split_once('"') {
        let mut escaped = false;
        let closes = |c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        };
        let (inside, after) = behind.split_at(behind.find(closes).unwrap_or(behind.len()));
        out.push_str(before);
        out.push('"');
        out.push_str(&url(inside));
        rest = after;
        if let Some(more) = after.strip_prefix('"') {
            out.push('"');
            rest = more;
        }
    }
    out.push_str(rest);
    (out != text).then_some(out)
}

/// Text of another key that holds a URL all the same; `None` when it may stay.
pub fn other(text: &str) -> Option<String> {
    // Nearly every text is told apart by its length, or by one look at its bytes.
    if text.len() <= "://".len() || memchr2(b':', b'%', text.as_bytes()).is_none() {
        return None;
    }
    let holds_url = text.contains("://") || text.to_ascii_uppercase().contains("%3A%2F%2F");
    let clean = holds_url.then(|| url(text))?;
    (clean != text).then(|| clean.into_owned())
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
    }

    #[test]
    fn credentials_and_queries_are_cut_in_any_spelling() {
        for (sent, stored) in [
            ("https://u:p@cdn.example/v/1.m4s?token=x#y", "https://cdn.example/v/1.m4s"),
            ("https://u:p@cdn.example", "https://cdn.example"),
            ("//u@cdn.example/a@b", "//cdn.example/a@b"),
            ("../v/2.m4s?token=x", "../v/2.m4s"),
            ("https%3A%2F%2Fu%3Ap%40cdn.example%2f1%3ft%3dx", "https%3A%2F%2Fcdn.example%2f1"),
            ("https://cdn.example/a@b/1.m4s", "https://cdn.example/a@b/1.m4s"),
            ("seg-1.m4s", "seg-1.m4s"),
            ("", ""),
        ] {
            assert_eq!(url(sent), stored);
        }
        assert_eq!(other("who? me"), None);
        assert_eq!(stored(Key::Ec, "404 https://a:b@c/?d"), "404 https://c/");
        assert_eq!(other("see http://a:b@c/?d").as_deref(), Some("see http://c/"));
    }
}
