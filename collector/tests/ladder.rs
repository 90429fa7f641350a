//! What a collector under pressure still accepts, for any input (ADR 21).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use tallylight_schemas::cmcd::{Mode, parse};
use tallylight_schemas::fates::Reason;

use tallylight_collector::pure::bucket::Bucket;
use tallylight_collector::pure::ladder::{FULL, REFUSE, REFUSE_ALL, Standing, THIN};
use tallylight_collector::pure::priority::{Priority, of_player};
use tallylight_collector::pure::share::{Held, pressure};

const ALL: [Priority; 3] = [Priority::Vital, Priority::State, Priority::Heartbeat];

fn at(pressure: u32) -> Standing {
    Standing { pressure, cause: Reason::Overload }
}

proptest! {
    #[test]
    fn more_pressure_never_keeps_more(low: u32, more: u32, draw: u16) {
        let high = at(low.saturating_add(more));
        for (place, priority) in ALL.iter().enumerate() {
            prop_assert!(at(low).keeps(*priority, draw) || !high.keeps(*priority, draw));
            // No record is kept where one of a higher priority is shed.
            for lesser in &ALL[place..] {
                prop_assert!(at(low).keeps(*priority, draw) || !at(low).keeps(*lesser, draw));
            }
            prop_assert!(!at(low).refuses(*priority == Priority::Vital)
                || high.refuses(*priority == Priority::Vital));
        }
        prop_assert!(at(low).keeps(Priority::Vital, draw));
        // Dead letters are dropped before the first record is, and at every higher pressure.
        prop_assert!(!at(low).keeps_letters() || at(low).keeps_all());
        prop_assert!(at(low).keeps_letters() || !high.keeps_letters());
        prop_assert_eq!(at(low).keeps_all(), at(low).keeps(Priority::Heartbeat, 0));
        // Clients are asked for less before they are refused.
        prop_assert!(!at(low).refuses(false) || at(low).pace().is_some());
        prop_assert!((2..=30).contains(&at(low).retry_after(draw)));
    }

    #[test]
    fn sessions_are_thinned_in_proportion(pressure in 500_u32..750) {
        let kept = (0..=u16::MAX).filter(|draw| at(pressure).keeps(Priority::Heartbeat, *draw)).count();
        let expected = 65_536 - (65_536 * (pressure as usize - 500)).div_ceil(250);
        prop_assert_eq!(kept, expected);
    }

    /// Tenants take what the ladder lets them, in any order: none gets above its threshold, and a
    /// newcomer is never under pressure.
    #[test]
    fn a_flood_leaves_room_for_newcomers(
        takes in proptest::collection::vec((0_usize..5, 1_u64..20), 1..3_000),
    ) {
        let (limit, mut held) = (10_000, [0_u64; 5]);
        for (tenant, records) in takes {
            let all = held.iter().sum();
            let active = held.iter().filter(|own| **own > 0).count() as u32;
            let held_now = Held { own: held[tenant], all, limit };
            if pressure(held_now, 1, active.max(1)) < FULL {
                held[tenant] += records;
            }
        }
        let all: u64 = held.iter().sum();
        prop_assert!(limit - all >= limit / 64 - 5 * 20, "{held:?}");
        let newcomer = Held { own: 0, all, limit };
        prop_assert_eq!(pressure(newcomer, 1, 6), 0);
        // Within its fair share nothing of a tenant is shed.
        let fair = limit * 3 / 4 / 7 - 1;
        let within = Held { own: fair, all: limit * 7 / 8, limit };
        prop_assert!(pressure(within, 1, 6) < THIN);
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
        // A burst, the quota since, and the batch that may cross the limit.
        let most = u64::from(rate) * 5 + u64::from(rate) * now as u64 / 1_000_000 + 5_000 + 1;
        prop_assert!(taken <= most, "{taken} of {most}");
        // The debt, at most one batch, is paid back at the quota's rate; then records pass again.
        let paid = now + 5_000 * 1_000_000 / i64::from(rate) + 1;
        prop_assert!(bucket.pressure(paid) < FULL + 1);
    }
}

/// The records that pass in a minute of requests of `size`, one every `every_us`, if only the last
/// step refuses them.
fn passed(rate: u32, size: u64, every_us: usize) -> u64 {
    let (mut bucket, mut passed) = (Bucket::new(rate, 0), 0);
    for now in (0..60_000_000).step_by(every_us) {
        if bucket.pressure(now) < REFUSE_ALL {
            bucket.take(size);
            passed += size;
        }
    }
    passed
}

#[test]
fn the_last_step_holds_requests_of_any_size_to_the_quota() {
    let rate = 100;
    for (size, every_us) in [(1, 10), (1, 137), (7, 100), (100, 1_000), (2_000, 1_000)] {
        // The burst, two bursts of debt, a minute's quota, and the batch that may cross the limit.
        let fits = u64::from(rate) * (5 + 10 + 60) + size;
        let passed = passed(rate, size, every_us);
        assert!(passed <= fits, "{passed} of {size} a request, {fits} fit");
        assert!(passed + 2 * size >= fits, "{passed} of {size} a request, and {fits} would fit");
    }
}

#[test]
fn shares_follow_weights() {
    let alone = |weight: u32| {
        let held = |own| Held { own, all: own, limit: 10_000 };
        (1..10_000).find(|own| pressure(held(*own), weight, weight) >= FULL)
    };
    assert_eq!(alone(1), Some(5_000));
    assert_eq!(alone(2), Some(6_667));
    let full = |own| Held { own, all: 8_750, limit: 10_000 };
    assert!(pressure(full(2_499), 1, 2) < THIN, "a fair share of two and one to come");
    assert_eq!(pressure(full(2_500), 1, 2), 2_000);
}

#[test]
fn the_ladder_step_by_step() {
    assert_eq!(at(249).pace(), None);
    assert!(at(499).keeps_all() && !at(501).keeps(Priority::Heartbeat, 0));
    assert!(!at(750).keeps(Priority::Heartbeat, u16::MAX) && at(750).keeps(Priority::State, 0));
    assert!(!at(FULL).keeps(Priority::State, u16::MAX));
    assert!(at(REFUSE).refuses(false) && !at(REFUSE).refuses(true));
    assert!(at(REFUSE_ALL).refuses(true));
}

#[test]
fn starts_ends_and_errors_are_vital() {
    for (fields, expected) in [
        ("e=e,ec=(\"1\")", Priority::Vital),
        ("e=ps,sn=7,sta=s", Priority::Vital),
        ("e=ps,sn=7,sta=p", Priority::Vital),
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
