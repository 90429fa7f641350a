//! `/steering/hls` and `/steering/dash`: the pathway that a session is to use. The answer is the
//! same JSON for both, and its status is always 200: hls.js stops asking for good after a 429, and
//! a refused player keeps its edge, which may be the failing one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Steering;
use super::pure::answer::answer;
use super::pure::share::Pathway;
use super::session::{Query, new_sid, order};

/// A steering manifest, version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
struct Answer {
    version: u32,
    ttl: u32,
    reload_uri: String,
    pathway_priority: Vec<String>,
}

pub(super) async fn hls(
    State(app): State<Arc<Steering>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    app.steer("hls", &uri, &headers)
}

pub(super) async fn dash(
    State(app): State<Arc<Steering>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    app.steer("dash", &uri, &headers)
}

impl Steering {
    fn steer(&self, protocol: &str, uri: &Uri, headers: &HeaderMap) -> Response {
        let query = Query::of(uri);
        // A player that came without a session gets one in the address of its next request.
        let given = query.sid.is_none() || self.token.proves(&query);
        let sid = query.sid.unwrap_or_else(new_sid);
        let order = {
            let state = self.state.lock();
            let used = query.used.last().filter(|used| state.edges.contains_key(&used.edge));
            let first = answer(&state, &sid, used);
            let used = used.map(|used| used.edge.as_str());
            // Every caller gets an answer; only a session that we issued counts as a viewer.
            if given {
                self.sessions.answer(&sid, used, &first.edge, self.clock.now_ms());
            } else {
                self.unproven.inc();
            }
            order(&state.routes, &first)
        };
        let answer = Answer {
            version: 1,
            ttl: self.settings.ttl_s,
            reload_uri: self.steering_url(protocol, &self.token.part(&sid, given), headers),
            // Without an edge there is no answer to give.
            pathway_priority: order
                .iter()
                .filter(|pathway| !pathway.edge.is_empty())
                .map(Pathway::id)
                .collect(),
        };
        ([(CACHE_CONTROL, "no-store")], Json(answer)).into_response()
    }
}
