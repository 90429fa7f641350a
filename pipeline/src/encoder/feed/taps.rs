//! Where coded media leaves the pipeline, and where its timestamps are corrected.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as app;
use tallylight_schemas::grid::Grid;

use super::{Outlet, failed, time};
use crate::encoder::EncoderError;
use crate::ladder::AAC_FRAME;
use crate::packager::Piece;

/// Passes each buffer list of a track's sink to `outlet`, as pieces.
pub(super) fn collect(
    pipeline: &gst::Pipeline,
    track: usize,
    outlet: &Outlet,
) -> Result<(), EncoderError> {
    let sink =
        pipeline.by_name(&format!("sink{track}")).and_then(|e| e.downcast::<app::AppSink>().ok());
    let sink = sink.ok_or_else(|| failed("an appsink is missing"))?;
    let outlet = Arc::clone(outlet);
    let take = move |sink: &app::AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let list = sample.buffer_list().ok_or(gst::FlowError::Error)?;
        let mut media = Vec::new();
        for buffer in list {
            let bytes = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
            if buffer.flags().contains(gst::BufferFlags::DISCONT | gst::BufferFlags::HEADER) {
                outlet(track, Piece::Init(Bytes::copy_from_slice(&bytes)));
            } else {
                media.extend_from_slice(&bytes);
            }
        }
        if !media.is_empty() {
            outlet(track, Piece::Segment(media.into()));
        }
        Ok(gst::FlowSuccess::Ok)
    };
    sink.set_callbacks(app::AppSinkCallbacks::builder().new_sample(take).build());
    Ok(())
}

/// Puts coded audio on the 1,024-sample grid and cuts it at the first frame of each segment.
///
/// AAC's first packet only primes the decoder: it is dropped, and packet `i` after it gets the
/// time of input block `i`, whose audio a decoder outputs for it.
pub(super) fn split_audio(pad: &gst::Pad, grid: Grid, rate: u32, first: Arc<AtomicU64>) {
    let packets = AtomicU64::new(0);
    let next_cut = AtomicU64::new(0);
    let step = u64::from(AAC_FRAME);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some(gst::PadProbeData::Buffer(ref mut buffer)) = info.data else {
            return gst::PadProbeReturn::Ok;
        };
        let Some(packet) = packets.fetch_add(1, Ordering::Relaxed).checked_sub(1) else {
            // Not `Drop`: the bindings and GStreamer 1.22 would both release the buffer.
            info.data = None;
            return gst::PadProbeReturn::Handled;
        };
        let sample = first.load(Ordering::Acquire) + packet * step;
        let (from, to) = (time(sample, rate.into()), time(sample + step, rate.into()));
        let buffer = buffer.make_mut();
        buffer.set_pts(from);
        buffer.set_dts(from);
        buffer.set_duration(to.saturating_sub(from));
        let cut = next_cut.load(Ordering::Relaxed);
        if sample >= cut {
            if cut != 0 {
                let split =
                    gst::Structure::builder("FMP4MuxSplitNow").field("chunk", false).build();
                pad.send_event(gst::event::CustomDownstream::new(split));
            }
            let next_k = grid.k_of(sample, rate) + 1;
            next_cut.store(grid.first_audio_sample(next_k, rate, AAC_FRAME), Ordering::Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
}
