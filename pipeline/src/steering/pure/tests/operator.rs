//! What an operator may do, and may reconsider.

use tallylight_schemas::control::{ActionKind, ActionState, IncidentState};

use super::fleet::{EACH, Fleet, copies};
use crate::origin::CopyState::Frozen;
use crate::steering::pure::command::{self, Refused};
use crate::steering::pure::incidents::NOTE_BYTES;
use crate::steering::pure::manual::{Manual, manual, preview};
use crate::steering::settings::Mode;

fn set(fleet: &mut Fleet, mode: Mode) {
    command::set_mode(&mut fleet.state, mode, "operator", fleet.now, &mut Vec::new());
}

fn tell(fleet: &mut Fleet, id: &str, what: &str) -> Result<(), Refused> {
    let inputs = fleet.inputs();
    let out = &mut Vec::new();
    command::on_action(&mut fleet.state, &inputs, id, what, "operator", fleet.now, out).map(drop)
}

fn offered(mode: Mode) -> (Fleet, String) {
    let mut fleet = Fleet::new(60, 250, 250);
    set(&mut fleet, mode);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(12, |fleet| !fleet.actions(ActionState::Offered).is_empty());
    let id = fleet.actions(ActionState::Offered)[0].id.clone();
    (fleet, id)
}

#[test]
fn one_mode_is_in_force_and_its_undo_brings_the_one_before_back() {
    let mut fleet = Fleet::new(60, 250, 250);
    set(&mut fleet, Mode::Observe);
    set(&mut fleet, Mode::Act);
    let taken = fleet.actions(ActionState::Taken);
    assert_eq!(taken.iter().map(|row| row.target.as_str()).collect::<Vec<_>>(), ["act"]);
    assert_eq!(fleet.actions(ActionState::Ended).len(), 1);
    let id = taken[0].id.clone();
    tell(&mut fleet, &id, "undo").unwrap();
    let taken = fleet.actions(ActionState::Taken);
    assert_eq!(taken.iter().map(|row| row.target.as_str()).collect::<Vec<_>>(), ["observe"]);
    assert_eq!(fleet.state.mode, Mode::Observe);
}

#[test]
fn the_mode_before_is_known_whatever_a_title_says_and_from_old_records_too() {
    let undone = |evidence: Option<&str>, title: Option<&str>| {
        let mut fleet = Fleet::new(0, 250, 250);
        set(&mut fleet, Mode::Observe);
        set(&mut fleet, Mode::Advise);
        let id = fleet.actions(ActionState::Taken)[0].id.clone();
        let row = fleet.state.actions.get_mut(&id).unwrap();
        row.evidence = evidence.map_or(row.evidence.clone(), str::to_owned);
        row.title = title.map_or(row.title.clone(), str::to_owned);
        tell(&mut fleet, &id, "undo").map(|()| fleet.state.mode)
    };
    let old = r#"[{"what":"Set by","value":"operator"}]"#;
    assert_eq!(undone(None, Some("Now it advises")), Ok(Mode::Observe));
    assert_eq!(undone(Some(old), None), Ok(Mode::Observe));
    assert!(matches!(undone(Some(old), Some("Now it advises")), Err(Refused::Conflict(_))));
}

#[test]
fn what_is_offered_is_done_once_steering_may_act() {
    let (mut fleet, _) = offered(Mode::Advise);
    let before = fleet.at("e1");
    fleet.run(20);
    assert_eq!(fleet.at("e1"), before, "a click is waited for");
    set(&mut fleet, Mode::Act);
    fleet.run(20);
    assert_eq!(fleet.at("e1"), 0);
}

#[test]
fn nothing_is_on_the_table_while_steering_observes() {
    let (mut fleet, id) = offered(Mode::Advise);
    set(&mut fleet, Mode::Observe);
    assert!(fleet.actions(ActionState::Offered).is_empty());
    assert!(matches!(tell(&mut fleet, &id, "take"), Err(Refused::Conflict(_))));
    set(&mut fleet, Mode::Act);
    fleet.run(20);
    assert_eq!(fleet.at("e1"), 0, "it was not rejected");
}

#[test]
fn what_was_held_can_be_done_after_all_while_the_incident_is_open() {
    let (mut fleet, id) = offered(Mode::Act);
    tell(&mut fleet, &id, "dismiss").unwrap();
    let before = fleet.at("e1");
    fleet.run(20);
    assert_eq!(fleet.at("e1"), before, "it is held");
    tell(&mut fleet, &id, "take").unwrap();
    fleet.run(20);
    assert_eq!(fleet.at("e1"), 0);
    let held = fleet.state.actions[&id].clone();
    assert_eq!((held.state, held.by.as_str()), (ActionState::Taken, "operator"));

    let (mut fleet, id) = offered(Mode::Act);
    tell(&mut fleet, &id, "dismiss").unwrap();
    fleet.ill("e1").slow_ms = 0;
    fleet.until(120, |fleet| fleet.open().is_empty());
    assert!(matches!(tell(&mut fleet, &id, "take"), Err(Refused::Conflict(_))));
}

/// Moves a share of e1's viewers to e2 by hand, or brings all back.
fn by_hand(fleet: &mut Fleet, kind: ActionKind, share: f64) {
    let to = (kind == ActionKind::ShiftEdge).then(|| "e2".to_owned());
    let request = Manual { kind, target: "e1".into(), to, share, by: "operator".into() };
    let inputs = fleet.inputs();
    manual(&mut fleet.state, &inputs, &request, fleet.now, &mut Vec::new()).unwrap();
}

#[test]
fn viewers_moved_by_hand_are_brought_back_by_hand() {
    let mut fleet = Fleet::new(60, 250, 250);
    let before = fleet.at("e1");
    by_hand(&mut fleet, ActionKind::ShiftEdge, 1.0);
    fleet.run(15);
    assert_eq!(fleet.at("e1"), 0);
    by_hand(&mut fleet, ActionKind::ReturnEdge, 1.0);
    fleet.run(15);
    assert_eq!(fleet.at("e1"), before);
}

#[test]
fn viewers_are_not_brought_back_by_hand_to_a_full_or_ill_edge() {
    let mut fleet = Fleet::new(60, 60, 250);
    by_hand(&mut fleet, ActionKind::ShiftEdge, 1.0);
    fleet.run(15);
    let back = |fleet: &mut Fleet| {
        let (kind, target, by) = (ActionKind::ReturnEdge, "e1".into(), "operator".into());
        let request = Manual { kind, target, to: None, share: 1.0, by };
        let (inputs, now) = (fleet.inputs(), fleet.now);
        let shown = preview(&fleet.state, &inputs, &request, now);
        let done = manual(&mut fleet.state, &inputs, &request, now, &mut Vec::new());
        assert_eq!(shown.is_ok(), done.is_ok(), "as it is shown, so it is done");
        (format!("{shown:?}"), done)
    };
    fleet.ill("e1").others_kbps = 50 * EACH;
    fleet.run(2);
    let (said, done) = back(&mut fleet);
    assert!(done.is_err() && said.contains("no room at edge e1"), "{said}");
    (fleet.ill("e1").others_kbps, fleet.ill("e1").slow_ms) = (0, 1_500);
    fleet.run(8);
    let (said, done) = back(&mut fleet);
    assert!(done.is_err() && said.contains("edge e1 is not healthy"), "{said}");
    assert_eq!(fleet.at("e1"), 0);
    fleet.ill("e1").slow_ms = 0;
    fleet.run(60);
    let row = back(&mut fleet).1.unwrap();
    assert!(row.load_after.is_some_and(|load| load > 0.1 && load <= 1.0), "{row:?}");
}

/// An edge that was ill, and whose viewers were moved partly by hand and the rest by steering.
fn moved_twice() -> Fleet {
    let mut fleet = Fleet::new(60, 250, 250);
    by_hand(&mut fleet, ActionKind::ShiftEdge, 0.3);
    fleet.run(80);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(60, |fleet| fleet.actions(ActionState::Taken).len() == 2);
    set(&mut fleet, Mode::Advise);
    fleet.ill("e1").slow_ms = 0;
    fleet.until(120, |fleet| !fleet.actions(ActionState::Offered).is_empty());
    fleet
}

#[test]
fn taking_an_offered_return_leaves_manual_moves() {
    let mut fleet = moved_twice();
    let id = fleet.actions(ActionState::Offered)[0].id.clone();
    tell(&mut fleet, &id, "take").unwrap();
    fleet.run(40);
    let left = fleet.actions(ActionState::Taken);
    let moves: Vec<_> = left.iter().filter(|row| row.kind == ActionKind::ShiftEdge).collect();
    assert!(moves.iter().all(|row| row.incident.is_none()) && moves.len() == 1, "{left:#?}");
    assert!(fleet.actions(ActionState::Offered).is_empty());
}

#[test]
fn a_return_that_was_turned_down_is_not_made_by_itself() {
    let mut fleet = moved_twice();
    let id = fleet.actions(ActionState::Offered)[0].id.clone();
    tell(&mut fleet, &id, "dismiss").unwrap();
    let before = fleet.at("e1");
    set(&mut fleet, Mode::Act);
    fleet.run(60);
    assert_eq!(fleet.at("e1"), before);
    tell(&mut fleet, &id, "take").unwrap();
    fleet.run(20);
    assert!(fleet.at("e1") > before);
}

#[test]
fn an_offered_return_ends_with_the_last_move_that_it_would_undo() {
    let mut fleet = moved_twice();
    let taken = fleet.actions(ActionState::Taken);
    let own = taken.iter().find(|row| row.incident.is_some()).unwrap();
    tell(&mut fleet, &own.id, "undo").unwrap();
    fleet.run(1);
    assert!(fleet.actions(ActionState::Offered).is_empty());
}

#[test]
fn viewers_are_not_brought_back_without_rows() {
    let mut fleet = moved_twice();
    let id = fleet.actions(ActionState::Offered)[0].id.clone();
    set(&mut fleet, Mode::Act);
    fleet.feed.connected = false;
    fleet.run(10);
    assert_eq!(fleet.state.actions[&id].state, ActionState::Offered);
    fleet.feed.connected = true;
    fleet.until(10, |fleet| fleet.state.actions[&id].state != ActionState::Offered);
}

#[test]
fn undoing_a_cap_does_not_insist_on_an_ill_edge() {
    let mut fleet = Fleet::new(60, 100, 45);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(30);
    let taken = fleet.actions(ActionState::Taken);
    let cap = taken.iter().find(|row| row.kind == ActionKind::CapLadder).unwrap();
    tell(&mut fleet, &cap.id, "undo").unwrap();
    assert!(!fleet.state.is_insisted("e1"));
    fleet.ill("e1").dead = true;
    fleet.run(5);
    assert!(fleet.state.routes.is_closed("e1"));
}

#[test]
fn a_mask_is_offered_again_after_steering_observed_and_never_of_the_last_pipeline() {
    let mut fleet = Fleet::new(20, 250, 250);
    set(&mut fleet, Mode::Advise);
    fleet.pipelines.insert("A".into(), copies(&[(10, Frozen), (11, Frozen)], true));
    fleet.pipelines.insert("B".into(), copies(&[], true));
    fleet.run(5);
    let first = fleet.actions(ActionState::Offered)[0].clone();
    assert_eq!((first.kind, first.target.as_str()), (ActionKind::MaskPipeline, "A"));
    set(&mut fleet, Mode::Observe);
    assert_eq!(fleet.state.actions[&first.id].taken_at, None, "it never was in force");
    set(&mut fleet, Mode::Advise);
    fleet.run(5);
    let again = fleet.actions(ActionState::Offered)[0].clone();
    assert_eq!(again.target, "A");
    tell(&mut fleet, &again.id, "dismiss").unwrap();
    fleet.pipelines.get_mut("B").unwrap().masked = true;
    assert!(matches!(tell(&mut fleet, &again.id, "take"), Err(Refused::Conflict(_))));
    fleet.pipelines.get_mut("B").unwrap().masked = false;
    tell(&mut fleet, &again.id, "take").unwrap();
}

#[test]
fn a_long_note_is_kept_whole_or_refused() {
    let (mut fleet, _) = offered(Mode::Advise);
    let id = fleet.open()[0].id.clone();
    let mut note = |text: &str| {
        let (state, out) = (&mut fleet.state, &mut Vec::new());
        command::on_incident(state, &id, "note", "operator", Some(text), fleet.now, out)
    };
    // As JSON it has two quotes as well.
    let longest = "x".repeat(NOTE_BYTES - 2);
    note(&longest).unwrap();
    assert!(matches!(note(&format!("{longest}x")), Err(Refused::Invalid(_))));
    let notes = fleet.state.incidents[&id].notes.clone().unwrap();
    assert!(notes.contains(&longest));
}

#[test]
fn notes_never_grow_beyond_what_a_record_may_have() {
    let (mut fleet, _) = offered(Mode::Advise);
    let id = fleet.open()[0].id.clone();
    let mut note = |what: &str, text: &str| {
        let (state, out) = (&mut fleet.state, &mut Vec::new());
        command::on_incident(state, &id, what, "operator", Some(text), fleet.now, out)
    };
    for n in 0..30 {
        note("note", &format!("{n} {}", "ノート".repeat(300))).unwrap();
    }
    assert!(matches!(note("note", &"\u{1}".repeat(2_000)), Err(Refused::Invalid(_))));
    note("close", "it is over").unwrap();
    assert!(matches!(note("close", "again"), Err(Refused::Conflict(_))));
    let row = &fleet.state.incidents[&id];
    let notes = row.notes.clone().unwrap();
    assert!(notes.len() < 8 << 10, "{}", notes.len());
    assert!(
        notes.contains("it is over") && notes.contains("29 ") && row.state == IncidentState::Closed
    );
}
