//! A request's body, and what becomes of the part that no handler reads.
//!
//! Over HTTP/1 that part is received and discarded before the answer goes out: a client that is
//! still sending when its connection ends may never see the answer, and a connection is used again
//! only once the body is complete. HTTP/2 resets the stream instead, so it has neither problem; what
//! still arrives is dropped, and counts against `OWN_RESETS` once h2 has forgotten the stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::EXPECT;
use hyper::{Request, Version};
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::life::Life;

/// The most bytes that are discarded. If more are announced, none is.
const DISCARD_BYTES: u64 = 8 << 20;
/// How long they are received, …
const DISCARD_WITHIN: Duration = Duration::from_secs(3);
/// … and how long to wait for the next piece.
const SILENT_WITHIN: Duration = Duration::from_secs(1);

/// A request's body. It records when it has been received, and leaves what nobody reads in its
/// [`Rest`].
#[derive(Debug)]
pub(crate) struct RequestBody {
    /// `None` only while it is dropped.
    body: Option<Incoming>,
    is_http_1: bool,
    /// Whether the client sends: with `Expect` it waits until the body is polled.
    is_coming: bool,
    rest: Arc<Rest>,
}

/// Where a request's body is left once nobody reads it any more.
#[derive(Debug)]
pub(crate) struct Rest {
    life: Arc<Life>,
    number: u64,
    /// What the handler dropped before its end. After the answer nobody looks here any more.
    left: Mutex<Option<Incoming>>,
}

/// The request with a body that leaves its rest in the second.
pub(crate) fn split(
    request: Request<Incoming>,
    life: &Arc<Life>,
    number: u64,
) -> (Request<RequestBody>, Arc<Rest>) {
    let is_http_1 = request.version() < Version::HTTP_2;
    let is_coming = !request.headers().contains_key(EXPECT);
    let rest = Arc::new(Rest { life: life.clone(), number, left: Mutex::default() });
    let body = |body| RequestBody { body: Some(body), is_http_1, is_coming, rest: rest.clone() };
    (request.map(body), rest)
}

impl Rest {
    fn receiving(&self, is_receiving: bool) {
        self.life.receiving(self.number, is_receiving);
    }

    /// Receives and discards what the handler left, within limits.
    pub(crate) async fn discard(&self) {
        let left = self.left.lock().take();
        let Some(mut body) = left else { return };
        if body.size_hint().lower() <= DISCARD_BYTES {
            self.receiving(true);
            let discarded = timeout(DISCARD_WITHIN, discard(&mut body));
            // The answer is the same whether the end was reached or not.
            let _ = self.life.answer_now.run_until_cancelled(discarded).await;
            self.receiving(false);
        }
    }
}

async fn discard(body: &mut Incoming) {
    let mut left = DISCARD_BYTES;
    while !body.is_end_stream()
        && let Ok(Some(Ok(frame))) = timeout(SILENT_WITHIN, body.frame()).await
        && let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, |data| data.len() as u64))
    {
        left = rest;
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_coming = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || body.is_end_stream() {
            self.rest.receiving(false);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.rest.receiving(false);
        let discards = self.is_http_1 && self.is_coming;
        let left = self.body.take().filter(|body| discards && !body.is_end_stream());
        *self.rest.left.lock() = left;
    }
}
