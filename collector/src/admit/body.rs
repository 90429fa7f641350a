//! Receiving bodies, within the limits of size, time and common memory.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::sync::OwnedSemaphorePermit;

use super::{Admission, Received, header};
use crate::problem::{self, Problem};

/// How long a body that is refused is let go by, …
const GO_BY_WITHIN: Duration = Duration::from_secs(5);
/// … and how long of that without a word.
const SILENT_WITHIN: Duration = Duration::from_secs(1);

impl Admission {
    /// Receives a body within the limits of size, time and common memory.
    pub async fn receive(&self, headers: &HeaderMap, body: Body) -> Result<Received, Problem> {
        let announced = header(headers, &CONTENT_LENGTH);
        if announced.is_none() && !headers.contains_key(TRANSFER_ENCODING) && body.is_end_stream() {
            let detail = "Send the records in the body, with Content-Length or chunked.";
            return Err(problem::of(problem::NO_LENGTH, detail));
        }
        if announced.and_then(|n| n.parse::<u64>().ok()) > Some(self.body_bytes as u64) {
            return Err(self.too_large());
        }
        tokio::time::timeout(self.receive, self.read(body)).await.unwrap_or_else(|_| {
            let detail = format!(
                "The body was not complete after {} ms; send smaller batches.",
                self.receive.as_millis()
            );
            Err(problem::of(problem::TOO_SLOW, detail))
        })
    }

    /// Reads and drops a refused body, if it is not too large and comes quickly: a client that still
    /// sends when its connection closes may never see the answer. With `Expect`, nothing is read.
    pub async fn let_go_by(&self, headers: &HeaderMap, mut body: Body) {
        let announced = body.size_hint().upper();
        if headers.contains_key(EXPECT) || announced > Some(self.body_bytes as u64) {
            return;
        }
        let mut left = self.body_bytes;
        let all = async {
            while !body.is_end_stream()
                && let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENT_WITHIN, body.frame()).await
                && let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len))
            {
                left = rest;
            }
        };
        // Its end or not: the answer is the same.
        let _ = tokio::time::timeout(GO_BY_WITHIN, all).await;
    }

    async fn read(&self, mut body: Body) -> Result<Received, Problem> {
        let mut whole = Bytes::new();
        let mut held: Option<OwnedSemaphorePermit> = None;
        // To ask once more after the announced end would be another turn of the task.
        while !body.is_end_stream()
            && let Some(frame) = body.frame().await
        {
            let frame = frame.map_err(|error| {
                let detail = format!("The body broke off after {} bytes: {error}.", whole.len());
                problem::of(problem::UNREADABLE, detail)
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if whole.len().saturating_add(data.len()) > self.body_bytes {
                return Err(self.too_large());
            }
            let permit = self.claim(data.len())?;
            match &mut held {
                Some(held) => held.merge(permit),
                None => held = Some(permit),
            }
            whole = put_together(whole, data);
        }
        Ok(Received { body: whole, _bytes: held })
    }

    /// Memory is claimed as bytes come, so a client that announces much and sends nothing
    /// keeps nobody else out.
    fn claim(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.receiving.clone().try_acquire_many_owned(permits).map_err(|_| {
            let detail = "Too many bodies are being received at this moment; send it again later.";
            problem::of(problem::OVERLOAD, detail)
        })
    }

    fn too_large(&self) -> Problem {
        let detail = format!(
            "A body may have {} bytes as sent; split the batch or compress it.",
            self.body_bytes
        );
        problem::of(problem::TOO_LARGE, detail)
    }
}

/// Pieces of a body as one. Most bodies come in one piece, which is not copied.
fn put_together(whole: Bytes, more: Bytes) -> Bytes {
    if whole.is_empty() {
        return more;
    }
    let mut whole = whole.try_into_mut().unwrap_or_else(|shared| BytesMut::from(shared.as_ref()));
    whole.extend_from_slice(&more);
    whole.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_together_in_order() {
        let pieces = ["", "a", "", "bc", "d"].map(|piece| Bytes::from_static(piece.as_bytes()));
        let whole = pieces.into_iter().fold(Bytes::new(), put_together);
        assert_eq!(whole, "abcd");
    }
}
