//! CTA-2066, according to its public draft of 2019.

use super::{Formulas, Part, figures, ratio};

pub(super) const FORMULAS: Formulas = Formulas {
    view: "qoe_cta2066",
    about: "CTA-2066: averages over sessions, ratios of sums over watched time, which includes \
            startup, stalls and seeks and excludes pauses.",
    figures: figures! {
        sums {
            "sessions" = "COUNT(*)", "Sessions in which playback was requested.";
            "failed" = "COUNT(*) FILTER (WHERE outcome IN ('start_failed', 'failed'))",
                "Sessions that failed, before or after the first frame.";
            "started" = "COUNT(startup_ms)",
                "Sessions with a startup time; a missing one is left out, never counted as zero.";
            "startup_ms" "ms" = "SUM(startup_ms)", "Startup times, from request to first frame.";
            "stalls" = "SUM(rebuffer_count)", "Stalls; startup and seeks do not count.";
            "stalled_ms" "ms" = "SUM(rebuffering_ms)", "Time stalled.";
            "watched_ms" "ms" = "SUM(starting_ms + playing_ms + rebuffering_ms + seeking_ms)",
                "Time from request to pause or end.";
            "bits_played" "bit" = "SUM(bitrate_kbps_ms)", "Bitrate × media time (kbps × ms = bits).";
            "media_ms" "ms" = "SUM(bitrate_ms)", "Media time of known bitrate.";
        }
        ratios {
            "playback_failure_pct" "%" = ratio(100.0, "failed", "sessions"),
                "Playback failure percentage.";
            "avg_startup_s" "s" = ratio(0.001, "startup_ms", "started"), "Average startup time.";
            "startup_p95_ms" "ms" = Part::Of {
                sql: "percentile_cont(0.95) WITHIN GROUP (ORDER BY startup_ms)", den: "started",
            }, "95th percentile of the startup time; appendix B advises against the average.";
            "avg_stall_count" = ratio(1.0, "stalls", "sessions"), "Average stall count.";
            "stalled_time_pct" "%" = ratio(100.0, "stalled_ms", "watched_ms"),
                "Average stalled time percentage.";
            "avg_bitrate_kbps" "kbps" = ratio(1.0, "bits_played", "media_ms"),
                "Average playback bitrate.";
        }
    },
    missing: &[
        "A pause during startup counts as startup time here, but not in CTA-2066.",
        "Media time is measured at playback rate 1, and the bitrate is that of the selected video \
         (`br`), not of video and audio together.",
        "ITU-T P.1203: needs codec, resolution and player size, which CMCD does not carry.",
    ],
};
