//! What an operator does: take, undo or dismiss an action, change the mode, own an incident.

use serde_json::{Value, json};
use tallylight_schemas::control::{ActionKind, ActionRow, ActionState, IncidentState};

use super::act;
use super::incidents;
use super::inputs::Inputs;
use super::masks;
use super::returning;
use super::state::{Effect, State, mode_of, mode_word};
use super::words::Evidence;
use crate::steering::settings::Mode;

/// A request that cannot be met, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The subject does not exist.
    Unknown(String),
    /// It cannot be done now.
    Conflict(String),
    /// The request is invalid.
    Invalid(String),
}

/// Changes the mode.
pub fn set_mode(state: &mut State, mode: Mode, by: &str, now_ms: i64, out: &mut Vec<Effect>) {
    let before = mode_word(state.mode);
    let mut row = act::blank(state, ActionKind::SetMode, mode_word(mode), by, now_ms);
    row.title = format!("Steering set from {before} to {}", mode_word(mode));
    row.forecast = match mode {
        Mode::Observe => "It says what is wrong and offers nothing",
        Mode::Advise => "It offers what can be done; nothing happens before a click",
        Mode::Act => "It does what it offers, after a moment in which it can be held",
    }
    .into();
    row.undo = Some(format!("Set it to {before} again"));
    row.state = ActionState::Taken;
    let mut evidence = Evidence::default();
    evidence.add("Mode", mode_word(mode)).was(Some(before.to_owned()));
    evidence.add("Set by", by);
    row.evidence = evidence.text();
    state.mode = mode;
    let taken = state.actions_in(&[ActionState::Taken]).into_iter();
    for earlier in taken.filter(|row| row.kind == ActionKind::SetMode) {
        act::end(state, earlier, &format!("Set to {} by {by}", mode_word(mode)), now_ms, out);
    }
    state.put_action(row, now_ms, out);
    // Offers are taken automatically only in mode `act`, and `observe` offers nothing.
    for mut row in state.actions_in(&[ActionState::Offered]) {
        let before = row.acts_at;
        row.acts_at = match mode {
            Mode::Act => before.or(Some((now_ms + state.policy.hold_ms) * 1_000)),
            Mode::Advise | Mode::Observe => None,
        };
        if mode == Mode::Observe {
            act::dismiss(state, row, "Steering was set to observe", now_ms, out);
        } else if row.acts_at != before {
            state.put_action(row, now_ms, out);
        }
    }
}

/// The mode before a change of it: the earlier value in its evidence. Records of earlier versions
/// name it in their title only.
fn mode_before(row: &ActionRow) -> Option<Mode> {
    let facts: Vec<Value> = serde_json::from_str(&row.evidence).unwrap_or_default();
    let was = facts.iter().find_map(|fact| fact["was"].as_str());
    was.or_else(|| row.title.split(' ').nth(3)).and_then(mode_of)
}

/// Applies a command to an existing action.
pub fn on_action(
    state: &mut State,
    inputs: &Inputs,
    id: &str,
    what: &str,
    by: &str,
    now_ms: i64,
    out: &mut Vec<Effect>,
) -> Result<ActionRow, Refused> {
    let row = state.actions.get(id).cloned();
    let row = row.ok_or_else(|| Refused::Unknown(format!("there is no action {id:?}")))?;
    match (what, row.state) {
        ("take", ActionState::Offered) => take(state, inputs, row, by, now_ms, out)?,
        // A held action may still be taken while its incident is open.
        ("take", ActionState::Dismissed) if act::is_turned_down(&row) && state.is_open(&row) => {
            let row = ActionRow { outcome: None, ..row };
            take(state, inputs, row, by, now_ms, out)?;
        }
        ("dismiss", ActionState::Offered) => {
            let mut row = row;
            row.state = ActionState::Dismissed;
            row.acts_at = None;
            row.by = by.to_owned();
            row.outcome = Some(format!("Held by {by}"));
            state.put_action(row, now_ms, out);
        }
        ("undo", ActionState::Taken) => undo(state, row, by, now_ms, out)?,
        ("take" | "dismiss" | "undo", now) => {
            let now = format!("{now:?}").to_lowercase();
            return Err(Refused::Conflict(format!(
                "the action is {now}: what is offered can be taken or dismissed, what is taken undone, \
                 and what somebody dismissed taken while its incident is open"
            )));
        }
        _ => return Err(Refused::Invalid("do: take, undo or dismiss".into())),
    }
    state.actions.get(id).cloned().ok_or_else(|| Refused::Unknown("it no longer exists".into()))
}

pub(super) fn take(
    state: &mut State,
    inputs: &Inputs,
    row: ActionRow,
    by: &str,
    now_ms: i64,
    out: &mut Vec<Effect>,
) -> Result<(), Refused> {
    match row.kind {
        ActionKind::ShiftEdge | ActionKind::CapLadder => {
            act::take_move(state, inputs, row, by, now_ms, out).map_err(Refused::Conflict)
        }
        ActionKind::ReturnEdge => {
            let moves = returning::mine(state, &row.target);
            returning::take_return(state, inputs, (row, moves), by, now_ms, out)
                .map_err(Refused::Conflict)
        }
        ActionKind::MaskPipeline | ActionKind::UnmaskPipeline => {
            masks::check(state, inputs, &row).map_err(Refused::Conflict)?;
            take_mask(state, row, by, now_ms, out);
            Ok(())
        }
        ActionKind::SetMode => Err(Refused::Invalid("a mode is set at /v1/steering".into())),
    }
}

/// Has the origin ignore a pipeline, or use it again.
pub fn take_mask(
    state: &mut State,
    mut row: ActionRow,
    by: &str,
    now_ms: i64,
    out: &mut Vec<Effect>,
) {
    let on = row.kind == ActionKind::MaskPipeline;
    masks::ask(state, &row.target, on, now_ms, out);
    row.state = if on { ActionState::Taken } else { ActionState::Ended };
    row.acts_at = None;
    row.by = by.to_owned();
    if !on {
        let masks: Vec<ActionRow> = masks::in_force(state, &row.target).cloned().collect();
        for mut mask in masks {
            mask.state = ActionState::Ended;
            state.put_action(mask, now_ms, out);
        }
    }
    state.put_action(row, now_ms, out);
}

fn undo(
    state: &mut State,
    mut row: ActionRow,
    by: &str,
    now_ms: i64,
    out: &mut Vec<Effect>,
) -> Result<(), Refused> {
    match row.kind {
        ActionKind::ShiftEdge | ActionKind::CapLadder => {
            act::undo_move(state, row, by, now_ms, out)
        }
        ActionKind::MaskPipeline => {
            masks::ask(state, &row.target, false, now_ms, out);
            row.state = ActionState::Undone;
            row.outcome = Some(format!("Undone by {by}"));
            state.put_action(row, now_ms, out);
        }
        ActionKind::SetMode => {
            let before = mode_before(&row)
                .ok_or_else(|| Refused::Conflict("its earlier mode is not known".into()))?;
            row.state = ActionState::Undone;
            row.outcome = Some(format!("Undone by {by}"));
            state.put_action(row, now_ms, out);
            set_mode(state, before, by, now_ms, out);
        }
        ActionKind::ReturnEdge | ActionKind::UnmaskPipeline => {
            return Err(Refused::Conflict("offer or make the move itself again".into()));
        }
    }
    Ok(())
}

/// Applies a command to an incident.
pub fn on_incident(
    state: &mut State,
    id: &str,
    what: &str,
    by: &str,
    text: Option<&str>,
    now_ms: i64,
    out: &mut Vec<Effect>,
) -> Result<(), Refused> {
    let row = state.incidents.get(id).cloned();
    let mut row = row.ok_or_else(|| Refused::Unknown(format!("there is no incident {id:?}")))?;
    if text.is_some_and(|text| json!(text).to_string().len() > incidents::NOTE_BYTES) {
        let most = incidents::NOTE_BYTES;
        return Err(Refused::Invalid(format!("note: at most {most} bytes as JSON; write several")));
    }
    if let Some(text) = text {
        incidents::note(&mut row, by, text, now_ms);
    }
    match what {
        "acknowledge" if row.state == IncidentState::Closed => {
            return Err(Refused::Conflict("the incident is closed".into()));
        }
        "acknowledge" => {
            row.state = IncidentState::Acknowledged;
            row.owner = Some(by.to_owned());
            state.put_incident(row, now_ms, out);
        }
        "note" if text.is_none() => return Err(Refused::Invalid("note: what it says".into())),
        "note" => state.put_incident(row, now_ms, out),
        "close" if row.state == IncidentState::Closed => {
            return Err(Refused::Conflict("the incident is closed".into()));
        }
        "close" => incidents::close(state, row, now_ms, out),
        _ => return Err(Refused::Invalid("do: acknowledge, note or close".into())),
    }
    Ok(())
}
