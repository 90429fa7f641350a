//! The `CMCD` argument of a query string.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

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
