//! Faults elsewhere than at one edge: the origin, an encoder, a device, the telemetry.

use tallylight_schemas::control::{Culprit, Severity};

use super::decide::OLD_MS;
use super::health::Health;
use super::incidents::Finding;
use super::inputs::{Feed, Inputs, Pipeline};
use super::state::State;
use super::words::{Evidence, seconds};
use crate::origin::CopyState;

/// A first byte from the origin within this time is good, ms.
pub const ORIGIN_MS: i64 = 700;
/// This many failures make a cohort worth naming.
const LEAST_FAILURES: i64 = 3;
/// This share of all failures must come from the device …
const CONCENTRATED: f64 = 0.7;

/// Every edge is bad together: what they share is at fault.
pub fn common(state: &State, inputs: &Inputs) -> Option<Finding> {
    let known: Vec<_> =
        state.edges.iter().filter(|(_, edge)| edge.health != Health::Unknown).collect();
    let all_bad = known.iter().all(|(_, edge)| edge.health == Health::Bad);
    let origin_bad = origin_is_bad(inputs);
    if known.is_empty() || !all_bad || (known.len() < 2 && !origin_bad) {
        return None;
    }
    let mut evidence = Evidence::default();
    for (name, edge) in &known {
        evidence.add(format!("Edge {name}"), edge.why.clone()).bad(true);
    }
    let asked = inputs.origin.last().map_or("not asked".to_owned(), |probe| probe.words());
    evidence.add("Origin, asked directly", asked).bad(origin_bad);
    let cause = if origin_bad {
        "The origin does not answer as it should"
    } else {
        "Every edge is bad together: the cause is what they have in common"
    };
    let symptom = known.iter().filter_map(|(_, edge)| edge.symptom_at).min();
    Some(Finding {
        key: "origin".into(),
        cause: cause.into(),
        culprit: Culprit::Origin,
        name: None,
        cohort: "viewers of every edge".into(),
        viewers: state.edges.values().map(|edge| edge.before.hit()).sum(),
        severity: Severity::Broken,
        evidence,
        symptom_at: symptom,
    })
}

/// Whether there is any sign of a common fault: then steering waits a moment and moves no viewers.
pub fn maybe_common(state: &State) -> bool {
    let known = state.edges.values().filter(|edge| edge.health != Health::Unknown);
    let (mut number, mut ill) = (0, 0);
    for edge in known {
        number += 1;
        ill += usize::from(edge.health == Health::Bad || edge.symptom_at.is_some());
    }
    number >= 2 && number == ill
}

fn origin_is_bad(inputs: &Inputs) -> bool {
    let newest = || inputs.origin.iter().rev().filter(|probe| !probe.is_open(ORIGIN_MS)).take(3);
    newest().count() >= 2 && newest().filter(|probe| !probe.is_good(ORIGIN_MS)).count() >= 2
}

/// What is wrong with a pipeline, by the origin's page, and whether viewers got any of it.
pub fn encoder(name: &str, pipeline: &Pipeline, all: usize) -> Option<(Finding, bool)> {
    let newest: Vec<_> = pipeline.copies.iter().rev().take(15).collect();
    let bad = |n: usize| pipeline.bad_of_last(n);
    let (last, how) = newest.iter().find_map(|copy| Some((copy.k, copy.bad?)))?;
    let lasting = bad(3) >= 2;
    // Its newest segments are good again; earlier ones stay in the evidence.
    if bad(3) == 0 {
        return None;
    }
    let (word, cause) = cause_of(name, how, lasting)?;
    let mut evidence = Evidence::default();
    let all_of = format!("Of its last {} segments", newest.len());
    evidence.add(all_of, format!("{} {word}", bad(15))).bad(true);
    evidence.add("Newest bad segment", format!("K {last}"));
    let of_last = newest.iter().take(3);
    let last_bad = || of_last.clone().filter(|copy| copy.bad.is_some());
    let got = last_bad().filter(|copy| copy.bad_served).count();
    let served = got > 0;
    let slate = last_bad().any(|copy| copy.slate);
    let words = format!("{got} of its last {}", of_last.len());
    evidence.add("Bad ones that viewers got", words).bad(served);
    let severity = match lasting {
        true if all < 2 || served || slate => Severity::Broken,
        true => Severity::Degraded,
        false => Severity::Watch,
    };
    let finding = Finding {
        key: format!("encoder-{name}"),
        cause,
        culprit: Culprit::Encoder,
        name: Some(name.to_owned()),
        cohort: match (served, slate) {
            (true, _) => "viewers of this pipeline",
            (_, true) => "all viewers: no copy was served",
            _ => "no viewers: another copy was served",
        }
        .into(),
        viewers: 0,
        severity,
        evidence,
        symptom_at: None,
    };
    // A missing copy cannot be served; only what looks valid needs a mask.
    let looks_valid = matches!(how, CopyState::Frozen | CopyState::Defective);
    Some((finding, lasting && served && looks_valid && !pipeline.masked))
}

/// The name of a segment's fault, and what it says about the encoder. `None` if there is no fault.
fn cause_of(name: &str, how: CopyState, lasting: bool) -> Option<(&'static str, String)> {
    let sends = |word: &'static str| (word, format!("Encoder {name} sends {word} segments"));
    Some(match how {
        CopyState::Missing if lasting => ("missing", format!("Encoder {name} sends nothing")),
        CopyState::Missing => ("missing", format!("Encoder {name} missed a segment")),
        CopyState::Frozen => ("frozen", format!("Encoder {name}'s picture is frozen")),
        CopyState::Defective => sends("defective"),
        CopyState::Other => sends("unknown"),
        CopyState::OnTime | CopyState::Late | CopyState::Pending => return None,
    })
}

/// A device whose players fail while others do not.
pub fn devices(inputs: &Inputs) -> Vec<Finding> {
    let all: i64 = inputs.devices.values().map(|device| device.adaptation_failures).sum();
    let everybody: i64 = inputs.devices.values().map(|device| device.viewers).sum();
    let concentrated = inputs.devices.iter().filter(|(_, device)| {
        device.adaptation_failures >= LEAST_FAILURES
            && device.adaptation_failures as f64 >= all as f64 * CONCENTRATED
            && (device.viewers as f64) < everybody as f64 * CONCENTRATED
    });
    let finding = |(name, device): (&String, &super::inputs::Device)| {
        let mut evidence = Evidence::default();
        let failures = device.adaptation_failures.to_string();
        evidence
            .add("Rebuffers after a bitrate that was not lowered, last 30 s", failures)
            .bad(true);
        evidence.add("On all other devices", (all - device.adaptation_failures).to_string());
        evidence.add(
            "Share of all viewers",
            super::words::percent(device.viewers as f64 / everybody.max(1) as f64),
        );
        Finding {
            key: format!("device-{name}"),
            cause: format!("Players on {name} cannot change the bitrate"),
            culprit: Culprit::Device,
            name: Some(name.clone()),
            cohort: format!("viewers on {name}"),
            viewers: device.viewers,
            severity: Severity::Degraded,
            evidence,
            symptom_at: None,
        }
    };
    concentrated.map(finding).collect()
}

/// Telemetry is missing; steering holds.
pub fn blind(inputs: &Inputs) -> Finding {
    let mut evidence = Evidence::default();
    let Feed { connected, age_ms, complete } = inputs.feed;
    let words = if connected { "connected" } else { "no connection" };
    evidence.add("Feed", words).bad(!connected);
    let age = age_ms.map_or("unknown".to_owned(), |ms| seconds(ms as f64));
    evidence.add("Age of the rows", age).bad(age_ms.is_none_or(|ms| ms > OLD_MS));
    let words = if complete { "yes" } else { "no" };
    evidence.add("Every partition reports", words).bad(!complete);
    Finding {
        key: "telemetry".into(),
        cause: "Rows are missing or old: steering holds and moves no viewers".into(),
        culprit: Culprit::Telemetry,
        name: None,
        cohort: "unknown".into(),
        viewers: 0,
        severity: Severity::Degraded,
        evidence,
        symptom_at: None,
    }
}
