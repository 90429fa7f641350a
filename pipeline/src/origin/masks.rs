//! The pipelines in order of preference, and the masked ones, which an operator or steering has
//! taken out.
//!
//! `PUT /live/<stream>/masks/<pipeline>` masks, `DELETE` removes the mask. A masked pipeline's
//! copies are recorded and shown but never served. Masks survive a restart.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use tallylight_serve::guard::{Guard, check_change};

use super::Origin;
use super::copies::Copy;
use super::facts::is_pipeline;
use super::pure::choose::Pipeline;
use crate::serve::problem::{self, Problem};

/// The file of the masks, in the stream's directory.
pub(super) const FILE: &str = "masks.json";
/// The most pipelines that a stream has masks of, and the most beside those of the settings that it
/// has copies of a segment from.
pub(super) const MAX_PIPELINES: usize = 16;

/// A stream's pipelines in the order of preference, and its masks.
#[derive(Debug, Default)]
pub(super) struct Masks {
    order: Vec<String>,
    masked: Mutex<BTreeSet<String>>,
}

impl Masks {
    pub(super) fn new(order: &[String]) -> Self {
        Self { order: order.to_vec(), masked: Mutex::default() }
    }

    /// The expected pipelines, the preferred one first.
    pub(super) fn order(&self) -> &[String] {
        &self.order
    }

    /// Whether a segment with these copies has no place for one of another pipeline. The expected
    /// pipelines always have one: whatever names others make up, they take up no place of theirs.
    pub(super) fn is_crowded(&self, copies: &[Copy], pipeline: &str) -> bool {
        let is_other = |name: &str| self.order.iter().all(|expected| expected != name);
        let others = copies.iter().filter(|copy| is_other(&copy.pipeline));
        is_other(pipeline)
            && copies.iter().all(|copy| copy.pipeline != pipeline)
            && others.count() >= MAX_PIPELINES
    }

    /// The pipelines whose copies are not served.
    pub(super) fn masked(&self) -> BTreeSet<String> {
        self.masked.lock().clone()
    }

    pub(super) fn set(&self, masked: BTreeSet<String>) {
        *self.masked.lock() = masked;
    }

    /// The pipelines as `choose` takes them; `missing` tells which did not send the previous
    /// segment.
    pub(super) fn pipelines<'a>(
        &'a self,
        masked: &'a BTreeSet<String>,
        missing: impl Fn(&str) -> bool,
    ) -> Vec<Pipeline<'a>> {
        let others = masked.iter().filter(|name| !self.order.contains(name));
        let all = self.order.iter().chain(others);
        all.map(|name| Pipeline { name, masked: masked.contains(name), missing: missing(name) })
            .collect()
    }
}

/// PUT or DELETE of a mask.
pub(super) async fn change(
    State(origin): State<Arc<Origin>>,
    Path((stream, pipeline)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let key = origin.settings.service_key.as_deref();
    // Pages of other sites do not know the key; without one, the request's origin is checked.
    let caller = key.map_or_else(|| Guard::new(&[], &[]).check(&head.headers), |_| Ok(()));
    let outcome = match caller.and_then(|()| check_change(&head.headers, key)) {
        Ok(()) => apply(&origin, &stream, &pipeline, head.method == Method::PUT).await,
        Err(problem) => Err(problem),
    };
    outcome.into_response()
}

async fn apply(
    origin: &Origin,
    stream: &str,
    pipeline: &str,
    mask: bool,
) -> Result<StatusCode, Problem> {
    if !is_pipeline(pipeline) {
        return Err(problem::not_found(format!("{pipeline:?} is not a pipeline's name")));
    }
    let stream = origin
        .stream(stream)
        .ok_or_else(|| problem::not_found(format!("There is no stream {stream:?}")))?;
    let _writer = stream.writer.lock().await;
    let mut masked = stream.masks.masked();
    let changed = if mask { masked.insert(pipeline.to_owned()) } else { masked.remove(pipeline) };
    if masked.len() > MAX_PIPELINES {
        return Err(problem::invalid(format!("At most {MAX_PIPELINES} pipelines can be masked")));
    }
    if changed {
        let text = serde_json::to_vec(&masked).unwrap_or_default();
        if let Err(error) = stream.disk.write(FILE, &text).await {
            tracing::error!(stream = stream.name, %error, "a mask is in memory only: its write failed");
        }
        tracing::warn!(stream = stream.name, pipeline, mask, "a pipeline's mask was changed");
        stream.masks.set(masked);
    }
    Ok(StatusCode::NO_CONTENT)
}
