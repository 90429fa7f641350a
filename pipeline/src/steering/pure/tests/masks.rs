//! What was asked of the origin is asked until its page shows it.

use super::fleet::{Fleet, copies};
use crate::origin::CopyState::Frozen;
use crate::steering::pure::state::{Effect, State};

/// How often each was asked since `from`: to mask, and to unmask.
fn asked(fleet: &Fleet, from: usize) -> (usize, usize) {
    let times = |wanted: bool| {
        let is_it = |effect: &Effect| matches!(effect, Effect::Mask { on, .. } if *on == wanted);
        fleet.effects[from..].iter().filter(|(_, effect)| is_it(effect)).count()
    };
    (times(true), times(false))
}

/// An encoder that is masked since a moment ago; the origin's page does not show it.
fn masked() -> Fleet {
    let mut fleet = Fleet::new(20, 250, 250);
    fleet.pipelines.insert("A".into(), copies(&[(10, Frozen), (11, Frozen)], true));
    fleet.pipelines.insert("B".into(), copies(&[], true));
    fleet.until(10, |fleet| asked(fleet, 0).0 == 1);
    fleet
}

fn shows(fleet: &mut Fleet, masked: bool) {
    fleet.pipelines.get_mut("A").unwrap().masked = masked;
}

#[test]
fn a_mask_that_the_origin_does_not_have_is_asked_for_again() {
    let mut fleet = masked();
    let from = fleet.effects.len();
    fleet.run(16);
    assert_eq!(asked(&fleet, from), (3, 0));
    shows(&mut fleet, true);
    let from = fleet.effects.len();
    fleet.run(16);
    assert_eq!(asked(&fleet, from), (0, 0));
}

#[test]
fn a_mask_that_the_origin_keeps_is_taken_off_again() {
    let mut fleet = masked();
    fleet.pipelines.insert("A".into(), copies(&[], false));
    shows(&mut fleet, true);
    fleet.until(40, |fleet| asked(fleet, 0).1 == 1);
    let from = fleet.effects.len();
    fleet.run(11);
    assert_eq!(asked(&fleet, from), (0, 2));
    // Once it is off, who masks it at the origin is let.
    shows(&mut fleet, false);
    fleet.run(6);
    shows(&mut fleet, true);
    let from = fleet.effects.len();
    fleet.run(11);
    assert_eq!(asked(&fleet, from), (0, 0));
}

#[test]
fn after_a_restart_the_origin_is_asked_for_what_is_in_force() {
    let mut fleet = masked();
    let mut again = State::new(fleet.state.policy.clone(), fleet.state.mode);
    let actions = fleet.state.actions.values().cloned().collect();
    again.restore(Vec::new(), actions, fleet.now, &mut Vec::new());
    (fleet.state, fleet.effects) = (again, Vec::new());
    fleet.run(2);
    assert_eq!(asked(&fleet, 0), (1, 0));
}
