//! Transfers rows that are not in a file of history yet from one process to another: an Arrow
//! stream of a table's rows, and a header that says which files they follow.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::{Deserialize, Serialize};
use tallylight_schemas::ipc;
use tallylight_schemas::tables::{Table, conform};
use tallylight_serve::problem::Problem;
use tallylight_store::history::Unwritten;

use super::processor_api::{self, ApiState};

/// The path of the rows.
pub(super) const PATH: &str = "/v1/unwritten";
/// How long an answer may take. A view may take 20 s, since the sessions of a large audience are
/// copied first, and then hundreds of MB are transferred. A query has 30 s (`sql.deadline_s`).
pub(super) const TIMEOUT: Duration = Duration::from_secs(25);
/// The header with [`About`], as JSON.
const ABOUT: HeaderName = HeaderName::from_static("tallylight-unwritten");

/// A request for the rows of a table of a shard.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct UnwrittenRequest {
    shard: u16,
    table: String,
}

/// Which files the rows follow, and how final they are.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    app: String,
    files_to: u64,
    final_up_to: Option<i64>,
}

/// Answers with the rows of all tenants: the caller is a dashboard, which separates them.
pub(super) async fn unwritten(
    State(api): State<Arc<ApiState>>,
    request: Result<Query<UnwrittenRequest>, QueryRejection>,
) -> Response {
    match look_up(&api, request).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_response(),
    }
}

async fn look_up(
    api: &ApiState,
    request: Result<Query<UnwrittenRequest>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(UnwrittenRequest { shard, table }) = request
        .map_err(|error| processor_api::bad_request(format!("send shard and table: {error}")))?;
    let table = Table::from_name(&table).ok_or_else(|| {
        processor_api::bad_request("history has no table of this name".to_owned())
    })?;
    let history = api.shard(shard)?.history;
    let found = history
        .unwritten(table)
        .await
        .map_err(|why| processor_api::unavailable(why.to_string()))?;
    answer(table, found).map_err(processor_api::unavailable)
}

fn answer(table: Table, found: Unwritten) -> Result<Response, String> {
    let Unwritten { app, files_to, final_up_to, rows } = found;
    let about = serde_json::to_string(&About { app, files_to, final_up_to });
    let about = about.map_err(|error| error.to_string())?;
    let about = HeaderValue::from_str(&about).map_err(|error| error.to_string())?;
    let pieces = ipc::pieces(&table.schema(), rows).map_err(|error| error.to_string())?;
    let stream = HeaderValue::from_static(ipc::STREAM_MEDIA_TYPE);
    let headers = [(header::CONTENT_TYPE, stream), (ABOUT, about)];
    Ok((headers, Body::from_stream(stream::iter(pieces))).into_response())
}

/// Requests the rows from the owner of a shard.
pub(super) async fn ask(
    client: &reqwest::Client,
    owner: &str,
    (shard, table): (u16, Table),
) -> Result<Unwritten, String> {
    let request = UnwrittenRequest { shard, table: table.name().to_owned() };
    let problem = |why: String| format!("shard {shard} at {owner}: {why}");
    let failed = |error: reqwest::Error| problem(error.to_string());
    let request = client.get(format!("{owner}{PATH}")).query(&request).timeout(TIMEOUT);
    let answer = request.send().await.map_err(failed)?;
    if !answer.status().is_success() {
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        return Err(problem(format!("{status}: {text}")));
    }
    let about = answer.headers().get(ABOUT).and_then(|about| about.to_str().ok());
    let about = about.and_then(|about| serde_json::from_str::<About>(about).ok());
    let About { app, files_to, final_up_to } =
        about.ok_or_else(|| problem(format!("its header {ABOUT} does not say which files")))?;
    let bytes = answer.bytes().await.map_err(failed)?;
    let rows = ipc::decode_stream(&bytes).map_err(|error| problem(error.to_string()))?;
    // A processor of another version may have other columns.
    let rows = rows.iter().map(|rows| conform(rows, table)).collect::<Result<_, _>>();
    let rows = rows.map_err(|error| problem(error.to_string()))?;
    Ok(Unwritten { app, files_to, final_up_to, rows })
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, RecordBatch, StringArray};
    use axum::Router;
    use axum::routing::get;

    use super::*;

    #[tokio::test]
    async fn rows_arrive_as_they_were_sent_and_so_does_what_they_follow() {
        let batch = |n: i64| {
            let (sid, ts) = (StringArray::from(vec!["a", "b"]), Int64Array::from(vec![n, n + 1]));
            let batch = RecordBatch::try_from_iter([
                ("sid", Arc::new(sid) as _),
                ("ts", Arc::new(ts) as _),
            ]);
            conform(&batch.expect("a batch"), Table::PlayerEvents).expect("its table's")
        };
        let (app, final_up_to) = ("a log/events/3".to_owned(), Some(17));
        for rows in [vec![], vec![batch(1), batch(5)]] {
            let sent = Unwritten { app: app.clone(), files_to: 9, final_up_to, rows };
            let again = sent.clone();
            let served = get(move || async move {
                answer(Table::PlayerEvents, again.clone()).unwrap_or_default()
            });
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let owner = format!("http://{}", listener.local_addr().expect("its address"));
            tokio::spawn(axum::serve(listener, Router::new().route(PATH, served)).into_future());
            let client = reqwest::Client::builder().no_proxy().build().expect("a client");
            let there = ask(&client, &owner, (3, Table::PlayerEvents)).await;
            assert_eq!(there.expect("an answer"), sent);
        }
    }
}
