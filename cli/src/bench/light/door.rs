//! A door that only reads a body into columns and answers; nothing is kept or admitted.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;

use super::parse::Columns;

/// Rows after which columns start anew, as a commit would have them.
const ROWS: usize = 8_192;

/// Serves on a free port of this machine for as long as the runtime lives; answers its URL.
pub(crate) async fn serve() -> anyhow::Result<String> {
    let columns = Arc::new(Mutex::new(Columns::default()));
    let router = Router::new().route("/", post(take)).with_state(columns);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

async fn take(State(columns): State<Arc<Mutex<Columns>>>, body: Bytes) -> StatusCode {
    let mut columns = columns.lock().unwrap_or_else(PoisonError::into_inner);
    if columns.rows() >= ROWS {
        columns.clear();
    }
    match std::str::from_utf8(&body).ok().and_then(|text| columns.body(text)) {
        Some(()) => StatusCode::NO_CONTENT,
        None => StatusCode::BAD_REQUEST,
    }
}
