//! Where objects are published: an origin over HTTP, or a test's memory.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::serve::upstream::client;

/// One object to PUT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Path from the root, `/live/...`.
    pub path: String,
    /// Media type.
    pub content_type: &'static str,
    /// Fact headers, lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Content.
    pub body: Bytes,
}

/// There was no HTTP answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no answer from the origin: {0}")]
pub struct Unreachable(pub String);

/// Publishes objects.
#[async_trait]
pub trait Publish: Send + Sync + std::fmt::Debug {
    /// PUTs one object once, within `limit`; returns the HTTP status.
    async fn put(&self, object: &Object, limit: Duration) -> Result<u16, Unreachable>;
}

/// An origin over HTTP.
#[derive(Debug, Clone)]
pub struct HttpPublish {
    base: String,
    client: reqwest::Client,
}

impl HttpPublish {
    /// Publishes to `base`, such as `http://127.0.0.1:7710`.
    pub fn new(base: &str) -> Result<Self, reqwest::Error> {
        Ok(Self { base: base.trim_end_matches('/').to_owned(), client: client(None)? })
    }
}

#[async_trait]
impl Publish for HttpPublish {
    async fn put(&self, object: &Object, limit: Duration) -> Result<u16, Unreachable> {
        let mut request = self
            .client
            .put(format!("{}{}", self.base, object.path))
            .timeout(limit)
            .header("content-type", object.content_type)
            .body(object.body.clone());
        for (name, value) in &object.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.map_err(|error| Unreachable(error.to_string()))?;
        Ok(answer.status().as_u16())
    }
}
