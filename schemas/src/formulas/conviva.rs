//! What Conviva publishes.

use super::{Formulas, Part, figures, ratio};

pub(super) const FORMULAS: Formulas = Formulas {
    view: "qoe_conviva",
    about: "Like Conviva: what comes before the first frame is a share of attempts, what comes \
            after it of ended plays. An attempt with a fatal error is a start failure, any other \
            without a frame an exit, however short the wait.",
    figures: figures! {
        sums {
            "attempts" = "COUNT(*)", "Attempts: a click, or autoplay.";
            "ended_plays" = "COUNT(first_frame_at)", "Attempts that showed a first frame, and ended.";
            "exits_before_start" = "COUNT(*) FILTER (WHERE outcome = 'exit_before_start')",
                "Attempts that ended before a first frame without a fatal error.";
            "start_failures" = "COUNT(*) FILTER (WHERE outcome = 'start_failed')",
                "Attempts that failed before a first frame.";
            "failures" = "COUNT(*) FILTER (WHERE outcome = 'failed')",
                "Plays that ended in a fatal error.";
            "started" = "COUNT(startup_ms)", "Plays with a startup time.";
            "startup_ms" "ms" = "SUM(startup_ms)", "Startup times.";
            "interrupted" = "COUNT(*) FILTER (WHERE rebuffer_count > 0)",
                "Plays with a rebuffer outside of startup and seeks.";
            "buffering_ms" "ms" = "SUM(rebuffering_ms)",
                "Time rebuffering, outside of startup and seeks.";
            "buffering_and_playing_ms" "ms" = "SUM(rebuffering_ms + playing_ms)",
                "The same, and time playing.";
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
            }, "Video startup time, the median.";
            "cirr_pct" "%" = ratio(100.0, "buffering_ms", "buffering_and_playing_ms"),
                "Connection-induced rebuffering ratio (CIRR).";
            "interrupted_plays_pct" "%" = ratio(100.0, "interrupted", "ended_plays"),
                "Plays with a connection-induced interruption.";
            "avg_bitrate_kbps" "kbps" = ratio(1.0, "bitrate_kbps_ms", "bitrate_ms"),
                "Average bitrate.";
        }
    },
    missing: &[
        "The exact windows that CIRR leaves out are not published; here startup and seeks are left \
         out, ads and switches of bitrate are not.",
        "VSF-T, VSF-B, VPF-T, VPF-B: no key tells technical from business errors.",
        "VRT: the end of a seek is not told from the rebuffering after it; `qoe_media3` has the \
         time per seek.",
        "Concurrent plays: over `playback`, whose `viewers` include those still starting.",
        "SPI: its thresholds of bitrate and startup are set by each customer.",
    ],
};
