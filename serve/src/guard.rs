//! Which callers are allowed (ADR 16). A page of another site can make a browser send requests
//! here, and can point its own host name at 127.0.0.1. The first is refused by its Origin or, where
//! browsers send none, by Sec-Fetch-Site; the second by its Host.

mod change;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub use change::{bearer, check_change, is_json, is_service};

use crate::problem::Problem;

/// How the page that made a browser send this request relates to the address. Browsers add it to
/// requests to loopback and over HTTPS; other clients do not.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Under it are the APIs; elsewhere pages, media and metrics.
const API: &str = "/v1/";

/// A parsed origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    host: String,
    /// Explicit, or the scheme's default.
    port: u16,
    default_port: u16,
}

impl Origin {
    /// Parses `http://host[:port]` or `https://…`; other schemes are not supported.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let (host, port) = split_host(rest)?;
        Some(Self { host, port: port.unwrap_or(default_port), default_port })
    }
}

/// Mistakes in a list of `allowed_origins`: an entry that is not an origin would allow nothing.
pub fn no_origins(origins: &[String]) -> Vec<String> {
    let wrong = origins.iter().filter(|text| Origin::parse(text).is_none());
    wrong.map(|text| format!("allowed_origins has {text:?}; write scheme://host[:port]")).collect()
}

/// `host[:port]` as (lower-case host, port); IPv6 stays in its brackets.
fn split_host(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (text, None),
    };
    let good = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || !host.chars().all(good) || (host.contains(':') && !bracketed) {
        return None;
    }
    Some((host.to_ascii_lowercase(), port))
}

/// This machine's own names, under which a service is called without being told of them.
const OWN_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The host and port that the request was sent to, if it names exactly one.
fn host(headers: &HeaderMap) -> Option<(String, Option<u16>)> {
    only(headers, header::HOST).and_then(split_host)
}

/// Whether the request was sent to one of this machine's own names. A page of another site that
/// points its own name at 127.0.0.1 sends that name.
pub fn is_own_host(headers: &HeaderMap) -> bool {
    host(headers).is_some_and(|(host, _)| OWN_HOSTS.contains(&host.as_str()))
}

/// The allowed hosts and origins.
#[derive(Debug)]
pub struct Guard {
    hosts: Vec<String>,
    origins: Vec<Origin>,
}

impl Guard {
    /// Allows `hosts` (names without a port) and `origins`, in addition to this machine's own names
    /// and pages of the requested address.
    pub fn new(hosts: &[String], origins: &[String]) -> Self {
        let own = OWN_HOSTS.map(String::from);
        let allowed = hosts.iter().map(|host| host.to_ascii_lowercase());
        Self {
            hosts: own.into_iter().chain(allowed).collect(),
            origins: origins.iter().filter_map(|o| Origin::parse(o)).collect(),
        }
    }

    /// 403 for a request to an API from a page of another site, or for another host name. An image,
    /// a frame or a link of that page has no Origin, and would occupy what the answer needs although
    /// the page cannot read it.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        self.check_page(headers)?;
        let own = |site: &HeaderValue| *site == "same-origin" || *site == "none";
        if headers.contains_key(header::ORIGIN) || headers.get_all(SITE).iter().all(own) {
            return Ok(());
        }
        Err(refused(
            "a page of another site made the browser send this request (Sec-Fetch-Site); open the \
             address itself"
                .into(),
        ))
    }

    /// The same for what a page of another site may link to or embed: without an Origin, only the
    /// host name counts.
    fn check_page(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some((host, port)) = host(headers) else {
            return Err(refused("the request has no usable Host header".into()));
        };
        if !self.hosts.contains(&host) {
            return Err(refused(format!(
                "Host {host:?} is not a name of this service; call it as localhost, or add \
                 the name to allowed_hosts"
            )));
        }
        if !headers.contains_key(header::ORIGIN) {
            return Ok(());
        }
        let origin = only(headers, header::ORIGIN).and_then(Origin::parse);
        let fits = origin.as_ref().is_some_and(|origin| {
            let same = origin.host == host && origin.port == port.unwrap_or(origin.default_port);
            same || self.origins.contains(origin)
        });
        if fits {
            return Ok(());
        }
        Err(refused(
            "the Origin of this request is another site; call from this address's own pages, or \
             add the origin to allowed_origins"
                .into(),
        ))
    }
}

/// The header's value, if it is present exactly once and readable.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn refused(detail: String) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "refused", "This caller is not allowed", detail)
}

/// Middleware: passes the request on, or answers 403.
pub async fn guard(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with(API);
    let headers = request.headers();
    let checked = if is_api { guard.check(headers) } else { guard.check_page(headers) };
    if let Err(problem) = checked {
        return problem.into_response();
    }
    // A service to which a proxy forwards the request without its Origin would refuse it again.
    request.headers_mut().remove(SITE);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(host: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        headers
    }

    fn allowed(host: &str, origin: Option<&str>) -> bool {
        let (hosts, origins) = (["Control.example".into()], ["http://localhost:5173".into()]);
        let mut headers = called(host);
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        Guard::new(&hosts, &origins).check(&headers).is_ok()
    }

    #[test]
    fn hosts() {
        for host in ["localhost:7700", "127.0.0.1", "[::1]:7700", "LOCALHOST", "control.example"] {
            assert!(allowed(host, None), "{host}");
            assert_eq!(is_own_host(&called(host)), host != "control.example", "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:7700", "::1", "localhost:x", "", "a b"]
        {
            assert!(!allowed(host, None) && !is_own_host(&called(host)), "{host}");
        }
        assert!(Guard::new(&[], &[]).check(&HeaderMap::new()).is_err());
    }

    #[test]
    fn origins() {
        for (host, origin) in [
            ("localhost:7700", "http://localhost:7700"),
            ("127.0.0.1:8800", "http://127.0.0.1:8800"),
            ("[::1]:7700", "http://[::1]:7700"),
            ("control.example", "https://control.example"),
            ("localhost:7700", "http://localhost:5173"),
        ] {
            assert!(allowed(host, Some(origin)), "{host} {origin}");
        }
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:9999",
            "http://localhost",
            "http://127.0.0.1:7700",
            "localhost:7700",
            "http://localhost:7700@evil.example",
        ] {
            assert!(!allowed("localhost:7700", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn an_api_without_an_origin_is_called_by_its_own_pages_only() {
        let guard = Guard::new(&[], &["http://localhost:5173".into()]);
        for (site, fits) in
            [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false)]
        {
            let mut headers = called("localhost:7700");
            headers.insert(SITE, site.parse().unwrap());
            assert_eq!(guard.check(&headers).is_ok(), fits, "{site}");
            assert!(guard.check_page(&headers).is_ok(), "{site}");
            headers.insert(header::ORIGIN, "http://localhost:5173".parse().unwrap());
            assert!(guard.check(&headers).is_ok(), "{site} with an allowed origin");
            headers.insert(header::ORIGIN, "http://evil.example".parse().unwrap());
            assert!(guard.check(&headers).is_err(), "{site} with another origin");
        }
        let mut twice = called("localhost:7700");
        twice.append(SITE, "none".parse().unwrap());
        twice.append(SITE, "cross-site".parse().unwrap());
        assert!(guard.check(&twice).is_err());
    }

    #[test]
    fn two_hosts_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, "localhost".parse().unwrap());
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert!(Guard::new(&[], &[]).check(&headers).is_err());
    }
}
