//! Errors as callers receive them: RFC 9457 problem details.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Prefix of every problem type.
const TYPES: &str = "urn:tallylight:problem:";

/// An error answer: `application/problem+json`, never cached.
///
/// It also deserializes an error of another of our services, without its headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    #[serde(serialize_with = "write_status", deserialize_with = "read_status")]
    status: StatusCode,
    detail: String,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of the type `urn:tallylight:problem:<slug>`. The slugs of a service are stable, so
    /// that programs can check them. Services choose theirs separately, so the same slug may have
    /// another status and title elsewhere: `invalid` is 400 in the dashboard and 422 in the origin.
    /// `title` says in a few words what kind of problem it is; `detail` says what is wrong, where,
    /// and what to do about it.
    pub fn new(
        status: StatusCode,
        slug: &str,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind: format!("{TYPES}{slug}"),
            title: title.into(),
            status,
            detail: detail.into(),
            headers: Vec::new(),
        }
    }

    /// Adds a response header, replacing an earlier one of that name; a header with an invalid
    /// value is left out.
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.retain(|(earlier, _)| *earlier != name);
            self.headers.push((name, value));
        }
        self
    }

    /// Adds `Retry-After`: the same request may succeed after this many seconds.
    pub fn retry_after(self, seconds: u32) -> Self {
        self.with(RETRY_AFTER, &seconds.to_string())
    }

    /// The slug of the problem's type.
    pub fn slug(&self) -> &str {
        self.kind.strip_prefix(TYPES).unwrap_or(&self.kind)
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What kind of problem it is, in a few words.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What is wrong, where, and what to do about it.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

fn write_status<S: Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

fn read_status<'de, D: Deserializer<'de>>(from: D) -> Result<StatusCode, D::Error> {
    StatusCode::from_u16(u16::deserialize(from)?).map_err(de::Error::custom)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Strings and a number always serialize.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let fixed = [(CONTENT_TYPE, "application/problem+json"), (CACHE_CONTROL, "no-store")];
        let mut answer = (self.status, fixed, body).into_response();
        answer.headers_mut().extend(self.headers.iter().cloned());
        // For layers that log or count the reason.
        answer.extensions_mut().insert(self);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::ALLOW;

    fn problem() -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "full", "It is full", "8 are in: come later")
    }

    async fn body(answer: Response) -> String {
        let bytes = axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_form_on_the_wire() {
        let answer = problem().retry_after(7).retry_after(2).with(ALLOW, "GET").into_response();
        assert_eq!(answer.status(), 503);
        let values = |name: &str| -> Vec<&str> {
            answer.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
        };
        assert_eq!(values("content-type"), ["application/problem+json"]);
        assert_eq!(values("cache-control"), ["no-store"]);
        assert_eq!(values("retry-after"), ["2"]);
        assert_eq!(answer.extensions().get::<Problem>().unwrap().slug(), "full");
        assert_eq!(values("allow"), ["GET"]);
        assert_eq!(
            body(answer).await,
            r#"{"type":"urn:tallylight:problem:full","title":"It is full","status":503,"detail":"8 are in: come later"}"#
        );
    }

    #[tokio::test]
    async fn invalid_headers_are_left_out() {
        let answer = problem().with(ALLOW, "a\nb").into_response();
        assert!(!answer.headers().contains_key("retry-after"));
        assert!(!answer.headers().contains_key("allow"));
    }

    #[tokio::test]
    async fn reads_back_what_was_written() {
        let text = body(problem().into_response()).await;
        assert_eq!(serde_json::from_str::<Problem>(&text).unwrap(), problem());
        let impossible = text.replace("503", "99999");
        assert!(serde_json::from_str::<Problem>(&impossible).is_err());
        assert!(serde_json::from_str::<Problem>("{}").is_err());
    }
}
