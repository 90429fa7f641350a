//! Turns a plan into an action in force and back: offering, taking, undoing.

use tallylight_schemas::control::{ActionKind, ActionRow, ActionState};

use super::answer;
use super::health::rebuffering;
use super::inputs::Inputs;
use super::no_action;
use super::plan::{Part, Wanted, by_hand, plan, targets};
use super::share::{Pathway, WHOLE};
use super::state::{BACK_MS, Effect, State, Watch};
use super::words::{Evidence, percent, seconds, viewers};
use crate::steering::settings::Mode;

/// The actor of automatic decisions.
pub const STEERING: &str = "steering";
/// Viewers leave an edge that accepts no connections after only this time, ms.
const DEAD_HOLD_MS: i64 = 500;

/// The edge to which an action sends viewers; `None` for actions that move no viewers.
pub fn pathway(row: &ActionRow) -> Option<Pathway> {
    match row.kind {
        ActionKind::ShiftEdge => row.to.as_deref().map(Pathway::full),
        ActionKind::CapLadder => Some(Pathway::low(&row.target)),
        _ => None,
    }
}

/// An action without content yet.
pub fn blank(
    state: &mut State,
    kind: ActionKind,
    target: &str,
    by: &str,
    now_ms: i64,
) -> ActionRow {
    state.count += 1;
    let word = match kind {
        ActionKind::ShiftEdge => "shift",
        ActionKind::ReturnEdge => "return",
        ActionKind::CapLadder => "cap",
        ActionKind::MaskPipeline => "mask",
        ActionKind::UnmaskPipeline => "unmask",
        ActionKind::SetMode => "mode",
    };
    ActionRow {
        tenant: state.policy.tenant.clone(),
        id: format!("{word}-{target}-{now_ms}-{}", state.count),
        incident: None,
        at: now_ms * 1_000,
        taken_at: None,
        kind,
        target: target.to_owned(),
        to: None,
        share: 1.0,
        viewers: 0,
        load_after: None,
        title: String::new(),
        evidence: "[]".into(),
        forecast: String::new(),
        undo: None,
        undo_of: None,
        state: ActionState::Offered,
        acts_at: None,
        outcome: None,
        by: by.to_owned(),
        updated_at: 0,
    }
}

/// Writes a part of a plan into an action.
pub fn describe(state: &State, inputs: &Inputs, row: &mut ActionRow, part: &Part) {
    let edge = row.target.clone();
    row.kind = if part.to.is_some() { ActionKind::ShiftEdge } else { ActionKind::CapLadder };
    row.to.clone_from(&part.to);
    row.share = part.share();
    row.viewers = part.viewers;
    row.load_after = part.load_after;
    row.undo = Some(match &row.incident {
        Some(_) => format!("One click, or {} s of health", BACK_MS / 1_000),
        None => "One click".into(),
    });
    let ttl = state.policy.ttl_s + 10;
    match &part.to {
        Some(to) => {
            row.title = match part.of {
                0 => format!("Send {edge}'s new viewers to {to}"),
                of => format!("Move {} of {} from {edge} to {to}", part.viewers, viewers(of)),
            };
            let stalled = inputs.edges.get(&edge).map_or(0.0, rebuffering);
            let there = state.edges.get(to);
            let quick = there.map_or(0.0, |to| to.baseline_ms);
            row.forecast = format!(
                "First bytes after {} within {ttl} s; stalled time {} → {}",
                seconds(quick),
                percent(stalled),
                percent(there.map_or(0.0, |to| to.before.rebuffering))
            );
        }
        None => {
            row.title =
                format!("Keep {} of {} on {edge}'s low rungs", part.viewers, viewers(part.of));
            row.forecast = format!("Smaller segments within {ttl} s");
            if row.incident.is_some() {
                row.forecast += "; there is no room elsewhere for them";
            }
        }
    }
}

/// Whether an operator rejected it, before or after it was taken.
pub fn is_turned_down(row: &ActionRow) -> bool {
    row.state == ActionState::Undone || (row.state == ActionState::Dismissed && !is_withdrawn(row))
}

/// Whether steering itself withdrew it: that is not a rejection.
pub fn is_withdrawn(row: &ActionRow) -> bool {
    row.state == ActionState::Dismissed && row.by == STEERING
}

/// Withdraws an offer.
pub fn dismiss(state: &mut State, row: ActionRow, why: &str, now_ms: i64, out: &mut Vec<Effect>) {
    let row = ActionRow { state: ActionState::Dismissed, acts_at: None, ..row };
    over(state, row, why, now_ms, out);
}

/// Ends an action that was in force.
pub fn end(state: &mut State, row: ActionRow, why: &str, now_ms: i64, out: &mut Vec<Effect>) {
    over(state, ActionRow { state: ActionState::Ended, ..row }, why, now_ms, out);
}

fn over(state: &mut State, row: ActionRow, why: &str, now_ms: i64, out: &mut Vec<Effect>) {
    state.put_action(ActionRow { outcome: Some(why.to_owned()), ..row }, now_ms, out);
}

/// Offers what can be done for a bad edge, unless it is offered already or an operator rejected it.
pub fn offer(
    state: &mut State,
    inputs: &Inputs,
    edge: &str,
    incident: &str,
    evidence: &Evidence,
    now_ms: i64,
    out: &mut Vec<Effect>,
) {
    let asked = |row: &ActionRow| row.state == ActionState::Offered || is_turned_down(row);
    let dead = state.edges.get(edge).is_some_and(|edge| edge.dead);
    if !state.offers()
        || state.actions_about(incident).any(asked)
        || (state.is_insisted(edge) && !dead)
    {
        return;
    }
    let hold = if dead { DEAD_HOLD_MS.min(state.policy.hold_ms) } else { state.policy.hold_ms };
    for part in plan(state, inputs, edge, Wanted::new(WHOLE, None), now_ms) {
        let kind = if part.to.is_some() { ActionKind::ShiftEdge } else { ActionKind::CapLadder };
        let mut row = blank(state, kind, edge, STEERING, now_ms);
        row.incident = Some(incident.to_owned());
        describe(state, inputs, &mut row, &part);
        if part.to.is_none()
            && (is_capped(state, edge) || may_have_room(state, inputs, edge, now_ms))
        {
            continue;
        }
        row.evidence = evidence.text();
        row.acts_at = (state.mode == Mode::Act).then_some((now_ms + hold) * 1_000);
        state.put_action(row, now_ms, out);
    }
}

/// Whether viewers of an edge are already kept on its low rungs.
fn is_capped(state: &State, edge: &str) -> bool {
    state.actions.values().any(|row| {
        row.kind == ActionKind::CapLadder && row.target == edge && row.state == ActionState::Taken
    })
}

/// Whether an edge that its viewers could go to was just sent others: it may have room for them
/// once the load of those shows, and capped viewers are not moved.
fn may_have_room(state: &State, inputs: &Inputs, edge: &str, now_ms: i64) -> bool {
    let since = state.edges.get(edge).and_then(|edge| edge.symptom_at).unwrap_or(i64::MIN);
    targets(state, inputs, edge, since).iter().any(|to| state.settles(to, now_ms))
}

/// Puts an offered move into force, by current knowledge. Viewers that no longer fit are not moved;
/// if none fit, the offer is dismissed, and the reason is returned.
pub fn take_move(
    state: &mut State,
    inputs: &Inputs,
    mut row: ActionRow,
    by: &str,
    now_ms: i64,
    out: &mut Vec<Effect>,
) -> Result<(), String> {
    let edge = row.target.clone();
    let most = (row.share * f64::from(WHOLE)).round() as u32;
    let part = match row.kind {
        ActionKind::CapLadder if row.incident.is_none() => by_hand(state, inputs, &edge, most),
        ActionKind::CapLadder => cap_part(state, inputs, &edge, most, now_ms),
        _ => {
            let wanted = Wanted {
                by_hand: row.incident.is_none(),
                ..Wanted::new(most.max(1), row.to.as_deref())
            };
            plan(state, inputs, &edge, wanted, now_ms)
                .into_iter()
                .find(|part| part.to.is_some() && part.to == row.to)
        }
    };
    let Some(part) = part else {
        let (why, _) = no_action::edge(state, inputs, &edge, now_ms);
        dismiss(state, row, &why, now_ms, out);
        return Err(why);
    };
    describe(state, inputs, &mut row, &part);
    let Some(pathway) = pathway(&row) else { return Ok(()) };
    state.routes.put(&edge, &part.places, &pathway, &row.id);
    state.note_moved(&edge, &part.places, now_ms);
    if let Some(to) = &part.to {
        state.sent.insert(to.clone(), now_ms);
        if row.incident.is_none() {
            // Whoever moves viewers by hand to an edge that has just recovered trusts it.
            answer::take_back(state, to);
        }
        let watch = Watch {
            edge: edge.clone(),
            to: to.clone(),
            at: now_ms,
            since: state.edges.get(&edge).and_then(|edge| edge.symptom_at).unwrap_or(now_ms),
            sessions: inputs.sessions_at(to),
            expected: part.viewers,
            back: false,
        };
        state.watches.insert(row.id.clone(), watch);
    }
    row.state = ActionState::Taken;
    row.acts_at = None;
    row.by = by.to_owned();
    state.put_action(row, now_ms, out);
    Ok(())
}

/// The share of an edge's viewers that can be kept on its low rungs.
pub fn cap_part(
    state: &State,
    inputs: &Inputs,
    edge: &str,
    most: u32,
    now_ms: i64,
) -> Option<Part> {
    let parts = plan(state, inputs, edge, Wanted::new(WHOLE, None), now_ms);
    let mut part = parts.into_iter().find(|part| part.to.is_none())?;
    let all = super::places::length(&part.places);
    if all > most && most > 0 {
        let keep = super::places::take(&mut part.places, most);
        part.viewers = (part.viewers as f64 * f64::from(most) / f64::from(all)).round() as i64;
        part.places = keep;
    }
    Some(part)
}

/// Undoes a move: its viewers go home.
pub fn undo_move(
    state: &mut State,
    mut row: ActionRow,
    by: &str,
    now_ms: i64,
    out: &mut Vec<Effect>,
) {
    let places = state.routes.remove(&row.target, &row.id);
    state.note_moved(&row.target.clone(), &places, now_ms);
    if row.kind == ActionKind::ShiftEdge {
        // An operator's undo takes effect at once, whatever the edge's health.
        answer::take_back(state, &row.target);
        if let Some(edge) = state.edges.get_mut(&row.target) {
            edge.insisted_at = Some(now_ms);
        }
    }
    state.watches.remove(&row.id);
    row.state = ActionState::Undone;
    row.outcome = Some(match row.outcome {
        Some(before) => format!("{before}; undone by {by}"),
        None => format!("Undone by {by}"),
    });
    state.put_action(row, now_ms, out);
}
