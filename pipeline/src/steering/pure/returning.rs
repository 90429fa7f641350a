//! Brings viewers home once their edge has been healthy for a while, and determines the outcome of
//! a move or a return.

use tallylight_schemas::control::{ActionKind, ActionRow, ActionState};

use super::act::{blank, dismiss, pathway};
use super::answer;
use super::health::{Health, rebuffering};
use super::inputs::{Inputs, Moves};
use super::places::inside;
use super::room::{at_most_top, coming, has_room, load_after};
use super::state::{BACK_MS, Effect, State, Watch};
use super::words::{Evidence, percent, seconds, viewers};

/// From a player's first error to our first symptom, ms.
const NOTICED_MS: i64 = 3_000;

/// Homes whose viewers steering moved away, and that have been healthy for long enough and have
/// room for them: an overloaded edge is quick again once its viewers have left.
pub fn due_returns(state: &State, inputs: &Inputs, now_ms: i64) -> Vec<String> {
    let due = |home: &&str| {
        let since = state.edges.get(*home).and_then(|edge| edge.good_since);
        let moves = mine(state, home);
        let places: Vec<(u32, u32)> = moves.iter().flat_map(|row| places_of(state, row)).collect();
        since.is_some_and(|since| now_ms - since >= BACK_MS)
            && !places.is_empty()
            && !state.settles(home, now_ms)
            && state.may_move(home, &places, now_ms)
            && fits(state, inputs, home, &moves, now_ms).is_ok()
    };
    state.routes.moved().filter(due).map(str::to_owned).collect()
}

/// Whether a home can take back the viewers that these moves sent away; the error gives the reason.
pub fn fits(
    state: &State,
    inputs: &Inputs,
    home: &str,
    moves: &[ActionRow],
    now_ms: i64,
) -> Result<(), String> {
    let Some(edge) = state.edges.get(home) else {
        return Err(format!("there is no edge {home:?}"));
    };
    if edge.health != Health::Good || edge.symptom_at.is_some() {
        return Err(format!("edge {home} is not healthy: {}", edge.why));
    }
    if !has_room(state, inputs, home, added_kbps(state, inputs, home, moves, now_ms)) {
        return Err(format!(
            "there is no room at edge {home} for them within its nominal capacity"
        ));
    }
    Ok(())
}

/// What a home will carry beside its load, kbps: the viewers that these moves sent away, and those
/// who are on their way there anyhow. Capped viewers have theirs already.
fn added_kbps(state: &State, inputs: &Inputs, home: &str, moves: &[ActionRow], now_ms: i64) -> f64 {
    let away = || moves.iter().filter(|row| is_away(row));
    // Others may have come since they were moved.
    let places: Vec<(u32, u32)> = away().flat_map(|row| places_of(state, row)).collect();
    let known = inside(&places, inputs.places.get(home).map_or(&[][..], Vec::as_slice)).count();
    let (then, _) = viewers_of(moves);
    let viewers = (known as f64 * inputs.stands_for).max(then as f64);
    let coming = coming(state, inputs, home, now_ms) as f64;
    (viewers + coming) * most_kbps(state, inputs, home)
}

/// The most that one viewer takes at a home, kbps: the highest rate that is seen anywhere.
pub fn most_kbps(state: &State, inputs: &Inputs, home: &str) -> f64 {
    let before = state.edges.get(home).map_or(0.0, |edge| edge.before.kbps_each());
    let loads = state.routes.edges().filter_map(|edge| inputs.load(edge));
    let each = loads.filter(|load| load.sessions > 0);
    let each = each.map(|load| load.reserved_kbps as f64 / load.sessions as f64);
    at_most_top(inputs, each.fold(before, f64::max))
}

/// Moves of a home's viewers in force that steering itself made.
pub fn mine(state: &State, home: &str) -> Vec<ActionRow> {
    let mut moves = all(state, home);
    moves.retain(|row| row.incident.is_some());
    moves
}

fn places_of(state: &State, row: &ActionRow) -> Vec<(u32, u32)> {
    let slices = state.routes.slices(&row.target).iter().filter(|slice| slice.action == row.id);
    slices.map(|slice| (slice.from, slice.to)).collect()
}

/// Moves of a home's viewers in force, by steering or by an operator.
pub fn all(state: &State, home: &str) -> Vec<ActionRow> {
    let of = |row: &ActionRow| row.target == home && pathway(row).is_some();
    state.actions_in(&[ActionState::Taken]).into_iter().filter(of).collect()
}

fn is_away(row: &ActionRow) -> bool {
    row.to.is_some()
}

/// Viewers that these moves sent away, and those they capped: the latter never left.
fn viewers_of(moves: &[ActionRow]) -> (i64, i64) {
    let (away, capped): (Vec<_>, Vec<_>) = moves.iter().partition(|row| is_away(row));
    let sum = |rows: Vec<&ActionRow>| rows.iter().map(|row| row.viewers).sum();
    (sum(away), sum(capped))
}

/// An offer to bring back a home's viewers that these moves sent away.
pub fn returning(
    state: &mut State,
    inputs: &Inputs,
    (home, moves): (&str, &[ActionRow]),
    by: &str,
    now_ms: i64,
) -> ActionRow {
    let mut row = blank(state, ActionKind::ReturnEdge, home, by, now_ms);
    let (moved, capped) = viewers_of(moves);
    row.viewers = moved;
    row.share = moves.iter().map(|row| row.share).sum::<f64>().min(1.0);
    row.incident = moves.iter().find_map(|row| row.incident.clone());
    let added = added_kbps(state, inputs, home, moves, now_ms);
    row.load_after = load_after(state, inputs, home, added);
    row.title = match (moves.iter().any(is_away), capped) {
        (true, 0) => format!("Bring {} back to {home}", viewers(moved)),
        (true, _) => {
            format!("Bring {} back to {home}; {capped} capped get all rungs again", viewers(moved))
        }
        (false, _) => format!("Give {} of {home} all rungs again", viewers(capped)),
    };
    row.forecast = format!("Shares and rungs as before within {} s", state.policy.ttl_s + 10);
    let mut evidence = Evidence::default();
    let since = state.edges.get(home).and_then(|edge| edge.good_since).unwrap_or(now_ms);
    evidence.add(format!("{home} has been healthy for"), seconds((now_ms - since) as f64));
    evidence
        .add("Its usual first byte", seconds(state.edges.get(home).map_or(0.0, |e| e.baseline_ms)));
    row.evidence = evidence.text();
    row
}

/// Brings back a home's viewers that these moves sent away, if it can take them, on anyone's
/// request.
pub fn take_return(
    state: &mut State,
    inputs: &Inputs,
    (mut row, moves): (ActionRow, Vec<ActionRow>),
    by: &str,
    now_ms: i64,
    out: &mut Vec<Effect>,
) -> Result<(), String> {
    let home = row.target.clone();
    if moves.is_empty() {
        return Err(format!("no viewers are away from {home:?} any more"));
    }
    fits(state, inputs, &home, &moves, now_ms)?;
    let why = format!("Brought back by {by} in another way");
    withdraw(state, &home, Some(&row.id), &why, now_ms, out);
    let away = moves.iter().any(is_away);
    let (expected, _) = viewers_of(&moves);
    for mut moved in moves {
        let places = state.routes.remove(&home, &moved.id);
        state.note_moved(&home, &places, now_ms);
        moved.state = ActionState::Ended;
        // After a restart in between, the arrivals were not counted.
        moved.outcome.get_or_insert_with(|| format!("In force until {by} brought them back"));
        state.watches.remove(&moved.id);
        state.put_action(moved, now_ms, out);
    }
    if away {
        let watch = Watch {
            edge: home.clone(),
            to: home.clone(),
            at: now_ms,
            since: now_ms,
            sessions: inputs.sessions_at(&home),
            expected,
            back: true,
        };
        state.watches.insert(row.id.clone(), watch);
        row.state = ActionState::Taken;
    } else {
        row.state = ActionState::Ended;
        row.outcome = Some("All rungs are offered to them again".to_owned());
    }
    answer::take_back(state, &home);
    state.sent.insert(home, now_ms);
    row.acts_at = None;
    row.by = by.to_owned();
    state.put_action(row, now_ms, out);
    Ok(())
}

/// Withdraws the offers to bring a home's viewers back, all or all but one.
pub fn withdraw(
    state: &mut State,
    home: &str,
    except: Option<&str>,
    why: &str,
    now_ms: i64,
    out: &mut Vec<Effect>,
) {
    for row in state.actions_in(&[ActionState::Offered]) {
        let is_other = except.is_none_or(|id| id != row.id);
        if row.kind == ActionKind::ReturnEdge && row.target == home && is_other {
            dismiss(state, row, why, now_ms, out);
        }
    }
}

/// Writes the outcomes that are known by now.
pub fn outcomes(state: &mut State, inputs: &Inputs, now_ms: i64, out: &mut Vec<Effect>) {
    for (id, watch) in state.watches.clone() {
        let own = fled(&watch, inputs);
        let steered = went(&watch, inputs, true, watch.at);
        // Not every player reports its edge, so arrivals count too; players that fled were there
        // before.
        let load = inputs.load(&watch.to).filter(|load| !load.reckoned);
        let arrived = load.map(|load| load.sessions - watch.sessions);
        let moved = (own + steered).max(arrived.unwrap_or(0));
        let done = moved as f64 >= watch.expected as f64 * 0.95;
        let late = now_ms - watch.at >= state.policy.outcome_ms();
        if !(done || late) {
            continue;
        }
        state.watches.remove(&id);
        let Some(mut row) = state.actions.get(&id).cloned() else { continue };
        // Other sessions come and go meanwhile; at most all of them moved.
        let moved = moved.clamp(0, watch.expected);
        let took = (now_ms - watch.at + 500) / 1_000;
        let text = words(&watch, moved, own.min(moved), took);
        let all: f64 = inputs.edges.values().map(rebuffering).fold(0.0, f64::max);
        row.outcome = Some(format!("{text}; stalled time now {} on the worst edge", percent(all)));
        if watch.back {
            row.state = ActionState::Ended;
        }
        state.put_action(row, now_ms, out);
    }
}

/// The sessions that moved, in an outcome's words.
fn words(watch: &Watch, moved: i64, own: i64, took_s: i64) -> String {
    let verb = if watch.back { "came back" } else { "moved" };
    let own = match own {
        0 => String::new(),
        own => format!(", {own} by their players' own failover"),
    };
    match watch.expected {
        0 if watch.back => format!("New viewers go to {} again", watch.to),
        0 => format!("No viewers were on {}; new viewers go to {}", watch.edge, watch.to),
        expected => format!("{moved} of {} {verb} in {took_s} s{own}", viewers(expected)),
    }
}

/// Sessions that left by their own failover, counted from a moment before steering noticed: players
/// meet an error first.
fn fled(watch: &Watch, inputs: &Inputs) -> i64 {
    if watch.back { 0 } else { went(watch, inputs, false, watch.since - NOTICED_MS) }
}

/// Sessions that went from the watched edge to their target.
fn went(watch: &Watch, inputs: &Inputs, steered: bool, since_ms: i64) -> i64 {
    let of = |moves: &&Moves| {
        moves.steered == steered
            && moves.at >= since_ms
            && moves.to == watch.to
            && (watch.back || moves.from == watch.edge)
    };
    inputs.moves.iter().filter(of).map(|moves| moves.sessions).sum()
}
