//! What a door under pressure still takes, for whatever comes (ADR 21).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use tallylight_schemas::cmcd::{Mode, parse};
use tallylight_schemas::fates::Reason;

use tallylight_collector::pure::bucket::Bucket;
use tallylight_collector::pure::ladder::{FULL, REFUSE, Standing};
use tallylight_collector::pure::priority::{Priority, of_player};
use tallylight_collector::pure::share::pressure;

const ALL: [Priority; 3] = [Priority::Vital, Priority::State, Priority::Heartbeat];

fn at(pressure: u32) -> Standing {
    Standing { pressure, cause: Reason::Overload }
}

proptest! {
    #[test]
    fn more_pressure_never_keeps_more(low: u32, more: u32, lot: u16) {
        let high = at(low.saturating_add(more));
        for (place, priority) in ALL.iter().enumerate() {
            prop_assert!(at(low).keeps(*priority, lot) || !high.keeps(*priority, lot));
            // What matters less is never kept where what matters more is shed.
            for lesser in &ALL[place..] {
                prop_assert!(at(low).keeps(*priority, lot) || !at(low).keeps(*lesser, lot));
            }
            prop_assert!(!at(low).refuses(*priority == Priority::Vital)
                || high.refuses(*priority == Priority::Vital));
        }
        prop_assert!(at(low).keeps(Priority::Vital, lot));
        prop_assert_eq!(at(low).keeps_all(), at(low).keeps(Priority::Heartbeat, 0));
        // Nobody is refused who was not asked for less before.
        prop_assert!(!at(low).refuses(false) || at(low).pace().is_some());
        prop_assert!((2..=30).contains(&at(low).retry_after(lot)));
    }

    #[test]
    fn sessions_are_thinned_in_proportion(pressure in 500_u32..750) {
        let kept = (0..=u16::MAX).filter(|lot| at(pressure).keeps(Priority::Heartbeat, *lot)).count();
        let expected = 65_536 - (65_536 * (pressure as usize - 500)).div_ceil(250);
        prop_assert_eq!(kept, expected);
    }

    /// Any number of tenants take what the ladder lets them, in any order: nobody gets above
    /// their threshold, and a newcomer is always calm.
    #[test]
    fn a_flood_leaves_room_for_who_comes_next(
        takes in proptest::collection::vec((0_usize..5, 1_u64..50), 1..2_000),
    ) {
        let (limit, mut held) = (10_000, [0_u64; 5]);
        for (tenant, records) in takes {
            let all = held.iter().sum();
            if pressure(held[tenant], all, limit, 1) < FULL {
                held[tenant] += records;
            }
        }
        let all: u64 = held.iter().sum();
        prop_assert!(limit - all >= limit / 16 - 5 * 50, "{held:?}");
        prop_assert_eq!(pressure(0, all, limit, 1), 0);
        // Its first records do not bring it near the ladder.
        prop_assert!(pressure(100, all + 100, limit, 1) < 250);
    }

    #[test]
    fn a_quota_is_kept_over_time(
        rate in 1_u32..10_000,
        steps in proptest::collection::vec((0_i64..2_000_000, 1_u64..5_000), 1..300),
    ) {
        let (mut bucket, mut now, mut taken) = (Bucket::new(rate, 0), 0, 0);
        for (pause, records) in steps {
            now += pause;
            if bucket.pressure(now) < FULL {
                bucket.take(records);
                taken += records;
            }
        }
        // A burst, the quota since, and the batch that may cross the line.
        let most = u64::from(rate) * 5 + u64::from(rate) * now as u64 / 1_000_000 + 5_000 + 1;
        // A batch larger than the deepest debt is forgiven, by design.
        prop_assume!(u64::from(rate) * 10 >= 5_000);
        prop_assert!(taken <= most, "{taken} of {most}");
        // Nobody is shut out for longer than the debt takes to be paid.
        prop_assert!(bucket.pressure(now + 10_000_000) < FULL + 1);
    }
}

#[test]
fn shares_follow_weights() {
    let held_at_full =
        |weight: u32| (1..10_000).find(|own| pressure(*own, *own, 10_000, weight) >= FULL);
    assert_eq!(held_at_full(1), Some(7_500));
    assert_eq!(held_at_full(2), Some(8_572));
    assert_eq!(pressure(1, 10_000, 10_000, 1), u32::MAX);
}

#[test]
fn the_ladder_step_by_step() {
    assert_eq!(at(249).pace(), None);
    assert!(at(499).keeps_all() && !at(501).keeps(Priority::Heartbeat, 0));
    assert!(!at(750).keeps(Priority::Heartbeat, u16::MAX) && at(750).keeps(Priority::State, 0));
    assert!(!at(FULL).keeps(Priority::State, u16::MAX));
    assert!(at(REFUSE).refuses(false) && !at(REFUSE).refuses(true));
    assert!(at(3_000).refuses(true));
}

#[test]
fn starts_ends_and_errors_are_vital() {
    for (fields, expected) in [
        ("e=e,ec=(\"1\")", Priority::Vital),
        ("e=ps,sn=7,sta=s", Priority::Vital),
        ("e=ps,sn=7,sta=e", Priority::Vital),
        ("e=ps,sn=7,sta=f", Priority::Vital),
        ("e=ps,msd=800,sn=7,sta=p", Priority::Vital),
        ("e=t,sn=0", Priority::Vital),
        ("e=ps,sn=7,sta=r", Priority::State),
        ("e=bc,sn=7", Priority::State),
        ("e=t,sn=7,sta=p", Priority::Heartbeat),
        ("e=rr,sn=7", Priority::Heartbeat),
    ] {
        let text = format!("{fields},sid=\"a\",ts=1795000000000,v=2");
        let record = parse(&text, Mode::Event).unwrap();
        assert_eq!(of_player(&record, Mode::Event), expected, "{text}");
    }
    let record = parse("bl=100,sid=\"a\"", Mode::Request).unwrap();
    assert_eq!(of_player(&record, Mode::Request), Priority::Heartbeat);
}
