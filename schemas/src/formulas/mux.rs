//! The formulas that Mux Data documents.

use super::{Formulas, Part, figures, ratio};

pub(super) const FORMULAS: Formulas = Formulas {
    view: "qoe_mux",
    about: "Like Mux Data: shares of all views, whatever their outcome, and scores from 0 to 100 \
            averaged over views. Rebuffering time while the player is hidden does not count.",
    figures: figures! {
        sums {
            "views" = "COUNT(*)", "Views: attempts to play.";
            "failures" = "COUNT(*) FILTER (WHERE outcome IN ('start_failed', 'failed'))",
                "Views with a fatal error at any point.";
            "start_failures" = "COUNT(*) FILTER (WHERE outcome = 'start_failed')",
                "Views with a fatal error before the first frame.";
            "exits_before_start" =
                "COUNT(*) FILTER (WHERE outcome = 'exit_before_start' AND waited_ms >= 1000)",
                "Views abandoned before the first frame after a wait of at least 1 s.";
            "started" = "COUNT(startup_ms)", "Views with a startup time.";
            "watch_ms" "ms" = "SUM(starting_ms + playing_ms + rebuffering_ms + seeking_ms \
                - background_rebuffering_ms)", "Watch time: from request to end, without pauses and hidden rebuffering.";
            "rebuffer_ms" "ms" = "SUM(rebuffering_ms - background_rebuffering_ms)",
                "Time rebuffering in view.";
            "rebuffers" = "SUM(rebuffer_count)", "Rebuffers, including those while hidden.";
            "bitrate_kbps_ms" "kbps·ms" = "SUM(bitrate_kbps_ms)", "Bitrate × playing time.";
            "bitrate_ms" "ms" = "SUM(bitrate_ms)", "Playing time of known bitrate.";
            "scored" = "COUNT(*) FILTER (WHERE outcome <> 'exit_before_start' OR waited_ms >= 1000)",
                "Views with a success score: all except those abandoned within 1 s.";
            "success_points" = "SUM(CASE WHEN outcome IN ('start_failed', 'failed') THEN 0.0 \
                WHEN outcome = 'played' THEN 100.0 WHEN waited_ms >= 1000 THEN 50.0 ELSE 0.0 END)",
                "100 for a view that played, 50 for an exit before start, 0 for a failure.";
            "startup_points" = "SUM(800.0 / (8.0 + startup_ms / 1000.0))",
                "100 × 8 / (8 + startup in s).";
            "plays" = "COUNT(first_frame_at)", "Views with a first frame.";
            "smoothness_points" = "SUM(CASE WHEN first_frame_at IS NOT NULL THEN \
                50.0 / sqrt(1.0 + power(rebuffer_count / 2.0, 2)) + 50.0 * exp(-10.0 * \
                (rebuffering_ms - background_rebuffering_ms) / (1.0 * greatest(1, starting_ms \
                + playing_ms + rebuffering_ms + seeking_ms - background_rebuffering_ms))) END)",
                "Mean of 100 / √(1 + (rebuffers / 2)²) and 100 e^(−10 × rebuffer share).";
        }
        ratios {
            "exits_before_start_pct" "%" = ratio(100.0, "exits_before_start", "views"),
                "Exits before video start.";
            "playback_failure_pct" "%" = ratio(100.0, "failures", "views"), "Playback failures.";
            "startup_failure_pct" "%" = ratio(100.0, "start_failures", "views"),
                "Video startup failures.";
            "rebuffer_pct" "%" = ratio(100.0, "rebuffer_ms", "watch_ms"), "Rebuffer percentage.";
            "rebuffers_per_view" = ratio(1.0, "rebuffers", "views"), "Rebuffer count.";
            "rebuffers_per_min" "/min" = ratio(60_000.0, "rebuffers", "watch_ms"),
                "Rebuffer frequency, per minute watched.";
            "rebuffer_s_per_view" "s" = ratio(0.001, "rebuffer_ms", "views"), "Rebuffer duration.";
            "startup_p50_ms" "ms" = Part::Of {
                sql: "percentile_cont(0.5) WITHIN GROUP (ORDER BY startup_ms)", den: "started",
            }, "Video startup time, median.";
            "avg_bitrate_kbps" "kbps" = ratio(1.0, "bitrate_kbps_ms", "bitrate_ms"),
                "Weighted average bitrate.";
            "playback_success_score" = ratio(1.0, "success_points", "scored"),
                "Playback success score.";
            "startup_time_score" = ratio(1.0, "startup_points", "started"), "Startup time score.";
            "smoothness_score" = ratio(1.0, "smoothness_points", "plays"), "Smoothness score.";
        }
    },
    missing: &[
        "Video quality score and upscaling: these need the sizes of video and player, which CMCD \
         does not carry.",
        "Overall viewer experience: its weights are not published.",
        "Business exceptions: no key distinguishes them from other errors.",
        "Figures of the monitoring product are shares of current viewers; see the metrics over \
         `playback`.",
    ],
};
