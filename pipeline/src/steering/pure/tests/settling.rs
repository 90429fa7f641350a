//! Viewers who are on their way to an edge count there before its load shows them.

use tallylight_schemas::control::{ActionKind, ActionRow, ActionState};

use super::fleet::{EACH, Fleet};
use crate::steering::pure::command::Refused;
use crate::steering::pure::manual::{Manual, manual};

/// Viewers of an edge, moved or brought back by hand.
fn by_hand(
    fleet: &mut Fleet,
    kind: ActionKind,
    (target, to): (&str, Option<&str>),
    share: f64,
) -> Result<ActionRow, Refused> {
    let (target, to) = (target.to_owned(), to.map(str::to_owned));
    let request = Manual { kind, target, to, share, by: "operator".into() };
    let (inputs, now) = (fleet.inputs(), fleet.now);
    manual(&mut fleet.state, &inputs, &request, now, &mut Vec::new())
}

#[test]
fn viewers_do_not_come_back_to_an_edge_while_others_are_on_their_way_there() {
    let mut fleet = Fleet::new(60, 100, 100);
    let own = fleet.at("e1");
    fleet.ill("e1").slow_ms = 1_500;
    fleet.run(20);
    assert_eq!(fleet.at("e1"), 0);
    // It is healthy again, and other customers leave room for all of them but one.
    fleet.ill("e1").slow_ms = 0;
    fleet.ill("e1").others_kbps = (101 - own as u64) * EACH;
    fleet.run(120);
    assert_eq!(fleet.at("e1"), 0);
    fleet.ill("e2").slow_ms = 1_500;
    let taken = |row: &ActionRow| row.kind == ActionKind::ShiftEdge && row.target == "e2";
    fleet.until(30, |fleet| fleet.actions(ActionState::Taken).iter().any(taken));
    // The return would fit by the load, which does not show them yet.
    let others = 90 - own;
    fleet.ill("e1").others_kbps = others as u64 * EACH;
    let mut most = 0;
    for _ in 0..40 {
        fleet.run(1);
        most = most.max(fleet.at("e1"));
    }
    assert!(most > 10 && most + others <= 100, "{most} beside {others}");
}

#[test]
fn viewers_are_not_brought_back_by_hand_to_the_room_of_those_on_their_way() {
    let mut fleet = Fleet::new(60, 100, 100);
    by_hand(&mut fleet, ActionKind::ShiftEdge, ("e1", Some("e2")), 1.0).unwrap();
    fleet.run(30);
    // All sixty do not fit, but either half does.
    fleet.ill("e1").others_kbps = 41 * EACH;
    by_hand(&mut fleet, ActionKind::ShiftEdge, ("e2", Some("e1")), 1.0).unwrap();
    let back = |fleet: &mut Fleet| by_hand(fleet, ActionKind::ReturnEdge, ("e1", None), 1.0);
    let said = format!("{:?}", back(&mut fleet));
    assert!(said.contains("no room at edge e1"), "{said}");
    fleet.ill("e1").others_kbps = 31 * EACH;
    let row = back(&mut fleet).unwrap();
    assert!(row.load_after.is_some_and(|load| load > 0.9 && load <= 1.0), "{row:?}");
}

#[test]
fn room_is_not_given_out_twice_by_hand() {
    for unknown in [false, true] {
        let mut fleet = Fleet::new(60, 100, 100);
        let (room, there) = (12, fleet.at("e2"));
        fleet.ill("e2").others_kbps = (100 - room - there as u64) * EACH;
        let go = ("e1", Some("e2"));
        let first = by_hand(&mut fleet, ActionKind::ShiftEdge, go, 1.0).unwrap();
        assert!((8..=12).contains(&first.viewers), "{first:?}");
        for _ in 0..10 {
            let mut inputs = fleet.inputs();
            if unknown {
                // Sessions on the edge of which steering knows nothing do not stand for them.
                inputs.sent.clear();
            }
            let request = Manual {
                kind: ActionKind::ShiftEdge,
                target: "e1".into(),
                to: Some("e2".into()),
                share: 1.0,
                by: "another".into(),
            };
            let now = fleet.now;
            let _ = manual(&mut fleet.state, &inputs, &request, now, &mut Vec::new());
            fleet.run(1);
        }
        fleet.run(20);
        let now = fleet.at("e2") - there;
        assert!(now as u64 <= room, "{now} of {room}");
    }
}

#[test]
fn what_is_left_of_the_room_is_given_out_by_hand_at_once() {
    let mut fleet = Fleet::new(60, 250, 250);
    let go = ("e1", Some("e2"));
    for _ in 0..2 {
        let row = by_hand(&mut fleet, ActionKind::ShiftEdge, go, 0.3).unwrap();
        assert!(row.viewers > 3, "{row:?}");
    }
}
