//! The pipeline's description.

use std::fmt::Write;

use super::WAITING;
use crate::encoder::{Codec, Rung, Settings};

/// The pipeline in GStreamer's launch syntax. x264 gets one thread per rung: slices cost bits,
/// and the rungs already run in parallel.
pub(super) fn describe(settings: &Settings, wait: bool) -> String {
    let Settings { grid, fps, rungs, audio, preset, .. } = settings;
    let (width, height) = rungs.first().map_or((640, 360), |rung| (rung.width, rung.height));
    let source = format!("format=time max-buffers={WAITING} max-bytes=0 block={wait}");
    let fragment = u64::try_from(grid.duration_us()).unwrap_or(0) * 1_000;
    let sink = "sync=false async=false buffer-list=true";
    let mux = "header-update-mode=none send-force-keyunit=false";
    let gop = grid.frames(*fps).unwrap_or(50);
    let mut text = format!(
        "appsrc name=video {source} caps=\"video/x-raw,format=I420,width={width},height={height},\
         framerate={fps}/1,pixel-aspect-ratio=1/1,interlace-mode=progressive\" ! tee name=t "
    );
    for (at, rung) in rungs.iter().enumerate() {
        let coder = coder(rung, preset, gop);
        let _ = write!(
            text,
            "t. ! queue max-size-buffers={WAITING} max-size-bytes=0 max-size-time=0 ! videoscale ! \
             video/x-raw,width={},height={},pixel-aspect-ratio=1/1 ! {coder} ! \
             cmafmux name=mux{at} fragment-duration={fragment} {mux} ! appsink name=sink{at} {sink} ",
            rung.width, rung.height
        );
    }
    let (at, rate, bits) = (rungs.len(), audio.rate, audio.kbps * 1_000);
    let _ = write!(
        text,
        "appsrc name=audio {source} caps=\"audio/x-raw,format=F32LE,rate={rate},channels=1,layout=interleaved\" ! \
         audioconvert ! avenc_aac bitrate={bits} ! aacparse ! \
         cmafmux name=mux{at} manual-split=true {mux} ! appsink name=sink{at} {sink}"
    );
    text
}

/// One thread per rung, no frame that refers to a later one, one closed group of pictures per
/// segment, and no encoder information in the stream.
fn coder(rung: &Rung, preset: &str, gop: u32) -> String {
    let Rung { kbps, codec, .. } = rung;
    match codec {
        Codec::Avc => format!(
            "x264enc bitrate={kbps} vbv-buf-capacity=500 tune=zerolatency speed-preset={preset} threads=1 \
             sliced-threads=false key-int-max={gop} bframes=0 option-string=\"scenecut=0:open-gop=0\" ! \
             video/x-h264,profile=high,stream-format=avc,alignment=au"
        ),
        Codec::Hevc => format!(
            "x265enc bitrate={kbps} tune=zerolatency speed-preset={preset} key-int-max={gop} \
             option-string=\"scenecut=0:open-gop=0:bframes=0:rc-lookahead=0:frame-threads=1:pools=none:\
             info=0:vbv-maxrate={kbps}:vbv-bufsize={buffer}:min-keyint={gop}\" ! h265parse ! \
             video/x-h265,stream-format=hvc1,alignment=au",
            buffer = kbps / 2
        ),
    }
}
