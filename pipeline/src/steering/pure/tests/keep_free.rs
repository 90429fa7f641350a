//! The share of an edge's capacity that steering does not fill with viewers of other edges.

use super::fleet::{EACH, Fleet};

fn fleet(keep_free_pct: u32) -> Fleet {
    let mut fleet = Fleet::new(60, 100, 100);
    fleet.state.policy.keep_free_pct = keep_free_pct;
    fleet
}

#[test]
fn no_more_are_moved_than_leave_it_free() {
    for (keep_free_pct, most) in [(0, 100), (5, 95)] {
        let mut fleet = fleet(keep_free_pct);
        let before = fleet.at("e1");
        let others = most - 10 - fleet.at("e2") as u64;
        fleet.ill("e2").others_kbps = others * EACH;
        fleet.ill("e1").slow_ms = 1_500;
        fleet.run(40);
        let went = before - fleet.at("e1");
        assert!((8..=10).contains(&went), "{went} of 10 with {keep_free_pct} % free");
    }
}

#[test]
fn an_edge_takes_its_own_viewers_back_even_where_they_fill_what_stays_free() {
    for keep_free_pct in [0, 5] {
        let mut fleet = fleet(keep_free_pct);
        let before = fleet.at("e1");
        fleet.ill("e1").slow_ms = 1_500;
        fleet.run(20);
        assert_eq!(fleet.at("e1"), 0, "{keep_free_pct} %");
        let others = 100 - before as u64;
        // With all of them back it would be one viewer too many.
        fleet.ill("e1").others_kbps = (others + 1) * EACH;
        fleet.ill("e1").slow_ms = 0;
        fleet.run(120);
        assert_eq!(fleet.at("e1"), 0, "{keep_free_pct} %");
        fleet.ill("e1").others_kbps = others * EACH;
        fleet.run(20);
        assert_eq!(fleet.at("e1"), before, "{keep_free_pct} %");
    }
}
