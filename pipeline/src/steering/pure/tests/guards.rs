//! The guards of ADR 19, each over arbitrary events.

use proptest::prelude::*;
use tallylight_schemas::control::{ActionKind, ActionRow, ActionState, Culprit, IncidentRow};

use super::fleet::{EACH, Fleet};
use crate::steering::pure::command;
use crate::steering::pure::decide::decide;
use crate::steering::pure::health::Health;
use crate::steering::pure::inputs::{Device, Load};
use crate::steering::pure::plan::{Wanted, plan};
use crate::steering::pure::share::{Pathway, WHOLE};
use crate::steering::pure::state::{Effect, State};
use crate::steering::settings::Mode;

/// What happens to the edges: (seconds until, edge, slow ms, dead).
fn story() -> impl Strategy<Value = Vec<(i64, bool, i64, bool)>> {
    let slow = prop_oneof![Just(0), Just(1_500), Just(700), Just(100)];
    prop::collection::vec((1_i64..50, any::<bool>(), slow, prop::bool::weighted(0.2)), 1..7)
}

fn taken(effect: &Effect) -> Option<&ActionRow> {
    match effect {
        Effect::Action(row) if row.state == ActionState::Taken && row.outcome.is_none() => {
            Some(row)
        }
        _ => None,
    }
}

fn tell(fleet: &mut Fleet, story: &[(i64, bool, i64, bool)]) {
    for (seconds, first, slow_ms, dead) in story {
        let ill = fleet.ill(if *first { "e1" } else { "e2" });
        (ill.slow_ms, ill.dead) = (*slow_ms, *dead);
        fleet.run(*seconds);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Never more than the target's free nominal capacity, except from a closed edge; at most one
    /// move a minute for each viewer; never a move while every edge is bad.
    #[test]
    fn the_guards_hold_whatever_happens(story in story(), capacity in 25_u64..120) {
        let mut fleet = Fleet::new(60, capacity, capacity);
        tell(&mut fleet, &story);
        for viewer in &fleet.viewers {
            prop_assert!(viewer.moves.windows(2).all(|pair| pair[1] - pair[0] >= 65_000), "{viewer:?}");
        }
        for (at, effect) in &fleet.effects {
            let Some(row) = taken(effect).filter(|row| row.kind == ActionKind::ShiftEdge) else { continue };
            if fleet.closed.contains(&(*at, row.target.clone())) {
                // Viewers leave it without regard to room.
                continue;
            }
            let (_, inputs) = fleet.script.iter().find(|(when, _)| when == at).unwrap();
            let to = row.to.as_deref().unwrap();
            let load = inputs.edges[to].load.unwrap();
            // Viewers that fled from a dead edge on their own are there already.
            let all_fled = inputs.edges[&row.target].load.is_none_or(|load| load.sessions == 0);
            let fled = if all_fled { row.viewers } else { 0 };
            let after = load.reserved_kbps + (row.viewers - fled).max(0) as u64 * EACH;
            let fits = row.viewers <= fled || after <= load.capacity_kbps;
            prop_assert!(fits, "{row:?} {load:?}");
        }
    }

    /// The same inputs give the same decisions.
    #[test]
    fn replay_gives_the_same(story in story()) {
        let mut fleet = Fleet::new(30, 60, 60);
        let (begun, mut state) = (fleet.script.len(), fleet.state.clone());
        let before = fleet.effects.len();
        tell(&mut fleet, &story);
        let mut effects = Vec::new();
        for (now, inputs) in &fleet.script[begun..] {
            let (next, out) = decide(state, inputs, *now);
            state = next;
            effects.extend(out.into_iter().map(|effect| (*now, effect)));
        }
        prop_assert_eq!(&effects, &fleet.effects[before..].to_vec());
        prop_assert_eq!(&state, &fleet.state);
    }

    /// Undoing a move sends every viewer back to where it was.
    #[test]
    fn undo_restores(capacity in 40_u64..120) {
        let mut fleet = Fleet::new(60, capacity, capacity);
        let paths = |state: &State, fleet: &Fleet| -> Vec<Pathway> {
            fleet.viewers.iter().map(|viewer| state.routes.pathway(&viewer.sid)).collect()
        };
        let before = paths(&fleet.state, &fleet);
        fleet.ill("e1").slow_ms = 1_500;
        fleet.run(12);
        let mut out = Vec::new();
        for row in fleet.actions(ActionState::Taken) {
            let (inputs, now) = (fleet.inputs(), fleet.now);
            command::on_action(&mut fleet.state, &inputs, &row.id, "undo", "me", now, &mut out).unwrap();
        }
        prop_assert_eq!(paths(&fleet.state, &fleet), before);
    }
}

#[test]
fn no_viewers_move_while_every_edge_is_bad() {
    let mut fleet = Fleet::new(60, 100, 100);
    for (first, second) in [("e1", "e2"), ("e2", "e1")] {
        fleet.ill(first).slow_ms = 1_500;
        fleet.ill(second).dead = true;
        fleet.run(25);
        fleet.ill(first).slow_ms = 0;
        fleet.ill(second).dead = false;
        fleet.run(100);
    }
    for (at, effect) in &fleet.effects {
        if taken(effect).is_some_and(|row| row.kind == ActionKind::ShiftEdge) {
            let (_, inputs) = fleet.script.iter().find(|(when, _)| when == at).unwrap();
            let good = inputs
                .edges
                .values()
                .filter(|edge| edge.probes.last().is_some_and(|p| p.is_good(500)));
            assert!(good.count() > 0);
        }
    }
}

#[test]
fn viewers_do_not_return_to_an_edge_that_others_fill() {
    let mut fleet = Fleet::new(60, 100, 100);
    let before = fleet.at("e1");
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(20);
    fleet.ill("e1").slow_ms = 0;
    fleet.ill("e1").others_kbps = 90 * EACH;
    fleet.run(120);
    assert_eq!(fleet.at("e1"), 0);
    fleet.ill("e1").others_kbps = 0;
    fleet.run(20);
    assert_eq!(fleet.at("e1"), before);
}

#[test]
fn a_moment_of_slowness_moves_no_viewers() {
    let mut fleet = Fleet::new(60, 100, 100);
    for _ in 0..6 {
        fleet.ill("e1").slow_ms = 1_500;
        fleet.run(1);
        fleet.ill("e1").slow_ms = 0;
        fleet.run(12);
    }
    assert!(fleet.viewers.iter().all(|viewer| viewer.moves.is_empty()));
}

#[test]
fn a_device_that_fails_everywhere_is_named_and_no_edge_is_touched() {
    let mut fleet = Fleet::new(60, 100, 100);
    let mut inputs = fleet.inputs();
    let device = |viewers, adaptation_failures| Device { viewers, adaptation_failures };
    inputs.devices.insert("tv-x900".into(), device(8, 9));
    inputs.devices.insert("phone".into(), device(40, 1));
    let (state, effects) = decide(fleet.state.clone(), &inputs, fleet.now);
    let named: Vec<&IncidentRow> = state.incidents.values().collect();
    assert_eq!((named[0].culprit, named[0].name.as_deref()), (Culprit::Device, Some("tv-x900")));
    assert_eq!(effects.len(), 1);
    inputs.devices.insert("phone".into(), device(40, 9));
    let (state, _) = decide(fleet.state.clone(), &inputs, fleet.now);
    assert!(state.incidents.is_empty(), "it is not that device alone");
    fleet.run(1);
}

#[test]
fn an_edge_without_viewers_has_a_health_too_and_new_sessions_avoid_it() {
    let mut fleet = Fleet::new(0, 100, 100);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(12);
    assert_eq!(fleet.state.edges["e1"].health, Health::Bad);
    assert!((fleet.state.routes.share("e2") - 1.0).abs() < 1e-9);
}

/// A fleet with a move in force, and the state of a new run of steering that knows nothing of it.
fn restarted() -> (Fleet, State) {
    let mut fleet = Fleet::new(60, 100, 100);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(15);
    let again = State::new(fleet.state.policy.clone(), fleet.state.mode);
    (fleet, again)
}

#[test]
fn a_restart_takes_up_what_is_in_force() {
    let (mut fleet, mut again) = restarted();
    let incidents = fleet.state.incidents.values().cloned().collect();
    let actions = fleet.state.actions.values().cloned().collect();
    again.restore(incidents, actions, fleet.now, &mut Vec::new());
    for viewer in &fleet.viewers {
        assert_eq!(again.routes.pathway(&viewer.sid), fleet.state.routes.pathway(&viewer.sid));
    }
    fleet.state = again;
    fleet.ill("e1").slow_ms = 0;
    let back = fleet.until(80, |fleet| fleet.state.routes.moved().count() == 0);
    assert!(back >= 30_000, "{back} ms");
    fleet.run(45);
    assert!(fleet.open().is_empty());
}

#[test]
fn a_restart_keeps_all_viewers_in_place_even_without_room() {
    let mut fleet = Fleet::new(60, 100, 45);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(15);
    let mut kinds: Vec<ActionKind> =
        fleet.actions(ActionState::Taken).iter().map(|row| row.kind).collect();
    kinds.sort();
    assert_eq!(kinds, [ActionKind::ShiftEdge, ActionKind::CapLadder]);
    let mut again = State::new(fleet.state.policy.clone(), fleet.state.mode);
    let actions = fleet.state.actions.values().cloned().collect();
    again.restore(Vec::new(), actions, fleet.now, &mut Vec::new());
    for viewer in &fleet.viewers {
        assert_eq!(again.routes.pathway(&viewer.sid), fleet.state.routes.pathway(&viewer.sid));
    }
}

#[test]
fn no_viewers_are_capped_while_an_edge_with_room_settles() {
    let mut fleet = Fleet::new(60, 100, 100);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.state.sent.insert("e2".into(), fleet.now);
    fleet.run(15);
    assert!(fleet.actions(ActionState::Taken).is_empty());
    fleet.run(12);
    let taken = fleet.actions(ActionState::Taken);
    assert_eq!(taken.iter().map(|row| row.kind).collect::<Vec<_>>(), [ActionKind::ShiftEdge]);
}

#[test]
fn viewers_go_to_the_named_edge_even_if_another_has_more_room() {
    let fleet = Fleet::new(60, 100, 100);
    let mut inputs = fleet.inputs();
    let mut state = fleet.state.clone();
    let third = (state.edges["e2"].clone(), inputs.edges["e2"].clone());
    state.policy.capacities.push(("e3".into(), 90 * EACH));
    state.edges.insert("e3".into(), third.0);
    inputs.edges.insert("e3".into(), third.1);
    for to in ["e2", "e3"] {
        let parts = plan(&state, &inputs, "e1", Wanted::new(WHOLE, Some(to)), fleet.now);
        assert_eq!(parts[0].to.as_deref(), Some(to));
    }
    // From a closed edge only viewers that fit, except to the edge with most room.
    state.edges.get_mut("e1").unwrap().closed_since = Some(fleet.now);
    state.policy.capacities[2].1 = 5 * EACH;
    inputs.edges.get_mut("e3").unwrap().load = Some(Load::default());
    let parts = plan(&state, &inputs, "e1", Wanted::new(WHOLE, Some("e3")), fleet.now);
    assert!((1..=5).contains(&parts[0].viewers), "{parts:?}");
}

#[test]
fn what_is_in_force_is_said_again_so_that_a_later_restart_finds_it() {
    let mut fleet = Fleet::new(60, 100, 100);
    let mut out = Vec::new();
    command::set_mode(&mut fleet.state, Mode::Act, "operator", fleet.now, &mut out);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(20);
    let (long_ago, before) = (fleet.now, fleet.effects.len());
    fleet.run(310);
    let again: Vec<ActionKind> = fleet.effects[before..]
        .iter()
        .filter_map(|(_, effect)| match effect {
            Effect::Action(row) if row.at < long_ago * 1_000 => Some(row.kind),
            _ => None,
        })
        .collect();
    for kind in [ActionKind::SetMode, ActionKind::ShiftEdge] {
        let times = again.iter().filter(|again| **again == kind).count();
        assert!((1..=2).contains(&times), "{kind:?} in {again:?}");
    }
}

#[test]
fn a_restart_that_reads_a_move_twice_applies_it_once() {
    let (fleet, mut again) = restarted();
    let actions: Vec<_> = fleet.state.actions.values().cloned().collect();
    again.restore(Vec::new(), actions.clone(), fleet.now, &mut Vec::new());
    let once = again.routes.clone();
    again.restore(Vec::new(), actions.clone(), fleet.now, &mut Vec::new());
    assert_eq!(again.routes, once);
    // An edge that is no longer in the settings receives no viewers.
    let mut policy = fleet.state.policy.clone();
    policy.capacities.retain(|(name, _)| name != "e2");
    let mut without = State::new(policy, fleet.state.mode);
    let out = &mut Vec::new();
    without.restore(Vec::new(), actions, fleet.now, out);
    let is_ended = out.iter().any(|effect| match effect {
        Effect::Action(row) => row.state == ActionState::Ended,
        _ => false,
    });
    assert!(is_ended, "the log has it, too");
    assert_eq!(without.routes.moved().count(), 0);
    assert!(without.actions_in(&[ActionState::Taken]).is_empty());
}
