//! Manual actions, with a preview. They respect the same headroom as automatic ones.

use tallylight_schemas::control::{ActionKind, ActionRow};

use super::act;
use super::command::{Refused, take};
use super::health::Health;
use super::inputs::Inputs;
use super::masks;
use super::no_action;
use super::plan::{self, Wanted, plan};
use super::returning;
use super::share::WHOLE;
use super::state::{Effect, State};
use super::words::Evidence;

/// A manual action.
#[derive(Debug, Clone, PartialEq)]
pub struct Manual {
    /// What to do.
    pub kind: ActionKind,
    /// The target.
    pub target: String,
    /// The edge to which viewers go.
    pub to: Option<String>,
    /// The share of its viewers, 0 to 1.
    pub share: f64,
    /// The operator.
    pub by: String,
}

/// A preview of a manual action. It changes nothing.
pub fn preview(
    state: &State,
    inputs: &Inputs,
    request: &Manual,
    now_ms: i64,
) -> Result<ActionRow, Refused> {
    let mut state = state.clone();
    let mut row = act::blank(&mut state, request.kind, &request.target, &request.by, now_ms);
    if !(request.share > 0.0 && request.share <= 1.0) {
        return Err(Refused::Invalid("share: above 0, 1 at most".into()));
    }
    match request.kind {
        ActionKind::ShiftEdge | ActionKind::CapLadder => {
            if !state.edges.contains_key(&request.target) {
                return Err(Refused::Unknown(format!("there is no edge {:?}", request.target)));
            }
            let most = (request.share * f64::from(WHOLE)).round() as u32;
            // An operator may move viewers again who were moved a moment ago.
            state.moved.clear();
            let cap = request.kind == ActionKind::CapLadder;
            let part = if cap {
                plan::by_hand(&state, inputs, &request.target, most)
            } else {
                let wanted = Wanted { by_hand: true, ..Wanted::new(most, request.to.as_deref()) };
                let all = plan(&state, inputs, &request.target, wanted, now_ms);
                all.into_iter().find(|part| part.to.is_some())
            };
            let Some(part) = part else {
                return Err(Refused::Conflict(no_part(&state, inputs, request)));
            };
            act::describe(&state, inputs, &mut row, &part);
        }
        ActionKind::ReturnEdge => {
            let moves = returning::all(&state, &request.target);
            if moves.is_empty() {
                return Err(Refused::Conflict(format!(
                    "no viewers were moved away from {:?}",
                    request.target
                )));
            }
            returning::fits(&state, inputs, &request.target, &moves, now_ms)
                .map_err(Refused::Conflict)?;
            let home = (request.target.as_str(), moves.as_slice());
            row = returning::returning(&mut state, inputs, home, &request.by, now_ms);
        }
        ActionKind::MaskPipeline | ActionKind::UnmaskPipeline => {
            let on = request.kind == ActionKind::MaskPipeline;
            if !inputs.pipelines.contains_key(&request.target) {
                return Err(Refused::Unknown(format!("there is no pipeline {:?}", request.target)));
            }
            masks::check(&state, inputs, &row).map_err(Refused::Conflict)?;
            let word = if on { "Ignore" } else { "Use" };
            row.title = format!("{word} pipeline {} at the origin", request.target);
            row.forecast = "From the next segment on".into();
            row.undo = on.then(|| "One click".into());
        }
        ActionKind::SetMode => {
            return Err(Refused::Invalid("a mode is set at /v1/steering".into()));
        }
    }
    let mut evidence = Evidence::default();
    evidence.add("Requested by", request.by.clone());
    row.evidence = evidence.text();
    Ok(row)
}

/// Why no viewers can be moved or capped as requested.
fn no_part(state: &State, inputs: &Inputs, request: &Manual) -> String {
    if request.kind == ActionKind::CapLadder && !inputs.low {
        return "no manifest names a low pathway to keep viewers on (`low_pathways`)".into();
    }
    if request.kind == ActionKind::CapLadder || state.routes.free(&request.target, WHOLE).is_empty()
    {
        return format!("all {}", no_action::nobody_left(state, &request.target));
    }
    let Some(to) = &request.to else {
        return "no other edge is healthy and has room within what steering may fill of it".into();
    };
    match state.edges.get(to) {
        None => format!("there is no edge {to:?}"),
        Some(edge) if edge.health != Health::Good || edge.symptom_at.is_some() => {
            format!("edge {to} is not healthy: {}", edge.why)
        }
        Some(_) => {
            format!("there is no room at edge {to} within what steering may fill of its capacity")
        }
    }
}

/// Takes a manual action.
pub fn manual(
    state: &mut State,
    inputs: &Inputs,
    request: &Manual,
    now_ms: i64,
    out: &mut Vec<Effect>,
) -> Result<ActionRow, Refused> {
    let row = preview(state, inputs, request, now_ms)?;
    let id = row.id.clone();
    state.count += 1;
    let moved = std::mem::take(&mut state.moved);
    let taken = if row.kind == ActionKind::ReturnEdge {
        let moves = returning::all(state, &row.target);
        returning::take_return(state, inputs, (row, moves), &request.by, now_ms, out)
            .map_err(Refused::Conflict)
    } else {
        take(state, inputs, row, &request.by, now_ms, out)
    };
    for (home, before) in moved {
        state.moved.entry(home).or_default().extend(before);
    }
    taken?;
    state.actions.get(&id).cloned().ok_or_else(|| Refused::Unknown("it no longer exists".into()))
}
