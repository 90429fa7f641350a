//! Reads bodies, bounded in size and time.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::problem::Problem;

/// Reads the whole `body`: 413 beyond `limit` bytes, 408 after `within`.
pub async fn read(body: Body, limit: usize, within: Duration) -> Result<Bytes, Problem> {
    match tokio::time::timeout(within, collect(body, limit)).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow-body",
            "The body did not arrive in time",
            format!("Send the whole body within {} s", within.as_secs()),
        )),
    }
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut whole = BytesMut::new();
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "broken-body",
                "The body broke off",
                error.to_string(),
            )
        })?;
        if whole.len() + chunk.len() > limit {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is too large",
                format!("At most {limit} bytes are accepted here"),
            ));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}
