//! The figures of the collector.

use serde::{Deserialize, Serialize};

use super::Case;

/// The aim: at most this many times the floor.
const AIM: f64 = 1.3;

/// The lines, and what was not measured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Found {
    /// A line for each variant and number of events per POST.
    pub(crate) lines: Vec<Line>,
    /// Variants for which something was missing.
    pub(crate) lacking: Vec<String>,
}

/// A variant of the collector at one number of events per POST.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The variant.
    pub(crate) door: String,
    /// Events per POST.
    pub(crate) per_post: usize,
    /// CPU µs per request.
    pub(crate) us_per_request: f64,
    /// CPU ns per event, including the cost of the request.
    pub(crate) ns_per_event: f64,
    /// CPU µs per request that axum only answers, without TLS.
    pub(crate) bare_us_per_request: f64,
    /// CPU ns per event in the floor of `decode`.
    pub(crate) floor_ns_per_event: f64,
    /// The request ÷ (bare + floor).
    pub(crate) times: f64,
}

impl Line {
    /// From CPU-seconds: per request, measured and bare, and per event in the floor.
    pub(crate) fn new(case: &Case, per_post: usize, (cost, bare): (f64, f64), floor: f64) -> Self {
        let events = per_post as f64;
        Self {
            door: case.name.to_owned(),
            per_post,
            us_per_request: cost * 1e6,
            ns_per_event: cost * 1e9 / events,
            bare_us_per_request: bare * 1e6,
            floor_ns_per_event: floor * 1e9,
            times: cost / (bare + floor * events),
        }
    }
}

/// Prints the lines.
#[allow(clippy::print_stdout, reason = "the answer of a command")]
pub(crate) fn print(found: &Found) {
    if found.lines.is_empty() {
        return;
    }
    println!(
        "{:<24} {:>6} {:>10} {:>9} {:>8} {:>8} {:>8}   (aim: at most {AIM} times)",
        "door", "a POST", "µs/request", "ns/event", "bare µs", "floor ns", "times"
    );
    for line in &found.lines {
        println!(
            "{:<24} {:>6} {:>10.1} {:>9.0} {:>8.1} {:>8.0} {:>8.2}",
            line.door,
            line.per_post,
            line.us_per_request,
            line.ns_per_event,
            line.bare_us_per_request,
            line.floor_ns_per_event,
            line.times
        );
    }
    for lacking in &found.lacking {
        println!("{lacking}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_held_against_axum_and_the_parser_together() {
        let line = Line::new(&Case::plain(), 100, (60e-6, 10e-6), 300e-9);
        assert!(
            (line.us_per_request - 60.0).abs() < 1e-9 && (line.ns_per_event - 600.0).abs() < 1e-6
        );
        assert!((line.times - 1.5).abs() < 1e-9, "{line:?}");
    }
}
