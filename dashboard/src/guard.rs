//! Who may call (D16). A page on another site can make a browser send requests here, and can
//! point its own name at 127.0.0.1; the first is refused by its Origin, the second by its Host.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;
use crate::settings::Settings;

/// An origin taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    host: String,
    /// Explicit, or the scheme's own.
    port: u16,
    default_port: u16,
}

impl Origin {
    pub(crate) fn parse(text: &str) -> Option<Self> {
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

/// The lists of who may call.
#[derive(Debug)]
pub(crate) struct Guard {
    hosts: Vec<String>,
    origins: Vec<Origin>,
}

impl Guard {
    pub(crate) fn new(settings: &Settings) -> Self {
        let own = ["localhost", "127.0.0.1", "[::1]"].map(String::from);
        let allowed = settings.allowed_hosts.iter().map(|host| host.to_ascii_lowercase());
        Self {
            hosts: own.into_iter().chain(allowed).collect(),
            origins: settings.allowed_origins.iter().filter_map(|o| Origin::parse(o)).collect(),
        }
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some((host, port)) = only(headers, header::HOST).and_then(split_host) else {
            return Err(refused("the request has no usable Host header".into()));
        };
        if !self.hosts.contains(&host) {
            return Err(refused(format!(
                "Host {host:?} is not a name of this dashboard; open it as localhost, or add \
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
            "the Origin of this request is another site; call from the dashboard's own pages, \
             or add the origin to allowed_origins"
                .into(),
        ))
    }
}

/// The header's value, if it is there exactly once and readable.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn refused(detail: String) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "refused", "This caller is not allowed", detail)
}

/// Middleware: passes the request on, or answers 403.
pub(crate) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    match guard.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(host: &str, origin: Option<&str>) -> bool {
        let settings = Settings {
            allowed_hosts: vec!["Control.example".into()],
            allowed_origins: vec!["http://localhost:5173".into()],
            ..Settings::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        Guard::new(&settings).check(&headers).is_ok()
    }

    #[test]
    fn hosts() {
        for host in ["localhost:7700", "127.0.0.1", "[::1]:7700", "LOCALHOST", "control.example"] {
            assert!(allowed(host, None), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:7700", "::1", "localhost:x", "", "a b"]
        {
            assert!(!allowed(host, None), "{host}");
        }
        assert!(Guard::new(&Settings::default()).check(&HeaderMap::new()).is_err());
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
    fn two_hosts_are_no_host() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, "localhost".parse().unwrap());
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert!(Guard::new(&Settings::default()).check(&headers).is_err());
    }
}
