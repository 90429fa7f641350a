//! Which viewers move where: never more than the target's free nominal capacity (ADR 19). Viewers
//! that do not fit are kept on the low rungs, or stay.

use super::health::Before;
use super::inputs::{Edge, Inputs};
use super::places::{Home, length, take};
use super::room::{Asked, Room, at_most_top, load_after, room};
use super::share::{Slice, WHOLE};
use super::state::State;

/// A part of an edge's viewers, and its destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The edge; `None` keeps them where they are, on the low rungs.
    pub to: Option<String>,
    /// Places on the home's scale.
    pub places: Vec<(u32, u32)>,
    /// Viewers at those places.
    pub viewers: i64,
    /// Viewers of the edge in all.
    pub of: i64,
    /// Share of the target's capacity in use afterwards.
    pub load_after: Option<f64>,
}

impl Part {
    /// As a share of the home's viewers.
    pub fn share(&self) -> f64 {
        f64::from(length(&self.places)) / f64::from(WHOLE)
    }
}

/// What a plan is made for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// How much of the home is moved at most, on the scale of [`WHOLE`].
    pub most: u32,
    /// The only target, if there is one.
    pub to: Option<&'a str>,
    /// An operator asks, who does not wait until those just sent to a target have arrived.
    pub by_hand: bool,
}

impl<'a> Wanted<'a> {
    /// What steering itself wants.
    pub fn new(most: u32, to: Option<&'a str>) -> Self {
        Self { most, to, by_hand: false }
    }
}

/// What could be done for the viewers of an edge: targets with room, the most room first, then the
/// cap.
///
/// On a closed edge no viewers can stay: those that fit nowhere go to the edge with most room, as
/// their players would by themselves.
pub fn plan(
    state: &State,
    inputs: &Inputs,
    edge: &str,
    wanted: Wanted<'_>,
    now_ms: i64,
) -> Vec<Part> {
    let Some(from) = state.edges.get(edge) else { return Vec::new() };
    let closed = from.closed_since.is_some();
    let mut places =
        if closed { state.routes.free(edge, WHOLE) } else { movable(state, edge, now_ms) };
    let all = length(&places);
    if all == 0 {
        return Vec::new();
    }
    let since = from.symptom_at.unwrap_or(i64::MIN);
    let at = inputs.edges.get(edge);
    let here = at_home(state, at, edge);
    let known = inputs.places.get(edge).map_or(&[][..], Vec::as_slice);
    // Some of them may be on the low rungs, or have been moved within the minute.
    let own = WHOLE - state.routes.away(edge, None);
    let movable = here as f64 * f64::from(all) / f64::from(own.max(1));
    let home = Home::new(&places, known, movable.round() as i64);
    let mut parts = Vec::new();
    let mut left = wanted.most.min(all);
    let mut targets = targets(state, inputs, edge, since);
    if closed {
        targets.reverse();
    }
    let answers = |name: &&String| inputs.edges.get(*name).is_some_and(|at| at.load.is_some());
    let most_room = targets.last().filter(answers).cloned();
    targets.retain(|target| wanted.to.is_none_or(|to| target == to));
    for target in targets {
        let each = each_kbps(
            from.before,
            at,
            state.edges.get(&target).map(|t| t.before),
            inputs.edges.get(&target),
        );
        let each = at_most_top(inputs, each);
        let asked = Asked { target: &target, edge, each, by_hand: wanted.by_hand };
        let Room { free, fled, coming } = room(state, inputs, asked, now_ms);
        let everybody = closed && most_room.as_ref() == Some(&target);
        let fit = if everybody { left } else { fit_for(&home, &places, here, (free, each)) };
        let taken = take(&mut places, fit.min(left));
        let viewers = home.count(&taken);
        left -= length(&taken);
        // Without viewers, a move would only look like something.
        if length(&taken) > 0 && (viewers > 0 || here == 0) {
            let after = (viewers as f64 * each - fled).max(0.0) + coming;
            parts.push(Part {
                load_after: load_after(state, inputs, &target, after),
                to: Some(target),
                places: taken,
                viewers,
                of: here,
            });
        }
    }
    let rest = take(&mut places, left);
    if !rest.is_empty() && !closed && here > 0 && inputs.low {
        let viewers = home.count(&rest);
        parts.push(Part { to: None, places: rest, viewers, of: here, load_after: None });
    }
    parts
}

/// How many of these places of a home, which hold this many viewers, fit into the free capacity,
/// kbps, at this rate for each viewer.
fn fit_for(home: &Home, places: &[(u32, u32)], here: i64, (free, each): (f64, f64)) -> u32 {
    match here {
        // New sessions there go elsewhere, as long as there is any room.
        0 if free > 0.0 => length(places),
        0 => 0,
        _ if each > 0.0 => home.cut(places, (free / each).floor() as i64),
        _ => 0,
    }
}

/// The viewers of an edge that an operator keeps on its low rungs: that needs no room anywhere,
/// only low rungs.
pub fn by_hand(state: &State, inputs: &Inputs, edge: &str, most: u32) -> Option<Part> {
    if !inputs.low {
        return None;
    }
    let mut free = state.routes.free(edge, WHOLE);
    let of = at_home(state, inputs.edges.get(edge), edge);
    let known = inputs.places.get(edge).map_or(&[][..], Vec::as_slice);
    let home = Home::new(&free, known, of);
    let places = take(&mut free, most);
    let viewers = home.count(&places);
    (!places.is_empty()).then_some(Part { to: None, places, viewers, of, load_after: None })
}

/// The edges to which viewers may be sent, the one with most room first.
pub fn targets(state: &State, inputs: &Inputs, edge: &str, since: i64) -> Vec<String> {
    let fit = |name: &&String| {
        *name != edge
            && !state.routes.is_closed(name)
            && inputs
                .edges
                .get(*name)
                .zip(state.edges.get(*name))
                .is_some_and(|(at, of)| of.is_fit(at, since))
    };
    let mut all: Vec<String> = state.edges.keys().filter(fit).cloned().collect();
    let room = |name: &String| {
        let reserved = inputs.load(name).map_or(0, |load| load.reserved_kbps);
        state.capacity(name).saturating_sub(reserved)
    };
    all.sort_by_key(|name| (std::cmp::Reverse(room(name)), name.clone()));
    all
}

/// The places of a home that are at home and whose viewers' minute is over: steering does not move
/// viewers back and forth by its own decision.
pub fn movable(state: &State, home: &str, now_ms: i64) -> Vec<(u32, u32)> {
    let mut places = state.routes.free(home, WHOLE);
    let recent = state.moved.get(home).into_iter().flatten();
    for moved in recent.filter(|moved| now_ms - moved.at < state.policy.once_ms()) {
        let without = |(from, to): (u32, u32)| {
            let before = (from, to.min(moved.from).max(from));
            let after = (from.max(moved.to).min(to), to);
            [before, after].into_iter().filter(|(from, to)| from < to)
        };
        places = places.into_iter().flat_map(without).collect();
    }
    places
}

/// Viewers of the edge's own home that are there, or were before the symptoms.
fn at_home(state: &State, at: Option<&Edge>, edge: &str) -> i64 {
    let before = state.edges.get(edge).map_or(0, |edge| edge.before.sessions);
    let now = at.and_then(|edge| edge.load).map_or(0, |load| load.sessions);
    let own = f64::from(WHOLE - state.routes.away(edge, None));
    let others = f64::from(state.routes.guests(edge));
    // Viewers sent away since the symptoms began were there before.
    let since = state.edges.get(edge).and_then(|edge| edge.symptom_at).unwrap_or(i64::MAX);
    let of_now = |slice: &&Slice| {
        let at = state.actions.get(&slice.action).map_or(i64::MIN, |row| row.at / 1_000);
        slice.pathway.edge != edge && at >= since
    };
    let gone = state.routes.slices(edge).iter().filter(of_now);
    let gone = f64::from(gone.map(|slice| slice.to - slice.from).sum::<u32>());
    let all = own + gone + others;
    let share = if all > 0.0 { own / all } else { 1.0 };
    (before.max(now) as f64 * share).round() as i64
}

/// What one of its viewers will take, kbps: the most that its own or the target's viewers took.
fn each_kbps(
    before: Before,
    at: Option<&Edge>,
    other: Option<Before>,
    there: Option<&Edge>,
) -> f64 {
    let now = |edge: Option<&Edge>| {
        let load = edge.and_then(|edge| edge.load).filter(|load| load.sessions > 0);
        load.map_or(0.0, |load| load.reserved_kbps as f64 / load.sessions as f64)
    };
    let most = [before.kbps_each(), now(at), other.map_or(0.0, |b| b.kbps_each()), now(there)];
    most.into_iter().fold(0.0, f64::max)
}
