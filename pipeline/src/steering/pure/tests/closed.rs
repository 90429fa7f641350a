//! No session is sent to an edge that accepts no connections.

use tallylight_schemas::control::ActionState;

use super::fleet::Fleet;
use crate::steering::pure::answer::answer;
use crate::steering::pure::share::Pathway;
use crate::steering::settings::Mode;

/// The edges that new sessions are sent to.
fn beginning(fleet: &Fleet) -> Vec<String> {
    let sids = (0..200).map(|n| format!("new-{}-{n}", fleet.now));
    let mut edges: Vec<String> = sids.map(|sid| answer(&fleet.state, &sid, None).edge).collect();
    edges.sort();
    edges.dedup();
    edges
}

/// The edges that viewers of an edge are sent to if they have not noticed anything yet.
fn answered(fleet: &Fleet, at: &str) -> Vec<String> {
    let used = Pathway::full(at);
    let of = |sid: &String| answer(&fleet.state, sid, Some(&used)).edge;
    let mut edges: Vec<String> = fleet.viewers.iter().map(|viewer| of(&viewer.sid)).collect();
    edges.sort();
    edges.dedup();
    edges
}

#[test]
fn an_edge_that_dies_again_within_a_minute_of_the_return_is_closed() {
    let mut fleet = Fleet::new(100, 250, 250);
    fleet.ill("e1").dead = true;
    fleet.run(10);
    fleet.ill("e1").dead = false;
    fleet.until(80, |fleet| fleet.state.routes.share("e1") > 0.4);
    assert_eq!(beginning(&fleet), ["e1", "e2"]);
    fleet.run(10);
    fleet.ill("e1").dead = true;
    fleet.run(4);
    for _ in 0..60 {
        assert_eq!(
            (beginning(&fleet), answered(&fleet, "e1")),
            (vec!["e2".into()], vec!["e2".into()])
        );
        assert_eq!(fleet.state.routes.share("e1"), 0.0);
        fleet.run(1);
    }
    let taken = fleet.actions(ActionState::Taken);
    assert!(taken.len() == 1 && taken[0].share == 1.0, "the whole edge: {taken:?}");
}

#[test]
fn in_advice_too_and_it_opens_again_after_30_s_of_health_and_a_minute() {
    for mode in [Mode::Observe, Mode::Advise] {
        let mut fleet = Fleet::new(100, 250, 250);
        fleet.state.mode = mode;
        fleet.feed.connected = false;
        fleet.ill("e1").dead = true;
        fleet.run(10);
        assert_eq!(
            (beginning(&fleet), answered(&fleet, "e1")),
            (vec!["e2".into()], vec!["e2".into()])
        );
        fleet.ill("e1").dead = false;
        let opened = fleet.until(80, |fleet| fleet.state.routes.share("e1") > 0.4);
        assert!((45_000..=60_000).contains(&opened), "{opened} ms");
        assert_eq!(fleet.open().iter().filter(|row| row.name.is_some()).count(), 1, "not over yet");
        fleet.run(40);
        assert!(fleet.open().iter().all(|row| row.name.is_none()), "{:?}", fleet.open());
    }
}

#[test]
fn where_no_edge_is_left_everybody_stays_and_an_ill_one_is_better_than_a_dead_one() {
    let mut fleet = Fleet::new(100, 250, 250);
    fleet.ill("e1").dead = true;
    fleet.ill("e2").slow_ms = 1_500;
    fleet.run(12);
    assert_eq!((beginning(&fleet), answered(&fleet, "e1")), (vec!["e2".into()], vec!["e2".into()]));
    fleet.ill("e2").dead = true;
    fleet.run(5);
    assert_eq!(beginning(&fleet), ["e1", "e2"]);
    assert_eq!(fleet.state.routes.share("e1"), 0.5);
    // One of them answers again: there is no wait of a minute.
    fleet.ill("e1").dead = false;
    fleet.run(3);
    assert_eq!((beginning(&fleet), answered(&fleet, "e2")), (vec!["e1".into()], vec!["e1".into()]));
}

#[test]
fn viewers_that_fit_nowhere_leave_a_closed_edge_all_the_same() {
    let mut fleet = Fleet::new(90, 60, 60);
    fleet.ill("e1").dead = true;
    fleet.run(6);
    let taken = fleet.actions(ActionState::Taken);
    assert!(taken.len() == 1 && taken[0].share == 1.0, "{taken:?}");
}
