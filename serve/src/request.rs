//! A request in progress: its client, the limits of its head, and when its answer ends.

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

use crate::body;
use crate::life::Life;
use crate::problem::Problem;
use crate::strangers::Strangers;

/// The most headers of a request. hyper enforces this for HTTP/1, this module for HTTP/2.
const HEADERS: usize = 100;
/// The longest path and query: a percent-encoded CMCD record of 8 KiB fits.
const URI_BYTES: usize = 32 << 10;

/// The client's address: an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The service of one connection.
pub(crate) struct ConnectionService {
    pub(crate) inner: TowerToHyperService<Router>,
    pub(crate) peer: SocketAddr,
    pub(crate) life: Arc<Life>,
    pub(crate) strangers: Arc<Strangers>,
}

impl Service<Request<Incoming>> for ConnectionService {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let receiving = !request.body().is_end_stream();
        let now = Instant::now();
        let number = self.life.begin(now, receiving);
        if number == 1 {
            self.strangers.learn(self.peer.ip(), true, now);
        }
        let mut pending = Pending { life: self.life.clone(), number, answered: false };
        let refused = head_problem(&request);
        request.extensions_mut().insert(Peer(self.peer));
        // HTTP/2 has `:authority`, which handlers expect as the Host header (RFC 9113, 8.3.1).
        let name = request.uri().authority().map(|name| HeaderValue::from_str(name.as_str()));
        if let Some(Ok(name)) = name.filter(|_| !request.headers().contains_key(HOST)) {
            request.headers_mut().insert(HOST, name);
        }
        let (request, rest) = body::split(request, &self.life, number);
        let answer = match refused {
            Some(problem) => Err(problem.into_response()),
            None => Ok(self.inner.call(request)),
        };
        Box::pin(async move {
            let answer = match answer {
                Ok(answer) => answer.await?,
                Err(refused) => refused,
            };
            rest.discard().await;
            pending.answered = true;
            Ok(answer.map(|body| AnswerBody { body, _pending: pending }))
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

/// Finishes the request in its connection's life when dropped.
#[derive(Debug)]
struct Pending {
    life: Arc<Life>,
    number: u64,
    answered: bool,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.life.finish(self.number, Instant::now(), !self.answered);
    }
}

/// An answer's body; the request is in progress until it ends.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    body: Body,
    _pending: Pending,
}

impl HttpBody for AnswerBody {
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
