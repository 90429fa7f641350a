//! The operators' API: what steering knows and did, and what an operator can do about it
//! (docs/steering.md). Pages of other sites may not read it; a change must also be JSON (ADR 16).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tallylight_schemas::control::{ActionKind, ActionRow, ActionState, view};
use tallylight_serve::guard::check_change;

use super::Steering;
use super::pure::command::{self, Refused};
use super::pure::inputs::{Found, Inputs};
use super::pure::manual::{self as by_hand, Manual};
use super::pure::state::{State, mode_of, mode_word};
use super::pure::upstream;
use crate::serve::problem::{self, Problem};

/// Actions and incidents shown.
const SHOWN: usize = 100;
/// Longest name of an acting operator, in characters and in bytes: the collector refuses a record
/// with more.
const NAME: usize = 64;
const NAME_BYTES: usize = 128;

type App = Extract<Arc<Steering>>;

#[derive(Debug, Deserialize)]
struct SetMode {
    mode: String,
    by: String,
}

#[derive(Debug, Deserialize)]
struct Command {
    #[serde(rename = "do")]
    what: String,
    by: String,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ManualRequest {
    kind: ActionKind,
    target: String,
    #[serde(default)]
    to: Option<String>,
    #[serde(default = "whole")]
    share: f64,
    by: String,
    #[serde(default)]
    preview: bool,
}

fn whole() -> f64 {
    1.0
}

pub(super) async fn show(Extract(app): App, headers: HeaderMap) -> Result<Response, Problem> {
    app.guard.check(&headers)?;
    Ok(shown(&app, &headers))
}

fn shown(app: &Steering, headers: &HeaderMap) -> Response {
    let now = app.clock.now_ms();
    let inputs = app.inputs(now);
    let state = app.state.lock();
    let page = page(app, &state, &inputs, now, app.beacon(headers));
    drop(state);
    ([(CACHE_CONTROL, "no-store")], Json(page)).into_response()
}

pub(super) async fn set_mode(
    Extract(app): App,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let SetMode { mode, by } = app.change(&headers, &body)?;
    let mode = mode_of(&mode).ok_or_else(|| problem::invalid("mode: observe, advise or act"))?;
    let by = name(by)?;
    app.with(|state, _, now, out| {
        command::set_mode(state, mode, &by, now, out);
        Ok(())
    })?;
    Ok(shown(&app, &headers))
}

pub(super) async fn actions(Extract(app): App, headers: HeaderMap) -> Result<Response, Problem> {
    app.guard.check(&headers)?;
    let rows = newest_actions(&app.state.lock());
    Ok(([(CACHE_CONTROL, "no-store")], Json(rows)).into_response())
}

pub(super) async fn incidents(Extract(app): App, headers: HeaderMap) -> Result<Response, Problem> {
    app.guard.check(&headers)?;
    let rows = newest_incidents(&app.state.lock());
    Ok(([(CACHE_CONTROL, "no-store")], Json(rows)).into_response())
}

pub(super) async fn manual(
    Extract(app): App,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let request: ManualRequest = app.change(&headers, &body)?;
    let manual = Manual {
        kind: request.kind,
        target: request.target,
        to: request.to,
        share: request.share,
        by: name(request.by)?,
    };
    let row = app.with(|state, inputs, now, out| {
        if request.preview {
            by_hand::preview(state, inputs, &manual, now)
        } else {
            by_hand::manual(state, inputs, &manual, now, out)
        }
    })?;
    Ok(Json(view::action(&row)).into_response())
}

pub(super) async fn on_action(
    Extract(app): App,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let request: Command = app.change(&headers, &body)?;
    let by = name(request.by)?;
    let row = app.with(|state, inputs, now, out| {
        command::on_action(state, inputs, &id, &request.what, &by, now, out)
    })?;
    Ok(Json(view::action(&row)).into_response())
}

pub(super) async fn on_incident(
    Extract(app): App,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let request: Command = app.change(&headers, &body)?;
    let by = name(request.by)?;
    let row = app.with(|state, _, now, out| {
        command::on_incident(state, &id, &request.what, &by, request.note.as_deref(), now, out)?;
        Ok(state.incidents.get(&id).map(view::incident).unwrap_or_default())
    })?;
    Ok(Json(row).into_response())
}

fn name(by: String) -> Result<String, Problem> {
    let by = by.trim().to_owned();
    let long = by.chars().count() > NAME || by.len() > NAME_BYTES;
    if by.is_empty() || long || by == super::pure::act::STEERING {
        let detail = format!(
            "by: who does it, 1 to {NAME} characters of {NAME_BYTES} bytes together, and not \
             steering itself"
        );
        return Err(problem::invalid(detail));
    }
    Ok(by)
}

impl Steering {
    /// Checks that the caller may make changes, and reads the body.
    fn change<T: DeserializeOwned>(&self, headers: &HeaderMap, body: &Bytes) -> Result<T, Problem> {
        self.guard.check(headers)?;
        check_change(headers, None)?;
        serde_json::from_slice(body).map_err(|error| problem::invalid(format!("The body: {error}")))
    }

    /// Changes the state and records the effects.
    fn with<T>(
        self: &Arc<Self>,
        change: impl FnOnce(
            &mut State,
            &Inputs,
            i64,
            &mut Vec<super::pure::state::Effect>,
        ) -> Result<T, Refused>,
    ) -> Result<T, Problem> {
        let now = self.clock.now_ms();
        let inputs = self.inputs(now);
        let mut out = Vec::new();
        let result = change(&mut self.state.lock(), &inputs, now, &mut out);
        self.carry_out(out);
        result.map_err(|refused| match refused {
            Refused::Unknown(detail) => problem::not_found(detail),
            Refused::Conflict(detail) => {
                Problem::new(StatusCode::CONFLICT, "conflict", "This cannot be done now", detail)
            }
            Refused::Invalid(detail) => problem::invalid(detail),
        })
    }
}

fn newest_actions(state: &State) -> Vec<Value> {
    let mut rows: Vec<_> = state.actions.values().collect();
    rows.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    // Anything in force can be undone, however old it is.
    let in_force = |row: &ActionRow| row.state == ActionState::Taken && row.undo.is_some();
    let shown = rows.into_iter().enumerate().filter(|(at, row)| *at < SHOWN || in_force(row));
    shown.map(|(_, row)| view::action(row)).collect()
}

fn newest_incidents(state: &State) -> Vec<Value> {
    let mut rows: Vec<_> = state.incidents.values().collect();
    rows.sort_by(|a, b| (b.opened_at, &b.id).cmp(&(a.opened_at, &a.id)));
    rows.into_iter().take(SHOWN).map(view::incident).collect()
}

fn page(app: &Steering, state: &State, inputs: &Inputs, now: i64, beacon: String) -> Value {
    let edges: Vec<Value> = app.settings.edges.iter().map(|edge| {
        let known = state.edges.get(&edge.name).cloned().unwrap_or_default();
        let at = inputs.edges.get(&edge.name).cloned().unwrap_or_default();
        let limit = known.limit_ms();
        let probe = at.probes.iter().rev().find(|probe| !probe.is_open(limit));
        let ms = |found| match found {
            Found::Byte(ms) | Found::Waiting(ms) => Some(ms),
            Found::Error(_) | Found::Nothing => None,
        };
        let error = |found| match found {
            Found::Error(status) => Some(status),
            Found::Byte(_) | Found::Waiting(_) | Found::Nothing => None,
        };
        json!({
            "name": edge.name,
            "health": known.health.as_str(),
            "why": known.why,
            "share": state.routes.share(&edge.name),
            "viewers": at.seconds.last().map(|second| second.viewers),
            "capacity_kbps": at.load.map_or(edge.capacity_kbps, |load| load.capacity_kbps.min(edge.capacity_kbps)),
            "reserved_kbps": at.load.map(|load| load.reserved_kbps),
            "sessions": at.load.map(|load| load.sessions),
            "ttfb_ms": at.seconds.iter().rev().take(3).find_map(|second| second.p90_ms),
            "prober": {
                "ok": probe.is_some_and(|probe| probe.is_good(limit)),
                "ttfb_ms": probe.and_then(|probe| ms(probe.result)),
                "error": probe.and_then(|probe| error(probe.result)),
                "at": probe.map(|probe| probe.at),
            },
        })
    }).collect();
    let pipelines: Vec<Value> = inputs
        .pipelines
        .iter()
        .map(|(name, pipeline)| {
            let found = upstream::encoder(name, pipeline, inputs.pipelines.len());
            let (health, why) = match (&found, pipeline.copies.is_empty()) {
                (_, true) => ("unknown", "no copy yet".to_owned()),
                (Some((finding, _)), _) => ("bad", finding.cause.clone()),
                (None, _) => ("good", "its copies are whole and on time".to_owned()),
            };
            json!({"name": name, "health": health, "why": why, "masked": pipeline.masked})
        })
        .collect();
    // In the order of the settings: the first one is probed and shown.
    let served = |stream: &&String| app.ladders.get(stream).is_some();
    let streams: Vec<&String> = app.settings.streams.iter().filter(served).collect();
    json!({
        "mode": mode_word(state.mode),
        "ttl_s": app.settings.ttl_s,
        "now": now,
        "streams": streams,
        // Sessions are also opened for streams whose manifests are served by others.
        "sessions_of": app.settings.streams,
        "public_url": app.settings.public_url,
        "beacon": beacon,
        "edges": edges,
        "pipelines": pipelines,
        "feed": {
            "connected": inputs.feed.connected,
            "age_ms": inputs.feed.age_ms,
            "complete": inputs.feed.complete,
        },
        "incidents": newest_incidents(state),
        "actions": newest_actions(state),
    })
}
