//! `POST /v1/play/<stream>`: a player's first call. It creates a session and names every address
//! that the player needs. Nothing is stored, so any number of these services may answer.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::Steering;
use super::serve_manifests::no_stream;
use super::session::{is_root_relative, is_sid, new_sid};
use crate::serve::problem;

/// What a player may report about itself; other keys are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PlayRequest {
    /// Continues this session instead of a new one.
    sid: Option<String>,
}

/// Everything a player needs.
#[derive(Debug, Serialize)]
struct Play {
    sid: String,
    stream: String,
    token: String,
    /// Absent if the manifests are served by others.
    #[serde(skip_serializing_if = "Option::is_none")]
    hls: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dash: Option<String>,
    beacon: String,
    steering: Addresses,
    ttl_s: u32,
}

/// Where the session asks for its pathway.
#[derive(Debug, Serialize)]
struct Addresses {
    hls: String,
    dash: String,
}

pub(super) async fn play(
    State(app): State<Arc<Steering>>,
    Path(stream): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !app.settings.streams.contains(&stream) {
        return no_stream(&stream).into_response();
    }
    let request = if body.trim_ascii().is_empty() {
        Ok(PlayRequest::default())
    } else {
        serde_json::from_slice::<PlayRequest>(&body)
    };
    let request = match request {
        Ok(request) => request,
        Err(error) => {
            return problem::invalid(format!("The body is not the expected JSON: {error}"))
                .into_response();
        }
    };
    let sid = match request.sid {
        Some(sid) if !is_sid(&sid) => {
            let detail = "sid: 1 to 64 of a-z, A-Z, 0-9, -, _, . and ~; or leave it out";
            return problem::invalid(detail).into_response();
        }
        Some(sid) => sid,
        None => new_sid(),
    };
    app.sessions.note(&sid, app.clock.now_ms());
    let own = app.own(&headers);
    let session = app.token.part(&sid, true);
    let manifest =
        |file: &str| app.origin.as_ref().map(|_| format!("{own}/live/{stream}/{file}?{session}"));
    let play = Play {
        token: app.token.sign(&sid),
        hls: manifest("master.m3u8"),
        dash: manifest("manifest.mpd"),
        beacon: app.beacon(&headers),
        steering: Addresses {
            hls: app.steering_url("hls", &session, &headers),
            dash: app.steering_url("dash", &session, &headers),
        },
        ttl_s: app.settings.ttl_s,
        sid,
        stream,
    };
    ([(CACHE_CONTROL, "no-store")], Json(play)).into_response()
}

impl Steering {
    /// Where players send their beacons, write key included; empty where that is not known.
    pub(super) fn beacon(&self, headers: &HeaderMap) -> String {
        if let Some(url) = &self.settings.beacon_url {
            return url.clone();
        }
        let base = match &self.settings.collector_url {
            _ if is_root_relative(headers) => "",
            Some(url) => url.trim_end_matches('/'),
            None => return String::new(),
        };
        let key = &self.settings.write_key;
        let key: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
        format!("{base}/v1/cmcd?k={key}")
    }
}
