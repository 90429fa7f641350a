//! Fetches from an upstream service, with limits.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use bytes::{Bytes, BytesMut};
use reqwest::{Client, ClientBuilder, RequestBuilder};

use super::problem::Problem;

/// A service to fetch from.
#[derive(Debug, Clone)]
pub struct Upstream {
    client: Client,
    base: String,
    limit: usize,
}

/// Its complete answer.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// How long connecting may take; the service is near.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// Builds a client for our own services, never through a proxy: the machine's proxy may not know
/// them.
pub(crate) fn builder() -> ClientBuilder {
    Client::builder().no_proxy()
}

/// A client for our own services. Answers after `within` are failures; with `None`, each request
/// sets its own limit.
pub(crate) fn client(within: Option<Duration>) -> Result<Client, reqwest::Error> {
    match within {
        Some(within) => builder().timeout(within).build(),
        None => builder().build(),
    }
}

/// The request with the service key that proves it to be ours, if there is a key.
pub(crate) fn signed(request: RequestBuilder, service_key: Option<&str>) -> RequestBuilder {
    match service_key {
        Some(key) => request.bearer_auth(key),
        None => request,
    }
}

impl Upstream {
    /// The service at `base`; bodies beyond `limit` bytes and answers after `timeout` are
    /// failures.
    pub fn new(base: &str, limit: usize, timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = builder().timeout(timeout).connect_timeout(CONNECT_WITHIN).build()?;
        Ok(Self { client, base: base.trim_end_matches('/').to_owned(), limit })
    }

    /// GETs `path`; a failure to get any answer is a 502.
    pub async fn get(&self, path: &str) -> Result<Fetched, Problem> {
        self.fetch(path).await.map_err(|detail| {
            tracing::debug!(path, detail, "nothing was fetched");
            Problem::new(
                StatusCode::BAD_GATEWAY,
                "upstream",
                "The service behind this one does not answer",
                detail,
            )
        })
    }

    async fn fetch(&self, path: &str) -> Result<Fetched, String> {
        let refused = |error: reqwest::Error| {
            let why =
                if error.is_timeout() { "took too long" } else { "cannot be reached or broke off" };
            format!("{} {why}; try again", self.base)
        };
        let mut answer =
            self.client.get(format!("{}{path}", self.base)).send().await.map_err(refused)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(refused)? {
            if body.len() + chunk.len() > self.limit {
                return Err(format!("{} sent more than {} bytes", self.base, self.limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { status, headers, body: body.freeze() })
    }
}
