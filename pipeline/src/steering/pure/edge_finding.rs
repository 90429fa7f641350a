//! What an incident at an edge says.

use tallylight_schemas::control::{Culprit, Severity};

use super::decide::sees;
use super::health::{EdgeState, rebuffering};
use super::incidents::Finding;
use super::inputs::{Edge, Inputs};
use super::state::State;
use super::words::{Evidence, percent, rate, seconds};

/// A share of fewer viewers is no share.
const LEAST_VIEWERS: i64 = 20;

/// What is wrong with an edge, with everything that speaks for it and against it.
pub fn edge_finding(state: &State, inputs: &Inputs, name: &str, edge: &EdgeState) -> Finding {
    let mut evidence = Evidence::default();
    let empty = Edge::default();
    let at = inputs.edges.get(name).unwrap_or(&empty);
    let newest = at
        .seconds
        .iter()
        .rev()
        .take(3)
        .filter_map(|second| second.p90_ms)
        .fold(None, |most: Option<f64>, ms| Some(most.map_or(ms, |most| most.max(ms))));
    let usual = (edge.baseline_ms > 0.0).then(|| seconds(edge.baseline_ms));
    // A row that comes and goes moves the card under an operator's finger: each has its word.
    match newest {
        Some(ms) => {
            evidence.add_was("First byte less hold time, p90", seconds(ms), usual.clone());
        }
        None => evidence.add("First byte less hold time, p90", "no requests"),
    }
    let probe = at.probes.iter().rev().find(|probe| !probe.is_open(edge.limit_ms()));
    evidence.add_was(
        format!("Prober on {name}"),
        probe.map_or("nothing yet".into(), |p| p.words()),
        usual,
    );
    let (requests, errors) =
        at.seconds.iter().rev().take(3).fold((0, 0), |(r, e), s| (r + s.requests, e + s.errors));
    let failed = match requests {
        0 => "no requests".to_owned(),
        requests => percent(errors as f64 / requests as f64),
    };
    evidence.add("Requests that failed, last 3 s", failed);
    if edge.full
        && let Some(load) = at.load
    {
        evidence.add(
            "Reserved",
            format!("{} of {}", rate(load.reserved_kbps), rate(load.capacity_kbps)),
        );
    }
    for (other, state) in state.edges.iter().filter(|(other, _)| *other != name) {
        evidence.add(format!("Edge {other}"), state.why.clone());
    }
    if let Some(probe) = inputs.origin.last() {
        evidence.add("Origin, asked directly", probe.words());
    }
    let (stalled, is_share) = stalled(at);
    let was = is_share.then(|| percent(edge.before.rebuffering));
    evidence.add_was("Stalled time of its viewers", stalled, was);
    if !sees(inputs) {
        evidence.add("Steering holds", "rows are missing or old");
    }
    let cause = match (edge.dead, edge.full) {
        (true, _) => format!("Edge {name} does not answer"),
        (_, true) => format!("Edge {name} is full and refuses sessions"),
        _ if errors * 10 >= requests && errors > 0 => format!("Edge {name} answers with errors"),
        _ => format!("Edge {name} answers slowly"),
    };
    let seen = at.seconds.last().map_or(0, |second| second.viewers);
    Finding {
        key: format!("edge-{name}"),
        cause,
        culprit: Culprit::Edge,
        name: Some(name.to_owned()),
        cohort: format!("viewers of edge {name}"),
        viewers: edge.before.sessions.max(seen),
        severity: if edge.dead { Severity::Broken } else { Severity::Degraded },
        evidence,
        symptom_at: edge.symptom_at,
    }
}

/// The stalled time of an edge's viewers in words, and whether it is a share: of few viewers the
/// time itself is said, since a share of theirs would say too much.
fn stalled(at: &Edge) -> (String, bool) {
    let viewers = at.seconds.last().map_or(0, |second| second.viewers);
    let ms: i64 = at.seconds.iter().rev().take(10).map(|second| second.rebuffering_ms).sum();
    match viewers {
        0 => ("–, no viewers".into(), false),
        few if few < LEAST_VIEWERS => {
            (format!("{} of {} in 10 s", seconds(ms as f64), super::words::viewers(few)), false)
        }
        _ => (percent(rebuffering(at)), true),
    }
}
