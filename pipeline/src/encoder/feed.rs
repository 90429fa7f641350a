//! The GStreamer pipeline: raw pictures and audio in, CMAF pieces per track out.
//!
//! Timestamps are Unix time throughout and come from frame and sample indices alone. The
//! pipeline's clock is not used: the caller that pushes sets the pace.

mod describe;
mod taps;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as app;

use super::{EncoderError, Settings};
use crate::packager::Piece;

/// Receives the pieces of a track: index in the ladder (audio last), piece.
pub(super) type Outlet = Arc<dyn Fn(usize, Piece) + Send + Sync>;

/// Frames and audio blocks that may wait before the encoders.
const WAITING: u64 = 8;

/// A running pipeline. Stops when dropped.
pub(super) struct Feed {
    pipeline: gst::Pipeline,
    video: app::AppSrc,
    audio: app::AppSrc,
    fps: u32,
    rate: u32,
    /// First sample pushed; the muxer's probe counts from it.
    first_sample: Arc<AtomicU64>,
}

pub(super) fn failed(error: impl std::fmt::Display) -> EncoderError {
    EncoderError::Media(error.to_string())
}

/// Initialises GStreamer and the muxer once per process: both are process-wide.
fn init() -> Result<(), EncoderError> {
    static READY: OnceLock<Result<(), String>> = OnceLock::new();
    let ready = READY.get_or_init(|| {
        gst::init().map_err(|error| error.to_string())?;
        gstfmp4::plugin_register_static().map_err(|error| error.to_string())
    });
    ready.clone().map_err(EncoderError::Media)
}

impl Feed {
    /// Builds and starts the pipeline. With `wait`, pushing waits for the encoders (rendering ahead
    /// of time); otherwise the caller checks [`Feed::is_full`] before it pushes.
    pub(super) fn start(
        settings: &Settings,
        wait: bool,
        outlet: &Outlet,
    ) -> Result<Self, EncoderError> {
        init()?;
        let pipeline = gst::parse::launch(&describe::describe(settings, wait)).map_err(failed)?;
        let pipeline = pipeline.downcast::<gst::Pipeline>().map_err(|_| failed("no pipeline"))?;
        let source = |name: &str| -> Result<app::AppSrc, EncoderError> {
            let found = pipeline.by_name(name).and_then(|e| e.downcast::<app::AppSrc>().ok());
            found.ok_or_else(|| failed("an appsrc is missing"))
        };
        let (video, audio) = (source("video")?, source("audio")?);
        for track in 0..=settings.rungs.len() {
            taps::collect(&pipeline, track, outlet)?;
        }
        let first_sample = Arc::new(AtomicU64::new(0));
        let mux = pipeline.by_name(&format!("mux{}", settings.rungs.len()));
        let pad = mux
            .and_then(|mux| mux.sink_pads().into_iter().next())
            .ok_or_else(|| failed("no audio muxer"))?;
        taps::split_audio(&pad, settings.grid, settings.audio.rate, Arc::clone(&first_sample));
        pipeline.set_state(gst::State::Playing).map_err(failed)?;
        Ok(Self {
            pipeline,
            video,
            audio,
            fps: settings.fps,
            rate: settings.audio.rate,
            first_sample,
        })
    }

    /// Pushes frame `n` of the epoch.
    pub(super) fn push_video(&self, n: u64, pixels: &[u8]) -> Result<(), EncoderError> {
        push(&self.video, pixels.to_vec(), n, u64::from(self.fps), n + 1)
    }

    /// Pushes the audio from sample `first` of the epoch on.
    pub(super) fn push_audio(&self, first: u64, samples: &[f32]) -> Result<(), EncoderError> {
        let _ = self.first_sample.compare_exchange(0, first, Ordering::AcqRel, Ordering::Acquire);
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        push(&self.audio, bytes, first, u64::from(self.rate), first + samples.len() as u64)
    }

    /// Whether the encoders have fallen behind what was pushed.
    pub(super) fn is_full(&self) -> bool {
        self.video.current_level_buffers() > WAITING || self.audio.current_level_buffers() > WAITING
    }

    /// Returns an error that the pipeline has met since the last check.
    pub(super) fn check(&self) -> Result<(), EncoderError> {
        let Some(bus) = self.pipeline.bus() else { return Ok(()) };
        match bus.pop_filtered(&[gst::MessageType::Error]) {
            Some(message) => Err(error_of(&message)),
            None => Ok(()),
        }
    }

    /// Ends the input and waits until every encoder is empty.
    pub(super) fn finish(&self) -> Result<(), EncoderError> {
        self.video.end_of_stream().map_err(failed)?;
        self.audio.end_of_stream().map_err(failed)?;
        let bus = self.pipeline.bus().ok_or_else(|| failed("no bus"))?;
        let kinds = [gst::MessageType::Error, gst::MessageType::Eos];
        match bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &kinds) {
            Some(message) if message.type_() == gst::MessageType::Eos => Ok(()),
            Some(message) => Err(error_of(&message)),
            None => Err(failed("the encoders did not finish within 60 s")),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(%error, "the media pipeline did not stop");
        }
    }
}

fn error_of(message: &gst::Message) -> EncoderError {
    match message.view() {
        gst::MessageView::Error(error) => {
            failed(format!("{} ({:?})", error.error(), error.debug()))
        }
        _ => failed("an unexpected message"),
    }
}

/// `units / per` seconds in whole nanoseconds, rounded up so that the muxer, which rounds down
/// to its timescale, comes back to the same unit.
fn time(units: u64, per: u64) -> gst::ClockTime {
    let ns = (u128::from(units) * 1_000_000_000).div_ceil(u128::from(per.max(1)));
    gst::ClockTime::from_nseconds(u64::try_from(ns).unwrap_or(0))
}

fn push(
    to: &app::AppSrc,
    bytes: Vec<u8>,
    from: u64,
    per: u64,
    until: u64,
) -> Result<(), EncoderError> {
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(time(from, per));
        buffer.set_duration(time(until, per).saturating_sub(time(from, per)));
    }
    to.push_buffer(buffer).map(|_| ()).map_err(failed)
}
