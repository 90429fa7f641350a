//! `/steering/hls` and `/steering/dash`: which pathway a session is to use. The answer is the
//! same JSON for both. It is always 200: hls.js stops asking for good after a 429, and a
//! player that is refused keeps what it had, which may be the edge that fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Steering;
use super::pure::answer::answer;
use super::pure::share::Pathway;
use super::pure::state;
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
    /// Where a session is to go first; `used` is where it is, when that is an edge of ours.
    fn first(&self, state: &state::State, sid: &str, used: Option<&Pathway>) -> Pathway {
        let ready = self.ready.load(Ordering::Relaxed);
        match used {
            // Right after a start it is not known yet who was moved: everybody stays.
            Some(used) if !ready && !state.routes.is_closed(&used.edge) => used.clone(),
            _ => answer(state, sid, used),
        }
    }

    fn steer(&self, protocol: &str, uri: &Uri, headers: &HeaderMap) -> Response {
        let query = Query::of(uri);
        // A player that came without a session gets one with the address it asks next.
        let given = query.sid.is_none() || self.token.proves(&query);
        let sid = query.sid.unwrap_or_else(new_sid);
        let order = {
            let state = self.state();
            let used = query.used.last().filter(|used| state.edges.contains_key(&used.edge));
            let first = self.first(&state, &sid, used);
            let used = used.map(|used| used.edge.as_str());
            // Whoever it is gets an answer; who was not given by us is no viewer to reckon with.
            if given {
                self.asked.answer(&sid, used, &first.edge, self.clock.now_ms());
            } else {
                self.unproven.inc();
            }
            order(&state.routes, &first)
        };
        let answer = Answer {
            version: 1,
            ttl: self.settings.ttl_s,
            reload_uri: self.steering_url(protocol, &self.token.part(&sid, given), headers),
            // Without an edge there is nothing to say.
            pathway_priority: order
                .iter()
                .filter(|pathway| !pathway.edge.is_empty())
                .map(Pathway::id)
                .collect(),
        };
        ([(CACHE_CONTROL, "no-store")], Json(answer)).into_response()
    }
}
