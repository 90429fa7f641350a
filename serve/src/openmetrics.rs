//! `/metrics`, as every service answers it.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

use crate::problem::Problem;

/// An answer with the exposition text of the registries, one after the other.
pub fn openmetrics<'a>(registries: impl IntoIterator<Item = &'a Registry>) -> Response {
    let mut text = String::new();
    let mut each = registries.into_iter().map(|registry| encode_registry(&mut text, registry));
    let written = each.try_for_each(|one| one);
    drop(each);
    if let Err(error) = written.and_then(|()| encode_eof(&mut text)) {
        let detail = format!("the metrics cannot be written: {error}");
        let title = "This service failed";
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title, detail)
            .into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
