//! The loop source: a short recording of our own programme, shifted to the current time. For
//! machines without GStreamer, and for tests that need a cheap stream.
//!
//! Recorded segment `K mod 4` is used for segment K. Four segments of 2 s hold exactly 375 AAC
//! frames, so the audio stays on the 1,024-sample grid in every repetition.

mod recording;

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use super::pure::jump::JumpWatch;
use super::{EncoderError, Parts, Settings, finish, packager};
use crate::ladder::{Ladder, Track};
use crate::mp4;
use crate::packager::{Fed, Input, InputFacts, Piece, TrackInput, TrackMedia};
use recording::{RECORDING, Recorded};

/// Segments in the recording.
pub(super) const LENGTH: u64 = recording::LENGTH as u64;

/// How long after its end a segment is ready, µs: as long as the live encoder takes.
const READY: i64 = 40_000;

/// The longest wait between two checks of the clocks.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

fn media() -> Vec<TrackMedia> {
    let tracks = RECORDING.iter().map(|track| TrackMedia {
        name: track.name.to_owned(),
        bandwidth: track.bandwidth,
        init: track.init.to_vec(),
        slates: track.slates.iter().map(|slate| slate.to_vec()).collect(),
    });
    tracks.collect()
}

/// See [`super::run`].
pub(super) async fn run(
    settings: &Settings,
    parts: &Parts,
    cancel: &CancellationToken,
) -> Result<(), EncoderError> {
    let (packager, facts, reporter) = packager(settings, parts, media())?;
    if !packager.announce(cancel).await? {
        return Ok(());
    }
    let (inputs, mut running) = packager.start(cancel);
    let result = tokio::select! {
        result = play(settings, parts, (packager.ladder(), &facts), &inputs) => result,
        result = running.wait() => result.map_err(EncoderError::from),
        () = cancel.cancelled() => Ok(()),
    };
    drop(inputs);
    let published = running.wait().await;
    finish(&packager, reporter).await;
    result.and(published.map_err(EncoderError::from))
}

/// Hands over each segment once it has ended.
async fn play(
    settings: &Settings,
    parts: &Parts,
    (ladder, facts): (&Ladder, &InputFacts),
    inputs: &[TrackInput],
) -> Result<(), EncoderError> {
    let (clock, started) = (&parts.clock, Instant::now());
    let mut watch = JumpWatch::default();
    let mut k = settings.grid.k_at(clock.now_us());
    // The segment whose picture is shown; it does not advance while the picture is frozen.
    let mut shown = k;
    loop {
        let now = clock.now_us();
        let steady = i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX);
        if let Some(by_us) = watch.look(now, steady) {
            return Err(EncoderError::ClockJumped { by_ms: by_us / 1_000 });
        }
        let left = settings.grid.closed_us(k).saturating_add(READY).saturating_sub(now);
        if let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) {
            tokio::time::sleep(Duration::from_micros(left).min(LONGEST_WAIT)).await;
            continue;
        }
        shown = if parts.faults.is_frozen() { shown.min(k) } else { k };
        record_input(facts, k, shown, settings);
        for ((track, recorded), input) in ladder.tracks.iter().zip(&RECORDING).zip(inputs) {
            let of = if track.is_video() { shown } else { k };
            input.offer(Piece::Segment(moved(ladder, track, recorded, k, of)?));
        }
        k += 1;
    }
}

/// Records the input of segment `k`. The recording's pictures cannot be read without decoding, so
/// their position in the programme stands for them: it is the same in every encoder, and the
/// picture is frozen when it does not advance.
fn record_input(facts: &InputFacts, k: u64, shown: u64, settings: &Settings) {
    let hash = |of: u64| xxh3_64(&of.to_le_bytes());
    let frames = settings.grid.frames(settings.fps).unwrap_or(0);
    let still = if shown == k { 0 } else { frames };
    facts.put(Input::Video, k, Fed { hash: hash(shown), still });
    facts.put(Input::Audio, k, Fed { hash: hash(k), still: 0 });
}

/// Recorded segment `of`, moved to the time of segment `k`.
fn moved(
    ladder: &Ladder,
    track: &Track,
    recorded: &Recorded,
    k: u64,
    of: u64,
) -> Result<Bytes, EncoderError> {
    let wrong =
        |source| EncoderError::Segment { what: format!("recorded track {}", track.name), source };
    let index = usize::try_from(of % LENGTH).unwrap_or(0);
    let segment =
        recorded.segments.get(index).ok_or_else(|| wrong(mp4::Mp4Error::Missing("segment")))?;
    let tfdt = ladder.tfdt(track, k).ok_or_else(|| wrong(mp4::Mp4Error::Missing("tfdt")))?;
    let sequence = u32::try_from(k & u64::from(u32::MAX)).unwrap_or(0);
    mp4::retime(segment, tfdt, sequence).map(Bytes::from).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packager::{Config, Plan, check_fragment};

    #[test]
    fn every_segment_of_the_loop_passes_the_packagers_check() {
        let Settings { stream, pipeline, grid, fps, .. } = Settings::default();
        let plan = Plan::new(&Config { stream, pipeline, grid, fps }, media()).unwrap();
        for k in 897_500_003..897_500_012 {
            for (track, recorded) in plan.ladder.tracks.iter().zip(&RECORDING) {
                let bytes = moved(&plan.ladder, track, recorded, k, k).unwrap();
                let checked = check_fragment(&plan.ladder, track, &bytes);
                assert_eq!(checked.map(|c| c.k), Ok(k), "{} {k}", track.name);
            }
        }
    }

    #[test]
    fn the_recording_is_small() {
        let size = |t: &Recorded| {
            t.init.len() + t.segments.iter().chain(t.slates).map(|s| s.len()).sum::<usize>()
        };
        let total: usize = RECORDING.iter().map(size).sum();
        assert!(total <= 2_000_000, "{total} bytes");
    }
}
