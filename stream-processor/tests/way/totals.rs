//! The totals that players count themselves, compared with what they did.

use proptest::prelude::*;

use crate::responses::with_responses;
use crate::world::{Beacon, World, story};

/// A player that alternately plays and stalls, and counts correctly.
#[derive(Debug, Clone)]
struct Truth {
    /// Its records, each with its counts at that moment.
    records: Vec<Beacon>,
}

/// The lengths of playing and of the stall after it, ms, and when in each it also reports, percent.
type Round = (i64, i64, i64, i64);

/// `ahead` is the number of stalls that the player counted before; `running` is whether it counts a
/// stall's time while it lasts.
fn truth(rounds: &[Round], ahead: i64, running: bool) -> Truth {
    let (mut now, mut stalls, mut stalled) = (700, 0, 0);
    let mut records = vec![(0, "s", 0, 0)];
    for (playing, stall, a, b) in rounds {
        records.push((now, "p", stalls, stalled));
        records.push((now + playing * a / 100, "p", stalls, stalled));
        now += playing;
        stalls += 1;
        records.push((now, "r", stalls, stalled));
        let so_far = stall * b / 100;
        records.push((now + so_far, "r", stalls, stalled + if running { so_far } else { 0 }));
        now += stall;
        stalled += stall;
    }
    records.push((now, "p", stalls, stalled));
    records.push((now + 3_000, "p", stalls, stalled));
    let plain = story(&[(0, "")])[0].clone();
    let record =
        |(sn, (ts, sta, stalls, stalled)): (usize, (i64, &'static str, i64, i64))| Beacon {
            ts,
            sn: sn as u64,
            sta: Some(sta),
            bsa: Some(stalls + ahead),
            bsda: Some(stalled + ahead * 100),
            dfa: Some(ts / 100),
            ..plain.clone()
        };
    Truth { records: records.into_iter().enumerate().map(record).collect() }
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    prop::collection::vec((1_i64..20_000, 1_i64..8_000, 0_i64..100, 0_i64..100), 1..12)
}

/// A record's totals, without those from before.
fn counts(record: &Beacon, ahead: i64) -> (i64, i64) {
    (record.bsa.unwrap() - ahead, record.bsda.unwrap() - ahead * 100)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whichever records are lost, and in whatever order the others arrive.
    #[test]
    fn after_the_last_record_the_totals_are_the_truth(
        rounds in rounds(),
        running in any::<bool>(),
        lost in prop::collection::vec(any::<bool>(), 60),
        silent in prop::collection::vec(prop::bool::weighted(0.2), 60),
        swap in any::<prop::sample::Index>(),
    ) {
        let truth = truth(&rounds, 0, running);
        // The first record arrives: nothing is known from before the first one that does.
        let kept = truth.records.iter().zip(lost.iter().cycle());
        let kept = kept.filter(|(record, lost)| record.sn == 0 || !**lost);
        let mut kept: Vec<Beacon> = kept.map(|(record, _)| record.clone()).collect();
        // Keep up to the last playing record, whose totals are complete.
        let plays = |record: &Beacon| record.sta == Some("p");
        let end = kept.iter().rposition(plays).map_or(0, |at| at + 1);
        kept.truncate(end);
        prop_assume!(end > 0);
        let (stalls, stalled) = counts(&kept[end - 1], 0);
        // Some have no totals.
        for (record, silent) in kept[..end - 1].iter_mut().zip(silent.iter().cycle()) {
            if *silent {
                (record.bsa, record.bsda) = (None, None);
            }
        }
        let mut world = World::default();
        let at = swap.index(end);
        let (before, after) = kept.split_at(at);
        world.beacons(before);
        // One is overtaken by the next.
        if let [first, second, rest @ ..] = after {
            let delay = second.ts - first.ts + 20;
            world.beacons(std::slice::from_ref(second));
            world.beacons(&[Beacon { delay, ..first.clone() }]);
            world.beacons(rest);
        } else {
            world.beacons(after);
        }
        let row = world.session();
        prop_assert_eq!((row.rebuffer_count, row.rebuffering_ms), (stalls, stalled));
        prop_assert_eq!(row.dropped_frames, kept[end - 1].dfa);
        let seen = row.rebuffer_count - row.repaired_rebuffers;
        prop_assert!(seen >= 0 && row.playing_ms >= 0);
        if kept.len() == truth.records.len() {
            prop_assert_eq!((row.repaired_rebuffers, row.repaired_rebuffering_ms), (0, 0));
        }
    }

    /// While nothing is lost, a player that counts differently changes nothing.
    #[test]
    fn nothing_is_repaired_where_nothing_is_lost(
        rounds in rounds(),
        (ahead, running) in (0_i64..50, any::<bool>()),
        more in prop::collection::vec(0_i64..3, 60),
        requests in prop::collection::vec((0_i64..100, 0_i64..3_000), 0..12),
    ) {
        let mut truth = truth(&rounds, ahead, running);
        let mut extra = 0;
        for (record, more) in truth.records.iter_mut().zip(more) {
            extra += more;
            record.bsa = record.bsa.map(|bsa| bsa + extra);
            record.bsda = record.bsda.map(|bsda| bsda + extra * 250);
        }
        let last = truth.records.last().map_or(0, |record| record.ts);
        let requests: Vec<_> = requests.iter().map(|(at, took)| (last * at / 100, *took)).collect();
        let mut world = World::default();
        world.beacons(&with_responses(truth.records, &requests));
        let row = world.session();
        prop_assert_eq!((row.repaired_rebuffers, row.repaired_rebuffering_ms), (0, 0));
        prop_assert_eq!(row.rebuffer_count, rounds.len() as i64);
        prop_assert_eq!(row.rebuffering_ms, rounds.iter().map(|round| round.1).sum::<i64>());
    }
}

#[test]
fn totals_from_before_the_first_record_are_no_repair_and_none_exceeds_the_session() {
    let of = |sn: u64, ts, sta, bsa, bsda| {
        let plain = story(&[(ts, sta)])[0].clone();
        Beacon { sn, bsa: Some(bsa), bsda: Some(bsda), ..plain }
    };
    let mut world = World::default();
    world.beacons(&[of(57, 0, "s", 4, 9_000), of(58, 1_000, "p", 4, 9_000)]);
    world.beacons(&[of(61, 6_000, "p", 5, 9_400)]);
    let row = world.session();
    assert_eq!((row.rebuffer_count, row.rebuffering_ms), (1, 400));
    world.beacons(&[of(64, 8_000, "p", i64::from(i32::MAX), i64::from(i32::MAX))]);
    assert_eq!(world.session().rebuffering_ms, 8_000);
}

#[test]
fn stalls_for_which_the_playing_time_is_too_short_had_been_taken_for_starting() {
    let of = |sn: u64, ts, e, sta, bsda: i64| {
        let plain = story(&[(ts, sta)])[0].clone();
        Beacon { sn, e, bsa: Some(i64::from(bsda > 0)), bsda: Some(bsda), ..plain }
    };
    // Among the lost records are the first frame and a stall.
    let mut world = World::default();
    world.beacons(&[of(0, 0, "ps", "s", 0), of(9, 60_000, "t", "p", 20_000)]);
    let mut times_at = |sn, ts| {
        world.beacons(&[of(sn, ts, "t", "p", 20_000)]);
        let row = world.session();
        (row.startup_ms, row.starting_ms, row.playing_ms, row.rebuffering_ms)
    };
    assert_eq!(times_at(10, 61_000), (None, 41_000, 0, 20_000));
    assert_eq!(times_at(11, 90_000), (None, 60_000, 10_000, 20_000));
}

#[test]
fn earlier_totals_are_no_repair_and_a_restarted_count_repairs_nothing_twice() {
    let of = |sn: u64, ts, sta, bsa, bsda| {
        let plain = story(&[(ts, sta)])[0].clone();
        Beacon { sn, bsa: Some(bsa), bsda: Some(bsda), dfa: Some(bsa * 10), ..plain }
    };
    // It had counted five stalls; a sixth is lost; then its count restarts, and one more is lost.
    let mut world = World::default();
    let all = [of(0, 0, "s", 5, 9_000), of(1, 500, "p", 5, 9_000), of(4, 9_000, "p", 6, 10_500)];
    world.beacons(&all);
    let row = world.session();
    assert_eq!((row.rebuffer_count, row.rebuffering_ms, row.playing_ms), (1, 1_500, 7_000));
    assert_eq!((row.repaired_rebuffers, row.dropped_frames), (1, Some(60)));
    world.beacons(&[of(5, 12_000, "p", 0, 0), of(8, 20_000, "p", 1, 700)]);
    let row = world.session();
    assert_eq!((row.rebuffer_count, row.rebuffering_ms), (2, 2_200));
    assert_eq!((row.repaired_rebuffering_ms, row.dropped_frames), (2_200, Some(70)));
    // Its next playback is counted separately.
    world.beacons(&[of(0, 40_000, "s", 0, 0), of(1, 41_000, "p", 0, 0), of(3, 50_000, "p", 2, 90)]);
    let rows = world.sessions();
    assert_eq!((rows[0].rebuffer_count, rows[1].rebuffer_count), (2, 2));
    assert_eq!((rows[1].rebuffering_ms, rows[1].dropped_frames), (90, Some(20)));
}

#[test]
fn switches_have_directions_latencies_have_extremes_and_the_shown_bitrate_is_averaged() {
    let of = |n: usize, ts, sta, br, pb, ltc| {
        let plain = story(&[(ts, sta)])[0].clone();
        Beacon { sn: n as u64, br: Some(br), pb, ltc: Some(ltc), ..plain }
    };
    let mut world = World::default();
    world.beacons(&[
        of(0, 0, "s", 600, None, 99_000),
        of(1, 1_000, "p", 1_200, Some(600), 5_000),
        of(2, 3_000, "p", 3_000, Some(1_200), 4_000),
        of(3, 4_000, "p", 600, None, 7_000),
        of(4, 5_000, "a", 600, None, 30_000),
    ]);
    let row = world.session();
    assert_eq!((row.switches, row.switches_up, row.switches_down), (3, 2, 1));
    assert_eq!((row.least_latency_ms, row.greatest_latency_ms), (Some(4_000), Some(7_000)));
    assert_eq!(row.live_latency_ms, Some(30_000));
    // 2 s of 600 and 2 s of 1,200.
    assert_eq!((row.avg_bitrate_kbps, row.bitrate_ms), (Some(900), 4_000));
}

#[test]
fn a_session_without_a_first_frame_has_no_rebuffers() {
    let mut records = story(&[(0, "s"), (1_000, "p"), (2_000, "r"), (20_000, "q")]);
    for (record, (stalls, stalled)) in records.iter_mut().zip([(0, 0), (0, 0), (1, 0), (1, 4_000)])
    {
        (record.bsa, record.bsda) = (Some(stalls), Some(stalled));
    }
    let rebuffers = |records: &[Beacon]| {
        let mut world = World::default();
        world.beacons(records);
        let row = world.session();
        (row.rebuffer_count, row.first_frame_at.is_some())
    };
    assert_eq!(rebuffers(&records), (1, true));
    let unseen = [records[0].clone(), records[3].clone()];
    assert_eq!(rebuffers(&unseen), (0, false));
}
