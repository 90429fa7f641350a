//! One definition per metric (ADR 5): name, unit, formula, denominator and source. The feed and the
//! table `metrics` carry these, and tiles and charts evaluate them, so that those agree. Figures of
//! a single session, example queries, the views `qoe_*` and steering have formulas of their own.

use serde::Serialize;

use crate::rows::Measures;
use crate::sketch::Sketch;

/// Version of this list; rows carry it.
pub const VERSION: u32 = 3;

/// If the denominator is smaller than this, a ratio is shown as a count instead.
pub const MINIMUM_SAMPLE: i64 = 20;

/// A player that adapts leaves a rung above its throughput within this many ms: two segments of
/// the demo's schedule. A rebuffer that begins later, on a rung that the player kept although a
/// lower one existed, is an adaptation failure.
pub const ADAPTS_WITHIN_MS: i64 = 4_000;

/// How a metric's value is computed from summed rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Formula {
    /// The sum of a measure at an instant.
    Gauge {
        /// The measure.
        of: &'static str,
    },
    /// The sum of a measure, per second of the pane.
    Rate {
        /// The measure.
        of: &'static str,
    },
    /// A ratio of sums, times `scale`.
    Ratio {
        /// The numerator's measure.
        num: &'static str,
        /// The denominator's measures, added.
        den: &'static [&'static str],
        /// For example 100 for per cent.
        scale: f64,
    },
    /// A quantile of a merged sketch.
    Quantile {
        /// `startup_sketch` or `latency_sketch`.
        of: &'static str,
        /// 0..=1.
        q: f64,
    },
}

/// The direction that is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bad {
    /// More is worse.
    High,
    /// Less is worse.
    Low,
    /// Neither.
    Neither,
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Metric {
    /// Stable name, used in URLs and SQL.
    pub name: &'static str,
    /// Title of its tile.
    pub title: &'static str,
    /// Unit shown after the value.
    pub unit: &'static str,
    /// How it is computed.
    pub formula: Formula,
    /// The denominator, as text.
    pub denominator: &'static str,
    /// Origin of the definition.
    pub source: &'static str,
    /// The direction that is worse.
    pub bad: Bad,
    /// Values from which it is watch, degraded, broken; `None` if it has no limits.
    pub limits: Option<[f64; 3]>,
    /// Seconds that the tile's value covers.
    pub window_s: u32,
}

const WATCHED: &[&str] = &["starting_ms", "playing_ms", "rebuffering_ms", "seeking_ms"];

macro_rules! metric {
    ($name:literal, $title:literal, $unit:literal, $formula:expr, per $den:literal, from $source:literal, $bad:ident, $limits:expr, $window:literal s) => {
        Metric {
            name: $name,
            title: $title,
            unit: $unit,
            formula: $formula,
            denominator: $den,
            source: $source,
            bad: Bad::$bad,
            limits: $limits,
            window_s: $window,
        }
    };
}

use Formula::{Gauge, Quantile, Rate, Ratio};

/// Every metric, in the order in which pages show them.
#[rustfmt::skip]
pub const ALL: &[Metric] = &[
    metric!("viewers", "Concurrent viewers", "", Gauge { of: "viewers" },
        per "none", from "CMCD sta in s, p, r, k", Low, None, 1 s),
    metric!("derived_pct", "Known from requests only", "%", Ratio { num: "derived_viewers", den: &["viewers"], scale: 100.0 },
        per "viewers", from "CMCD v1: no state reported; their share of all figures is coarse", Neither, None, 1 s),
    metric!("starts", "Starts", "/s", Rate { of: "starts" },
        per "second", from "first p after s", Low, None, 10 s),
    metric!("startup_p50_ms", "Startup p50", "ms", Quantile { of: "startup_sketch", q: 0.5 },
        per "starts of known startup", from "CTA-2066 initialStartupTime", High, Some([2_000.0, 4_000.0, 8_000.0]), 60 s),
    metric!("startup_p95_ms", "Startup p95", "ms", Quantile { of: "startup_sketch", q: 0.95 },
        per "starts of known startup", from "CTA-2066 initialStartupTime", High, Some([4_000.0, 8_000.0, 12_000.0]), 60 s),
    metric!("exits_before_start_pct", "Exits before start", "%", Ratio { num: "exits_before_start", den: &["attempts"], scale: 100.0 },
        per "attempts", from "EBVS, waited at least 1 s, no error", High, Some([5.0, 10.0, 20.0]), 60 s),
    metric!("start_failures_pct", "Start failures", "%", Ratio { num: "start_failures", den: &["attempts"], scale: 100.0 },
        per "attempts", from "VSF: error before the first frame", High, Some([1.0, 3.0, 10.0]), 60 s),
    metric!("failures_pct", "Playback failures", "%", Ratio { num: "failures", den: &["starts"], scale: 100.0 },
        per "starts", from "CTA-2066 playbackFail after the first frame", High, Some([0.5, 2.0, 5.0]), 60 s),
    metric!("rebuffer_ratio_pct", "Rebuffer ratio", "%", Ratio { num: "rebuffering_ms", den: WATCHED, scale: 100.0 },
        per "watched time", from "CTA-2066 stalled time: ratio of sums", High, Some([0.5, 1.0, 3.0]), 30 s),
    metric!("rebuffers", "Rebuffers", "/s", Rate { of: "rebuffer_count" },
        per "second", from "CMCD r after the first p, not in a seek", High, None, 10 s),
    metric!("adaptation_failures", "Adaptation failures", "per viewer hour", Ratio { num: "adaptation_failures", den: WATCHED, scale: 3_600_000.0 },
        per "watched time", from "rebuffer after CMCD mtp < br for 4 s, no switch down, lb < br", High, Some([1.0, 6.0, 30.0]), 60 s),
    metric!("bitrate_kbps", "Average bitrate", "kbps", Ratio { num: "bitrate_kbps_ms", den: &["bitrate_ms"], scale: 1.0 },
        per "playing time of known bitrate", from "CMCD br over p spans", Low, None, 10 s),
    metric!("live_latency_p50_ms", "Live latency p50", "ms", Quantile { of: "latency_sketch", q: 0.5 },
        per "reports", from "CMCD ltc, else com.tallylight-ltc", High, Some([10_000.0, 15_000.0, 30_000.0]), 30 s),
    metric!("live_latency_p95_ms", "Live latency p95", "ms", Quantile { of: "latency_sketch", q: 0.95 },
        per "reports", from "CMCD ltc, else com.tallylight-ltc", High, Some([15_000.0, 25_000.0, 45_000.0]), 30 s),
];

/// A metric's value from summed rows that span `seconds`; `None` is unknown.
pub fn evaluate(
    metric: &Metric,
    sums: &Measures,
    startup: &Sketch,
    latency: &Sketch,
    seconds: f64,
) -> Option<f64> {
    match metric.formula {
        Gauge { of } => sums.get(of).map(|v| v as f64),
        Rate { of } => (seconds > 0.0).then(|| sums.get(of).map(|v| v as f64 / seconds))?,
        Ratio { num, den, scale } => {
            let den: i64 = den.iter().filter_map(|name| sums.get(name)).sum();
            (den > 0).then(|| sums.get(num).map(|v| scale * v as f64 / den as f64))?
        }
        Quantile { of: "startup_sketch", q } => startup.quantile(q),
        Quantile { of: "latency_sketch", q } => latency.quantile(q),
        Quantile { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_formula_names_measures_that_exist() {
        let known = |name: &str| Measures::NAMES.contains(&name);
        for metric in ALL {
            let ok = match metric.formula {
                Gauge { of } | Rate { of } => known(of),
                Ratio { num, den, .. } => known(num) && den.iter().all(|d| known(d)),
                Quantile { of, .. } => of == "startup_sketch" || of == "latency_sketch",
            };
            assert!(ok, "{} names an unknown measure", metric.name);
        }
    }

    #[test]
    fn a_ratio_is_a_ratio_of_sums_and_unknown_without_a_denominator() {
        let ratio = ALL.iter().find(|m| m.name == "rebuffer_ratio_pct").unwrap();
        let none = Sketch::default();
        assert_eq!(evaluate(ratio, &Measures::default(), &none, &none, 1.0), None);
        let sums = Measures { playing_ms: 900, rebuffering_ms: 100, ..Measures::default() };
        assert_eq!(evaluate(ratio, &sums, &none, &none, 1.0), Some(10.0));
    }
}
