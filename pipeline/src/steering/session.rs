//! A session as manifests and steering answers know it: its sid, and the addresses made for it.

use axum::http::{HeaderMap, Uri};
use tallylight_schemas::headers::ROOT_RELATIVE;
use uuid::Uuid;

use super::Steering;
use super::pure::share::{Pathway, Routes};
use super::settings::EdgeSettings;
use crate::manifest::{self, View};
use crate::serve::viewer::Viewer;

/// The host that the browser used for the dashboard, as reported by its proxy or an earlier one.
const FORWARDED_HOST: &str = "x-forwarded-host";
/// Whether the browser used TLS.
const FORWARDED_PROTO: &str = "x-forwarded-proto";
/// Longest sid that is accepted.
const MAX_SID: usize = 64;
/// Longest query that is read.
const MAX_QUERY: usize = 4_096;

/// The requested manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// HLS, multivariant.
    Master,
    /// HLS, one track.
    Media,
    /// DASH.
    Mpd,
}

impl Form {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Form::Master | Form::Media => "application/vnd.apple.mpegurl",
            Form::Mpd => "application/dash+xml",
        }
    }
}

/// What our own addresses carry in their query, and what players add.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// The session.
    pub(super) sid: Option<String>,
    /// The proof that we issued the sid.
    pub(super) token: Option<String>,
    /// The pathway of a media playlist.
    pub(super) pathway: Option<Pathway>,
    /// The pathways that the player reports using, newest last.
    pub(super) used: Vec<Pathway>,
}

impl Query {
    /// Reads a query. Players write their pathway as `e1`, as `"e1"` or as a list, `"e1,e2"`, with
    /// or without empty items; anything that is not a name is ignored.
    pub(super) fn of(uri: &Uri) -> Self {
        let mut found = Self::default();
        let Some(query) = uri.query().filter(|query| query.len() <= MAX_QUERY) else {
            return found;
        };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "sid" if is_sid(&value) => found.sid = Some(value.into_owned()),
                "token" => found.token = Some(value.into_owned()),
                "pathway" => found.pathway = Some(Pathway::parse(&value)),
                "_HLS_pathway" | "_DASH_pathway" => {
                    let names = value.split(',').map(|item| item.trim_matches([' ', '"']));
                    found.used =
                        names.filter(|name| !name.is_empty()).map(Pathway::parse).collect();
                }
                _ => {}
            }
        }
        found
    }
}

/// Whether a text can be a session's id: it is inserted into addresses unchanged.
pub(super) fn is_sid(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    !text.is_empty() && text.len() <= MAX_SID && text.bytes().all(plain)
}

/// A new session's id.
pub(super) fn new_sid() -> String {
    Uuid::new_v4().to_string()
}

/// Whether the browser came through the dashboard.
pub(super) fn is_root_relative(headers: &HeaderMap) -> bool {
    headers.get(ROOT_RELATIVE).is_some_and(|value| value == "1")
}

/// The dashboard's address as the browser knows it, such as `http://127.0.0.1:7700`.
fn dashboard(headers: &HeaderMap) -> Option<String> {
    // Each proxy on the path adds its own; the first is the host that the browser used.
    let text = |name| headers.get(name)?.to_str().ok()?.split(',').next().map(str::trim);
    let scheme = if text(FORWARDED_PROTO) == Some("https") { "https" } else { "http" };
    let url: url::Url = format!("{scheme}://{}", text(FORWARDED_HOST)?).parse().ok()?;
    Some(url.origin().ascii_serialization())
}

/// The pathways of a session, best first: its assigned one, then the other edges, so that a player
/// whose edge fails continues by itself; last those that accept no connections.
pub(super) fn order(routes: &Routes, first: &Pathway) -> Vec<Pathway> {
    let mut order = vec![first.clone()];
    if first.low {
        order.push(Pathway::full(&first.edge));
    }
    let mut others: Vec<&str> = routes.edges().filter(|edge| *edge != first.edge).collect();
    others.sort_by_key(|edge| routes.is_closed(edge));
    order.extend(others.into_iter().map(Pathway::full));
    order
}

impl Steering {
    /// The prefix of this service's addresses: nothing behind the dashboard.
    pub(super) fn own(&self, headers: &HeaderMap) -> &str {
        if is_root_relative(headers) { "" } else { &self.own_url }
    }

    /// The prefix that `protocol`, `hls` or `dash`, needs. DASH addresses are absolute: dash.js
    /// takes the first relative `BaseURL` for the only one, and Shaka does not ask a relative
    /// steering address.
    fn root(&self, protocol: &str, headers: &HeaderMap) -> String {
        let whole = (protocol == "dash" && is_root_relative(headers)).then(|| dashboard(headers));
        whole.flatten().unwrap_or_else(|| self.own(headers).to_owned())
    }

    /// Where a session asks for its pathway.
    pub(super) fn steering_url(&self, protocol: &str, part: &str, headers: &HeaderMap) -> String {
        format!("{}/steering/{protocol}?{part}", self.root(protocol, headers))
    }

    pub(super) fn view(
        &self,
        stream: &str,
        form: Form,
        query: &Query,
        viewer: &Viewer,
        headers: &HeaderMap,
    ) -> View {
        let given = self.token.proves(query);
        if let Some(sid) = query.sid.as_deref().filter(|_| given) {
            self.sessions.note(sid, self.clock.now_ms());
        }
        let state = self.state.lock();
        let routes = &state.routes;
        let known = |pathway: &&Pathway| routes.edges().any(|edge| edge == pathway.edge);
        let named = query.pathway.as_ref().filter(known);
        let sid = sid_of(query, viewer);
        // A player without a session does not ask steering, but it reloads its playlist again and
        // again: there it is sent to the edge with most sessions.
        let first = match (named, sid) {
            (Some(pathway), _) => pathway.clone(),
            (None, Some(sid)) => routes.pathway(sid),
            (None, None) => most(routes),
        };
        let mut order = order(routes, &first);
        if form != Form::Media {
            let low = routes.edges().map(Pathway::low).filter(|low| !first.low || *low != first);
            order.extend(low.collect::<Vec<_>>());
        }
        drop(state);
        let protocol = if form == Form::Mpd { "dash" } else { "hls" };
        let steering = query.sid.as_deref().filter(|_| form != Form::Media);
        let root = self.root(protocol, headers);
        let behind = is_root_relative(headers).then_some(root.as_str());
        View {
            pathways: order.iter().map(|pathway| self.pathway(pathway, behind)).collect(),
            steering: steering.map(|sid| {
                let session = self.token.part(sid, given);
                let url = self.steering_url(protocol, &session, headers);
                manifest::Steering { url, session }
            }),
            time_url: format!("{root}/live/{stream}/time"),
            window: self.settings.window_segments,
            margin_us: i64::from(self.settings.margin_ms) * 1_000,
        }
    }

    fn pathway(&self, pathway: &Pathway, behind: Option<&str>) -> manifest::Pathway {
        let edge = self.settings.edges.iter().find(|edge| edge.name == pathway.edge);
        let base = edge.map_or(String::new(), |edge| base(edge, behind));
        manifest::Pathway { id: pathway.id(), base, low: pathway.low }
    }
}

/// The prefix of an edge's segment addresses; `behind` is the dashboard's root.
fn base(edge: &EdgeSettings, behind: Option<&str>) -> String {
    let base = match behind {
        Some(root) if !edge.path.is_empty() => format!("{root}{}", edge.path),
        _ => edge.url.clone(),
    };
    base.trim_end_matches('/').to_owned()
}

/// The session of the request: by our own address, or by the player's CMCD.
fn sid_of<'a>(query: &'a Query, viewer: &'a Viewer) -> Option<&'a str> {
    query.sid.as_deref().or(viewer.sid.as_deref())
}

/// The edge that the largest share of sessions is sent to; the first of equals.
fn most(routes: &Routes) -> Pathway {
    let mut best: Option<(&str, f64)> = None;
    for edge in routes.edges() {
        let share = routes.share(edge);
        if best.is_none_or(|(_, most)| share > most + 1e-9) {
            best = Some((edge, share));
        }
    }
    Pathway::full(best.map_or("", |(edge, _)| edge))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(query: &str) -> Vec<String> {
        let uri: Uri = format!("/steering/hls?{query}").parse().unwrap();
        Query::of(&uri).used.iter().map(Pathway::id).collect()
    }

    #[test]
    fn every_players_way_to_write_its_pathway() {
        assert_eq!(used("sid=a&_HLS_pathway=e1&_HLS_throughput=1"), ["e1"]);
        assert_eq!(used("_HLS_pathway=%22e1%22"), ["e1"]);
        assert_eq!(used("_DASH_pathway=%22e1,e2%22&_DASH_throughput=5140000,"), ["e1", "e2"]);
        assert_eq!(used("_DASH_pathway=%22,e2,%22"), ["e2"]);
        assert_eq!(used("_DASH_pathway="), Vec::<String>::new());
        assert_eq!(used("x"), Vec::<String>::new());
    }

    #[test]
    fn a_sid_that_cannot_stand_in_an_address_is_none() {
        for (sid, good) in [("a-B_9.~", true), ("", false), ("a%20b", false), ("a%22", false)] {
            let uri: Uri = format!("/live/demo/master.m3u8?sid={sid}").parse().unwrap();
            assert_eq!(Query::of(&uri).sid.is_some(), good, "{sid}");
        }
        assert!(is_sid(&new_sid()) && !is_sid(&"a".repeat(65)));
    }
}
