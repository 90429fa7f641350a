//! Players that left an ill edge by their own failover, and when they are sent back to it.

use tallylight_schemas::control::ActionKind;

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

#[test]
fn whom_an_operator_brings_back_by_hand_goes_at_once() {
    for undone in [false, true] {
        let mut fleet = Fleet::new(60, 250, 250);
        let before = fleet.at("e1");
        let wish = |kind, to: Option<&str>| Manual {
            kind,
            target: "e1".into(),
            to: to.map(str::to_owned),
            share: 1.0,
            by: "operator".into(),
        };
        let (inputs, out) = (fleet.inputs(), &mut Vec::new());
        let away = wish(ActionKind::ShiftEdge, Some("e2"));
        let moved = manual(&mut fleet.state, &inputs, &away, fleet.now, out).unwrap();
        fleet.run(15);
        fleet.ill("e1").slow_ms = 1_500;
        fleet.run(10);
        fleet.ill("e1").slow_ms = 0;
        let is_well = |fleet: &Fleet| {
            let edge = &fleet.state.edges["e1"];
            edge.health == Health::Good && edge.symptom_at.is_none()
        };
        fleet.until(10, is_well);
        let (inputs, now) = (fleet.inputs(), fleet.now);
        if undone {
            let (state, id) = (&mut fleet.state, &moved.id);
            command::on_action(state, &inputs, id, "undo", "operator", now, out).unwrap();
        } else {
            let back = wish(ActionKind::ReturnEdge, None);
            manual(&mut fleet.state, &inputs, &back, now, out).unwrap();
        }
        fleet.run(6);
        assert_eq!(fleet.at("e1"), before, "undone: {undone}");
    }
}
