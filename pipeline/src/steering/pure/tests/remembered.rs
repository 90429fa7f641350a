//! What is remembered, and what a restart finds of it.

use std::collections::BTreeMap;

use tallylight_schemas::control::{
    ActionKind, ActionRow, ActionState, Culprit, IncidentRow, IncidentState, Severity,
};

use super::fleet::{Fleet, copies};
use crate::origin::CopyState::Frozen;
use crate::steering::pure::command;
use crate::steering::pure::incidents::{Finding, found, recovered};
use crate::steering::pure::manual::{Manual, manual};
use crate::steering::pure::state::{Effect, State};
use crate::steering::pure::words::Evidence;
use crate::steering::settings::Mode;

/// What the feed still has when steering restarts.
const FEED_MS: i64 = 31 * 60_000;

/// Another run of steering, which knows what was written lately.
pub(super) fn restart(fleet: &mut Fleet) {
    let (mut incidents, mut actions) = (BTreeMap::new(), BTreeMap::new());
    let lately = fleet.effects.iter().filter(|(at, _)| *at > fleet.now - FEED_MS);
    for (_, effect) in lately.cloned() {
        match effect {
            Effect::Incident(row) => drop(incidents.insert(row.id.clone(), row)),
            Effect::Action(row) => drop(actions.insert(row.id.clone(), row)),
            Effect::Mask { .. } => {}
        }
    }
    let mut again = State::new(fleet.state.policy.clone(), fleet.state.mode);
    let (incidents, actions) = (incidents.into_values().collect(), actions.into_values().collect());
    again.restore(incidents, actions, fleet.now, &mut Vec::new());
    fleet.state = again;
}

fn tell(fleet: &mut Fleet, id: &str, what: &str) {
    let (inputs, now, mut out) = (fleet.inputs(), fleet.now, Vec::new());
    command::on_action(&mut fleet.state, &inputs, id, what, "operator", now, &mut out).unwrap();
    fleet.effects.extend(out.into_iter().map(|effect| (now, effect)));
}

fn live(fleet: &Fleet) -> usize {
    fleet.state.actions_in(&[ActionState::Offered, ActionState::Taken]).len()
}

#[test]
fn what_an_operator_did_not_want_is_not_done_after_a_restart_either() {
    for (what, state) in [("dismiss", ActionState::Offered), ("undo", ActionState::Taken)] {
        let mut fleet = Fleet::new(20, 100, 100);
        let before = fleet.at("e1");
        fleet.ill("e1").slow_ms = 1_500;
        fleet.until(15, |fleet| !fleet.actions(state).is_empty());
        let id = fleet.actions(state)[0].id.clone();
        tell(&mut fleet, &id, what);
        fleet.run(35 * 60);
        restart(&mut fleet);
        fleet.run(30);
        assert_eq!((live(&fleet), fleet.at("e1")), (0, before), "{what}");
        assert_eq!(fleet.open().len(), 1, "{what}: the same incident");
    }
}

#[test]
fn a_return_that_was_turned_down_is_not_made_after_a_restart_either() {
    let mut fleet = Fleet::new(20, 100, 100);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(30, |fleet| fleet.at("e1") == 0);
    (fleet.state.mode, fleet.ill("e1").slow_ms) = (Mode::Advise, 0);
    fleet.until(120, |fleet| !fleet.actions(ActionState::Offered).is_empty());
    let id = fleet.actions(ActionState::Offered)[0].id.clone();
    tell(&mut fleet, &id, "dismiss");
    for _ in 0..2 {
        fleet.run(35 * 60);
        restart(&mut fleet);
        assert_eq!(fleet.open().len(), 1, "it is open as long as they are elsewhere");
    }
    fleet.state.mode = Mode::Act;
    fleet.run(60);
    assert_eq!(fleet.at("e1"), 0);
}

#[test]
fn a_return_whose_viewers_are_not_counted_any_more_is_over_after_a_restart() {
    let mut fleet = Fleet::new(20, 100, 100);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(30, |fleet| fleet.at("e1") == 0);
    fleet.ill("e1").slow_ms = 0;
    let back = |fleet: &Fleet| {
        let taken = fleet.actions(ActionState::Taken).into_iter();
        taken.map(|row| (row.kind, row.id)).find(|(kind, _)| *kind == ActionKind::ReturnEdge)
    };
    fleet.until(120, |fleet| back(fleet).is_some());
    let (_, id) = back(&fleet).unwrap();
    restart(&mut fleet);
    let row = &fleet.state.actions[&id];
    let outcome = "Brought back; not counted, as steering restarted";
    assert_eq!((row.state, row.outcome.as_deref()), (ActionState::Ended, Some(outcome)));
}

#[test]
fn a_pipeline_that_an_operator_uses_again_is_not_masked_after_a_restart_either() {
    let mut fleet = Fleet::new(20, 250, 250);
    fleet.pipelines.insert("A".into(), copies(&[(10, Frozen), (11, Frozen)], true));
    fleet.pipelines.insert("B".into(), copies(&[], true));
    fleet.until(10, |fleet| !fleet.actions(ActionState::Taken).is_empty());
    let (kind, target, by) = (ActionKind::UnmaskPipeline, "A".into(), "operator".into());
    let request = Manual { kind, target, to: None, share: 1.0, by };
    let (inputs, now, mut out) = (fleet.inputs(), fleet.now, Vec::new());
    manual(&mut fleet.state, &inputs, &request, now, &mut out).unwrap();
    fleet.effects.extend(out.into_iter().map(|effect| (now, effect)));
    fleet.run(35 * 60);
    restart(&mut fleet);
    fleet.run(30);
    assert_eq!(live(&fleet), 0);
}

#[test]
fn a_no_is_kept_while_its_incident_is_open_however_much_is_done_meanwhile() {
    let mut fleet = Fleet::new(20, 100, 100);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(15, |fleet| !fleet.actions(ActionState::Taken).is_empty());
    let undone = fleet.actions(ActionState::Taken)[0].clone();
    tell(&mut fleet, &undone.id, "undo");
    let now = fleet.now;
    let fill = |state: &mut State| {
        for n in 0..300 {
            let (id, at) = (format!("shift-e2-{n}"), undone.at + 1 + n);
            let (incident, over, like) = (None, ActionState::Ended, undone.clone());
            let row = ActionRow { id, at, incident, state: over, ..like };
            state.put_action(row, now, &mut Vec::new());
        }
        state.actions.contains_key(&undone.id)
    };
    assert!(fill(&mut fleet.state.clone()));
    let mut over = fleet.state;
    over.incidents.values_mut().for_each(|row| row.state = IncidentState::Closed);
    assert!(!fill(&mut over), "it is in the log");
}

#[test]
fn parts_whose_names_begin_alike_have_incidents_of_their_own() {
    let mut state = Fleet::new(0, 100, 100).state;
    let finding = |name: &str| Finding {
        key: format!("edge-{name}"),
        cause: format!("Edge {name} answers slowly"),
        culprit: Culprit::Edge,
        name: Some(name.to_owned()),
        cohort: String::new(),
        viewers: 0,
        severity: Severity::Degraded,
        evidence: Evidence::default(),
        symptom_at: None,
    };
    let (now, mut out) = (1_795_000_000_000, Vec::new());
    let longer = found(&mut state, finding("cdn-b"), now, &mut out);
    recovered(&mut state, "edge-cdn", 0, now, &mut out);
    assert_eq!(state.incidents[&longer].well_since, None, "nothing was said of that edge");
    let shorter = found(&mut state, finding("cdn"), now, &mut out);
    assert_ne!(longer, shorter);
    let id = |key| state.open(key).map(|row| row.id.as_str());
    assert_eq!((id("edge-cdn"), id("edge-cdn-b")), (Some(&*shorter), Some(&*longer)));
    assert_eq!(id("edge"), None);
}

#[test]
fn an_incident_of_an_edge_that_is_in_the_settings_no_more_is_over() {
    let mut fleet = Fleet::new(20, 100, 100);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(10);
    let mut policy = fleet.state.policy.clone();
    policy.capacities.retain(|(name, _)| name != "e1");
    let mut without = State::new(policy, fleet.state.mode);
    without.restore(fleet.open(), Vec::new(), fleet.now, &mut Vec::new());
    let states: Vec<_> = without.incidents.values().map(|row| row.state).collect();
    assert_eq!(states, [IncidentState::Closed]);
}

#[test]
fn an_offer_about_an_edge_that_is_in_the_settings_no_more_is_withdrawn() {
    for gone in ["e1", "e2"] {
        let mut fleet = Fleet::new(20, 100, 100);
        fleet.state.mode = Mode::Advise;
        fleet.ill("e1").slow_ms = 1_500;
        fleet.until(15, |fleet| !fleet.actions(ActionState::Offered).is_empty());
        let mut policy = fleet.state.policy.clone();
        policy.capacities.retain(|(name, _)| name != gone);
        let mut without = State::new(policy, Mode::Advise);
        let offers = fleet.actions(ActionState::Offered);
        without.restore(Vec::new(), offers, fleet.now, &mut Vec::new());
        assert!(without.actions_in(&[ActionState::Offered]).is_empty(), "{gone}");
    }
}

#[test]
fn an_incident_of_an_encoder_that_the_origin_lists_no_more_is_over() {
    let mut fleet = Fleet::new(20, 100, 100);
    fleet.pipelines.insert("A".into(), copies(&[], true));
    fleet.pipelines.insert("B".into(), copies(&[(10, Frozen), (11, Frozen)], true));
    fleet.until(10, |fleet| !fleet.actions(ActionState::Taken).is_empty());
    restart(&mut fleet);
    fleet.pipelines.remove("B");
    fleet.origin_answers = false;
    fleet.run(125);
    fleet.origin_answers = true;
    fleet.run(100);
    assert_eq!((fleet.open().len(), live(&fleet)), (1, 1), "it may come back with the origin");
    fleet.run(25);
    assert_eq!((fleet.open().len(), live(&fleet)), (0, 0), "{:?}", fleet.open());
}

#[test]
fn what_was_named_before_the_log_was_read_gives_way_to_the_incident_in_it() {
    let mut fleet = Fleet::new(20, 100, 100);
    fleet.state.restored = false;
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(10);
    let found = IncidentRow { id: "edge-e1-1".into(), ..fleet.open().remove(0) };
    fleet.state.restore(vec![found.clone()], Vec::new(), fleet.now, &mut Vec::new());
    fleet.run(1);
    let open: Vec<String> = fleet.open().into_iter().map(|row| row.id).collect();
    assert_eq!(open, [found.id]);
}

#[test]
fn viewers_brought_back_shortly_before_a_restart_are_not_moved_again_at_once() {
    let mut fleet = Fleet::new(20, 100, 100);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(30, |fleet| fleet.at("e1") == 0);
    fleet.ill("e1").slow_ms = 0;
    fleet.until(120, |fleet| fleet.state.routes.moved().count() == 0);
    let moved = fleet.state.moved["e1"].clone();
    restart(&mut fleet);
    assert!(fleet.state.settles("e1", fleet.now));
    assert!(!fleet.state.may_move("e1", &[(moved[0].from, moved[0].to)], fleet.now));
}

#[test]
fn before_the_log_is_read_nothing_is_offered_and_each_player_stays() {
    let mut fleet = Fleet::new(20, 100, 100);
    let mut out = Vec::new();
    let (kind, target, to) = (ActionKind::ShiftEdge, "e1".into(), Some("e2".into()));
    let request = Manual { kind, target, to, share: 1.0, by: "operator".into() };
    let (inputs, now) = (fleet.inputs(), fleet.now);
    manual(&mut fleet.state, &inputs, &request, now, &mut out).unwrap();
    command::set_mode(&mut fleet.state, Mode::Observe, "operator", now, &mut out);
    fleet.run(10);
    assert_eq!((fleet.at("e1"), fleet.at("e2")), (0, 20));
    let actions: Vec<ActionRow> = fleet.state.actions.values().cloned().collect();
    fleet.state = State::new(fleet.state.policy.clone(), Mode::Act);
    fleet.feed.complete = false;
    fleet.pipelines.insert("A".into(), copies(&[(10, Frozen), (11, Frozen)], true));
    fleet.pipelines.insert("B".into(), copies(&[], true));
    fleet.run(30);
    assert!(fleet.state.actions.is_empty(), "{:?}", fleet.state.actions);
    let reason = fleet.state.open("encoder-A").and_then(|row| row.no_action.clone()).unwrap();
    assert!(reason.contains("not read yet"), "{reason}");
    assert_eq!(fleet.at("e2"), 20, "all of them stay");
    // Then what was in force is in force again.
    fleet.state.restore(Vec::new(), actions, fleet.now, &mut Vec::new());
    (fleet.feed.complete, fleet.effects) = (true, Vec::new());
    fleet.run(30);
    assert_eq!((fleet.state.mode, fleet.at("e2")), (Mode::Observe, 20));
    let masks = fleet.effects.iter().filter(|(_, what)| matches!(what, Effect::Mask { .. }));
    assert_eq!(masks.count(), 0);
}

#[test]
fn what_an_operator_moves_before_the_log_is_read_moves() {
    let mut fleet = Fleet::new(20, 100, 100);
    fleet.state.restored = false;
    let before = fleet.at("e1");
    let (kind, target, to) = (ActionKind::ShiftEdge, "e1".into(), Some("e2".into()));
    let request = Manual { kind, target, to, share: 1.0, by: "operator".into() };
    let (inputs, now) = (fleet.inputs(), fleet.now);
    let row = manual(&mut fleet.state, &inputs, &request, now, &mut Vec::new()).unwrap();
    fleet.run(6);
    assert_eq!(fleet.at("e1"), 0);
    tell(&mut fleet, &row.id, "undo");
    fleet.run(6);
    assert_eq!(fleet.at("e1"), before);
}
