//! The media thread: pushes each frame and audio block when the wall clock reaches it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::feed::{Feed, Outlet};
use super::meter::Meter;
use super::pure::draw::Canvas;
use super::pure::jump::JumpWatch;
use super::pure::tone;
use super::{EncoderError, Faults, Parts, Settings};
use crate::ladder::AAC_FRAME;
use crate::packager::InputFacts;

/// The longest wait between two checks of the clocks, so that a jump is noticed soon.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The shortest wait, for when media that is due waits for the encoders.
const SHORTEST_WAIT: Duration = Duration::from_millis(2);

/// The next frame and audio block, counted from the epoch.
struct Position {
    frame: u64,
    block: u64,
}

/// The sources of picture and audio, and the meter that measures them before they are coded.
struct Studio {
    canvas: Canvas,
    samples: Vec<f32>,
    meter: Meter,
}

/// Unix µs at which `units` of `per` a second have passed, rounded up.
fn due_us(units: u64, per: u32) -> i64 {
    let us = (u128::from(units) * 1_000_000).div_ceil(u128::from(per.max(1)));
    i64::try_from(us).unwrap_or(i64::MAX)
}

/// Runs on its own thread until cancelled or until it must be restarted. Starts at a segment
/// boundary, so that every fragment is complete.
pub(super) fn run(
    settings: &Settings,
    parts: &Parts,
    facts: &Arc<InputFacts>,
    outlet: &Outlet,
    runtime: &Handle,
    cancel: &CancellationToken,
) -> Result<(), EncoderError> {
    let feed = Feed::start(settings, false, outlet)?;
    let (width, height) =
        settings.rungs.first().map_or((640, 360), |r| (r.width as usize, r.height as usize));
    let (clock, timing) = (&parts.clock, (settings.grid, settings.fps));
    let mut studio = Studio {
        canvas: Canvas::programme(width, height, settings.fps),
        samples: vec![0.0; AAC_FRAME as usize],
        meter: Meter::new(facts, timing, settings.audio.rate, (width, height)),
    };
    let mut watch = JumpWatch::default();
    let started = Instant::now();
    let k = settings.grid.k_at(clock.now_us()) + 1;
    let rate = settings.audio.rate;
    let mut next = Position {
        frame: k * u64::from(settings.grid.frames(settings.fps).unwrap_or(50)),
        block: settings.grid.first_audio_sample(k, rate, AAC_FRAME) / u64::from(AAC_FRAME),
    };
    // A picture that is frozen from the start is a frame as well: without its strip it would be
    // unknown to the meter, not still.
    studio.canvas.draw(next.frame);
    tracing::info!(k, "the live programme starts");
    loop {
        let now = clock.now_us();
        let steady = i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX);
        if let Some(by_us) = watch.look(now, steady) {
            return Err(EncoderError::ClockJumped { by_ms: by_us / 1_000 });
        }
        feed.check()?;
        push_due(settings, (&feed, &parts.faults), now, &mut next, &mut studio)?;
        // A block of audio is due when its last sample is.
        let block_us = due_us((next.block + 1) * u64::from(AAC_FRAME), rate);
        let wake_us = due_us(next.frame, settings.fps).min(block_us);
        let wait = u64::try_from(wake_us.saturating_sub(clock.now_us())).unwrap_or(0);
        let wait = Duration::from_micros(wait).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        let cancelled =
            runtime.block_on(async { tokio::time::timeout(wait, cancel.cancelled()).await });
        if cancelled.is_ok() {
            return Ok(());
        }
    }
}

/// Pushes everything that is due at `now`. A delay is made up for at once, up to one segment:
/// media later than that would arrive after its slate time.
fn push_due(
    settings: &Settings,
    (feed, faults): (&Feed, &Faults),
    now: i64,
    next: &mut Position,
    studio: &mut Studio,
) -> Result<(), EncoderError> {
    let late_us = now.saturating_sub(due_us(next.frame, settings.fps));
    if late_us > settings.grid.duration_us() {
        return Err(EncoderError::Behind { late_ms: late_us / 1_000 });
    }
    let (rate, block) = (settings.audio.rate, u64::from(AAC_FRAME));
    while due_us(next.frame, settings.fps) <= now && !feed.is_full() {
        if !faults.is_frozen() {
            studio.canvas.draw(next.frame);
        }
        studio.meter.frame(next.frame, studio.canvas.pixels());
        feed.push_video(next.frame, studio.canvas.pixels())?;
        next.frame += 1;
    }
    while due_us((next.block + 1) * block, rate) <= now && !feed.is_full() {
        tone::write(next.block * block, rate, &mut studio.samples);
        studio.meter.block(next.block * block, &studio.samples);
        feed.push_audio(next.block * block, &studio.samples)?;
        next.block += 1;
    }
    Ok(())
}
