//! Players that ask seldom follow late: until they have, no room is given out twice and no outcome
//! is written.

use tallylight_schemas::control::ActionState;

use super::fleet::Fleet;
use super::remembered::restart;

/// Edges of this capacity whose players ask once a minute; one of them becomes ill.
fn slow(capacity: u64) -> Fleet {
    let mut fleet = Fleet::new(90, capacity, capacity);
    fleet.low = false;
    fleet.state.policy.ttl_s = 60;
    fleet.ill("e1").slow_ms = 1_500;
    fleet
}

#[test]
fn no_more_are_moved_than_fit_however_late_they_follow() {
    let even = Fleet::new(90, 250, 250);
    let room = even.at("e1") / 2;
    let capacity = even.at("e2") + room;
    for restarted in [false, true] {
        let mut fleet = slow(capacity as u64);
        if restarted {
            fleet.until(30, |fleet| !fleet.actions(ActionState::Taken).is_empty());
            restart(&mut fleet);
        }
        fleet.run(200);
        let went = fleet.at("e2") - even.at("e2");
        assert!(went <= room && went * 10 >= room * 8, "{went} of {room}, restarted: {restarted}");
    }
}

#[test]
fn an_outcome_waits_until_all_can_have_followed() {
    let mut fleet = slow(250);
    fleet.run(90);
    let taken = &fleet.actions(ActionState::Taken)[0];
    let outcome = taken.outcome.clone().unwrap();
    let moved: i64 = outcome.split(' ').next().unwrap().parse().unwrap();
    assert!(moved * 100 >= taken.viewers * 95, "{outcome}");
}
