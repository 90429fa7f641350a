//! Masks requested from the origin, and requested again if the origin's page does not show them: a
//! lost request must not leave a bad encoder in the picture, nor a good one out of it.

use std::collections::BTreeMap;

use tallylight_schemas::control::{ActionKind, ActionRow, ActionState};

use super::act;
use super::inputs::{Inputs, Pipeline};
use super::state::{Effect, State};

/// After this time, ms, the origin's page shows a request, or the request was lost.
const SHOWN_WITHIN_MS: i64 = 5_000;
/// For this long after a mask has ended, ms, a restart asks the origin again to use the pipeline.
const LATELY_MS: i64 = 30 * 60_000;

/// The last request for a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskRequest {
    /// Ignore it.
    pub on: bool,
    /// When, Unix ms.
    pub at: i64,
}

/// Has the origin ignore a pipeline, or use it again.
pub fn ask(state: &mut State, pipeline: &str, on: bool, now_ms: i64, out: &mut Vec<Effect>) {
    state.masks.insert(pipeline.to_owned(), MaskRequest { on, at: now_ms });
    out.push(Effect::Mask { pipeline: pipeline.to_owned(), on });
}

/// The other pipelines in use: neither masked nor about to be.
fn others<'a>(
    state: &'a State,
    inputs: &'a Inputs,
    pipeline: &'a str,
) -> impl Iterator<Item = &'a Pipeline> {
    let used = |name: &str, of: &Pipeline| {
        !of.masked && state.masks.get(name).is_none_or(|request| !request.on)
    };
    let all = inputs.pipelines.iter();
    all.filter(move |(name, of)| *name != pipeline && used(name, of)).map(|(_, of)| of)
}

/// Whether a mask may be taken: at least one pipeline must stay in use, and an offered mask must
/// improve the picture. The error gives the reason.
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

/// Whether viewers would get whole segments without this pipeline: a frozen or cut picture is
/// better than none.
pub(super) fn is_spare(state: &State, inputs: &Inputs, pipeline: &str) -> bool {
    others(state, inputs, pipeline).any(is_healthy)
}

/// Whether at most one of the newest segments of a pipeline is bad.
fn is_healthy(of: &Pipeline) -> bool {
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

/// Ends what was offered and done about a pipeline's incidents, which are over. An operator's own
/// mask stays.
pub(super) fn use_again(
    state: &mut State,
    pipeline: &str,
    why: &str,
    now_ms: i64,
    out: &mut Vec<Effect>,
) {
    let about = |row: &ActionRow| {
        row.kind == ActionKind::MaskPipeline && row.target == pipeline && row.incident.is_some()
    };
    let all = state.actions_in(&[ActionState::Offered, ActionState::Taken]).into_iter();
    for row in all.filter(about) {
        if row.state == ActionState::Taken {
            ask(state, pipeline, false, now_ms, out);
            act::end(state, row, &format!("{why}; it is masked no more"), now_ms, out);
        } else {
            act::dismiss(state, row, why, now_ms, out);
        }
    }
}

/// Requests a mask again if the origin's page, of the first stream, shows otherwise. A mask that is
/// seen to be off is dropped from the state: an operator may set one at the origin.
pub(super) fn insist(state: &mut State, inputs: &Inputs, now_ms: i64, out: &mut Vec<Effect>) {
    state.masks.retain(|name, request| {
        let shown = inputs.pipelines.get(name).map(|pipeline| pipeline.masked);
        request.on || shown != Some(false) || now_ms - request.at < SHOWN_WITHIN_MS
    });
    let other = |(name, request): (&String, &MaskRequest)| {
        let shown = inputs.pipelines.get(name)?.masked;
        let lost = shown != request.on && now_ms - request.at >= SHOWN_WITHIN_MS;
        lost.then(|| (name.clone(), request.on))
    };
    for (name, on) in state.masks.iter().filter_map(other).collect::<Vec<_>>() {
        ask(state, &name, on, now_ms, out);
    }
}

/// Restores the requests of an earlier run: it may have stopped before the origin had them. What
/// ended long ago is not asked again: an operator may have set a mask at the origin since.
pub(super) fn restore(state: &mut State, now_ms: i64) {
    use ActionKind::{MaskPipeline, UnmaskPipeline};
    let mut wanted: BTreeMap<String, bool> = BTreeMap::new();
    let lately = |row: &ActionRow| now_ms - row.updated_at / 1_000 <= LATELY_MS;
    for row in state.actions.values() {
        let on = match (row.kind, row.state) {
            (MaskPipeline, ActionState::Taken) => true,
            (MaskPipeline | UnmaskPipeline, ActionState::Ended | ActionState::Undone)
                if lately(row) =>
            {
                false
            }
            _ => continue,
        };
        // An unmask ends every mask, so one that is in force is newer than all that are over.
        *wanted.entry(row.target.clone()).or_default() |= on;
    }
    for (pipeline, on) in wanted {
        state.masks.entry(pipeline).or_insert(MaskRequest { on, at: i64::MIN / 2 });
    }
}
