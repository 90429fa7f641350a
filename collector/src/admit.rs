//! Who may send, what, and how much: everything that is decided before a record is read.

mod body;
mod lines;
mod memory;
mod turns;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, Uri};
use bytes::Bytes;
use hyper::body::Body as _;
use rustc_hash::FxHashMap;
use tallylight_schemas::cmcd::{self, HEADERS, header_bytes};
use tallylight_serve::guard::{bearer, is_service};

use crate::decode::inflate::{Encoding, InflateError, Limits};
use crate::problem::{self, Problem, echo};
use crate::settings::Settings;
pub use lines::{Kind, Lines, Reading};
use memory::{Claim, Memory};
pub use turns::Behind;

/// Plain bodies up to this many bytes are always read, so that each of their records gets a fate.
const SMALL_BYTES: u64 = 16 << 10;

/// Admission control: write keys, and the memory for bodies that are being received.
#[derive(Debug)]
pub struct Admission {
    callers: FxHashMap<String, Caller>,
    service_key: Option<String>,
    receiving: Arc<Memory>,
    /// The queues in which large bodies wait.
    pub lines: Lines,
    receive: Duration,
    body_bytes: usize,
    inflate: Limits,
}

/// The caller of a request, identified by its write key.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant that owns the records.
    pub tenant: Arc<str>,
    /// The index of the write key among all keys.
    pub key: usize,
}

/// A body received completely, as sent. Its memory is released when it is dropped.
#[derive(Debug)]
pub struct Received {
    /// The bytes.
    pub body: Bytes,
    _bytes: Claim,
}

impl Admission {
    /// Admission control as configured.
    pub fn new(settings: &Settings) -> Self {
        let callers = settings.write_keys.iter().enumerate();
        let caller = |key, tenant: &String| Caller { tenant: tenant.as_str().into(), key };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            callers: callers.map(|(n, (key, tenant))| (key.clone(), caller(n, tenant))).collect(),
            service_key: settings.service_key.clone(),
            receiving: Arc::new(Memory::new(settings.receiving_bytes)),
            lines: Lines::new(settings, cores),
            receive: Duration::from_millis(settings.receive_ms),
            body_bytes: settings.body_bytes,
            inflate: Limits { bytes: settings.inflated_bytes, ratio: settings.inflate_ratio },
        }
    }

    /// Whether the request carries the service key, or none is configured.
    pub fn is_trusted(&self, headers: &HeaderMap) -> bool {
        is_service(headers, self.service_key.as_deref())
    }

    /// The owner of the write key in `Authorization: Bearer` or `?k=`.
    pub fn caller(&self, headers: &HeaderMap, uri: &Uri) -> Result<Caller, Problem> {
        let proof = self.service_key.is_some() && self.is_trusted(headers);
        let key = match bearer(headers).filter(|_| !proof) {
            Some(key) => Cow::Borrowed(key.as_bytes()),
            None => query_values(uri, "k").next().ok_or_else(|| {
                let detail = "Give the write key as `?k=KEY` or `Authorization: Bearer KEY`.";
                problem::of(problem::NO_KEY, detail)
            })?,
        };
        let key = String::from_utf8_lossy(&key);
        self.callers.get(key.as_ref()).cloned().ok_or_else(|| {
            let detail = format!(
                "Nobody has the write key `{}`; check `?k=` or the Authorization header.",
                echo(&key)
            );
            problem::of(problem::UNKNOWN_KEY, detail)
        })
    }

    /// How far a body may inflate.
    pub fn inflate_limits(&self) -> Limits {
        self.inflate
    }
}

/// The content encoding of a request.
pub fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let value = values.next().map_or(Ok(""), |value| value.to_str()).unwrap_or("?");
    match (Encoding::from_header(value), values.next()) {
        (Some(encoding), None) => Ok(encoding),
        _ => {
            let detail = format!(
                "Content-Encoding `{}` is not understood; send one of {}, or none.",
                echo(value),
                Encoding::ALL
            );
            let problem = problem::of(problem::BAD_ENCODING, detail);
            Err(problem.with(ACCEPT_ENCODING, Encoding::ALL))
        }
    }
}

/// Whether a body is small, not compressed and has a known length. Counting its records costs less
/// than any check before that.
pub fn is_small(headers: &HeaderMap, body: &Body) -> bool {
    let plain = !headers.contains_key(CONTENT_ENCODING);
    plain && body.size_hint().upper().is_some_and(|bytes| bytes <= SMALL_BYTES)
}

/// What to answer when a body does not inflate.
pub fn inflate_problem(error: &InflateError) -> Problem {
    match error {
        InflateError::TooLarge { limit } => {
            let detail = format!(
                "The body has more than {limit} bytes, inflated if it is compressed; split the batch."
            );
            problem::of(problem::TOO_LARGE, detail)
        }
        InflateError::Broken(why) => {
            let detail =
                format!("The body does not inflate as its Content-Encoding says: {}.", echo(why));
            problem::of(problem::UNREADABLE, detail)
        }
    }
}

/// The record in the four headers of request mode, as raw bytes, so that one that is not UTF-8 is
/// still counted as a record. `None` when all headers are blank.
pub fn cmcd_headers(headers: &HeaderMap) -> Option<Vec<u8>> {
    let values = HEADERS.iter().flat_map(|name| headers.get_all(*name));
    header_bytes(values.map(|value| value.as_bytes()))
}

/// The media type without parameters, lower case; empty when the request has none.
pub fn media_type(headers: &HeaderMap) -> Cow<'_, str> {
    let value = header(headers, &CONTENT_TYPE).unwrap_or(
        // A header that is not text is an unknown type, not a missing one.
        if headers.contains_key(CONTENT_TYPE) { "?" } else { "" },
    );
    let value = value.split(';').next().unwrap_or_default().trim();
    match value.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(value.to_ascii_lowercase()),
        false => Cow::Borrowed(value),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The decoded values of a query parameter, as bytes, since they may not be UTF-8.
pub fn query_values<'a>(uri: &'a Uri, name: &'a str) -> impl Iterator<Item = Cow<'a, [u8]>> {
    cmcd::query_values(uri.query().unwrap_or_default(), name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn query_values_are_decoded_to_bytes() {
        let uri: Uri = "/v1/cmcd?k=demo&CMCD=sid%3D%22a+b%22&CMCD=%FF".parse().unwrap();
        let got: Vec<_> = query_values(&uri, "CMCD").collect();
        assert_eq!(got, [b"sid=\"a b\"".to_vec(), vec![0xff]]);
    }

    #[test]
    fn headers_of_request_mode_are_one_record_whatever_they_hold() {
        let mut headers = HeaderMap::new();
        assert_eq!(cmcd_headers(&headers), None);
        headers.insert("cmcd-request", " ".parse().unwrap());
        assert_eq!(cmcd_headers(&headers), None);
        headers.insert("cmcd-session", "sid=\"a\" ".parse().unwrap());
        headers.insert("cmcd-object", "br=1".parse().unwrap());
        assert_eq!(cmcd_headers(&headers).unwrap(), b"br=1,sid=\"a\"");
        headers.insert("cmcd-object", HeaderValue::from_bytes(b"br=\xff").unwrap());
        assert_eq!(cmcd_headers(&headers).unwrap(), b"br=\xff,sid=\"a\"");
    }

    #[test]
    fn media_types_lose_their_parameters() {
        let mut headers = HeaderMap::new();
        assert_eq!(media_type(&headers), "");
        headers.insert(CONTENT_TYPE, "Text/Plain; charset=utf-8".parse().unwrap());
        assert_eq!(media_type(&headers), "text/plain");
    }
}
