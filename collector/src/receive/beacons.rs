//! `GET /v1/beacons`: the newest records as they were received, for setting up a player.
//!
//! The write key is public, so it protects nothing here: only this machine is answered, under its
//! own names (the dashboard connects through one), and no page of another site (ADR 16).

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, FORWARDED, ORIGIN};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use tallylight_serve::Peer;
use tallylight_serve::guard::is_own_host;

use super::Collector;
use crate::admit::query_values;
use crate::beacons::{KEPT, Wanted};
use crate::problem::{self, Problem};

/// How many are returned when the request names no number.
const LAST: usize = 20;

pub(super) async fn list(
    State(collector): State<Arc<Collector>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let far = peer.is_some_and(|Extension(Peer(at))| !at.ip().to_canonical().is_loopback());
    if !collector.beacons_to_all && (far || !from_this_machine(&headers)) {
        let detail = "Beacons are shown to this machine only; ask through the dashboard, or by \
                      localhost.";
        return Err(problem::of(problem::NOT_HERE, detail));
    }
    let tenant = collector.admission.caller(&headers, &uri)?.tenant;
    let sid = text(&uri, "sid");
    let last = number(&uri, "last")?.map_or(LAST, |last| usize::try_from(last).unwrap_or(KEPT));
    let wanted = Wanted {
        tenant: &tenant,
        sid: sid.as_deref().filter(|sid| !sid.is_empty()),
        after: number(&uri, "after")?.unwrap_or(0),
        last: last.min(KEPT),
    };
    let seen = collector.beacons.look(&wanted, collector.clock.now_us());
    Ok(([(CACHE_CONTROL, "no-store")], Json(seen)).into_response())
}

fn text(uri: &Uri, name: &str) -> Option<String> {
    query_values(uri, name).next().map(|value| String::from_utf8_lossy(&value).into_owned())
}

fn number(uri: &Uri, name: &str) -> Result<Option<u64>, Problem> {
    let wrong = |_| {
        let detail = format!("`{name}` must be a whole number, such as 20.");
        problem::of(problem::BAD_QUERY, detail)
    };
    text(uri, name).map(|given| given.parse().map_err(wrong)).transpose()
}

/// A browser sends `Origin` for other sites, and the name it was pointed at as `Host`. A proxy may
/// name the client it forwards for; then the peer's address is not the client's.
fn from_this_machine(headers: &HeaderMap) -> bool {
    let handed_on = headers.contains_key(FORWARDED) || headers.contains_key("x-forwarded-for");
    !handed_on && !headers.contains_key(ORIGIN) && is_own_host(headers)
}
