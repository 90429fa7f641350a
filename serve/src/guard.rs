//! Which callers are allowed (ADR 16). A page of another site can make a browser send requests
//! here, and can point its own host name at 127.0.0.1. The first is refused by its Origin, the
//! second by its Host.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

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

    /// 403 for a request from a page of another site, or for another host name.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
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

/// Whether the content type is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let media_type = only(headers, header::CONTENT_TYPE).and_then(|value| value.split(';').next());
    media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"))
}

/// Checks a request that would change something, apart from its origin: it must be JSON, since
/// browsers send that across sites only after a preflight, and carry the service key
/// (`Authorization: Bearer`) if one is set.
pub fn check_change(headers: &HeaderMap, key: Option<&str>) -> Result<(), Problem> {
    if !is_json(headers) {
        let (title, detail) = ("A change is JSON", "Send it with Content-Type: application/json");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", title, detail));
    }
    if !is_service(headers, key) {
        let detail = "Send Authorization: Bearer with the service key of this start";
        let title = "Only our own services may do this";
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "untrusted", title, detail);
        // RFC 9110, 15.5.2 requires this header.
        return Err(problem.with(header::WWW_AUTHENTICATE, "Bearer"));
    }
    Ok(())
}

/// The key in `Authorization: Bearer KEY`, if there is exactly one such header. The scheme counts
/// in any case (RFC 9110, 11.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = only(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Whether a request carries the service key; always true if no key is set.
pub fn is_service(headers: &HeaderMap, key: Option<&str>) -> bool {
    key.is_none_or(|key| bearer(headers).is_some_and(|given| is_key(given, key)))
}

/// Compares keys in constant time, so that timing reveals nothing about a guess.
fn is_key(given: &str, key: &str) -> bool {
    let differ = |(a, b): (u8, u8)| a ^ b;
    given.len() == key.len()
        && given.bytes().zip(key.bytes()).map(differ).fold(0, |sum, bits| sum | bits) == 0
}

/// Middleware: passes the request on, or answers 403.
pub async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
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
    fn a_bearer_is_known_in_any_case_and_only_alone() {
        let mut headers = HeaderMap::new();
        for (value, key) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("BEARER  abc ", Some("abc")),
            ("Basic abc", None),
            ("Bearerabc", None),
            ("abc", None),
        ] {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            assert_eq!(bearer(&headers), key, "{value}");
            assert_eq!(is_service(&headers, Some("abc")), key.is_some(), "{value}");
        }
        headers.insert(header::AUTHORIZATION, "Bearer abc".parse().unwrap());
        headers.append(header::AUTHORIZATION, "Bearer abc".parse().unwrap());
        assert_eq!(bearer(&headers), None);
    }

    #[test]
    fn a_key_is_the_whole_key() {
        for (given, fits) in
            [("abc", true), ("abd", false), ("ab", false), ("abcd", false), ("", false)]
        {
            assert_eq!(is_key(given, "abc"), fits, "{given}");
        }
    }

    #[test]
    fn a_change_is_json_and_carries_the_key() {
        let with = |json: &str, key: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, json.parse().unwrap());
            if let Some(key) = key {
                headers.insert(header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
            }
            headers
        };
        let status = |headers: &HeaderMap, key| {
            check_change(headers, key).map_err(|problem| problem.status().as_u16())
        };
        let json = "application/json; charset=utf-8";
        assert_eq!(status(&with(json, None), None), Ok(()));
        assert_eq!(status(&with(json, Some("abc")), Some("abc")), Ok(()));
        assert_eq!(status(&with(json, None), Some("abc")), Err(401));
        assert_eq!(status(&with(json, Some("abd")), Some("abc")), Err(401));
        assert_eq!(status(&with(json, Some("ab")), Some("abc")), Err(401));
        assert_eq!(status(&with("text/plain", Some("abc")), Some("abc")), Err(415));
        assert_eq!(status(&HeaderMap::new(), None), Err(415));
        let refused = check_change(&with(json, None), Some("abc")).unwrap_err().into_response();
        assert_eq!(refused.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }

    #[test]
    fn two_hosts_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, "localhost".parse().unwrap());
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert!(Guard::new(&[], &[]).check(&headers).is_err());
    }
}
