//! A request under way: who asks, whether its head is too large, and when body and answer end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use crate::life::Life;
use crate::problem::Problem;
use crate::strangers::Strangers;

/// Headers of a request. HTTP/1 is held to it by hyper, HTTP/2 here.
const HEADERS: usize = 100;
/// Longest path and query. A CMCD record of 8 KiB, percent-encoded, fits.
const URI_BYTES: usize = 32 << 10;

/// Who is at the other end of the connection: an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The service of one connection.
pub(crate) struct Asked {
    pub(crate) inner: TowerToHyperService<Router>,
    pub(crate) peer: SocketAddr,
    pub(crate) life: Arc<Life>,
    pub(crate) strangers: Arc<Strangers>,
}

impl Service<Request<Incoming>> for Asked {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let receiving = !request.body().is_end_stream();
        let now = Instant::now();
        let number = self.life.begin(now, receiving);
        if number == 1 {
            self.strangers.learn(self.peer.ip(), true, now);
        }
        let mut asking = Asking { life: self.life.clone(), number, answered: false };
        if let Some(problem) = head_problem(&request) {
            asking.answered = true;
            let answer = problem.into_response().map(|body| Answer { body, _asking: asking });
            return Box::pin(std::future::ready(Ok(answer)));
        }
        request.extensions_mut().insert(Peer(self.peer));
        // HTTP/2 says `:authority`, which is the Host for whoever is behind (RFC 9113, 8.3.1).
        let name = request.uri().authority().map(|name| HeaderValue::from_str(name.as_str()));
        if let Some(Ok(name)) = name.filter(|_| !request.headers().contains_key(HOST)) {
            request.headers_mut().insert(HOST, name);
        }
        let life = self.life.clone();
        let answer = self.inner.call(request.map(|body| Coming { body, life, number }));
        Box::pin(async move {
            let answer = answer.await?;
            asking.answered = true;
            Ok(answer.map(|body| Answer { body, _asking: asking }))
        })
    }
}

fn head_problem<B>(request: &Request<B>) -> Option<Problem> {
    let uri = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    if uri > URI_BYTES {
        let detail = format!("Path and query may have {URI_BYTES} bytes; send the rest as a body.");
        let title = "The address is too long";
        return Some(Problem::new(StatusCode::URI_TOO_LONG, "uri-too-long", title, detail));
    }
    if request.headers().len() > HEADERS {
        let detail = format!("A request may have {HEADERS} headers; leave some out.");
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some(Problem::new(status, "too-many-headers", "Too many headers", detail));
    }
    None
}

/// Ends the request in its connection's life when it is dropped.
#[derive(Debug)]
struct Asking {
    life: Arc<Life>,
    number: u64,
    answered: bool,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.life.finish(self.number, Instant::now(), !self.answered);
    }
}

/// A body that tells when it was received.
#[derive(Debug)]
pub(crate) struct Coming {
    body: Incoming,
    life: Arc<Life>,
    number: u64,
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.life.received(self.number);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.life.received(self.number);
    }
}

/// An answer's body; the request is under way until it ends.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Body,
    _asking: Asking,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
