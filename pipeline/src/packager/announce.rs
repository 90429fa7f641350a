//! Everything a player needs before the first segment: ladder, init segments, slate. Until
//! these are at the origin no programme is published.

use bytes::Bytes;
use tallylight_schemas::headers::PIPELINE;
use tokio_util::sync::CancellationToken;

use super::plan::hash;
use super::put::{About, Ended, put};
use super::{Object, PackagerError, Shared};
use crate::ladder::Track;
use crate::mp4;

/// See [`super::Packager::announce`].
pub(crate) async fn announce(
    shared: &Shared,
    cancel: &CancellationToken,
) -> Result<bool, PackagerError> {
    let ladder = &shared.plan.ladder;
    let root = format!("/live/{}", ladder.stream);
    let json = serde_json::to_vec(ladder)
        .map_err(|error| PackagerError::Ladder(vec![error.to_string()]))?;
    let object = Object {
        path: format!("{root}/ladder.json"),
        content_type: "application/json",
        headers: common(shared, &json),
        body: json.into(),
    };
    if !offer(shared, object, "", cancel).await? {
        return Ok(false);
    }
    for ((track, init), slates) in
        ladder.tracks.iter().zip(&shared.plan.inits).zip(&shared.plan.slates)
    {
        let object = Object {
            path: format!("{root}/{}/{}", track.name, track.init),
            content_type: media_type(track),
            headers: common(shared, init),
            body: init.clone(),
        };
        if !offer(shared, object, &track.name, cancel).await? {
            return Ok(false);
        }
        for (number, slate) in slates {
            let object = slate_object(shared, track, *number, slate)?;
            if !offer(shared, object, &track.name, cancel).await? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn slate_object(
    shared: &Shared,
    track: &Track,
    number: u32,
    slate: &Bytes,
) -> Result<Object, PackagerError> {
    let facts = mp4::facts(slate).map_err(|source| PackagerError::Media {
        track: track.name.clone(),
        what: "its slate",
        source,
    })?;
    let mut headers = common(shared, slate);
    headers.extend(fact_headers(track, &facts));
    let path = format!("/live/{}/{}/slate/{number}.m4s", shared.config.stream, track.name);
    Ok(Object { path, content_type: media_type(track), headers, body: slate.clone() })
}

async fn offer(
    shared: &Shared,
    object: Object,
    track: &str,
    cancel: &CancellationToken,
) -> Result<bool, PackagerError> {
    let path = object.path.clone();
    match put(shared, object, About { track, k: None }, None, cancel).await {
        Ended::Taken => Ok(true),
        Ended::Refused(status) => Err(PackagerError::Refused { path, status }),
        Ended::TimeUp => Ok(false),
    }
}

/// The media type of a track's files.
pub(crate) fn media_type(track: &Track) -> &'static str {
    if track.is_video() { "video/mp4" } else { "audio/mp4" }
}

/// The headers of every object: its pipeline and its hash.
pub(crate) fn common(shared: &Shared, body: &[u8]) -> Vec<(&'static str, String)> {
    vec![(PIPELINE, shared.config.pipeline.clone()), ("tallylight-hash", hash(body))]
}

/// The headers with a segment's measured facts.
pub(crate) fn fact_headers(
    track: &Track,
    facts: &mp4::SegmentFacts,
) -> [(&'static str, String); 4] {
    [
        ("tallylight-frames", facts.frames.to_string()),
        ("tallylight-duration", facts.duration.to_string()),
        ("tallylight-timescale", track.timescale.to_string()),
        ("tallylight-tfdt", facts.tfdt.to_string()),
    ]
}
