//! Finds copied headers (CMSD) in the text of a record. They are in Base64, so what is secret in
//! them is not seen without decoding them.

/// The keys of copied headers.
const KEYS: [&str; 3] = ["cmsds", "cmsdd", "smrt"];
/// What may stand between such a key and the sign: the end of a string, escaped or encoded, …
const BETWEEN: [&str; 8] = ["\\", "\"", "'", " ", "%22", "%2522", "%5c", "%20"];
/// … and the sign itself.
const SIGNS: [&str; 6] = ["=", ":", "%3d", "%3a", "%253d", "%253a"];

/// A text up to the value of a copied header that is not a string of its own: without quotes, in
/// single ones, or in a record that is percent-encoded as a whole. `key` is the string before it.
pub(super) fn up_to_header<'a>(key: &str, text: &'a str) -> &'a str {
    let lower = text.to_ascii_lowercase();
    let bare = values(key, &lower).filter(|at| !opens(&lower[*at..])).min();
    &text[..bare.unwrap_or(text.len())]
}

/// Whether a string holds a copied header, by what is before it: the key and a sign, or, in JSON, the
/// key as a string of its own and `:`.
pub(super) fn is_header([key, sign]: [&str; 2]) -> bool {
    let lower = sign.to_ascii_lowercase();
    values(key, &lower).any(|at| opens(&lower[at..]))
}

/// Where the values of copied headers begin in a text of lower case that comes after the string
/// `before`.
fn values(before: &str, lower: &str) -> impl Iterator<Item = usize> {
    let is_key = KEYS.iter().any(|key| before.eq_ignore_ascii_case(key));
    let keys = KEYS.iter().flat_map(|key| lower.match_indices(key));
    let ends = is_key.then_some(0).into_iter().chain(keys.map(|(at, key)| at + key.len()));
    ends.filter_map(|end| Some(end + behind_sign(&lower[end..])?))
}

/// Where the value begins, if the text begins with a sign.
fn behind_sign(lower: &str) -> Option<usize> {
    let mut rest = lower;
    while let Some(behind) = BETWEEN.iter().find_map(|between| rest.strip_prefix(between)) {
        rest = behind;
    }
    let value = SIGNS.iter().find_map(|sign| rest.strip_prefix(sign))?;
    Some(lower.len() - value.len())
}

/// Whether only a string, or a list of strings, can come next.
fn opens(text: &str) -> bool {
    text.trim_matches(['(', '[', ' ']).is_empty()
}
