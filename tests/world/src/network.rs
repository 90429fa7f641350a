//! The network from senders to collectors: records in batches, late, out of order, twice.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::StdRng;

use crate::cast::Sender;
use crate::player::Record;

/// The longest time that a record waits for its batch, ms: a record older than 45 s is late (ADR
/// 23).
const HELD_MS: i64 = 20_000;

/// A batch that is to arrive at a collector.
#[derive(Debug, Clone)]
pub struct Post {
    /// The number of its sender.
    pub sender: usize,
    /// Its records.
    pub records: Vec<Record>,
    /// The number of its collector.
    pub collector: usize,
}

/// Posts by arrival (ms after the start) and number.
pub type Schedule = BTreeMap<(i64, usize), Post>;

/// Batches on time: each arrives a network delay after its last record was made.
pub fn on_time(senders: &[Sender<'_>], collectors: usize, rng: &mut StdRng) -> Schedule {
    let mut schedule = Schedule::new();
    for (sender, of) in senders.iter().enumerate() {
        let wire = rng.random_range(20..200);
        let mut rest = of.records;
        while !rest.is_empty() {
            // The first record comes alone: by it a wrong clock is detected.
            let first = rest.len() == of.records.len();
            let fresh = rest.partition_point(|record| record.at - rest[0].at <= HELD_MS);
            let count = if first { 1 } else { rng.random_range(1..5).min(fresh) };
            let (records, more) = rest.split_at(count);
            rest = more;
            let last = records.last().map_or(0, |record| record.at);
            // Senders with correct clocks share the collectors' commits.
            let at = if of.skew == 0 { (last + wire + 199) / 200 * 200 } else { last + wire };
            let collector = rng.random_range(0..collectors);
            let post = Post { sender, records: records.to_vec(), collector };
            schedule.insert((at, schedule.len()), post);
        }
    }
    schedule
}

/// The same through a bad network: batches are up to 48 h late, and some arrive at two collectors.
pub fn disturbed(on_time: &Schedule, collectors: usize, rng: &mut StdRng) -> Schedule {
    let mut schedule = Schedule::new();
    let mut backlogs: BTreeMap<usize, i64> = BTreeMap::new();
    for ((at, _), post) in on_time {
        let first = post.records.iter().any(|record| record.id.1 == 0);
        let delay = if first { 0 } else { delay(rng) };
        // A phone without a network sends all that it kept when it is back.
        let back = backlogs.get(&post.sender).copied().filter(|_| !first).unwrap_or(0);
        if rng.random_range(0..60) == 0 {
            backlogs.insert(post.sender, at + 600_000);
        }
        let arrival = (at + delay).max(back);
        schedule.insert((arrival, schedule.len()), post.clone());
        if rng.random_range(0..6) == 0 {
            let other = Post { collector: (post.collector + 1) % collectors, ..post.clone() };
            schedule.insert((arrival + again(rng), schedule.len()), other);
        }
    }
    schedule
}

fn delay(rng: &mut StdRng) -> i64 {
    match rng.random_range(0..40) {
        0..34 => 0,
        34..37 => rng.random_range(100..5_000),
        37 => rng.random_range(5_000..60_000),
        38 => rng.random_range(120_000..3_600_000),
        _ => rng.random_range(3_600_000..172_800_000),
    }
}

fn again(rng: &mut StdRng) -> i64 {
    match rng.random_range(0..10) {
        0..8 => rng.random_range(0..4_000),
        8 => rng.random_range(60_000..900_000),
        _ => rng.random_range(3_600_000..86_400_000),
    }
}
