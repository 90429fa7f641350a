//! The answer to a session: the pathway that its home and the moves in force give, unless that edge
//! is closed.
//!
//! An edge that accepts no connections is closed: no session is sent to it, in any mode and
//! whatever was moved when, as long as another edge is open. Players would leave it by themselves,
//! only later. It opens again when a move would end: after 30 s of health, and at the earliest a
//! minute after its viewers left.

use std::collections::BTreeSet;

use super::health::{EdgeState, Health};
use super::inputs::Inputs;
use super::returning::most_kbps;
use super::room;
use super::share::Pathway;
use super::state::{BACK_MS, State};

/// The pathway that a session is to try first; `used` is its current one, if that is an edge of
/// ours.
pub fn answer(state: &State, sid: &str, used: Option<&Pathway>) -> Pathway {
    let home = state.routes.assigned(sid);
    let edge = |pathway: &Pathway| state.edges.get(&pathway.edge);
    let is_closed = |pathway: &Pathway| state.routes.is_closed(&pathway.edge);
    let is_avoided = edge(&home).is_some_and(|edge| edge.avoided) || is_closed(&home);
    let is_bad = |used: &Pathway| {
        edge(used).is_some_and(|edge| edge.health == Health::Bad) || is_closed(used)
    };
    match used {
        // Right after a start it is not known yet which sessions were moved: all of them stay,
        // except those that an operator has moved since.
        Some(used) if !state.restored && !is_closed(used) && !state.has_moved(sid) => used.clone(),
        // Its player fled on its own: it is not sent back before that edge is healthy and has room.
        Some(used)
            if is_avoided
                && used.edge != home.edge
                && !is_bad(used)
                && !state.is_insisted(&home.edge) =>
        {
            used.clone()
        }
        _ => state.routes.pathway(sid),
    }
}

/// Marks the edges to which players that fled are not sent back: edges that were bad, until they
/// have been healthy for a while and have room. Otherwise an overloaded edge would be overloaded
/// again as soon as its viewers had left.
pub fn avoid(state: &mut State, inputs: &Inputs, now_ms: i64) {
    let is_avoided = |(name, edge): &(&String, &EdgeState)| {
        let is_healthy = edge.good_since.is_some_and(|since| now_ms - since >= BACK_MS);
        let is_open = edge.closed_since.is_none();
        edge.health == Health::Bad
            || (edge.avoided && !(is_healthy && is_open && has_room(state, inputs, name)))
    };
    let avoided: BTreeSet<String> =
        state.edges.iter().filter(is_avoided).map(|(name, _)| name.clone()).collect();
    for (name, edge) in &mut state.edges {
        edge.avoided = avoided.contains(name);
    }
}

/// Allows players that fled from an edge back to it: its viewers are brought home.
pub fn take_back(state: &mut State, edge: &str) {
    if let Some(edge) = state.edges.get_mut(edge) {
        edge.avoided = false;
    }
}

/// Whether all sessions sent to an edge fit its nominal capacity: some of them fled, and their load does not
/// show there yet.
fn has_room(state: &State, inputs: &Inputs, edge: &str) -> bool {
    let added = inputs.missing_at(edge) as f64 * most_kbps(state, inputs, edge);
    room::has_room(state, inputs, edge, added)
}

/// Closes and opens edges by their current health.
pub fn close(state: &mut State, now_ms: i64) {
    let once_ms = state.policy.once_ms();
    for edge in state.edges.values_mut() {
        step(edge, once_ms, now_ms);
    }
    // An edge that has just recovered connections is better than an ill one or none.
    let open = |edge: &&EdgeState| edge.closed_since.is_none();
    let good = |edge: &EdgeState| edge.health == Health::Good;
    if !state.edges.values().filter(open).any(good) {
        state
            .edges
            .values_mut()
            .filter(|edge| good(edge))
            .for_each(|edge| edge.closed_since = None);
    }
    if !state.edges.values().any(|edge| edge.closed_since.is_none()) {
        state
            .edges
            .values_mut()
            .filter(|edge| !edge.dead)
            .for_each(|edge| edge.closed_since = None);
    }
    let of = |is: &dyn Fn(&str, &EdgeState) -> bool| -> Vec<String> {
        let found = state.edges.iter().filter(|(name, edge)| is(name, edge));
        found.map(|(name, _)| name.clone()).collect()
    };
    // An operator who insisted before it closed did not know that it would.
    let closed = of(&|name, edge| {
        edge.closed_since.is_some_and(|since| !state.is_insisted_since(name, since))
    });
    let good = of(&|_, edge| edge.health == Health::Good);
    state.routes.close(&closed, &good);
}

fn step(edge: &mut EdgeState, once_ms: i64, now_ms: i64) {
    if edge.dead {
        edge.closed_since.get_or_insert(now_ms);
        return;
    }
    let lasted = |since: Option<i64>, ms| since.is_some_and(|since| now_ms - since >= ms);
    if lasted(edge.good_since, BACK_MS) && lasted(edge.closed_since, once_ms) {
        edge.closed_since = None;
    }
}
