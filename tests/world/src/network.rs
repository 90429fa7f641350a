//! The way from senders to doors: records in batches, late, out of order, twice.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::StdRng;

use crate::cast::Sender;
use crate::player::Record;

/// No record waits longer for its batch, ms: what comes later than 45 s is late (ADR 23).
const HELD_MS: i64 = 20_000;

/// A batch that is to arrive at a door.
#[derive(Debug, Clone)]
pub struct Post {
    /// Whose, by number.
    pub sender: usize,
    /// Its records.
    pub records: Vec<Record>,
    /// Which door.
    pub door: usize,
}

/// Posts by arrival (ms after the start) and number.
pub type Schedule = BTreeMap<(i64, usize), Post>;

/// Batches on time: each as soon as its last record is made and the wire is passed.
pub fn on_time(senders: &[Sender<'_>], doors: usize, rng: &mut StdRng) -> Schedule {
    let mut schedule = Schedule::new();
    for (sender, of) in senders.iter().enumerate() {
        let wire = rng.random_range(20..200);
        let mut rest = of.records;
        while !rest.is_empty() {
            // The first record comes alone: by it a wrong clock is found out.
            let first = rest.len() == of.records.len();
            let fresh = rest.partition_point(|record| record.at - rest[0].at <= HELD_MS);
            let count = if first { 1 } else { rng.random_range(1..5).min(fresh) };
            let (records, more) = rest.split_at(count);
            rest = more;
            let last = records.last().map_or(0, |record| record.at);
            // Clocks that are right share the doors' commits.
            let at = if of.skew == 0 { (last + wire + 199) / 200 * 200 } else { last + wire };
            let door = rng.random_range(0..doors);
            let post = Post { sender, records: records.to_vec(), door };
            schedule.insert((at, schedule.len()), post);
        }
    }
    schedule
}

/// The same through a bad network: batches are late up to 48 h, and come twice by two doors.
pub fn disturbed(calm: &Schedule, doors: usize, rng: &mut StdRng) -> Schedule {
    let mut schedule = Schedule::new();
    let mut backlogs: BTreeMap<usize, i64> = BTreeMap::new();
    for ((at, _), post) in calm {
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
            let other = Post { door: (post.door + 1) % doors, ..post.clone() };
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
