//! What a session is answered: where its home and the moves in force send it, unless nothing can
//! be played from there.
//!
//! An edge that takes no connections is closed: it is answered to nobody, in every mode and
//! whoever was moved when, as long as another edge is open. Players would leave it by themselves,
//! only later. It opens again as a move ends: after 30 s of health, a minute after its viewers left at
//! the earliest.

use super::health::{EdgeState, Health};
use super::share::Pathway;
use super::state::{BACK_MS, State};

/// Where a session is to go first; `used` is where it is, when that is an edge of ours.
pub fn answer(state: &State, sid: &str, used: Option<&Pathway>) -> Pathway {
    let home = state.routes.assigned(sid);
    let is_bad = |pathway: &Pathway| {
        state.edges.get(&pathway.edge).is_some_and(|edge| edge.health == Health::Bad)
    };
    let is_away = |pathway: &Pathway| is_bad(pathway) || state.routes.is_closed(&pathway.edge);
    match used {
        // Its player fled from a bad edge by itself: it is not sent back into it.
        Some(used) if is_away(&home) && !is_away(used) && !state.is_insisted(&home.edge) => {
            used.clone()
        }
        _ => state.routes.pathway(sid),
    }
}

/// Closes and opens edges by what is known of them now.
pub fn close(state: &mut State, now_ms: i64) {
    let once_ms = state.policy.once_ms();
    for edge in state.edges.values_mut() {
        step(edge, once_ms, now_ms);
    }
    // One that answers again but a moment ago is better than an ill one or none.
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
    let closed = of(&|name, edge| edge.closed_since.is_some() && !state.is_insisted(name));
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
