//! One port for a browser: requests for media, manifests and beacons are forwarded to the services
//! that answer them. Bodies stream both ways; paths and queries stay byte for byte.

mod client;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, Version, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use tallylight_schemas::headers;
use tallylight_serve::Peer;
use tallylight_serve::guard::is_json;

pub(crate) use client::{HttpClient, client};

use crate::App;
use crate::health::Proxied;
use crate::problem::{self, Problem};

/// Asks the manifest service for URLs that start at this dashboard's root.
const ROOT_RELATIVE: HeaderName = HeaderName::from_static(headers::ROOT_RELATIVE);
/// The host under which the browser reached that root, for manifests that need absolute URLs.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The client addresses that proxies saw, in the older header beside the standard `Forwarded`.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The origin holds a request for at most 4 s; a response that has not begun after this time has
/// failed.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A service that requests are forwarded to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The service's name, for messages.
    pub(crate) name: String,
    /// `http://host:port` or `https://host:port`.
    pub(crate) base: String,
    /// Prefix removed from the path.
    pub(crate) strip: String,
    /// Whether manifests should point back here.
    pub(crate) root_relative: bool,
    /// Whether this dashboard vouches for the caller: a change must be JSON, which a page of
    /// another site cannot send without a preflight, and the Origin and the client addresses that
    /// proxies saw are not forwarded.
    pub(crate) vouched: bool,
    /// Whether the address from which the request came is forwarded.
    pub(crate) forward_peer: bool,
}

impl Target {
    pub(crate) fn new(name: &str, base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        let strip = String::new();
        let (root_relative, vouched, forward_peer) = (false, false, false);
        Self { name: name.into(), base, strip, root_relative, vouched, forward_peer }
    }

    fn uri(&self, asked: &Uri) -> Option<Uri> {
        let rest = asked.path_and_query().map_or("/", PathAndQuery::as_str);
        let rest = rest.strip_prefix(self.strip.as_str())?;
        format!("{}{rest}", self.base).parse().ok()
    }
}

/// A route that forwards every method.
pub(crate) fn route(target: Target) -> MethodRouter<Arc<App>> {
    let target = Arc::new(target);
    any(move |state, uri, request| pass(state, uri, Arc::clone(&target), request))
}

async fn pass(
    State(app): State<Arc<App>>,
    OriginalUri(asked): OriginalUri,
    target: Arc<Target>,
    request: Request,
) -> Response {
    let Some(uri) = target.uri(&asked) else {
        return problem::not_found(asked.path()).into_response();
    };
    let (mut parts, body) = request.into_parts();
    if target.vouched {
        if !parts.method.is_safe() && !is_json(&parts.headers) {
            let detail = format!("{} takes application/json", asked.path());
            return problem::invalid(detail).into_response();
        }
        for name in [header::ORIGIN, header::FORWARDED, FORWARDED_FOR] {
            parts.headers.remove(name);
        }
    }
    parts.uri = uri;
    parts.version = Version::HTTP_11;
    drop_hop_by_hop(&mut parts.headers);
    let host = parts.headers.remove(header::HOST);
    parts.headers.remove(ROOT_RELATIVE);
    if target.root_relative {
        parts.headers.insert(ROOT_RELATIVE, HeaderValue::from_static("1"));
        // A proxy in front of this one knows the browser's host better.
        if let Some(host) = host.filter(|_| !parts.headers.contains_key(FORWARDED_HOST)) {
            parts.headers.insert(FORWARDED_HOST, host);
        }
    }
    if let (true, Some(Peer(peer))) = (target.forward_peer, parts.extensions.get()) {
        append_peer(&mut parts.headers, peer.ip());
    }
    parts.extensions.clear();
    let answer = app.http.request(Request::from_parts(parts, body));
    let (outcome, response) = match tokio::time::timeout(TIMEOUT, answer).await {
        Ok(Ok(answer)) => {
            let (mut parts, body) = answer.into_parts();
            drop_hop_by_hop(&mut parts.headers);
            ("answered", Response::from_parts(parts, Body::new(body)))
        }
        Ok(Err(error)) => ("failed", failed(&target, &error)),
        Err(_) => ("timeout", timed_out(&target)),
    };
    let label = Proxied { upstream: target.name.clone(), outcome };
    app.metrics.proxied.get_or_create(&label).inc();
    response
}

/// Appends the peer's address to those added by proxies in front of this one, in the header that
/// the collector reads. Addresses that a client made up come first, and are not believed.
fn append_peer(headers: &mut HeaderMap, peer: IpAddr) {
    let usual = headers.contains_key(FORWARDED_FOR) || !headers.contains_key(header::FORWARDED);
    let (name, seen) = match peer {
        _ if usual => (FORWARDED_FOR, peer.to_string()),
        IpAddr::V4(_) => (header::FORWARDED, format!("for={peer}")),
        IpAddr::V6(_) => (header::FORWARDED, format!("for=\"[{peer}]\"")),
    };
    if let Ok(seen) = HeaderValue::from_str(&seen) {
        headers.append(name, seen);
    }
}

fn failed(target: &Target, error: &hyper_util::client::legacy::Error) -> Response {
    let cause = std::error::Error::source(error).map_or_else(String::new, |e| format!(": {e}"));
    let detail = format!(
        "the {} at {} did not answer ({error}{cause}). See that it runs (`tallylight up` starts \
         and restarts it) and that its address in the dashboard's upstreams is right",
        target.name, target.base
    );
    Problem::new(StatusCode::BAD_GATEWAY, "upstream", "A service behind this one failed", detail)
        .into_response()
}

fn timed_out(target: &Target) -> Response {
    let detail = format!(
        "the {} at {} took the request but had not answered after {} s; see its log",
        target.name,
        target.base,
        TIMEOUT.as_secs()
    );
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "upstream", "A service behind this one hangs", detail)
        .into_response()
}

/// Drops the headers that belong to one connection (RFC 9110, 7.6.1).
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        header::CONNECTION,
        // The body has been asked for by then.
        header::EXPECT,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_pass_byte_for_byte() {
        let mut edge = Target::new("edge e1", "http://127.0.0.1:7711/");
        edge.strip = "/e1".into();
        let asked: Uri = "/e1/live/demo/v-360/7.m4s?CMCD=sid%3D%22it's%22,{}&b".parse().unwrap();
        let uri = edge.uri(&asked).unwrap();
        assert_eq!(uri, "http://127.0.0.1:7711/live/demo/v-360/7.m4s?CMCD=sid%3D%22it's%22,{}&b");
    }

    #[test]
    fn headers_of_the_connection_stay_on_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("expect", "100-continue"),
            ("transfer-encoding", "chunked"),
            ("cmcd-session", "sid=\"a\""),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        drop_hop_by_hop(&mut headers);
        assert_eq!(headers.len(), 1);
        assert!(headers.contains_key("cmcd-session"));
    }
}
