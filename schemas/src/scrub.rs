//! What a URL may tell that is nobody's business: who asked (the credentials before its host)
//! and by which right (the query). Both are cut before anything is stored.

use std::borrow::Cow;

use memchr::memchr2;

use crate::cmcd::Key;

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
        // `sid` names the session, in storage as in the partition that was chosen by it.
        Key::Sid | Key::Ec => Cow::Borrowed(text),
        _ => other(text).map_or(Cow::Borrowed(text), Cow::Owned),
    }
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
        assert_eq!(other("see http://a:b@c/?d").as_deref(), Some("see http://c/"));
    }
}
