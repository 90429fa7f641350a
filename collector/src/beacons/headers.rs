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
    let of_key = Some(0).filter(|_| is_key(key)).and_then(|_| behind_sign(&lower));
    let values = of_key.into_iter().chain(values(&lower));
    let bare = values.filter(|at| !opens(&lower[*at..])).min();
    &text[..bare.unwrap_or(text.len())]
}

/// Whether a string holds a copied header, by what is before it: the key and a sign, or, in JSON, the
/// key as a string of its own and `:`.
pub(super) fn is_header([key, sign]: [&str; 2]) -> bool {
    let lower = sign.to_ascii_lowercase();
    let of_key = Some(0).filter(|_| is_key(key)).and_then(|_| behind_sign(&lower));
    of_key.into_iter().chain(values(&lower)).any(|at| opens(&lower[at..]))
}

fn is_key(text: &str) -> bool {
    KEYS.iter().any(|key| text.eq_ignore_ascii_case(key))
}

/// Where the values of copied headers begin in a text of lower case.
fn values(lower: &str) -> impl Iterator<Item = usize> {
    let keys = KEYS.iter().flat_map(|key| lower.match_indices(key));
    keys.filter_map(|(at, key)| {
        let end = at + key.len();
        behind_sign(&lower[end..]).map(|value| end + value)
    })
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
