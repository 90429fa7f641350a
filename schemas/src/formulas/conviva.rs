//! The formulas that Conviva publishes.

use super::{Formulas, Part, figures, ratio};

pub(super) const FORMULAS: Formulas = Formulas {
    view: "qoe_conviva",
    about: "Like Conviva: figures about the time before the first frame are shares of attempts, \
            later ones shares of ended plays. An attempt without a frame is a start failure if it \
            had a fatal error, else an exit, however short the wait.",
    figures: figures! {
        sums {
            "attempts" = "COUNT(*)", "Attempts: a click, or autoplay.";
            "ended_plays" = "COUNT(first_frame_at)", "Ended attempts that showed a first frame.";
            "exits_before_start" = "COUNT(*) FILTER (WHERE outcome = 'exit_before_start')",
                "Attempts that ended before a first frame without a fatal error.";
            "start_failures" = "COUNT(*) FILTER (WHERE outcome = 'start_failed')",
                "Attempts that failed before a first frame.";
            "failures" = "COUNT(*) FILTER (WHERE outcome = 'failed')",
                "Plays that ended in a fatal error.";
            "started" = "COUNT(startup_ms)", "Plays with a startup time.";
            "startup_ms" "ms" = "SUM(startup_ms)", "Startup times.";
            "interrupted" = "COUNT(*) FILTER (WHERE rebuffer_count > 0)",
                "Plays with a rebuffer outside startup and seeks.";
            "buffering_ms" "ms" = "SUM(rebuffering_ms)",
                "Time rebuffering, outside startup and seeks.";
            "buffering_and_playing_ms" "ms" = "SUM(rebuffering_ms + playing_ms)",
                "The same plus time playing.";
            "bitrate_kbps_ms" "kbps·ms" = "SUM(bitrate_kbps_ms)", "Bitrate × playing time.";
            "bitrate_ms" "ms" = "SUM(bitrate_ms)", "Playing time of known bitrate.";
        }
        ratios {
            "plays_pct" "%" = ratio(100.0, "ended_plays", "attempts"), "Plays.";
            "ebvs_pct" "%" = ratio(100.0, "exits_before_start", "attempts"),
                "Exits before video start (EBVS).";
            "vsf_pct" "%" = ratio(100.0, "start_failures", "attempts"), "Video start failures (VSF).";
            "vpf_pct" "%" = ratio(100.0, "failures", "ended_plays"), "Video playback failures (VPF).";
            "avg_vst_s" "s" = ratio(0.001, "startup_ms", "started"), "Video startup time (VST).";
            "vst_p50_ms" "ms" = Part::Of {
                sql: "percentile_cont(0.5) WITHIN GROUP (ORDER BY startup_ms)", den: "started",
            }, "Video startup time, median.";
            "cirr_pct" "%" = ratio(100.0, "buffering_ms", "buffering_and_playing_ms"),
                "Connection-induced rebuffering ratio (CIRR).";
            "interrupted_plays_pct" "%" = ratio(100.0, "interrupted", "ended_plays"),
                "Plays with a connection-induced interruption.";
            "avg_bitrate_kbps" "kbps" = ratio(1.0, "bitrate_kbps_ms", "bitrate_ms"),
                "Average bitrate.";
        }
    },
    missing: &[
        "The exact windows that CIRR excludes are not published; here startup and seeks are \
         excluded, ads and bitrate switches are not.",
        "VSF-T, VSF-B, VPF-T, VPF-B: no key distinguishes technical from business errors.",
        "VRT: the end of a seek cannot be distinguished from the rebuffering after it; \
         `qoe_media3` has the time per seek.",
        "Concurrent plays: see `viewers` in `playback`, which include those still starting.",
        "SPI: each customer sets its thresholds for bitrate and startup.",
    ],
};
