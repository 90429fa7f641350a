//! Records of request mode: the `CMCD` argument of a query string, and the four headers.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Key, Mode, parse};

/// The value of the first `CMCD` argument (uppercase, as the standard has it) of a query,
/// form-decoded: `+` and `%20` are both a space. Bytes that are no UTF-8 become U+FFFD.
pub fn query_value(query: &str) -> Option<Cow<'_, str>> {
    let raw = query.split('&').find_map(|pair| pair.strip_prefix("CMCD="))?;
    if !raw.contains('+') {
        return Some(percent_decode_str(raw).decode_utf8_lossy());
    }
    let spaced = raw.replace('+', " ");
    Some(Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned()))
}

/// The headers that carry a record, in small letters. Which key is in which does not matter:
/// it changed between versions.
pub const HEADERS: [&str; 4] = ["cmcd-request", "cmcd-object", "cmcd-status", "cmcd-session"];

/// The record in the values of [`HEADERS`], as one text. Headers are not URL-encoded; where
/// there is any, the query argument is not looked at. `None` when all are blank.
pub fn header_value<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let joined = header_bytes(values.into_iter().map(|value| value.trim().as_bytes()))?;
    String::from_utf8(joined).ok()
}

/// The same, as the bytes that came: a header need be no text.
pub fn header_bytes<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let values = values.into_iter().map(<[u8]>::trim_ascii);
    let said: Vec<&[u8]> = values.filter(|value| !value.is_empty()).collect();
    (!said.is_empty()).then(|| said.join(&b','))
}

/// Session and content id that a request-mode record names; `None` of what it does not.
pub fn named(text: &str) -> (Option<String>, Option<String>) {
    let Ok(record) = parse(text, Mode::Request) else { return (None, None) };
    let of = |key| record.text(key).filter(|text| !text.is_empty()).map(str::to_owned);
    (of(Key::Sid), of(Key::Cid))
}
