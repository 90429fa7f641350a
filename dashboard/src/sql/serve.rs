//! `POST /v1/sql` and `GET /v1/sql/tables`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tallylight_serve::guard::check_change;

use super::catalog::{ABOUT, TableInfo, UNIT, type_name};
use super::encode::Format;
use crate::App;
use crate::problem;

/// Most bytes of a request: the longest statement that can be configured, with every byte escaped.
pub(crate) const MOST: usize = 6 << 20;

/// Header: rows were left out, and how many the answer has: `rows=100000`.
pub const TRUNCATED: HeaderName = HeaderName::from_static("tallylight-truncated");

/// Header: the tables of which rows that are not in a file yet are missing:
/// `tables=sessions,player_events`.
pub const FILES_ALONE: HeaderName = HeaderName::from_static("tallylight-files-alone");

/// The body of a query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SqlRequest {
    sql: String,
}

/// A table as the pages list it.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    name: &'a str,
    about: &'a str,
    columns: Vec<ListedColumn<'a>>,
}

#[derive(Debug, Serialize)]
struct ListedColumn<'a> {
    name: &'a str,
    r#type: String,
    about: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
}

/// `POST /v1/sql`. When the caller disconnects, this future is dropped, which ends the query.
pub(crate) async fn query(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let text =
        |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    if let Err(problem) = check_change(&headers, None) {
        return problem.into_response();
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return problem::unread(&rejection, MOST).into_response(),
    };
    let request: SqlRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            let detail = format!("the body is not {{\"sql\": \"SELECT …\"}}: {error}");
            return problem::invalid(detail).into_response();
        }
    };
    let format = Format::accepted(text(header::ACCEPT));
    let answer = match app.sql.run(&request.sql, format).await {
        Ok(answer) => answer,
        Err(error) => {
            app.metrics.refused_queries.inc();
            return error.problem().into_response();
        }
    };
    app.metrics.queries.inc();
    let fixed = [(header::CONTENT_TYPE, format.media_type()), (header::CACHE_CONTROL, "no-store")];
    let mut response = (fixed, answer.body).into_response();
    let cut = answer.truncated.then(|| (TRUNCATED, format!("rows={}", answer.rows)));
    let tables = answer.files_alone.join(",");
    let alone = (!tables.is_empty()).then(|| (FILES_ALONE, format!("tables={tables}")));
    for (name, value) in [cut, alone].into_iter().flatten() {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// `GET /v1/sql/tables`.
pub(crate) async fn tables(State(app): State<Arc<App>>) -> Response {
    let all: Vec<Listed<'_>> = app.sql.tables().iter().map(listed).collect();
    ([(header::CACHE_CONTROL, "no-cache")], Json(all)).into_response()
}

fn listed(table: &TableInfo) -> Listed<'_> {
    let columns = table.schema.fields().iter().map(|field| {
        let says = |key: &str| field.metadata().get(key).map(String::as_str);
        ListedColumn {
            name: field.name(),
            r#type: type_name(field.data_type()),
            about: says(ABOUT).unwrap_or_default(),
            unit: says(UNIT),
        }
    });
    Listed { name: table.name, about: table.about, columns: columns.collect() }
}
