//! A mask is requested until the origin's page shows it.

use tallylight_schemas::control::{ActionKind, ActionState};

use super::fleet::{Fleet, copies};
use crate::origin::CopyState::Frozen;
use crate::steering::pure::command::{self, Refused};
use crate::steering::pure::manual::{Manual, manual};
use crate::steering::pure::state::{Effect, State};
use crate::steering::settings::Mode;

/// How often each was requested since `from`: to mask, and to unmask.
fn asked(fleet: &Fleet, from: usize) -> (usize, usize) {
    let times = |wanted: bool| {
        let is_it = |effect: &Effect| matches!(effect, Effect::Mask { on, .. } if *on == wanted);
        fleet.effects[from..].iter().filter(|(_, effect)| is_it(effect)).count()
    };
    (times(true), times(false))
}

/// An encoder that has just been masked; the origin's page does not show it yet.
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
    // Once the mask is off, an operator may set one at the origin.
    shows(&mut fleet, false);
    fleet.run(6);
    shows(&mut fleet, true);
    let from = fleet.effects.len();
    fleet.run(11);
    assert_eq!(asked(&fleet, from), (0, 0));
}

#[test]
fn a_mask_ends_with_its_incident_when_somebody_closes_that() {
    let mut fleet = masked();
    shows(&mut fleet, true);
    fleet.pipelines.insert("A".into(), copies(&[], false));
    shows(&mut fleet, true);
    fleet.run(5);
    let id = fleet.open()[0].id.clone();
    let (state, out) = (&mut fleet.state, &mut Vec::new());
    command::on_incident(state, &id, "close", "operator", None, fleet.now, out).unwrap();
    let from = fleet.effects.len();
    fleet.run(2);
    assert_eq!(asked(&fleet, from), (0, 1), "its picture is sound");
    let masks = fleet.state.actions.values().filter(|row| row.kind == ActionKind::MaskPipeline);
    assert!(masks.clone().count() == 1 && masks.clone().all(|row| row.state == ActionState::Ended));
}

/// Another run of steering, which finds these actions in the log.
fn restart(fleet: &mut Fleet) {
    let mut again = State::new(fleet.state.policy.clone(), fleet.state.mode);
    let actions = fleet.state.actions.values().cloned().collect();
    again.restore(Vec::new(), actions, fleet.now, &mut Vec::new());
    (fleet.state, fleet.effects) = (again, Vec::new());
}

#[test]
fn after_a_restart_the_origin_is_asked_for_what_is_in_force() {
    let mut fleet = masked();
    restart(&mut fleet);
    fleet.run(2);
    assert_eq!(asked(&fleet, 0), (1, 0));
}

#[test]
fn after_a_restart_the_origin_is_asked_again_to_use_what_was_unmasked() {
    for by_itself in [false, true] {
        let mut fleet = masked();
        if by_itself {
            fleet.pipelines.insert("A".into(), copies(&[], false));
            shows(&mut fleet, true);
            fleet.until(40, |fleet| asked(fleet, 0).1 == 1);
        } else {
            let id = fleet.actions(ActionState::Taken)[0].id.clone();
            let (inputs, now, out) = (fleet.inputs(), fleet.now, &mut Vec::new());
            command::on_action(&mut fleet.state, &inputs, &id, "undo", "me", now, out).unwrap();
        }
        // The origin is away, and steering stops before it is back.
        fleet.pipelines.clear();
        restart(&mut fleet);
        fleet.pipelines.insert("A".into(), copies(&[], false));
        fleet.pipelines.insert("B".into(), copies(&[], true));
        shows(&mut fleet, true);
        fleet.run(2);
        assert_eq!(asked(&fleet, 0), (0, 1), "by itself: {by_itself}");
        shows(&mut fleet, false);
        fleet.run(6);
        // An operator may mask it at the origin from then on.
        shows(&mut fleet, true);
        fleet.run(6);
        assert_eq!(asked(&fleet, 0), (0, 1), "by itself: {by_itself}");
    }
}

#[test]
fn a_mask_set_at_the_origin_long_after_that_of_steering_stays_after_a_restart() {
    let mut fleet = masked();
    fleet.pipelines.insert("A".into(), copies(&[], false));
    fleet.until(40, |fleet| asked(fleet, 0).1 == 1);
    fleet.run(31 * 60);
    shows(&mut fleet, true);
    restart(&mut fleet);
    fleet.run(6);
    assert_eq!(asked(&fleet, 0), (0, 0));
}

#[test]
fn what_an_operator_unmasks_before_the_log_is_read_stays_in_use() {
    let mut fleet = Fleet::new(20, 250, 250);
    let by_hand = |fleet: &mut Fleet, kind| {
        let request =
            Manual { kind, target: "A".into(), to: None, share: 1.0, by: "operator".into() };
        let (inputs, now) = (fleet.inputs(), fleet.now);
        manual(&mut fleet.state, &inputs, &request, now, &mut Vec::new()).unwrap();
        shows(fleet, kind == ActionKind::MaskPipeline);
        fleet.run(20);
    };
    fleet.pipelines.insert("A".into(), copies(&[], true));
    fleet.pipelines.insert("B".into(), copies(&[], true));
    by_hand(&mut fleet, ActionKind::MaskPipeline);
    let actions: Vec<_> = fleet.state.actions.values().cloned().collect();
    fleet.state = State::new(fleet.state.policy.clone(), fleet.state.mode);
    by_hand(&mut fleet, ActionKind::UnmaskPipeline);
    fleet.effects.clear();
    fleet.state.restore(Vec::new(), actions, fleet.now, &mut Vec::new());
    fleet.run(20);
    assert_eq!(asked(&fleet, 0).0, 0, "{:?}", fleet.state.masks);
    assert!(fleet.actions(ActionState::Taken).is_empty());
}

#[test]
fn a_frozen_picture_is_not_masked_where_no_other_is_left() {
    let mut fleet = masked();
    shows(&mut fleet, true);
    let frozen = copies(&[(10, Frozen), (11, Frozen)], true);
    fleet.pipelines.insert("B".into(), frozen);
    fleet.run(20);
    assert_eq!(asked(&fleet, 0), (1, 0), "a frozen picture is better than a slate");
    let why = fleet.state.open("encoder-B").and_then(|row| row.no_action.clone()).unwrap();
    assert!(why.contains("better than none"), "{why}");
    fleet.pipelines.insert("A".into(), copies(&[], false));
    fleet.until(45, |fleet| asked(fleet, 0).0 == 2);
}

/// An encoder whose mask is offered and waits for a click, and the offer.
fn offered() -> (Fleet, String) {
    let mut fleet = Fleet::new(20, 250, 250);
    command::set_mode(&mut fleet.state, Mode::Advise, "me", fleet.now, &mut Vec::new());
    fleet.pipelines.insert("A".into(), copies(&[(10, Frozen), (11, Frozen)], true));
    fleet.pipelines.insert("B".into(), copies(&[], true));
    fleet.run(5);
    let id = fleet.actions(ActionState::Offered)[0].id.clone();
    (fleet, id)
}

#[test]
fn an_operator_who_wants_no_mask_is_the_reason_why_none_is_offered() {
    let (mut fleet, id) = offered();
    let (inputs, now, out) = (fleet.inputs(), fleet.now, &mut Vec::new());
    command::on_action(&mut fleet.state, &inputs, &id, "dismiss", "me", now, out).unwrap();
    fleet.run(1);
    let why = fleet.state.open("encoder-A").and_then(|row| row.no_action.clone()).unwrap();
    assert!(why.starts_with("Held by me"), "{why}");
}

#[test]
fn a_mask_by_a_click_is_taken_off_as_its_offer_said() {
    let (mut fleet, id) = offered();
    let (inputs, now, mut out) = (fleet.inputs(), fleet.now, Vec::new());
    command::on_action(&mut fleet.state, &inputs, &id, "take", "me", now, &mut out).unwrap();
    // It cannot be masked a second time: the end of the first mask would not be that of the second.
    let kind = ActionKind::MaskPipeline;
    let request = Manual { kind, target: "A".into(), to: None, share: 1.0, by: "me".into() };
    let again = manual(&mut fleet.state, &inputs, &request, now, &mut out);
    assert_eq!(again, Err(Refused::Conflict("it is masked already".into())));
    fleet.pipelines.insert("A".into(), copies(&[], false));
    shows(&mut fleet, true);
    fleet.until(40, |fleet| asked(fleet, 0).1 == 1);
    assert_eq!(fleet.state.actions[&id].state, ActionState::Ended);
}

#[test]
fn an_untaken_mask_is_offered_no_longer_than_its_incident_lasts() {
    let (mut fleet, _) = offered();
    fleet.pipelines.insert("A".into(), copies(&[], true));
    fleet.run(35);
    assert!(fleet.actions(ActionState::Offered).is_empty());
}

#[test]
fn what_waits_is_not_masked_once_no_other_is_sound() {
    let mut fleet = Fleet::new(20, 250, 250);
    let frozen = || copies(&[(10, Frozen), (11, Frozen)], true);
    fleet.pipelines.insert("A".into(), frozen());
    fleet.pipelines.insert("B".into(), copies(&[], true));
    fleet.until(5, |fleet| !fleet.actions(ActionState::Offered).is_empty());
    fleet.pipelines.insert("B".into(), frozen());
    fleet.run(20);
    assert_eq!(asked(&fleet, 0), (0, 0));
}
