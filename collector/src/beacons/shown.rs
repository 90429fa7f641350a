//! Records as they may be shown: without what may be secret in them.

use std::borrow::Cow;

use tallylight_schemas::scrub;

/// Longest text that is shown, characters.
const SHOWN_CHARS: usize = 1_024;

/// The record's text, printable, cut, and without the queries and credentials of URLs: they
/// hold tokens.
pub(super) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let (mut out, mut before, mut in_list) = (String::new(), ["", ""], false);
    for (number, piece) in scrub::strings(&text).enumerate() {
        if number > 0 {
            out.push('"');
        }
        // Every second piece is a string; what stands between is a URL only where it says so,
        // as `?` begins a boolean there.
        let in_string = number % 2 == 1;
        let is_url = in_string || ["://", "%3F", "%3f"].iter().any(|mark| piece.contains(mark));
        let in_header = in_string && (in_list || is_header(before));
        let clean = match piece {
            _ if in_header => cleaned(piece, scrub::header),
            _ if in_string => cleaned(piece, scrub::url),
            _ if is_url => scrub::url(piece),
            _ => piece.into(),
        };
        // Where a list is given for a header, all its strings are as it would be.
        in_list = match in_string {
            true => in_header && before[1].trim_end().ends_with(['(', '[']) || in_list,
            false => in_list && !piece.contains([')', ']']),
        };
        before = [before[1], piece];
        out.extend(clean.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        if clean.len() < piece.len() {
            out.push('…');
        }
    }
    // After what is secret is gone: cut Base64 cannot be read.
    if let Some((end, _)) = out.char_indices().nth(SHOWN_CHARS) {
        out.truncate(end);
        out.push('…');
    }
    out
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
}
