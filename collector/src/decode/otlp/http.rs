//! What the HTTP attributes of a request say: its path and query, and whether a cache had the
//! response.

use opentelemetry_proto::tonic::common::v1::KeyValue;

use super::value::{last, said};

/// Path and query of a target or a URL.
pub(super) fn split(target: &str) -> (&str, Option<&str>) {
    let target = target.split_once('#').map_or(target, |(before, _)| before);
    // The query is cut off first, as it may hold a URL with a scheme of its own.
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = match path.split_once("://") {
        Some((_, behind)) => behind.find('/').and_then(|at| behind.get(at..)).unwrap_or_default(),
        None => path,
    };
    (path, query)
}

/// Whether the reporter's own cache had the response: by `Cache-Status` (RFC 9211), else by the
/// older `X-Cache`. Each cache appends itself, so the last member is the reporter's and earlier
/// ones are of caches nearer to the origin.
pub(super) fn hit(all: &[KeyValue]) -> Option<bool> {
    let header = |name: &str| said(all, &[name]).and_then(last).map(str::to_ascii_lowercase);
    if let Some(status) = header("http.response.header.cache-status") {
        // The first part is the name of the cache, which may be any text.
        return parts(last_member(&status)?, ';').skip(1).find_map(is_hit);
    }
    let before = header("http.response.header.x-cache")?;
    // In `HIT from NAME` the name of the server may be any text.
    let word = last_member(&before)?.split(" from ").next()?;
    if word.contains("hit") { Some(true) } else { word.contains("miss").then_some(false) }
}

fn last_member(header: &str) -> Option<&str> {
    parts(header, ',').filter(|member| !member.is_empty()).last()
}

/// What a parameter of `Cache-Status` says about a hit.
fn is_hit(parameter: &str) -> Option<bool> {
    match parameter.split_once('=').unwrap_or((parameter, "?1")) {
        ("hit", "?0") => None,
        ("hit", _) => Some(true),
        ("fwd", _) => Some(false),
        _ => None,
    }
}

/// The parts of a structured header, split at separators outside quoted strings.
fn parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let separates = move |c: char| {
        let separates = c == separator && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        separates
    };
    text.split(separates).map(str::trim)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue};

    use super::*;

    #[test]
    fn a_url_in_the_query_hides_no_path() {
        for (target, path, query) in [
            ("/a/7.m4s", "/a/7.m4s", None),
            ("/a/7.m4s?back=https://x/y", "/a/7.m4s", Some("back=https://x/y")),
            ("https://cdn/a/7.m4s?back=https://x/y#z", "/a/7.m4s", Some("back=https://x/y")),
            ("https://cdn?x=/y", "", Some("x=/y")),
            ("https://cdn", "", None),
        ] {
            assert_eq!(split(target), (path, query), "{target}");
        }
    }

    /// `hit` for a header with these lines.
    fn by(header: &str, lines: &[&str]) -> Option<bool> {
        let text = |text: &&str| AnyValue { value: Some(Value::StringValue((*text).to_owned())) };
        let values = lines.iter().map(text).collect();
        let value = Some(AnyValue { value: Some(Value::ArrayValue(ArrayValue { values })) });
        hit(&[KeyValue { key: format!("http.response.header.{header}"), value }])
    }

    #[test]
    fn the_last_of_several_caches_is_the_one_that_reports() {
        for (lines, wanted) in [
            (&["shield; fwd=uri-miss; stored, e1; hit; ttl=5"][..], Some(true)),
            (&["shield; hit, e1; fwd=stale"], Some(false)),
            (&["shield; hit", "e1;fwd=miss"], Some(false)),
            (&["hit-cache; fwd=miss"], Some(false)),
            (&["fwd"], None),
            (&["shield; hit, e1"], None),
            (&["shield; hit, e1; hit=?0"], None),
            (&[r#"e1; hit; detail="a\", e2; fwd=miss""#], Some(true)),
            (&["shield; fwd=miss, E1; HIT,"], Some(true)),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(by("cache-status", lines), wanted, "{lines:?}");
        }
        for (lines, wanted) in [
            (&["HIT, MISS"][..], Some(false)),
            (&["MISS, HIT"], Some(true)),
            (&["HIT", "MISS"], Some(false)),
            (&["MISS from white.example"], Some(false)),
            (&["TCP_HIT from a1.example"], Some(true)),
            (&["Error from cloudfront"], None),
        ] {
            assert_eq!(by("x-cache", lines), wanted, "{lines:?}");
        }
    }
}
