//! Collectors without admission or storage: one reads a body into columns and answers, one only
//! answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use parking_lot::Mutex;

use super::parse::Columns;

/// Rows after which the columns are cleared, as after a commit.
const ROWS: usize = 8_192;

/// Serves on a free port of this machine for as long as the runtime lives; returns its URL.
pub(crate) async fn serve() -> anyhow::Result<String> {
    let columns = Arc::new(Mutex::new(Columns::default()));
    on_a_free_port(Router::new().route("/", post(take)).with_state(columns)).await
}

/// Likewise, with a server that receives a body and ignores it.
pub(crate) async fn bare() -> anyhow::Result<String> {
    let answer = |_body: Bytes| async { StatusCode::NO_CONTENT };
    on_a_free_port(Router::new().route("/", post(answer))).await
}

async fn on_a_free_port(router: Router) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

async fn take(State(columns): State<Arc<Mutex<Columns>>>, body: Bytes) -> StatusCode {
    let mut columns = columns.lock();
    if columns.rows() >= ROWS {
        columns.clear();
    }
    match std::str::from_utf8(&body).ok().and_then(|text| columns.body(text)) {
        Some(()) => StatusCode::NO_CONTENT,
        None => StatusCode::BAD_REQUEST,
    }
}
