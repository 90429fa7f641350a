//! Masks that were asked of the origin, and asked again where it does not have them: a request that
//! it never got must not leave a bad encoder in the picture, nor a good one out of it.

use tallylight_schemas::control::{ActionKind, ActionRow, ActionState};

use super::inputs::Inputs;
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

/// Whether a mask may be taken: one pipeline is always used. An error says why not.
pub(super) fn check(inputs: &Inputs, row: &ActionRow) -> Result<(), String> {
    let others = inputs.pipelines.iter().any(|(name, of)| *name != row.target && !of.masked);
    if row.kind == ActionKind::MaskPipeline && !others {
        return Err("it is the only pipeline that is not masked".to_owned());
    }
    Ok(())
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
