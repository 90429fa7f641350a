//! Who asks: the session a player names in the CMCD of its media requests.

use axum::http::{HeaderMap, Uri};
use tallylight_schemas::cmcd::{HEADERS, header_value, named, query_value};

/// The header by which steering's prober says what it is.
pub const PROBE: &str = "tallylight-probe";
/// Longest header or query that is looked at.
const MAX: usize = 4_096;

/// A player's session and content id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Viewer {
    /// Session id.
    pub sid: Option<String>,
    /// Content id.
    pub cid: Option<String>,
    /// It is no player but steering's prober: neither a viewer nor to be reported.
    pub probe: bool,
}

impl Viewer {
    /// Reads the `CMCD` query argument, or else the `CMCD-*` headers.
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        Self { probe: headers.contains_key(PROBE), ..Self::player(uri, headers) }
    }

    fn player(uri: &Uri, headers: &HeaderMap) -> Self {
        let query = uri.query().filter(|query| query.len() <= MAX).and_then(query_value);
        match query {
            Some(text) => Self::read(&text),
            None => {
                let values = HEADERS.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
                let text = header_value(values).filter(|text| text.len() <= MAX);
                text.map_or_else(Self::default, |text| Self::read(&text))
            }
        }
    }

    fn read(text: &str) -> Self {
        let (sid, cid) = named(text);
        Self { sid, cid, probe: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_query_and_headers() {
        let uri: Uri =
            "/a?x=1&CMCD=cid%3D%22demo%22%2Csid%3D%22s-1%22%2Cbl%3D4000".parse().unwrap();
        let wanted =
            Viewer { sid: Some("s-1".into()), cid: Some("demo".into()), ..Viewer::default() };
        assert_eq!(Viewer::of(&uri, &HeaderMap::new()), wanted);

        let mut headers = HeaderMap::new();
        headers.insert("cmcd-session", r#"cid="demo",sid="s-1",v=2"#.parse().unwrap());
        headers.insert("cmcd-request", "bl=4000".parse().unwrap());
        assert_eq!(Viewer::of(&Uri::from_static("/a"), &headers), wanted);
    }

    #[test]
    fn a_probe_says_so() {
        let mut headers = HeaderMap::new();
        headers.insert(PROBE, "1".parse().unwrap());
        assert!(Viewer::of(&Uri::from_static("/a"), &headers).probe);
    }

    #[test]
    fn nobody_is_nobody() {
        for uri in ["/a", "/a?CMCD=", "/a?CMCD=bl%3D1", "/a?CMCD=%ff%00"] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(Viewer::of(&uri, &HeaderMap::new()), Viewer::default());
        }
    }
}
