//! Records of request mode: the `CMCD` argument of a query string, and the four headers.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::{Key, Mode, parse};

/// The values of an argument of a query, form-decoded: `+` and `%20` are both a space. They are
/// bytes, since they may not be UTF-8.
pub fn query_values<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = Cow<'a, [u8]>> {
    query.split('&').filter_map(move |pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| match value.contains('+') {
            true => percent_decode(value.replace('+', " ").as_bytes()).collect::<Vec<u8>>().into(),
            false => percent_decode(value.as_bytes()).into(),
        })
    })
}

/// The record in a query: the first `CMCD` argument (uppercase, as the standard has it) that is
/// not blank. `None` when there is none, or when it is not UTF-8.
pub fn query_value(query: &str) -> Option<Cow<'_, str>> {
    let mut values = query_values(query, "CMCD");
    match values.find(|value| !value.trim_ascii().is_empty())? {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// The headers that carry a record, in lower case. Which key is in which does not matter: it
/// changed between versions.
pub const HEADERS: [&str; 4] = ["cmcd-request", "cmcd-object", "cmcd-status", "cmcd-session"];

/// The record in the values of [`HEADERS`], as one text. Headers are not URL-encoded; if there is
/// one, the query argument is ignored. `None` when all are blank.
pub fn header_value<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let joined = header_bytes(values.into_iter().map(|value| value.trim().as_bytes()))?;
    String::from_utf8(joined).ok()
}

/// The same as bytes, since a header may not be text.
pub fn header_bytes<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let values = values.into_iter().map(<[u8]>::trim_ascii);
    let said: Vec<&[u8]> = values.filter(|value| !value.is_empty()).collect();
    (!said.is_empty()).then(|| said.join(&b','))
}

/// Session and content id of a request-mode record; `None` where it has none.
pub fn named(text: &str) -> (Option<String>, Option<String>) {
    let Ok(record) = parse(text, Mode::Request) else { return (None, None) };
    let of = |key| record.text(key).filter(|text| !text.is_empty()).map(str::to_owned);
    (of(Key::Sid), of(Key::Cid))
}
