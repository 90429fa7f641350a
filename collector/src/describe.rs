//! Descriptions of the collector for programs: the JSON Schema of its events and its OpenAPI
//! document. Both are made from the tables that the code itself uses, and the rest is checked
//! against the types by tests, so that neither can become untrue.

mod events;
mod openapi;

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

pub use events::schema;
pub use openapi::openapi;

/// Where the schema of an event is.
pub const SCHEMA_PATH: &str = "/v1/events/schema.json";
/// Where the OpenAPI document is.
pub const OPENAPI_PATH: &str = "/v1/openapi.json";

static SCHEMA: LazyLock<String> = LazyLock::new(|| schema().to_string());
static OPENAPI: LazyLock<String> = LazyLock::new(|| openapi().to_string());

pub(crate) async fn get_schema() -> Response {
    answer("application/schema+json", &SCHEMA)
}

pub(crate) async fn get_openapi() -> Response {
    answer("application/json", &OPENAPI)
}

fn answer(media_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "max-age=3600")], text).into_response()
}
