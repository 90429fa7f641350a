//! Masks that were asked of the origin, and asked again where it does not have them: a request that
//! it never got must not leave a bad encoder in the picture, nor a good one out of it.

use tallylight_schemas::control::{ActionKind, ActionRow, ActionState};

use super::act;
use super::inputs::{Inputs, Pipeline};
use super::state::{Effect, State};

/// After so long the origin's page shows what was asked of it, or it never heard, ms.
const HEARD_MS: i64 = 5_000;

/// What was last asked about a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// To ignore it.
    pub on: bool,
    /// When, Unix ms.
    pub at: i64,
}

/// Has the origin ignore a pipeline, or no longer.
pub fn ask(state: &mut State, pipeline: &str, on: bool, now_ms: i64, out: &mut Vec<Effect>) {
    state.masks.insert(pipeline.to_owned(), Asked { on, at: now_ms });
    out.push(Effect::Mask { pipeline: pipeline.to_owned(), on });
}

/// The pipelines beside this one that are used: neither masked nor asked to be.
fn others<'a>(
    state: &'a State,
    inputs: &'a Inputs,
    pipeline: &'a str,
) -> impl Iterator<Item = &'a Pipeline> {
    let used = |name: &str, of: &Pipeline| {
        !of.masked && state.masks.get(name).is_none_or(|asked| !asked.on)
    };
    let all = inputs.pipelines.iter();
    all.filter(move |(name, of)| *name != pipeline && used(name, of)).map(|(_, of)| of)
}

/// Whether a mask may be taken: one pipeline is always used, and what was offered is for a better
/// picture. An error says why not.
pub(super) fn check(state: &State, inputs: &Inputs, row: &ActionRow) -> Result<(), String> {
    if row.kind != ActionKind::MaskPipeline {
        return Ok(());
    }
    if in_force(state, &row.target).next().is_some() {
        return Err("it is masked already".to_owned());
    }
    if others(state, inputs, &row.target).next().is_none() {
        return Err("it is the only pipeline that is not masked".to_owned());
    }
    if row.incident.is_some() && !is_spare(state, inputs, &row.target) {
        return Err("no other pipeline has good segments any more".to_owned());
    }
    Ok(())
}

/// Whether viewers would get whole segments without this pipeline: what is frozen or cut is better
/// than none.
pub(super) fn is_spare(state: &State, inputs: &Inputs, pipeline: &str) -> bool {
    others(state, inputs, pipeline).any(is_well)
}

/// Whether the newest segments of a pipeline are good, but one perhaps.
fn is_well(of: &Pipeline) -> bool {
    !of.copies.is_empty() && of.bad_of_last(3) < 2
}

/// The masks of a pipeline that are in force.
pub(super) fn in_force<'a>(
    state: &'a State,
    pipeline: &'a str,
) -> impl Iterator<Item = &'a ActionRow> {
    state.actions.values().filter(move |row| {
        row.kind == ActionKind::MaskPipeline
            && row.target == pipeline
            && row.state == ActionState::Taken
    })
}

/// Ends what was offered and done about a pipeline's incidents, which are over: an operator's own mask
/// stays.
pub(super) fn use_again(state: &mut State, pipeline: &str, now_ms: i64, out: &mut Vec<Effect>) {
    let about = |row: &ActionRow| {
        row.kind == ActionKind::MaskPipeline && row.target == pipeline && row.incident.is_some()
    };
    let all = state.actions_in(&[ActionState::Offered, ActionState::Taken]).into_iter();
    for row in all.filter(about) {
        if row.state == ActionState::Taken {
            ask(state, pipeline, false, now_ms, out);
            act::end(state, row, "The pipeline is well again and used again", now_ms, out);
        } else {
            act::dismiss(state, row, "The pipeline is well again", now_ms, out);
        }
    }
}

/// Asks again where the origin's page, that of the first stream, shows otherwise. A mask that is seen
/// to be off is nobody's business any more: an operator may set one at the origin.
pub(super) fn insist(state: &mut State, inputs: &Inputs, now_ms: i64, out: &mut Vec<Effect>) {
    state.masks.retain(|name, asked| {
        let shown = inputs.pipelines.get(name).map(|pipeline| pipeline.masked);
        asked.on || shown != Some(false) || now_ms - asked.at < HEARD_MS
    });
    let other = |(name, asked): (&String, &Asked)| {
        let shown = inputs.pipelines.get(name)?.masked;
        let unheard = shown != asked.on && now_ms - asked.at >= HEARD_MS;
        unheard.then(|| (name.clone(), asked.on))
    };
    for (name, on) in state.masks.iter().filter_map(other).collect::<Vec<_>>() {
        ask(state, &name, on, now_ms, out);
    }
}

/// Takes up the mask of an action that an earlier run left in force.
pub(super) fn restore(state: &mut State, row: &ActionRow) {
    if row.kind == ActionKind::MaskPipeline && row.state == ActionState::Taken {
        state.masks.insert(row.target.clone(), Asked { on: true, at: i64::MIN / 2 });
    }
}
