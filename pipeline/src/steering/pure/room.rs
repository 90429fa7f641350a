//! The room at an edge: its nominal capacity (ADR 19), less what is taken of it, less what those
//! will take who are on their way to it.

use super::inputs::Inputs;
use super::state::State;

/// For whom room is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The edge that is to take them.
    pub target: &'a str,
    /// The edge whose viewers they are.
    pub edge: &'a str,
    /// What each of them takes, kbps.
    pub each: f64,
    /// An operator asks, who does not wait until those just sent to the target have arrived.
    pub by_hand: bool,
}

/// Room for an edge's viewers elsewhere, kbps.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Room {
    /// What they may take, including what they already have there.
    pub free: f64,
    /// What they took there by their own failover.
    pub fled: f64,
    /// What others will take who are on their way.
    pub coming: f64,
}

/// Free nominal capacity of a target for viewers of an edge. What these took by their own failover
/// already counts as theirs.
pub fn room(state: &State, inputs: &Inputs, asked: Asked<'_>, now_ms: i64) -> Room {
    let Asked { target, edge, each, by_hand } = asked;
    if state.settles(target, now_ms) && !by_hand {
        return Room::default();
    }
    let Some(load) = inputs.load(target) else { return Room::default() };
    let coming = coming(state, inputs, target, now_ms) as f64 * each;
    let free = usable(state, inputs, target) - load.reserved_kbps as f64 - coming;
    let from = state.edges.get(edge);
    let fled = from.map_or(0.0, |from| {
        // Only once all have left is it certain that the moved viewers have been there already.
        let gone =
            if inputs.sessions_at(edge) == 0 { from.before.sessions as f64 * each } else { 0.0 };
        let before = state.edges.get(target).map_or(0, |target| target.before.reserved_kbps);
        let grown = if from.dead { load.reserved_kbps.saturating_sub(before) as f64 } else { 0.0 };
        gone.min(grown)
    });
    Room { free: (free + fled).max(0.0), fled, coming }
}

/// Sessions on their way to an edge, which its load does not show: those that were just sent there,
/// and its own that fled from it and come back before others come.
pub fn coming(state: &State, inputs: &Inputs, edge: &str, now_ms: i64) -> i64 {
    let missing = inputs.missing_at(edge);
    if !state.settles(edge, now_ms) {
        let avoided = state.edges.get(edge).is_some_and(|edge| edge.avoided);
        return if avoided { missing } else { 0 };
    }
    // Sessions there that never ask steering would hide as many that are missing; so those that
    // were sent are counted, too.
    let sent = || state.watches.values().filter(|watch| watch.to == edge);
    let expected: i64 = sent().map(|watch| watch.expected).sum();
    let before = sent().map(|watch| watch.sessions).min().unwrap_or(0);
    let arrived = (inputs.sessions_at(edge) - before).max(0);
    missing.max(expected - arrived)
}

/// Whether an edge has room for this many kbps of its own viewers more, who come back. They may
/// fill all of it, as they did before: what stays free is for those of other edges.
pub fn has_room(state: &State, inputs: &Inputs, edge: &str, added: f64) -> bool {
    load_after(state, inputs, edge, added).is_some_and(|load| load <= 1.0)
}

/// What steering may fill of an edge's capacity, kbps, with viewers of other edges.
fn usable(state: &State, inputs: &Inputs, edge: &str) -> f64 {
    let share = f64::from(100 - state.policy.keep_free_pct.min(100));
    capacity(state, inputs, edge) * share / 100.0
}

/// The capacity of an edge: the smaller of its own report and the settings.
fn capacity(state: &State, inputs: &Inputs, edge: &str) -> f64 {
    let reported = inputs.load(edge).map(|load| load.capacity_kbps);
    reported.filter(|kbps| *kbps > 0).map_or(u64::MAX, |kbps| kbps).min(state.capacity(edge)) as f64
}

/// Share of an edge's capacity in use with this many kbps added.
pub fn load_after(state: &State, inputs: &Inputs, edge: &str, added: f64) -> Option<f64> {
    let reserved = inputs.load(edge)?.reserved_kbps as f64;
    Some((reserved + added) / capacity(state, inputs, edge).max(1.0))
}

/// No viewer takes more than the top rung; any reservation beyond that is other customers'.
pub fn at_most_top(inputs: &Inputs, kbps: f64) -> f64 {
    if inputs.top_kbps > 0 { kbps.min(inputs.top_kbps as f64) } else { kbps }
}
