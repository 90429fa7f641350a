//! `PlaybackStats` of AndroidX Media3.

use super::{Formulas, figures, ratio};

pub(super) const FORMULAS: Formulas = Formulas {
    view: "qoe_media3",
    about: "Like PlaybackStats of AndroidX Media3: shares of the time playing and waiting, where \
            waiting is joining, seeking and rebuffering. Preloading is not foreground playback and \
            does not count.",
    figures: figures! {
        sums {
            "foreground_playbacks" = "COUNT(*)", "Playbacks that were requested to play.";
            "abandoned_before_ready" = "COUNT(*) FILTER (WHERE first_frame_at IS NULL)",
                "Playbacks that never showed a frame, including failed ones.";
            "fatal_errors" = "COUNT(*) FILTER (WHERE outcome IN ('start_failed', 'failed'))",
                "Playbacks with a fatal error.";
            "valid_joins" = "COUNT(startup_ms)", "Playbacks whose join time is known.";
            "valid_join_ms" "ms" = "SUM(startup_ms)", "Their join times.";
            "join_ms" "ms" = "SUM(starting_ms)",
                "Time joining, including playbacks that never showed a frame.";
            "play_ms" "ms" = "SUM(playing_ms)", "Time playing.";
            "rebuffer_ms" "ms" = "SUM(rebuffering_ms)", "Time rebuffering.";
            "rebuffers" = "SUM(rebuffer_count)", "Rebuffers.";
            "seek_ms" "ms" = "SUM(seeking_ms)", "Time seeking.";
            "seeks" = "SUM(seek_count)", "Seeks.";
            "wait_ms" "ms" = "SUM(starting_ms + seeking_ms + rebuffering_ms)",
                "Time joining, seeking and rebuffering.";
            "play_and_wait_ms" "ms" = "SUM(playing_ms + starting_ms + seeking_ms + rebuffering_ms)",
                "Time playing and waiting.";
            "bitrate_kbps_ms" "kbps·ms" = "SUM(bitrate_kbps_ms)", "Bitrate × playing time.";
            "bitrate_ms" "ms" = "SUM(bitrate_ms)", "Playing time of known bitrate.";
        }
        ratios {
            "abandoned_before_ready_pct" "%" =
                ratio(100.0, "abandoned_before_ready", "foreground_playbacks"),
                "abandonedBeforeReadyRatio.";
            "fatal_error_pct" "%" = ratio(100.0, "fatal_errors", "foreground_playbacks"),
                "fatalErrorRatio.";
            "mean_join_ms" "ms" = ratio(1.0, "valid_join_ms", "valid_joins"), "meanJoinTimeMs.";
            "join_time_pct" "%" = ratio(100.0, "join_ms", "play_and_wait_ms"), "joinTimeRatio.";
            "rebuffer_time_pct" "%" = ratio(100.0, "rebuffer_ms", "play_and_wait_ms"),
                "rebufferTimeRatio.";
            "seek_time_pct" "%" = ratio(100.0, "seek_ms", "play_and_wait_ms"), "seekTimeRatio.";
            "wait_time_pct" "%" = ratio(100.0, "wait_ms", "play_and_wait_ms"), "waitTimeRatio.";
            "rebuffers_per_min" "/min" = ratio(60_000.0, "rebuffers", "play_ms"),
                "rebufferRate, per minute of playing.";
            "mean_rebuffer_ms" "ms" = ratio(1.0, "rebuffer_ms", "rebuffers"),
                "meanSingleRebufferTimeMs.";
            "mean_seek_ms" "ms" = ratio(1.0, "seek_ms", "seeks"), "meanSingleSeekTimeMs.";
            "mean_bitrate_kbps" "kbps" = ratio(1.0, "bitrate_kbps_ms", "bitrate_ms"),
                "meanVideoFormatBitrate.";
        }
    },
    missing: &[
        "droppedFramesRate: dropped frames are in `sessions` (`dropped_frames`, the player's own count \
         `dfa`); the view has no figure for them yet.",
        "Mean height and audio format: CMCD carries neither.",
        "Joins interrupted by a seek or a pause are valid here, but not in Media3.",
    ],
};
