//! What no file of history has yet, from one process to another: an Arrow stream of a table's rows,
//! and a header that says which files they follow.

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
use tallylight_store::archive::Unwritten;

use super::hot::{self, Hot};

/// Where the rows are.
pub(super) const PATH: &str = "/v1/unwritten";
/// How long an answer may take: what a view may (20 s), since sessions of a large audience are copied
/// first, and hundreds of MB to hand on. A query has 30 s (`sql.deadline_s`).
pub(super) const TIMEOUT: Duration = Duration::from_secs(25);
/// What is said of them, as JSON.
const ABOUT: HeaderName = HeaderName::from_static("tallylight-unwritten");

/// A question about a table of a shard.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Wanted {
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

/// Answers with the rows of all tenants: who asks is a dashboard, which tells them apart.
pub(super) async fn unwritten(
    State(here): State<Arc<Hot>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    match look_up(&here, wanted).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_response(),
    }
}

async fn look_up(
    here: &Hot,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Wanted { shard, table }) =
        wanted.map_err(|error| hot::wrong(format!("send shard and table: {error}")))?;
    let table = Table::from_name(&table)
        .ok_or_else(|| hot::wrong("table is the name of no table of history".to_owned()))?;
    let history = here.own(shard)?.history;
    let found = history.unwritten(table).await.map_err(|why| hot::unavailable(why.to_string()))?;
    answer(table, found).map_err(hot::unavailable)
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

/// Asks the owner of a shard.
pub(super) async fn ask(
    client: &reqwest::Client,
    owner: &str,
    (shard, table): (u16, Table),
) -> Result<Unwritten, String> {
    let wanted = Wanted { shard, table: table.name().to_owned() };
    let wrong = |why: String| format!("shard {shard} at {owner}: {why}");
    let silent = |error: reqwest::Error| wrong(error.to_string());
    let request = client.get(format!("{owner}{PATH}")).query(&wanted).timeout(TIMEOUT);
    let answer = request.send().await.map_err(silent)?;
    if !answer.status().is_success() {
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        return Err(wrong(format!("{status}: {text}")));
    }
    let about = answer.headers().get(ABOUT).and_then(|about| about.to_str().ok());
    let about = about.and_then(|about| serde_json::from_str::<About>(about).ok());
    let About { app, files_to, final_up_to } =
        about.ok_or_else(|| wrong(format!("its header {ABOUT} does not say which files")))?;
    let bytes = answer.bytes().await.map_err(silent)?;
    let rows = ipc::decode_stream(&bytes).map_err(|error| wrong(error.to_string()))?;
    // A processor of another version may have other columns.
    let rows = rows.iter().map(|rows| conform(rows, table)).collect::<Result<_, _>>();
    let rows = rows.map_err(|error| wrong(error.to_string()))?;
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
