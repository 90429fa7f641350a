//! Common Media Server Data (CTA-5006): what origin and edge state about an answer.
//!
//! `CMSD-Static` is a dictionary of structured fields, `CMSD-Dynamic` a list with one item per
//! hop. Only the few keys that we use are read and written.

use std::fmt::Write;

/// Header name of the static part.
pub const STATIC: &str = "cmsd-static";
/// Header name of the dynamic part.
pub const DYNAMIC: &str = "cmsd-dynamic";
/// Longest header we read.
const MAX: usize = 512;

/// The static keys of an object. `ht` and `n` belong to an answer, not to the object, so each hop
/// writes its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Static {
    /// Availability time at the origin, Unix ms.
    pub at_ms: Option<i64>,
    /// Encoded bit rate, kbps.
    pub br_kbps: Option<u64>,
    /// Duration, ms.
    pub d_ms: Option<u64>,
    /// Object type: `v`, `a` or `i`.
    pub ot: Option<char>,
}

impl Static {
    /// The header value with this hop's name and how long the request was held.
    pub fn write(&self, hop: &str, held_ms: Option<i64>) -> String {
        let mut out = String::new();
        let mut key = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let comma = if out.is_empty() { "" } else { "," };
                // Writing to a String cannot fail.
                let _ = write!(out, "{comma}{name}={value}");
            }
        };
        key("at", self.at_ms.map(|v| v.to_string()));
        key("br", self.br_kbps.map(|v| v.to_string()));
        key("d", self.d_ms.map(|v| v.to_string()));
        key("ht", held_ms.map(|v| v.to_string()));
        key("n", Some(quoted(hop)));
        key("ot", self.ot.map(String::from));
        key("st", Some("l".into()));
        out
    }

    /// Reads a header of ours; unknown keys are skipped.
    pub fn read(text: &str) -> Self {
        let mut found = Self::default();
        for pair in text.get(..MAX.min(text.len())).unwrap_or("").split(',') {
            let Some((key, value)) = pair.trim().split_once('=') else { continue };
            match key {
                "at" => found.at_ms = value.parse().ok(),
                "br" => found.br_kbps = value.parse().ok(),
                "d" => found.d_ms = value.parse().ok(),
                "ot" => found.ot = value.chars().next().filter(char::is_ascii_lowercase),
                _ => {}
            }
        }
        found
    }
}

/// One hop of `CMSD-Dynamic`: its name and its response delay.
pub fn hop(name: &str, rd_ms: Option<i64>) -> String {
    match rd_ms {
        Some(rd) => format!("{};rd={rd}", quoted(name)),
        None => quoted(name),
    }
}

/// A structured-field string.
fn quoted(text: &str) -> String {
    let plain = |c: &char| c.is_ascii_graphic() && *c != '"' && *c != '\\';
    format!("\"{}\"", text.chars().filter(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_the_standard_shows() {
        let object = Static {
            at_ms: Some(1_795_000_003_040),
            br_kbps: Some(700),
            d_ms: Some(2_000),
            ot: Some('v'),
        };
        let text = object.write("edge-e1", Some(12));
        assert_eq!(text, r#"at=1795000003040,br=700,d=2000,ht=12,n="edge-e1",ot=v,st=l"#);
        assert_eq!(Static::read(&text), object);
        assert_eq!(hop("origin-A", Some(3)), r#""origin-A";rd=3"#);
        assert_eq!(hop("a\"b\r\n", None), r#""ab""#);
    }

    #[test]
    fn reads_anything_without_harm() {
        for text in ["", ",,=", "d=x,ot=", "at=99999999999999999999"] {
            assert_eq!(Static::read(text), Static::default(), "{text:?}");
        }
        assert_eq!(Static::read("é=1,d=5"), Static { d_ms: Some(5), ..Static::default() });
    }
}
