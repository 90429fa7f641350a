//! What an encoder sends before its segments: init segments, slates, the ladder.

use std::sync::Arc;

use axum::http::{StatusCode, request};
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::Origin;
use super::facts::hash;
use super::put::stored;
use super::stream::Stream;
use super::track::Slate;
use crate::ladder::{Ladder, is_name};
use crate::mp4;
use crate::serve::path::MediaPath;
use crate::serve::problem::{self, Problem};

pub(super) fn stream_of(origin: &Origin, path: &MediaPath) -> Result<Arc<Stream>, Problem> {
    origin.stream_or_new(&path.stream).ok_or_else(too_many)
}

fn too_many() -> Problem {
    no_room(
        "Remove a stream's or track's directory from the origin's data and restart it, or raise \
         max_streams",
    )
}

/// 507: a bound on how many there may be is reached.
pub(super) fn no_room(detail: impl Into<String>) -> Problem {
    Problem::new(
        StatusCode::INSUFFICIENT_STORAGE,
        "too-many",
        "There is no room for more of these",
        detail,
    )
}

pub(super) async fn store_init(
    stream: &Stream,
    track: &str,
    file: &str,
    body: Bytes,
    now_us: i64,
) -> Result<StatusCode, Problem> {
    mp4::init_facts(&body)
        .map_err(|error| problem::invalid(format!("{file} is not an init segment: {error}")))?;
    let track = stream.track_or_new(track).ok_or_else(too_many)?;
    let _writer = track.writer.lock().await;
    match track.init(file) {
        Some(there) if there == body => {
            track.put_init(file, body, now_us);
            return Ok(stored(false));
        }
        Some(_) => {
            let detail =
                format!("{file} is stored with other bytes; a changed init needs another name");
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "fixed",
                "The init segment is fixed",
                detail,
            ));
        }
        None => {}
    }
    if !track.put_init(file, body.clone(), now_us) {
        return Err(too_many());
    }
    if let Err(error) = track.disk.write(file, &body).await {
        tracing::error!(file, %error, "an init segment is in memory only: its write failed");
    }
    Ok(stored(true))
}

pub(super) async fn store_slate(
    stream: &Stream,
    track: &str,
    number: u32,
    head: &request::Parts,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let facts = mp4::facts(&body)
        .map_err(|error| problem::invalid(format!("The slate is not a segment: {error}")))?;
    let slate = Slate { hash: xxh3_64(&body), bytes: body };
    if hash(&head.headers).is_some_and(|claimed| claimed != slate.hash) {
        return Err(problem::invalid("Tallylight-Hash is not the body's xxh3: send it again"));
    }
    let wrong_length = number != 0 && facts.frames != number;
    if wrong_length || !facts.first_is_sync {
        let detail = format!(
            "Slate {number} holds {} frames and must begin with a sync frame",
            facts.frames
        );
        return Err(problem::invalid(detail));
    }
    let track = stream.track_or_new(track).ok_or_else(too_many)?;
    let _writer = track.writer.lock().await;
    if track.slate(number).is_some_and(|there| there.hash == slate.hash) {
        return Ok(stored(false));
    }
    if !track.put_slate(number, slate.clone()) {
        return Err(too_many());
    }
    if let Err(error) = track.disk.write_slate(number, &slate).await {
        tracing::error!(number, %error, "a slate is in memory only: its write failed");
    }
    Ok(stored(true))
}

pub(super) async fn store_ladder(
    origin: &Origin,
    name: &str,
    body: &[u8],
) -> Result<StatusCode, Problem> {
    let ladder: Ladder = serde_json::from_slice(body)
        .map_err(|error| problem::invalid(format!("This is not a ladder: {error}")))?;
    ladder.validate().map_err(|mistakes| problem::invalid(mistakes.join("; ")))?;
    if !is_name(name) || ladder.stream != name {
        return Err(problem::invalid(format!(
            "The ladder is for stream {:?}, the address for {name:?}",
            ladder.stream
        )));
    }
    let stream = origin.stream_or_new(name).ok_or_else(too_many)?;
    let _writer = stream.writer.lock().await;
    let before = stream.ladder();
    if before.as_deref() == Some(&ladder) {
        return Ok(stored(false));
    }
    let in_use = stream.tracks().iter().any(|track| track.has_programme());
    if in_use && before.is_some_and(|before| !ladder.carries_on(&before)) {
        let detail = "Players do not reload a manifest for this: use another stream name, or wait until the window has passed";
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "other-ladder",
            "The stream has another ladder",
            detail,
        ));
    }
    if let Err(error) = stream.put_ladder(ladder, body).await {
        tracing::error!(stream = name, %error, "a ladder is in memory only: its write failed");
    }
    Ok(stored(true))
}
