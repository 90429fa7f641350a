//! The session that a player names in the CMCD of its media requests.

use axum::http::{HeaderMap, Uri};
use tallylight_schemas::cmcd::{HEADERS, header_value, named, query_value};
use tallylight_serve::guard::is_service;

/// The header by which steering's prober identifies itself; the service key proves it.
pub const PROBE: &str = "tallylight-probe";
/// The longest header or query that is read.
const MAX: usize = 4_096;
/// The longest CMCD that is reported. Players send a third of that.
const MAX_REPORTED: usize = 1_024;

/// A player's session and content id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Viewer {
    /// Session id.
    pub sid: Option<String>,
    /// Content id.
    pub cid: Option<String>,
    /// Its complete CMCD, to be reported to the collector; none if it is too long or names no
    /// session.
    pub cmcd: Option<String>,
    /// Whether it is steering's prober rather than a player: not a viewer, and not reported.
    pub probe: bool,
}

impl Viewer {
    /// As [`Viewer::of`], and whether the request is the prober's.
    pub fn or_probe(uri: &Uri, headers: &HeaderMap, service_key: Option<&str>) -> Self {
        let probe = headers.contains_key(PROBE) && is_service(headers, service_key);
        Self { probe, ..Self::of(uri, headers) }
    }

    /// Reads the `CMCD-*` headers, or else the `CMCD` query argument.
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let values = HEADERS.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
        if let Some(text) = header_value(values) {
            return if text.len() <= MAX { Self::read(text) } else { Self::default() };
        }
        let query = uri.query().filter(|query| query.len() <= MAX).and_then(query_value);
        query.map_or_else(Self::default, |text| Self::read(text.into_owned()))
    }

    fn read(text: String) -> Self {
        let (sid, cid) = named(&text);
        let cmcd = (sid.is_some() && text.len() <= MAX_REPORTED).then_some(text);
        Self { sid, cid, cmcd, probe: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_query_and_headers() {
        let uri: Uri =
            "/a?x=1&CMCD=cid%3D%22demo%22%2Csid%3D%22s-1%22%2Cbl%3D4000".parse().unwrap();
        let wanted = Viewer {
            sid: Some("s-1".into()),
            cid: Some("demo".into()),
            cmcd: Some(r#"cid="demo",sid="s-1",bl=4000"#.into()),
            ..Viewer::default()
        };
        assert_eq!(Viewer::of(&uri, &HeaderMap::new()), wanted);

        let mut headers = HeaderMap::new();
        headers.insert("cmcd-session", r#"cid="demo",sid="s-1",v=2"#.parse().unwrap());
        headers.insert("cmcd-request", "bl=4000".parse().unwrap());
        let wanted = Viewer { cmcd: Some(r#"bl=4000,cid="demo",sid="s-1",v=2"#.into()), ..wanted };
        assert_eq!(Viewer::of(&Uri::from_static("/a"), &headers), wanted);
        // Headers take precedence over the query, as in the standard.
        let uri = Uri::from_static("/a?CMCD=sid%3D%22s-2%22");
        assert_eq!(Viewer::of(&uri, &headers), wanted);
    }

    #[test]
    fn cmcd_that_is_too_long_to_report_still_names_its_session() {
        let text = format!("sid%3D%22s-1%22%2Cnor%3D%22{}%22", "a".repeat(MAX_REPORTED));
        let uri: Uri = format!("/a?CMCD={text}").parse().unwrap();
        let viewer = Viewer::of(&uri, &HeaderMap::new());
        assert_eq!((viewer.sid.as_deref(), viewer.cmcd), (Some("s-1"), None));
    }

    #[test]
    fn a_blank_argument_hides_no_session_and_what_is_not_text_is_none() {
        let of = |query: &str| {
            Viewer::of(&format!("/a?{query}").parse().unwrap(), &HeaderMap::new()).sid
        };
        assert_eq!(of("CMCD=&CMCD=sid%3D%22s-1%22").as_deref(), Some("s-1"));
        assert_eq!(of("CMCD=sid%3D%22s-1%22,cid=%22%FF%22"), None);
    }

    #[test]
    fn a_probe_identifies_and_proves_itself() {
        let mut headers = HeaderMap::new();
        headers.insert(PROBE, "1".parse().unwrap());
        let is_probe = |headers: &HeaderMap, key| {
            Viewer::or_probe(&Uri::from_static("/a"), headers, key).probe
        };
        assert!(is_probe(&headers, None) && !is_probe(&headers, Some("key")));
        headers.insert("authorization", "Bearer key".parse().unwrap());
        assert!(is_probe(&headers, Some("key")) && !is_probe(&headers, Some("other")));
    }

    #[test]
    fn without_a_session_there_is_no_viewer() {
        for uri in ["/a", "/a?CMCD=", "/a?CMCD=bl%3D1", "/a?CMCD=%ff%00"] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(Viewer::of(&uri, &HeaderMap::new()), Viewer::default());
        }
    }
}
