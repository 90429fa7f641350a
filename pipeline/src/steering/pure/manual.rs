//! Actions by hand, with their preview. They keep to the headroom like steering's own.

use tallylight_schemas::control::{ActionKind, ActionRow};

use super::act;
use super::command::{Refused, take};
use super::health::Health;
use super::inputs::Inputs;
use super::masks;
use super::plan::{self, plan};
use super::returning;
use super::share::WHOLE;
use super::state::{Effect, State};
use super::words::Evidence;

/// An action by hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Manual {
    /// What to do.
    pub kind: ActionKind,
    /// On which part.
    pub target: String,
    /// Where viewers go.
    pub to: Option<String>,
    /// Which share of them, 0 to 1.
    pub share: f64,
    /// Who wishes.
    pub by: String,
}

/// An action by hand: what it would be. `None` of it is done.
pub fn preview(
    state: &State,
    inputs: &Inputs,
    wish: &Manual,
    now_ms: i64,
) -> Result<ActionRow, Refused> {
    let mut state = state.clone();
    let mut row = act::blank(&mut state, wish.kind, &wish.target, &wish.by, now_ms);
    if !(wish.share > 0.0 && wish.share <= 1.0) {
        return Err(Refused::Invalid("share: above 0, 1 at most".into()));
    }
    match wish.kind {
        ActionKind::ShiftEdge | ActionKind::CapLadder => {
            if !state.edges.contains_key(&wish.target) {
                return Err(Refused::Unknown(format!("there is no edge {:?}", wish.target)));
            }
            let most = (wish.share * f64::from(WHOLE)).round() as u32;
            // Who acts by hand means the newest load, not what the settling time guards.
            state.sent.clear();
            state.moved.clear();
            let cap = wish.kind == ActionKind::CapLadder;
            let part = if cap {
                plan::by_hand(&state, inputs, &wish.target, most)
            } else {
                let all = plan(&state, inputs, &wish.target, (most, wish.to.as_deref()), now_ms);
                all.into_iter().find(|part| part.to.is_some())
            };
            let Some(part) = part else {
                return Err(Refused::Conflict(no_part(&state, inputs, wish)));
            };
            act::describe(&state, inputs, &mut row, &part);
            row.undo = Some("One click".into());
        }
        ActionKind::ReturnEdge => {
            let moves = returning::all(&state, &wish.target);
            if moves.is_empty() {
                return Err(Refused::Conflict(format!(
                    "nobody was moved away from {:?}",
                    wish.target
                )));
            }
            returning::fits(&state, inputs, &wish.target, &moves).map_err(Refused::Conflict)?;
            let home = (wish.target.as_str(), moves.as_slice());
            row = returning::returning(&mut state, inputs, home, &wish.by, now_ms);
        }
        ActionKind::MaskPipeline | ActionKind::UnmaskPipeline => {
            let on = wish.kind == ActionKind::MaskPipeline;
            if !inputs.pipelines.contains_key(&wish.target) {
                return Err(Refused::Unknown(format!("there is no pipeline {:?}", wish.target)));
            }
            masks::check(&state, inputs, &row).map_err(Refused::Conflict)?;
            let word = if on { "Ignore" } else { "Use" };
            row.title = format!("{word} pipeline {} at the origin", wish.target);
            row.forecast = "From the next segment on".into();
            row.undo = on.then(|| "One click".into());
        }
        ActionKind::SetMode => {
            return Err(Refused::Invalid("a mode is set at /v1/steering".into()));
        }
    }
    let mut evidence = Evidence::default();
    evidence.add("Wished by", wish.by.clone());
    row.evidence = evidence.text();
    Ok(row)
}

/// Why nobody can be moved or capped as is wished.
fn no_part(state: &State, inputs: &Inputs, wish: &Manual) -> String {
    if wish.kind == ActionKind::CapLadder && !inputs.low {
        return "no manifest names a low pathway to keep viewers on (`low_pathways`)".into();
    }
    if wish.kind == ActionKind::CapLadder || state.routes.free(&wish.target, WHOLE).is_empty() {
        return format!("all viewers of edge {} are moved or capped already", wish.target);
    }
    let Some(to) = &wish.to else {
        return "no other edge is well and has room within its nominal capacity".into();
    };
    match state.edges.get(to) {
        None => format!("there is no edge {to:?}"),
        Some(edge) if edge.health != Health::Good || edge.symptom_at.is_some() => {
            format!("edge {to} is not well: {}", edge.why)
        }
        Some(_) => format!("there is no room at edge {to} within its nominal capacity"),
    }
}

/// An action by hand, done.
pub fn manual(
    state: &mut State,
    inputs: &Inputs,
    wish: &Manual,
    now_ms: i64,
    out: &mut Vec<Effect>,
) -> Result<ActionRow, Refused> {
    let row = preview(state, inputs, wish, now_ms)?;
    let id = row.id.clone();
    state.count += 1;
    let (sent, moved) = (std::mem::take(&mut state.sent), std::mem::take(&mut state.moved));
    let taken = if row.kind == ActionKind::ReturnEdge {
        let moves = returning::all(state, &row.target);
        returning::take_return(state, inputs, (row, moves), &wish.by, now_ms, out)
            .map_err(Refused::Conflict)
    } else {
        take(state, inputs, row, &wish.by, now_ms, out)
    };
    for (edge, at) in sent {
        state.sent.entry(edge).or_insert(at);
    }
    for (home, before) in moved {
        state.moved.entry(home).or_default().extend(before);
    }
    taken?;
    state.actions.get(&id).cloned().ok_or_else(|| Refused::Unknown("it is gone".into()))
}
