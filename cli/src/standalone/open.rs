//! Transfers open sessions from one process to another: a page is an Arrow stream, and a header
//! says where the next one begins.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tallylight_schemas::ipc::{self, IpcError};
use tallylight_stream_processor::{OpenPage, OpenPlace, OpenQuery};

use super::processor_api::{self, ApiState};
use crate::live;

/// The path of a page.
pub(super) const PATH: &str = "/v1/open";
/// The partition and slot from which to continue; absent after the last page.
const NEXT: &str = "tallylight-next";

/// A request for a page of the open sessions of a shard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct OpenRequest {
    pub(super) shard: u16,
    pub(super) tenant: String,
    /// Names separated by commas.
    pub(super) columns: String,
    pub(super) partition: usize,
    pub(super) slot: u32,
}

/// Answers with a page.
pub(super) async fn open(
    State(api): State<Arc<ApiState>>,
    request: Result<Query<OpenRequest>, QueryRejection>,
) -> Response {
    let request = request.map(|Query(request)| request).map_err(|error| {
        processor_api::bad_request(format!(
            "send shard, tenant, columns, partition and slot: {error}"
        ))
    });
    let found = request.and_then(|request| Ok((api.shard(request.shard)?.handle, request)));
    let (handle, request) = match found {
        Ok(found) => found,
        Err(problem) => return problem.into_response(),
    };
    let query = OpenQuery {
        tenant: request.tenant,
        columns: request.columns.split(',').map(str::to_owned).collect(),
        from: OpenPlace { partition: request.partition, slot: request.slot },
    };
    let page = live::local_page(handle, query).await;
    match page.and_then(|page| answer(page).map_err(|error| error.to_string())) {
        Ok(answer) => answer,
        Err(why) => processor_api::unavailable(why).into_response(),
    }
}

fn answer(page: OpenPage) -> Result<Response, IpcError> {
    let bytes = match page.batches.first() {
        Some(first) => ipc::encode_stream(&first.schema(), &page.batches)?,
        None => Vec::new(),
    };
    let mut answer = ([(header::CONTENT_TYPE, ipc::STREAM_MEDIA_TYPE)], bytes).into_response();
    let next = page.next.and_then(|OpenPlace { partition, slot }| {
        header::HeaderValue::from_str(&format!("{partition}.{slot}")).ok()
    });
    if let Some(next) = next {
        answer.headers_mut().insert(NEXT, next);
    }
    Ok(answer)
}

/// Requests a page from the owner of a shard.
pub(super) async fn ask(
    client: reqwest::Client,
    owner: String,
    request: OpenRequest,
) -> Result<OpenPage, String> {
    let shard = request.shard;
    let failed = |error: reqwest::Error| format!("shard {shard} at {owner}: {error}");
    let answer = client.get(format!("{owner}{PATH}")).query(&request).send().await;
    let answer = answer.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    let next = match answer.headers().get(NEXT) {
        Some(next) => Some(next.to_str().ok().and_then(place).ok_or_else(|| {
            format!("shard {shard} at {owner}: its header {NEXT} is not a place")
        })?),
        None => None,
    };
    let bytes = answer.bytes().await.map_err(failed)?;
    if bytes.is_empty() {
        return Ok(OpenPage { batches: Vec::new(), next });
    }
    let batches = ipc::decode_stream(&bytes);
    let batches = batches.map_err(|error| format!("shard {shard} at {owner}: {error}"))?;
    Ok(OpenPage { batches, next })
}

fn place(text: &str) -> Option<OpenPlace> {
    let (partition, slot) = text.split_once('.')?;
    Some(OpenPlace { partition: partition.parse().ok()?, slot: slot.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, DictionaryArray, RecordBatch, StringArray};
    use arrow::datatypes::UInt32Type;
    use axum::Router;
    use axum::routing::get;

    use super::*;

    /// Two partitions, each with its own words under the same dictionary keys.
    fn batches() -> Vec<RecordBatch> {
        let batch = |words: [&str; 2]| {
            let keys = [Some(1), None, Some(0)].into_iter().collect();
            let words = Arc::new(StringArray::from(words.to_vec()));
            let array = DictionaryArray::<UInt32Type>::try_new(keys, words).expect("a dictionary");
            RecordBatch::try_from_iter_with_nullable([(
                "country",
                Arc::new(array) as ArrayRef,
                true,
            )])
        };
        [batch(["DE", "AT"]), batch(["FR", "US"])].map(|batch| batch.expect("a batch")).into()
    }

    #[tokio::test]
    async fn a_page_arrives_as_it_was_sent() {
        let next = Some(OpenPlace { partition: 3, slot: 4_096 });
        let page = move || OpenPage { batches: batches(), next };
        let served = Router::new()
            .route(PATH, get(move || async move { answer(page()).unwrap_or_default() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let owner = format!("http://{}", listener.local_addr().expect("its address"));
        tokio::spawn(axum::serve(listener, served).into_future());
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let (tenant, columns) = ("demo".to_owned(), "country".to_owned());
        let request = OpenRequest { shard: 0, tenant, columns, partition: 0, slot: 0 };
        let there = ask(client, owner, request).await.expect("a page");
        assert_eq!((there.batches, there.next), (batches(), next));
    }
}
