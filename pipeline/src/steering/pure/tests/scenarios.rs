//! The requirements on steering (docs/testing.md, "What must hold"), each as one scenario.

use tallylight_schemas::control::{ActionKind, ActionState, Culprit};

use super::fleet::{EACH, Fleet, copies};
use crate::origin::CopyState::{Frozen, Missing};
use crate::steering::pure::command;
use crate::steering::pure::inputs::Inputs;
use crate::steering::pure::manual::{Manual, manual, preview};
use crate::steering::pure::state::Effect;
use crate::steering::settings::Mode;

fn moved(fleet: &Fleet) -> bool {
    fleet.at("e2") * 100 >= fleet.viewers.len() * 95
}

#[test]
fn a_killed_edge_is_left_within_ten_seconds() {
    let mut fleet = Fleet::new(100, 250, 250);
    fleet.ill("e1").dead = true;
    let took =
        fleet.until(10, |fleet| moved(fleet) && !fleet.actions(ActionState::Taken).is_empty());
    assert!(took <= 10_000);
    assert!(fleet.open()[0].cause.contains("does not answer"), "{:?}", fleet.open());
    // All had left before steering reported anything, and the outcome says so.
    fleet.run(2);
    let taken = &fleet.actions(ActionState::Taken)[0];
    let outcome = taken.outcome.clone().unwrap_or_default();
    let all = taken.viewers;
    let said = format!("{all} of {all} viewers moved in ");
    assert!(all > 20 && outcome.starts_with(&said), "{all}: {outcome}");
    assert!(outcome.contains(&format!(" s, {all} by their players' own failover;")), "{outcome}");
}

#[test]
fn a_slow_edge_is_decided_within_5_s_and_left_within_ttl_and_ten() {
    let mut fleet = Fleet::new(100, 250, 250);
    fleet.ill("e1").slow_ms = 1_500;
    let decided = fleet.until(6, |fleet| !fleet.state.actions.is_empty());
    assert!(decided <= 5_000, "{decided} ms");
    let left = fleet.until(15, moved);
    assert!(left <= 15_000, "{left} ms");
    fleet.run(20);
    let taken = &fleet.actions(ActionState::Taken)[0];
    let outcome = taken.outcome.clone().unwrap();
    assert!(outcome.contains("moved in") && !outcome.contains("failover"), "{outcome}");
    assert!(taken.evidence.contains("Prober on e1") && taken.undo.is_some());
}

#[test]
fn a_recovered_edge_gets_its_share_back_after_30_s_and_no_viewer_moves_twice_a_minute() {
    let mut fleet = Fleet::new(100, 250, 250);
    let before = fleet.at("e1");
    fleet.ill("e1").slow_ms = 1_500;
    fleet.until(30, moved);
    fleet.run(5);
    fleet.ill("e1").slow_ms = 0;
    let back = fleet.until(80, |fleet| fleet.at("e1") * 100 >= before * 95);
    assert!((30_000..=75_000).contains(&back), "{back} ms");
    fleet.run(60);
    assert!(fleet.open().is_empty(), "{:?}", fleet.open());
    assert!(fleet.actions(ActionState::Taken).is_empty());
    for viewer in &fleet.viewers {
        assert!(viewer.moves.windows(2).all(|pair| pair[1] - pair[0] >= 65_000), "{viewer:?}");
    }
}

#[test]
fn two_bad_edges_name_their_common_cause_and_move_no_viewers() {
    for origin in [false, true] {
        let mut fleet = Fleet::new(60, 250, 250);
        if origin {
            fleet.origin_slow = 1_500;
        } else {
            fleet.ill("e1").slow_ms = 1_500;
            fleet.run(1);
            fleet.ill("e2").slow_ms = 1_500;
        }
        fleet.run(30);
        let taken = fleet.effects.iter().filter(
            |(_, effect)| matches!(effect, Effect::Action(row) if row.state == ActionState::Taken),
        );
        assert_eq!(taken.count(), 0);
        let named: Vec<Culprit> = fleet.open().iter().map(|row| row.culprit).collect();
        assert!(named.contains(&Culprit::Origin), "{named:?}");
        assert!(fleet.viewers.iter().all(|viewer| viewer.moves.is_empty()));
    }
}

#[test]
fn no_more_are_moved_than_the_target_has_room_for_and_the_rest_is_capped() {
    let fleet = Fleet::new(90, 60, 60);
    let (e1, e2) = (fleet.at("e1"), fleet.at("e2"));
    // Room for a third of them.
    let room = e1 / 3;
    let capacity = (e2 + room) as u64;
    let mut fleet = Fleet::new(90, capacity, capacity);
    let at_e1 = fleet.at("e1");
    assert_eq!(at_e1, e1, "homes follow the proportion only");
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(40);
    let went = e1 - fleet.at("e1");
    assert!(went <= room && went * 10 >= room * 8, "{went} of {room}: {:#?}", fleet.state.actions);
    assert!(fleet.at("e2") as u64 * EACH <= capacity * EACH);
    let taken = fleet.actions(ActionState::Taken);
    let cap = taken.iter().find(|row| row.kind == ActionKind::CapLadder).unwrap();
    // An edge counts sessions and steering places; the two may differ by one.
    assert!((cap.viewers - (e1 - went) as i64).abs() <= 1, "{cap:?}");
}

#[test]
fn viewers_that_fit_nowhere_stay_movable_without_low_rungs() {
    let mut fleet = Fleet::new(90, 250, 250);
    fleet.low = false;
    // Other customers leave no room at all, and then enough for all.
    fleet.ill("e2").others_kbps = 250 * EACH;
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(40);
    assert!(fleet.actions(ActionState::Taken).is_empty(), "{:#?}", fleet.state.actions);
    fleet.ill("e2").others_kbps = 0;
    fleet.until(20, |fleet| fleet.at("e1") == 0);
}

#[test]
fn in_advise_nothing_moves_before_the_click_and_undo_brings_them_back() {
    let mut fleet = Fleet::new(60, 250, 250);
    fleet.state.mode = Mode::Advise;
    let before = fleet.at("e1");
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(30);
    assert_eq!(fleet.at("e1"), before);
    let offer = fleet.actions(ActionState::Offered)[0].clone();
    assert_eq!(offer.acts_at, None);
    let (inputs, now, mut out) = (fleet.inputs(), fleet.now, Vec::new());
    command::on_action(&mut fleet.state, &inputs, &offer.id, "take", "me", now, &mut out).unwrap();
    fleet.until(15, moved);
    fleet.run(30);
    let (inputs, now) = (fleet.inputs(), fleet.now);
    command::on_action(&mut fleet.state, &inputs, &offer.id, "undo", "me", now, &mut out).unwrap();
    assert!(fleet.state.is_insisted("e1"), "players are sent there although it is ill");
    fleet.run(6);
    assert_eq!(fleet.at("e1"), before);
    fleet.run(60);
    assert_eq!(fleet.at("e1"), before, "viewers that an operator brought back do not move again");
}

#[test]
fn in_observe_it_only_names() {
    let mut fleet = Fleet::new(60, 250, 250);
    fleet.state.mode = Mode::Observe;
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(30);
    assert!(fleet.state.actions.is_empty());
    assert_eq!(fleet.open()[0].name.as_deref(), Some("e1"));
}

#[test]
fn without_complete_rows_steering_holds_and_says_so() {
    let mut fleet = Fleet::new(60, 250, 250);
    fleet.feed.complete = false;
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(20);
    assert!(fleet.state.actions.is_empty(), "{:?}", fleet.state.actions);
    let named: Vec<Culprit> = fleet.open().iter().map(|row| row.culprit).collect();
    assert!(named.contains(&Culprit::Telemetry) && named.contains(&Culprit::Edge), "{named:?}");
    fleet.feed.complete = true;
    fleet.until(12, moved);
}

#[test]
fn encoders_are_named_and_masked_only_when_viewers_got_what_is_wrong() {
    let mut fleet = Fleet::new(20, 250, 250);
    fleet.pipelines.insert("A".into(), copies(&[(10, Missing), (11, Missing)], false));
    fleet.pipelines.insert("B".into(), copies(&[], true));
    fleet.run(5);
    assert_eq!(fleet.open()[0].cause, "Encoder A sends nothing");
    assert!(fleet.state.actions.is_empty(), "the origin avoids it already");
    fleet.pipelines.insert("A".into(), copies(&[(10, Frozen), (11, Frozen)], true));
    fleet.run(5);
    let mask = |on| {
        let wanted = Effect::Mask { pipeline: "A".into(), on };
        move |fleet: &Fleet| fleet.effects.iter().any(|(_, effect)| *effect == wanted)
    };
    assert!(mask(true)(&fleet));
    fleet.pipelines.insert("A".into(), copies(&[], false));
    fleet.until(40, mask(false));
    let mut fleet = Fleet::new(20, 250, 250);
    fleet.pipelines.insert("A".into(), copies(&[(9, Missing)], false));
    fleet.pipelines.insert("B".into(), copies(&[], true));
    fleet.run(3);
    assert_eq!(fleet.open()[0].cause, "Encoder A missed a segment");
}

#[test]
fn what_is_said_of_an_encoder_has_its_numbers_and_is_true() {
    let mut fleet = Fleet::new(20, 250, 250);
    fleet.pipelines.insert("B".into(), copies(&[], true));
    fleet.pipelines.insert("A".into(), copies(&[(10, Frozen), (11, Frozen)], true));
    fleet.run(1);
    assert!(fleet.open()[0].evidence.contains("2 of its last 3"), "{:?}", fleet.open());
    // No copy was served: that is an incident without viewers.
    let mut fleet = Fleet::new(20, 250, 250);
    for name in ["A", "B"] {
        let mut pipeline = copies(&[(10, Missing), (11, Missing)], false);
        pipeline.copies.iter_mut().for_each(|copy| copy.slate = copy.bad.is_some());
        fleet.pipelines.insert(name.into(), pipeline);
    }
    fleet.run(1);
    assert!(fleet.open().iter().all(|row| row.cohort == "all viewers: no copy was served"));
    // It is over 30 s after the newest segments are good, not when the last bad one is forgotten.
    for name in ["A", "B"] {
        fleet.pipelines.insert(name.into(), copies(&[(5, Missing), (6, Missing)], false));
    }
    fleet.run(31);
    assert!(fleet.open().is_empty(), "{:?}", fleet.open());
}

#[test]
fn what_is_said_of_an_edge_without_requests_or_viewers_has_its_words() {
    let mut fleet = Fleet::new(60, 250, 250);
    fleet.ill("e1").dead = true;
    fleet.run(12);
    let evidence = fleet.state.open("edge-e1").map(|row| row.evidence.clone()).unwrap();
    assert!(evidence.contains("no requests") && evidence.contains("no viewers"), "{evidence}");
    let mut fleet = Fleet::new(20, 250, 250);
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(5);
    let evidence = fleet.state.open("edge-e1").map(|row| row.evidence.clone()).unwrap();
    assert!(evidence.contains("viewers in 10 s"), "{evidence}");
}

#[test]
fn a_manual_cap_needs_no_room_and_a_move_names_its_obstacle() {
    let mut fleet = Fleet::new(60, 250, 250);
    let request = |kind, to: Option<&str>| Manual {
        kind,
        target: "e1".into(),
        to: to.map(str::to_owned),
        share: 0.5,
        by: "me".into(),
    };
    let (inputs, now) = (fleet.inputs(), fleet.now);
    let cap = request(ActionKind::CapLadder, None);
    let row = manual(&mut fleet.state, &inputs, &cap, now, &mut Vec::new()).unwrap();
    assert!(row.state == ActionState::Taken && row.share == 0.5 && row.viewers > 5, "{row:?}");
    assert!(!row.forecast.contains("no room"), "{row:?}");
    assert_eq!(row.undo.as_deref(), Some("One click"), "it does not end by itself");
    fleet.ill("e2").slow_ms = 1_500;
    fleet.run(8);
    let (inputs, now) = (fleet.inputs(), fleet.now);
    let refused = preview(&fleet.state, &inputs, &request(ActionKind::ShiftEdge, Some("e2")), now);
    let said = format!("{refused:?}");
    assert!(said.contains("edge e2 is not healthy: prober had"), "{said}");
    let inputs = Inputs { low: false, ..inputs };
    let said = format!("{:?}", preview(&fleet.state, &inputs, &cap, now));
    assert!(said.contains("no manifest names a low pathway"), "{said}");
}

#[test]
fn capped_viewers_do_not_return_and_their_end_is_reported_separately() {
    // Some fit elsewhere and the rest are capped; then none fit.
    for others in [0, 45] {
        let mut fleet = Fleet::new(60, 100, 45);
        fleet.ill("e2").others_kbps = others * EACH;
        fleet.ill("e1").slow_ms = 1_500;
        fleet.run(40);
        let count = |kind| {
            let taken = fleet.actions(ActionState::Taken).into_iter();
            taken.filter(|row| row.kind == kind).map(|row| row.viewers).sum::<i64>()
        };
        let (moved, capped) = (count(ActionKind::ShiftEdge), count(ActionKind::CapLadder));
        assert!(capped > 5 && (moved > 5) == (others == 0), "{moved} {capped}");
        fleet.ill("e1").slow_ms = 0;
        fleet.ill("e2").others_kbps = 0;
        fleet.until(80, |fleet| fleet.state.routes.moved().count() == 0);
        fleet.run(35);
        let mut rows = fleet.state.actions.values();
        let back = rows.find(|row| row.kind == ActionKind::ReturnEdge).unwrap();
        let (title, outcome) = match others {
            0 => (
                format!("Bring {moved} viewers back to e1; {capped} capped get all rungs again"),
                format!(" of {moved} viewers came back in "),
            ),
            _ => (
                format!("Give {capped} viewers of e1 all rungs again"),
                "All rungs are offered to them again".to_owned(),
            ),
        };
        assert_eq!((back.viewers, &back.title), (moved, &title));
        assert!(back.outcome.clone().unwrap_or_default().contains(&outcome), "{back:?}");
        assert_eq!(back.state, ActionState::Ended);
    }
}
