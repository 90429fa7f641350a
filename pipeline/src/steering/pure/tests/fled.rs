//! Players that left an ill edge by their own failover, and when they are sent back to it.

use tallylight_schemas::control::{ActionKind, ActionRow, ActionState};

use super::fleet::{EACH, Fleet};
use crate::steering::pure::command;
use crate::steering::pure::health::Health;
use crate::steering::pure::manual::{Manual, manual};
use crate::steering::pure::state::State;
use crate::steering::settings::Mode;

/// A fleet whose viewers all fled to e2 while steering only observed, and how many were on e1.
fn fled() -> (Fleet, usize) {
    let mut fleet = Fleet::new(60, 100, 100);
    fleet.state.mode = Mode::Observe;
    let before = fleet.at("e1");
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(12, |fleet| fleet.state.edges["e1"].health == Health::Bad);
    fleet.viewers.iter_mut().for_each(|viewer| viewer.at = "e2".into());
    fleet.run(10);
    assert!(before > 20 && fleet.at("e1") == 0);
    (fleet, before)
}

#[test]
fn they_go_back_after_30_s_of_health() {
    let (mut fleet, before) = fled();
    fleet.ill("e1").slow_ms = 0;
    fleet.run(25);
    assert_eq!((fleet.state.edges["e1"].health, fleet.at("e1")), (Health::Good, 0));
    fleet.until(20, |fleet| fleet.at("e1") == before);
}

#[test]
fn they_go_back_once_there_is_room_for_them() {
    let (mut fleet, before) = fled();
    fleet.ill("e1").slow_ms = 0;
    fleet.ill("e1").others_kbps = 90 * EACH;
    fleet.run(60);
    assert_eq!(fleet.at("e1"), 0);
    fleet.ill("e1").others_kbps = 0;
    fleet.until(10, |fleet| fleet.at("e1") == before);
}

#[test]
fn a_restart_does_not_send_them_back_sooner() {
    let (mut fleet, before) = fled();
    let mut again = State::new(fleet.state.policy.clone(), Mode::Observe);
    again.restore(fleet.open(), Vec::new(), fleet.now, &mut Vec::new());
    fleet.state = again;
    fleet.ill("e1").slow_ms = 0;
    fleet.run(25);
    assert_eq!(fleet.at("e1"), 0);
    fleet.until(20, |fleet| fleet.at("e1") == before);
}

/// What an operator requests about an edge.
fn request(fleet: &mut Fleet, kind: ActionKind, target: &str, to: Option<&str>) -> ActionRow {
    let (target, to) = (target.to_owned(), to.map(str::to_owned));
    let request = Manual { kind, target, to, share: 1.0, by: "operator".into() };
    let (inputs, now) = (fleet.inputs(), fleet.now);
    manual(&mut fleet.state, &inputs, &request, now, &mut Vec::new()).unwrap()
}

fn undo(fleet: &mut Fleet, id: &str) {
    let (inputs, now, out) = (fleet.inputs(), fleet.now, &mut Vec::new());
    command::on_action(&mut fleet.state, &inputs, id, "undo", "operator", now, out).unwrap();
}

fn recovers(fleet: &mut Fleet, edge: &str) {
    fleet.ill(edge).slow_ms = 0;
    let is_healthy = |fleet: &Fleet| {
        let edge = &fleet.state.edges[edge];
        edge.health == Health::Good && edge.symptom_at.is_none()
    };
    fleet.until(10, is_healthy);
}

#[test]
fn viewers_brought_back_by_an_operator_go_at_once() {
    for undone in [false, true] {
        let mut fleet = Fleet::new(60, 250, 250);
        let before = fleet.at("e1");
        let moved = request(&mut fleet, ActionKind::ShiftEdge, "e1", Some("e2"));
        fleet.run(15);
        fleet.ill("e1").slow_ms = 1_500;
        fleet.run(10);
        recovers(&mut fleet, "e1");
        if undone {
            undo(&mut fleet, &moved.id);
        } else {
            request(&mut fleet, ActionKind::ReturnEdge, "e1", None);
        }
        fleet.run(6);
        assert_eq!(fleet.at("e1"), before, "undone: {undone}");
    }
}

#[test]
fn undoing_a_move_by_hand_takes_effect_although_the_edge_is_ill() {
    let mut fleet = Fleet::new(60, 250, 250);
    fleet.state.mode = Mode::Observe;
    let before = fleet.at("e1");
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(12, |fleet| fleet.state.open("edge-e1").is_some());
    let moved = request(&mut fleet, ActionKind::ShiftEdge, "e1", Some("e2"));
    fleet.run(10);
    assert_eq!(fleet.at("e1"), 0);
    undo(&mut fleet, &moved.id);
    fleet.run(10);
    assert_eq!(fleet.at("e1"), before);
}

#[test]
fn a_move_by_hand_to_an_edge_that_has_just_recovered_takes_effect() {
    let mut fleet = Fleet::new(60, 250, 250);
    fleet.state.mode = Mode::Observe;
    fleet.ill("e2").slow_ms = 1_500;
    fleet.until(12, |fleet| fleet.state.edges["e2"].health == Health::Bad);
    recovers(&mut fleet, "e2");
    request(&mut fleet, ActionKind::ShiftEdge, "e1", Some("e2"));
    fleet.run(10);
    assert_eq!(fleet.at("e1"), 0);
}

#[test]
fn a_move_by_hand_leaves_room_for_those_who_come_back_with_it() {
    let mut fleet = Fleet::new(60, 40, 100);
    fleet.state.mode = Mode::Observe;
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(12, |fleet| fleet.state.edges["e1"].health == Health::Bad);
    fleet.viewers.iter_mut().for_each(|viewer| viewer.at = "e2".into());
    recovers(&mut fleet, "e1");
    let moved = request(&mut fleet, ActionKind::ShiftEdge, "e2", Some("e1"));
    assert!(moved.viewers > 0, "{moved:?}");
    fleet.run(10);
    assert!(fleet.at("e1") <= 40, "{} of 40", fleet.at("e1"));
}

#[test]
fn an_undo_before_an_edge_died_sends_nobody_to_it() {
    let mut fleet = Fleet::new(60, 250, 250);
    fleet.state.mode = Mode::Observe;
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(12, |fleet| fleet.state.open("edge-e1").is_some());
    let moved = request(&mut fleet, ActionKind::ShiftEdge, "e1", Some("e2"));
    undo(&mut fleet, &moved.id);
    fleet.run(5);
    assert!(fleet.state.routes.share("e1") > 0.4);
    fleet.ill("e1").dead = true;
    fleet.run(10);
    assert_eq!(fleet.state.routes.share("e1"), 0.0);
}

#[test]
fn nor_once_the_record_of_that_undo_is_written_again() {
    let mut fleet = Fleet::new(60, 250, 250);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(15, |fleet| !fleet.actions(ActionState::Taken).is_empty());
    let id = fleet.actions(ActionState::Taken)[0].id.clone();
    undo(&mut fleet, &id);
    fleet.run(10);
    fleet.ill("e1").dead = true;
    fleet.run(310);
    assert_eq!(fleet.state.routes.share("e1"), 0.0);
}
