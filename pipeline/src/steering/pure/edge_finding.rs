//! The content of an incident at an edge.

use tallylight_schemas::control::{Culprit, Severity};

use super::decide::sees;
use super::health::{EdgeState, Health, rebuffering};
use super::incidents::Finding;
use super::inputs::{Edge, Inputs};
use super::signals::ERRORS;
use super::state::State;
use super::upstream::ORIGIN_MS;
use super::words::{Evidence, percent, rate, seconds, viewers};

/// Below this number of viewers a share means nothing.
const LEAST_VIEWERS: i64 = 20;
/// A rise of their stalled share by this much is bad.
const STALLED: f64 = 0.01;
const FIRST_BYTE: &str = "First byte less hold time, p90";

/// What is wrong with an edge, with all evidence for and against it.
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
    // A row that comes and goes shifts the card under an operator's cursor: each row always has a
    // value.
    match newest {
        Some(ms) => {
            let slow = ms > edge.limit_ms() as f64;
            evidence.add(FIRST_BYTE, seconds(ms)).was(usual.clone()).bad(slow);
        }
        None => {
            evidence.add(FIRST_BYTE, "no requests");
        }
    }
    let probe = at.probes.iter().rev().find(|probe| !probe.is_open(edge.limit_ms()));
    evidence
        .add(format!("Prober on {name}"), probe.map_or("nothing yet".into(), |p| p.words()))
        .was(usual)
        .bad(probe.is_some_and(|probe| !probe.is_good(edge.limit_ms())));
    let (requests, errors) =
        at.seconds.iter().rev().take(3).fold((0, 0), |(r, e), s| (r + s.requests, e + s.errors));
    let failed = errors as f64 / requests.max(1) as f64;
    let words = if requests == 0 { "no requests".to_owned() } else { percent(failed) };
    evidence.add("Requests that failed, last 3 s", words).bad(failed >= ERRORS);
    if edge.full
        && let Some(load) = at.load
    {
        let words = format!("{} of {}", rate(load.reserved_kbps), rate(load.capacity_kbps));
        evidence.add("Reserved", words).bad(load.is_nearly_full());
    }
    for (other, state) in state.edges.iter().filter(|(other, _)| *other != name) {
        evidence.add(format!("Edge {other}"), state.why.clone()).bad(state.health == Health::Bad);
    }
    if let Some(probe) = inputs.origin.last() {
        evidence.add("Origin, asked directly", probe.words()).bad(!probe.is_good(ORIGIN_MS));
    }
    stalled(at, edge, &mut evidence);
    if !sees(inputs) {
        evidence.add("Steering holds", "rows are missing or old").bad(true);
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
        viewers: edge.before.hit().max(seen),
        severity: if edge.dead { Severity::Broken } else { Severity::Degraded },
        evidence,
        symptom_at: edge.symptom_at,
    }
}

/// The stalled time of an edge's viewers. For few viewers it gives the time itself, since a share
/// would overstate it.
fn stalled(at: &Edge, edge: &EdgeState, evidence: &mut Evidence) {
    const WHAT: &str = "Stalled time of its viewers";
    let seen = at.seconds.last().map_or(0, |second| second.viewers);
    let ms: i64 = at.seconds.iter().rev().take(10).map(|second| second.rebuffering_ms).sum();
    let (now, was) = (rebuffering(at), edge.before.rebuffering);
    if seen == 0 {
        evidence.add(WHAT, "–, no viewers");
        return;
    }
    let bad = now > was + STALLED;
    if seen < LEAST_VIEWERS {
        let words = format!("{} of {} in 10 s", seconds(ms as f64), viewers(seen));
        evidence.add(WHAT, words).bad(bad);
    } else {
        evidence.add(WHAT, percent(now)).was(Some(percent(was))).bad(bad);
    }
}
