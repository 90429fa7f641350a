//! What a change must bring apart from its origin: JSON, and the service key if one is set.

use axum::http::{HeaderMap, StatusCode, header};

use super::only;
use crate::problem::Problem;

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

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

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
}
