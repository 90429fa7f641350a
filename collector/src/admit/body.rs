//! Receiving bodies within the limits of size, time and shared memory.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;

use super::memory::Claim;
use super::{Admission, Caller, Received, SMALL_BYTES, header};
use crate::problem::{self, Problem};

impl Admission {
    /// Receives a caller's body within the limits of size, time and shared memory.
    pub async fn receive(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Received, Problem> {
        let announced = header(headers, &CONTENT_LENGTH);
        if announced.is_none() && !headers.contains_key(TRANSFER_ENCODING) && body.is_end_stream() {
            let detail = "Send the records in the body, with Content-Length or chunked.";
            return Err(problem::of(problem::NO_LENGTH, detail));
        }
        if announced.and_then(|n| n.parse::<u64>().ok()) > Some(self.body_bytes as u64) {
            return Err(self.too_large());
        }
        let is_small = body.size_hint().upper().is_some_and(|bytes| bytes <= SMALL_BYTES);
        let claim = self.receiving.claim(&caller.tenant, is_small);
        tokio::time::timeout(self.receive, self.read(claim, body)).await.unwrap_or_else(|_| {
            let detail = format!(
                "The body was not complete after {} ms; send smaller batches.",
                self.receive.as_millis()
            );
            Err(problem::of(problem::TOO_SLOW, detail))
        })
    }

    /// Memory is claimed as bytes arrive, so a client that announces much and sends nothing keeps
    /// nobody out.
    async fn read(&self, mut claim: Claim, mut body: Body) -> Result<Received, Problem> {
        let mut whole = Bytes::new();
        // Polling again after the announced end would cost another wake-up of the task.
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
            if !claim.grow(data.len()) {
                let detail =
                    "Too many bodies are being received at this moment; send it again later.";
                return Err(problem::of(problem::OVERLOAD, detail));
            }
            whole = join(whole, data);
        }
        Ok(Received { body: whole, _bytes: claim })
    }

    fn too_large(&self) -> Problem {
        let detail = format!(
            "A body may have {} bytes as sent; split the batch or compress it.",
            self.body_bytes
        );
        problem::of(problem::TOO_LARGE, detail)
    }
}

/// Joins the pieces of a body. Most bodies come in one piece, which is not copied.
fn join(whole: Bytes, more: Bytes) -> Bytes {
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
        let whole = pieces.into_iter().fold(Bytes::new(), join);
        assert_eq!(whole, "abcd");
    }
}
