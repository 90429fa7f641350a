//! Records as they may be shown: without what may be secret in them.

use std::borrow::Cow;

use tallylight_schemas::dead::{GAP, KEPT_BYTES, cut};
use tallylight_schemas::scrub;

/// Longest text that is shown, characters.
const SHOWN_CHARS: usize = 1_024;

/// Most that is read of a record that is kept, bytes.
const READ_BYTES: usize = 2 * KEPT_BYTES;
/// What is in the name of a value that is a secret.
const SECRETS: [&str; 8] =
    ["authorization", "cookie", "credential", "password", "secret", "token", "api-key", "api_key"];

/// The record's text, printable, cut, and without the queries and credentials of URLs, as they hold
/// tokens, what follows the name of a secret, and addresses.
pub(crate) fn shown(text: &[u8]) -> String {
    let mut out = clean(&String::from_utf8_lossy(text));
    // After what is secret is gone: cut Base64 cannot be read.
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
    // To look through all of a long one would take long. A string or a word is read whole, or not at all.
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

/// A text up to what is called a secret: nobody who cannot read the record knows how long that is.
fn clean(text: &str) -> String {
    let (mut out, mut before, mut in_list) = (String::new(), ["", ""], false);
    for (number, piece) in scrub::strings(text).enumerate() {
        if number > 0 {
            out.push('"');
        }
        // Every second piece is a string; what stands between is a URL only where it says so,
        // as `?` begins a boolean there.
        let in_string = number % 2 == 1;
        let is_url = ["://", "%3F", "%3f"].iter().any(|mark| piece.contains(mark));
        let in_header = in_string && (in_list || is_header(before));
        let clean = match piece {
            _ if in_header => cleaned(piece, scrub::header),
            _ if in_string => cleaned(piece, scrub::url),
            _ if is_url => scrub::url(piece),
            _ => piece.into(),
        };
        // Where a list is given for a header, all its strings are as it would be.
        in_list = match in_string {
            true => in_header && (in_list || before[1].trim_end().ends_with(['(', '['])),
            false => in_list && !piece.contains([')', ']']),
        };
        before = [before[1], piece];
        out.extend(clean.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        if clean.len() < piece.len() {
            out.push(GAP);
        }
    }
    if let Some(end) = secret_end(&out) {
        out.truncate(end);
        out.push(GAP);
    }
    scrub::without_addresses(&out)
}

/// Where the first name of a secret in a text ends.
fn secret_end(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    SECRETS.iter().filter_map(|name| Some(lower.find(name)? + name.len())).min()
}

/// Whether a string holds a copied header, by what stands before it: the key and `=`, or, in JSON,
/// the key as a string of its own and `:`.
fn is_header([key, sign]: [&str; 2]) -> bool {
    let sign = sign.trim_end().trim_end_matches(['(', '[']).trim_end();
    ["cmsds", "cmsdd", "smrt"].iter().any(|name| {
        let in_text = sign.strip_suffix('=').is_some_and(|text| text.ends_with(name));
        in_text || (key == *name && sign.trim() == ":")
    })
}

/// A string cleaned as what it stands for: JSON and structured fields write `\"` for `"`, and some
/// encoders of JSON `\/` for `/`.
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
    fn a_copied_header_is_shown_without_what_its_urls_tell() {
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
    fn texts_are_cut_and_lose_their_queries() {
        let text = "url=\"https://a.example/v.m4s?token=secret\",rc=200,x=\"\u{7}\"";
        assert_eq!(
            shown(text.as_bytes()),
            "url=\"https://a.example/v.m4s…\",rc=200,x=\"\u{fffd}\""
        );
        assert_eq!(shown("a".repeat(5_000).as_bytes()).chars().count(), SHOWN_CHARS + 1);
    }

    #[test]
    fn what_is_called_a_secret_and_addresses_are_taken_out() {
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

    proptest::proptest! {
        #[test]
        fn what_is_kept_is_never_longer_than_it_may_be(
            begin in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64),
            end in ".{0,40}",
            times in 0..2_000_usize,
        ) {
            let text = [begin, end.repeat(times).into_bytes()].concat();
            proptest::prop_assert!(kept(&text).len() <= KEPT_BYTES);
        }
    }
}
