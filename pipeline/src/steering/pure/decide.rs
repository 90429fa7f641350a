//! The decision: `decide(state, inputs, now)` returns the next state and the effects. The same
//! arguments give the same result; time is one of them.
//!
//! In order: each edge's health, and which edges are closed; whether telemetry is visible at all;
//! whether all edges are bad together (then no viewers are moved); what is wrong with single edges
//! and what can be done; offers that are due; viewers that can go home; the outcomes of earlier
//! actions; why nothing is offered where nothing is.

use tallylight_schemas::control::{
    ActionKind, ActionRow, ActionState, Culprit, IncidentRow, IncidentState,
};

use super::act::{self, STEERING, dismiss};
use super::answer;
use super::health::Health;
use super::incidents::{self, AGAIN_MS, Finding};
use super::inputs::{Edge, Inputs};
use super::state::{BACK_MS, Effect, State};
use super::upstream;
use super::{edge_finding, masks, no_action, returning};
use crate::steering::settings::Mode;

/// Rows may be missing for this long before it is an incident, ms.
const BLIND_MS: i64 = 5_000;
/// Rows older than this are not used for decisions, ms.
pub const OLD_MS: i64 = 4_000;

/// One decision.
pub fn decide(mut state: State, inputs: &Inputs, now_ms: i64) -> (State, Vec<Effect>) {
    let mut out = Vec::new();
    let calm = state.edges.values().all(|edge| edge.symptom_at.is_none());
    for (name, edge) in &mut state.edges {
        let empty = Edge::default();
        let known = inputs.edges.get(name).unwrap_or(&empty);
        let rows = if is_young(inputs) { &known.seconds[..] } else { &[] };
        edge.step(known, rows, calm, now_ms);
    }
    answer::avoid(&mut state, inputs, now_ms);
    // Rows are not used here: only the prober knows that an edge accepts no connections.
    answer::close(&mut state, now_ms);
    let blind = !sees(inputs);
    telemetry(&mut state, inputs, blind, now_ms, &mut out);
    let common = upstream::common(&state, inputs);
    let hold = blind || upstream::maybe_common(&state);
    if upstream::maybe_common(&state) || common.is_some() {
        // Waiting a moment shows whether one edge is at fault or what they share.
        drop_offers(
            &mut state,
            "Every edge is bad together; moving would not help",
            now_ms,
            &mut out,
        );
    }
    match common {
        Some(finding) => {
            incidents::found(&mut state, finding, now_ms, &mut out);
        }
        None => {
            incidents::recovered(&mut state, "origin", BACK_MS / 3, now_ms, &mut out);
            edges(&mut state, inputs, hold, now_ms, &mut out);
        }
    }
    encoders(&mut state, inputs, now_ms, &mut out);
    incidents::unlisted(&mut state, inputs, now_ms, &mut out);
    if !blind {
        devices(&mut state, inputs, now_ms, &mut out);
    }
    due_offers(&mut state, inputs, hold, now_ms, &mut out);
    if !blind {
        returns(&mut state, inputs, now_ms, &mut out);
    }
    returning::outcomes(&mut state, inputs, now_ms, &mut out);
    no_action::explain(&mut state, inputs, hold, now_ms, &mut out);
    masks::insist(&mut state, inputs, now_ms, &mut out);
    say_again(&mut state, now_ms, &mut out);
    (state, out)
}

/// Records in force, rejected or open are written again after a while: after a restart, the feed
/// holds only young records.
fn say_again(state: &mut State, now_ms: i64, out: &mut Vec<Effect>) {
    use ActionKind::{CapLadder, MaskPipeline, SetMode, ShiftEdge};
    let old = |updated_at: i64| now_ms * 1_000 - updated_at >= AGAIN_MS * 1_000;
    let lasts =
        |row: &ActionRow| matches!(row.kind, SetMode | ShiftEdge | CapLadder | MaskPipeline);
    let in_force = |row: &ActionRow| lasts(row) && row.state == ActionState::Taken;
    let counts = |row: &&ActionRow| old(row.updated_at) && (in_force(row) || state.is_no(row));
    let open = |row: &&IncidentRow| old(row.updated_at) && row.state != IncidentState::Closed;
    let actions: Vec<_> = state.actions.values().filter(counts).cloned().collect();
    let incidents: Vec<_> = state.incidents.values().filter(open).cloned().collect();
    for row in actions {
        state.put_action(row, now_ms, out);
    }
    for row in incidents {
        state.put_incident(row, now_ms, out);
    }
}

/// Whether the rows can be used for decisions.
pub fn sees(inputs: &Inputs) -> bool {
    inputs.feed.connected && inputs.feed.complete && is_young(inputs)
}

/// Whether the newest rows describe the present.
fn is_young(inputs: &Inputs) -> bool {
    inputs.feed.age_ms.is_some_and(|age| age <= OLD_MS)
}

fn telemetry(state: &mut State, inputs: &Inputs, blind: bool, now_ms: i64, out: &mut Vec<Effect>) {
    if !blind {
        state.blind_since = None;
        incidents::recovered(state, "telemetry", BLIND_MS, now_ms, out);
        return;
    }
    let since = *state.blind_since.get_or_insert(now_ms);
    if now_ms - since >= BLIND_MS {
        let finding = Finding { symptom_at: Some(since), ..upstream::blind(inputs) };
        incidents::found(state, finding, now_ms, out);
        drop_offers(state, "The rows are missing or old; steering holds", now_ms, out);
    }
}

/// Dismisses what steering offered to do about an edge.
fn drop_offers(state: &mut State, why: &str, now_ms: i64, out: &mut Vec<Effect>) {
    for row in state.actions_in(&[ActionState::Offered]) {
        if row.by == STEERING && act::pathway(&row).is_some() {
            dismiss(state, row, why, now_ms, out);
        }
    }
}

fn edges(state: &mut State, inputs: &Inputs, hold: bool, now_ms: i64, out: &mut Vec<Effect>) {
    for name in state.edges.keys().cloned().collect::<Vec<_>>() {
        let Some(edge) = state.edges.get(&name).cloned() else { continue };
        let key = format!("edge-{name}");
        let away = !returning::mine(state, &name).is_empty();
        if !away {
            let why = "No viewers are away from it any more";
            returning::withdraw(state, &name, None, why, now_ms, out);
        }
        match edge.health {
            Health::Bad => {
                returning::withdraw(state, &name, None, "The edge is bad again", now_ms, out);
                let finding = edge_finding::edge_finding(state, inputs, &name, &edge);
                let evidence = finding.evidence.clone();
                let incident = incidents::found(state, finding, now_ms, out);
                if !hold {
                    act::offer(state, inputs, &name, &incident, &evidence, now_ms, out);
                }
            }
            // Its viewers are still elsewhere: the incident is over once they are back.
            _ if away || edge.closed_since.is_some() => {
                let since = edge.good_since.filter(|_| edge.health == Health::Good);
                incidents::held(state, &key, since, now_ms, out);
                end_offers(state, &name, now_ms, out);
            }
            Health::Good if edge.symptom_at.is_none() => {
                end_offers(state, &name, now_ms, out);
                incidents::recovered(state, &key, BACK_MS, now_ms, out);
            }
            _ => {}
        }
    }
}

/// An edge that has recovered needs nothing that was offered.
fn end_offers(state: &mut State, edge: &str, now_ms: i64, out: &mut Vec<Effect>) {
    if state.edges.get(edge).is_none_or(|edge| edge.health != Health::Good) {
        return;
    }
    for row in state.actions_in(&[ActionState::Offered]) {
        if row.target == edge && row.by == STEERING && act::pathway(&row).is_some() {
            dismiss(state, row, "The edge has recovered", now_ms, out);
        }
    }
}

fn encoders(state: &mut State, inputs: &Inputs, now_ms: i64, out: &mut Vec<Effect>) {
    for (name, pipeline) in &inputs.pipelines {
        let key = format!("encoder-{name}");
        match upstream::encoder(name, pipeline, inputs.pipelines.len()) {
            Some((finding, mask)) => {
                let evidence = finding.evidence.text();
                let incident = incidents::found(state, finding, now_ms, out);
                let answered = state.actions_about(&incident).any(|row| !act::is_withdrawn(row));
                let may = state.offers() && masks::is_spare(state, inputs, name);
                if mask && may && !answered {
                    let mut row =
                        act::blank(state, ActionKind::MaskPipeline, name, STEERING, now_ms);
                    row.incident = Some(incident);
                    row.title = format!("Ignore pipeline {name} at the origin");
                    row.forecast =
                        "Viewers get the other pipeline's copies from the next segment on".into();
                    row.undo = Some(format!("One click, or {} s of health", BACK_MS / 1_000));
                    row.evidence = evidence;
                    let hold = state.policy.hold_ms;
                    row.acts_at = (state.mode == Mode::Act).then_some((now_ms + hold) * 1_000);
                    state.put_action(row, now_ms, out);
                }
            }
            None => {
                incidents::recovered(state, &key, BACK_MS, now_ms, out);
                // It may have closed in any way; an operator's click is one.
                if state.open(&key).is_none() {
                    masks::use_again(state, name, "The pipeline has recovered", now_ms, out);
                }
            }
        }
    }
}

fn devices(state: &mut State, inputs: &Inputs, now_ms: i64, out: &mut Vec<Effect>) {
    let found = upstream::devices(inputs);
    let keys: Vec<String> = found.iter().map(|finding| finding.key.clone()).collect();
    for finding in found {
        incidents::found(state, finding, now_ms, out);
    }
    let open = state.incidents.values().filter(|row| row.culprit == Culprit::Device);
    let over: Vec<String> = open
        .filter_map(|row| row.id.rsplit_once('-').map(|(key, _)| key.to_owned()))
        .filter(|key| !keys.contains(key))
        .collect();
    for key in over {
        incidents::recovered(state, &key, BACK_MS, now_ms, out);
    }
}

/// Takes offers that are due, in mode `act` and while no check fails.
fn due_offers(state: &mut State, inputs: &Inputs, hold: bool, now_ms: i64, out: &mut Vec<Effect>) {
    if state.mode != Mode::Act {
        return;
    }
    // Viewers that can be moved are moved before the rest is capped.
    let mut offers = state.actions_in(&[ActionState::Offered]);
    offers.sort_by_key(|row| row.kind == ActionKind::CapLadder);
    for row in offers {
        if row.acts_at.is_none_or(|at| at > now_ms * 1_000) {
            continue;
        }
        match row.kind {
            ActionKind::ShiftEdge | ActionKind::CapLadder => {
                let bad =
                    state.edges.get(&row.target).is_some_and(|edge| edge.health == Health::Bad);
                if bad && !hold {
                    // An offer that no longer fits is dismissed, and its record gives the reason.
                    let _ = act::take_move(state, inputs, row, STEERING, now_ms, out);
                }
            }
            ActionKind::ReturnEdge => {
                let due = returning::due_returns(state, inputs, now_ms);
                if !hold && due.contains(&row.target) {
                    let moves = returning::mine(state, &row.target);
                    let _ =
                        returning::take_return(state, inputs, (row, moves), STEERING, now_ms, out);
                }
            }
            ActionKind::MaskPipeline | ActionKind::UnmaskPipeline => {
                match masks::check(state, inputs, &row) {
                    Ok(()) => super::command::take_mask(state, row, STEERING, now_ms, out),
                    Err(why) => dismiss(state, row, &why, now_ms, out),
                }
            }
            ActionKind::SetMode => {}
        }
    }
}

fn returns(state: &mut State, inputs: &Inputs, now_ms: i64, out: &mut Vec<Effect>) {
    for home in returning::due_returns(state, inputs, now_ms) {
        let moves = returning::mine(state, &home);
        // It is offered and waits, or an operator rejected it.
        let is_asked = moves.iter().filter_map(|row| row.incident.as_deref()).any(|incident| {
            state.actions_about(incident).any(|row| {
                let waits = row.state == ActionState::Offered || act::is_turned_down(row);
                row.kind == ActionKind::ReturnEdge && waits
            })
        });
        if !state.offers() || is_asked {
            continue;
        }
        let of = (home.as_str(), moves.as_slice());
        let row = returning::returning(state, inputs, of, STEERING, now_ms);
        if state.mode == Mode::Act {
            let _ = returning::take_return(state, inputs, (row, moves), STEERING, now_ms, out);
        } else {
            state.put_action(row, now_ms, out);
        }
    }
}
