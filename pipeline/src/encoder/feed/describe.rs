//! The pipeline's description.

use std::fmt::Write;

use super::WAITING;
use crate::encoder::Settings;

/// The pipeline in GStreamer's own words. x264 gets one thread per rung: slices cost bits, and
/// the rungs already run beside each other.
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
        let _ = write!(
            text,
            "t. ! queue max-size-buffers={WAITING} max-size-bytes=0 max-size-time=0 ! videoscale ! \
             video/x-raw,width={},height={},pixel-aspect-ratio=1/1 ! \
             x264enc bitrate={} vbv-buf-capacity=500 tune=zerolatency speed-preset={preset} threads=1 \
             sliced-threads=false key-int-max={gop} bframes=0 option-string=\"scenecut=0:open-gop=0\" ! \
             video/x-h264,profile=high,stream-format=avc,alignment=au ! \
             cmafmux name=mux{at} fragment-duration={fragment} {mux} ! appsink name=sink{at} {sink} ",
            rung.width, rung.height, rung.kbps
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
