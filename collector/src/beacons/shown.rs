//! Records as they may be shown: without anything that may be secret.

use std::borrow::Cow;

use tallylight_schemas::dead::{GAP, KEPT_BYTES, cut};
use tallylight_schemas::scrub;

use super::headers::{is_header, up_to_header};

/// Longest text that is shown, characters.
const SHOWN_CHARS: usize = 1_024;

/// Most bytes that are read of a record that is kept.
const READ_BYTES: usize = 2 * KEPT_BYTES;
/// What the name of a secret value contains.
const SECRETS: [&str; 8] =
    ["authorization", "cookie", "credential", "password", "secret", "token", "api-key", "api_key"];

/// The record's text, printable, cut, and without the queries and credentials of URLs, without
/// addresses, and without anything behind the name of a secret.
pub(crate) fn shown(text: &[u8]) -> String {
    let mut out = clean(&String::from_utf8_lossy(text));
    // Cut after the secrets are gone, as Base64 that was cut cannot be read.
    if let Some((end, _)) = out.char_indices().nth(SHOWN_CHARS) {
        out.truncate(end);
        out.push(GAP);
    }
    out
}

/// The same as it is kept for long, at most [`KEPT_BYTES`].
pub(crate) fn kept(text: &[u8]) -> String {
    let Some(begin) = text.get(..READ_BYTES) else {
        return cut(clean(&String::from_utf8_lossy(text)));
    };
    // Only the beginning of a long record is read. A string or word is read whole, or not at all.
    let begin = String::from_utf8_lossy(begin);
    let in_string = scrub::strings(&begin).enumerate().last().filter(|(number, _)| number % 2 == 1);
    let end = match in_string {
        Some((_, piece)) => begin.len() - piece.len(),
        None => begin.rfind([' ', ',']).unwrap_or(0),
    };
    let mut out = clean(&begin[..end]);
    out.push(GAP);
    cut(out)
}

/// A text up to the first name of a secret: how long its value is cannot be known without reading
/// the record.
fn clean(text: &str) -> String {
    let plain = unescaped(text);
    let (mut out, mut before, mut in_list) = (String::new(), ["", ""], false);
    for (number, whole) in scrub::strings(&plain).enumerate() {
        if number > 0 {
            out.push('"');
        }
        // Every second piece is a string. What is between is taken for a URL only where it has a
        // mark of one, as `?` begins a boolean there.
        let in_string = number % 2 == 1;
        let in_header = in_string && (in_list || is_header(before));
        let piece = if in_header { whole } else { up_to_header(before[1], whole) };
        let marks = ["://", "%3F", "%3f", "%253F", "%253f"];
        let is_url = marks.iter().any(|mark| piece.contains(mark)) || scrub::has_query(piece);
        let clean = match piece {
            _ if in_header => cleaned(piece, scrub::header),
            _ if in_string => cleaned(piece, scrub::url),
            _ if is_url => scrub::url(piece),
            _ => scrub::other(piece),
        };
        // In a list in place of a header, every string is one.
        in_list = match in_string {
            true => in_header && (in_list || before[1].trim_end().ends_with(['(', '['])),
            false => in_list && !whole.contains([')', ']']),
        };
        before = [before[1], whole];
        out.extend(clean.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        if clean.len() < whole.len() {
            out.push(GAP);
        }
    }
    if let Some(end) = secret_end(&out) {
        out.truncate(end);
        out.push(GAP);
    }
    scrub::without_addresses(&out)
}

/// A text without the escapes `\uXXXX` of JSON: a query begins with `?` however that is written.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        // These two would begin a string, or another escape.
        let ends = |c: char| matches!(c, '"' | '\\');
        if let Some((c, behind)) = character(escape).filter(|(c, _)| !ends(*c)) {
            out.push(c);
            rest = behind;
        } else {
            // Any other escape is of one character, which does not begin an escape itself.
            let mut chars = escape.chars();
            out.extend(chars.by_ref().take(2));
            rest = chars.as_str();
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character that a text begins with as one or two `\uXXXX`, and the rest.
fn character(text: &str) -> Option<(char, &str)> {
    let (first, behind) = unit(text)?;
    if let Some((second, after)) = unit(behind)
        && let Some(Ok(c)) = char::decode_utf16([first, second]).next()
        && c.len_utf16() == 2
    {
        return Some((c, after));
    }
    Some((char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER), behind))
}

/// One `\uXXXX`, and the rest.
fn unit(text: &str) -> Option<(u16, &str)> {
    let (digits, behind) = text.strip_prefix("\\u")?.split_at_checked(4)?;
    // `from_str_radix` accepts a sign, too.
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let unit = u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
    Some((unit, behind))
}

/// Where the first name of a secret in a text ends.
fn secret_end(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    SECRETS.iter().filter_map(|name| Some(lower.find(name)? + name.len())).min()
}

/// A string, cleaned after its escapes are undone: JSON and structured fields write `\"` for `"`,
/// and some encoders of JSON `\/` for `/`.
fn cleaned(piece: &str, clean: fn(&str) -> Cow<'_, str>) -> Cow<'_, str> {
    if !piece.contains('\\') {
        return clean(piece);
    }
    let mut plain = String::with_capacity(piece.len());
    let mut chars = piece.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    match clean(&plain) {
        kept if kept == plain => Cow::Borrowed(piece),
        kept => Cow::Owned(kept.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_header_is_shown_without_the_secrets_of_its_urls() {
        use base64::Engine as _;
        let encode = |text: &str| base64::prelude::BASE64_STANDARD.encode(text);
        let (sent, kept) = (encode("nor=\"2.m4s?t=x\""), encode("nor=\"2.m4s\""));
        let sid = "sid=\"c3d36b2b-d5ad-4451-9fe2-7e354a173f72\"";
        let text = |value: &str| format!("cmsds=\"{value}\",e=rr,{sid}");
        assert_eq!(shown(text(&sent).as_bytes()).replace('…', ""), text(&kept));
        let json = |value: &str| format!("{{\"cmsds\": \"{value}\",\"sid\":\"a\"}}");
        assert_eq!(shown(json(&sent).as_bytes()).replace('…', ""), json(&kept));
        // In a list, as it came with its quotes escaped, and by an encoder that escapes slashes.
        for (sent, kept) in [
            (
                format!("cmsds=(\"{sent}\" \"{sent}\"),{sid}"),
                format!("cmsds=(\"{kept}\" \"{kept}\"),{sid}"),
            ),
            (format!("{{\"cmsds\":[\"{sent}\"],{sid}"), format!("{{\"cmsds\":[\"{kept}\"],{sid}")),
            (r#"cmsds="nor=\"2.m4s?t=S\",ot=v""#.into(), r#"cmsds="nor=\"2.m4s\",ot=v""#.into()),
            (r#"{"url":"https:\/\/u:p@h\/x?t=S"}"#.into(), r#"{"url":"https://h/x"}"#.into()),
        ] {
            assert_eq!(shown(sent.as_bytes()).replace('…', ""), kept);
        }
        assert!(shown("x".repeat(2_000).as_bytes()).chars().count() == SHOWN_CHARS + 1);
    }

    #[test]
    fn a_copied_header_that_is_not_a_string_is_not_shown() {
        let header = "bm9yPSIyLm00cz90PXgi";
        for (before, after) in [
            ("e%3Drr%2CCmsds%3D", "%22"),
            ("%7B%22cmsds%22%3A", "%7D"),
            ("e=rr,cmsds=", ",v=2"),
            ("e=rr,cmsdd=", ")"),
            ("{'cmsds':", "'}"),
            ("{\"cmsds\":", "}"),
        ] {
            let sent = format!("{before}{header}{after}");
            assert_eq!(kept(sent.as_bytes()), format!("{before}…"));
        }
        // As a string, however it is named: decoded, and without its query.
        for (before, after) in [
            ("e=rr,Cmsds=\"", "\""),
            ("{\"Cmsds\":\"", "\"}"),
            ("{cmsds:\"", "\"}"),
            ("cmsds = \"", "\""),
            ("cmsds%3D\"", "\""),
        ] {
            let sent = format!("{before}{header}{after}");
            assert!(!kept(sent.as_bytes()).contains("90PX"), "{before}");
        }
        let nested = format!("{{\"msg\":\"{{\\\"cmsds\\\":\\\"{header}\\\"}}\"}}");
        assert!(!kept(nested.as_bytes()).contains("90PX"), "{nested}");
    }

    #[test]
    fn texts_are_cut_and_lose_their_queries() {
        let text = "url=\"https://a.example/v.m4s?token=secret\",rc=200,x=\"\u{7}\"";
        assert_eq!(
            shown(text.as_bytes()),
            "url=\"https://a.example/v.m4s…\",rc=200,x=\"\u{fffd}\""
        );
        for (sent, left) in [
            ("nor=\"2.m4s%253Fa\",nor=3.m4s%253Fa", "nor=\"2.m4s…\",nor=3.m4s…"),
            ("su,bs=?1,nor=../2.m4s?hdnts=exp~hmac", "su,bs=…"),
            ("url%3Dhttps%3A%2F%2Fu%3Apw%40h%2Fx", "url%3Dhttps%3A%2F%2F…h%2Fx"),
            ("su=?1,bs=?0", "su=?1,bs=?0"),
        ] {
            assert_eq!(shown(sent.as_bytes()).replace('…', ""), left.replace('…', ""));
        }
        assert_eq!(shown("a".repeat(5_000).as_bytes()).chars().count(), SHOWN_CHARS + 1);
    }

    #[test]
    fn named_secrets_and_addresses_are_removed() {
        for (sent, left) in [
            (r#"{"ip":"203.0.113.9","a":1}"#, r#"{"ip":"…","a":1}"#),
            (
                "from [2001:db8::7]:443, 203.0.113.9:80 and ip%3D203.0.113.9",
                "from […]:443, … and ip%3D…",
            ),
            ("a%20203.0.113.9%22,b 203.0.113.9.443", "a%20…%22,b …"),
            (r#"{"Authorization":"Bearer x","b":"c"}"#, r#"{"Authorization…"#),
            (r#"{"a":"b","token":{"c":1}}"#, r#"{"a":"b","token…"#),
            (r#"he said " {"msg":"Cookie: x"}"#, r#"he said " {"msg":"Cookie…"#),
            ("bl=1,com.example-token = \"x\"", "bl=1,com.example-token…"),
            ("Set-Cookie: x", "Set-Cookie…"),
            ("e=ps,ts=1795000000000,sid=\"12:30:45\"", "e=ps,ts=1795000000000,sid=\"12:30:45\""),
        ] {
            assert_eq!(kept(sent.as_bytes()), left);
        }
        // A string that is not read to its end might be cut in the middle of a secret.
        for quote in ["\"", ""] {
            let url = format!("url={quote}https://u:sentinel@h/?{quote}");
            // The query before it goes, so that the end is within what is kept.
            let before = format!("u=\"https://h/?{}\"", "x".repeat(READ_BYTES - 39));
            assert!(!kept(format!("{before} ,{url}").as_bytes()).contains("sen"), "{quote}");
        }
    }

    #[test]
    fn an_escaped_character_hides_nothing() {
        for (sent, left) in [
            (r#"{"url":"https://h/x\u003ft=sentinel"}"#, r#"{"url":"https://h/x…"}"#),
            (r#"{"url":"https:\/\/h\/x\u003Ft=sentinel"}"#, r#"{"url":"https://h/x…"}"#),
            (r#"{"\u0074oken":"sentinel"}"#, r#"{"token…"#),
            (
                r#"{"cid":"\u4e2d \ud83d\ude00 \ud83d"}"#,
                "{\"cid\":\"\u{4e2d} \u{1f600} \u{fffd}\"}",
            ),
            (r#"{"cid":"a\u0022b\\u003f\u00"}"#, r#"{"cid":"a\u0022b\\u003f\u00"}"#),
        ] {
            assert_eq!(shown(sent.as_bytes()), left);
            assert_eq!(kept(sent.as_bytes()), left);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_kept_text_is_never_longer_than_allowed(
            begin in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64),
            end in ".{0,40}",
            times in 0..2_000_usize,
        ) {
            let text = [begin, end.repeat(times).into_bytes()].concat();
            proptest::prop_assert!(kept(&text).len() <= KEPT_BYTES);
        }
    }
}
