//! What a second core adds: the entries of a log with two shards, replayed by one processor and by
//! two in parallel, as two processes share a log in Kafka (ADR 25). It is the only bench by
//! wall-clock time, so it needs a machine that does nothing else.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use tallylight_eventlog::Entry;
use tallylight_schemas::ident::Shard;

use super::{sample, window};

/// Records of both shards together: ten of each session.
const RECORDS: usize = 10 * sample::SESSIONS;
/// The two are measured this often in turns. The fastest time counts, since other work can only
/// slow them down.
const ROUNDS: usize = 5;
/// The aim: how much faster two are than one.
const AIM: f64 = 1.8;

/// The same records by one thread, and by two.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Scaling {
    /// Events per second of one thread that replays both shards.
    one: f64,
    /// Events per second of two threads with a shard each.
    two: f64,
    /// Two ÷ one.
    times: f64,
}

pub(crate) fn run() -> anyhow::Result<Scaling> {
    scale(RECORDS, ROUNDS)
}

fn scale(records: usize, rounds: usize) -> anyhow::Result<Scaling> {
    let shard = |number| {
        let shard = Shard::new(number, 2).context("two shards")?;
        Ok((shard, sample::FEW.entries_of(shard, records)?))
    };
    let shards: Vec<(Shard, Vec<Entry>)> = (0..2).map(shard).collect::<anyhow::Result<_>>()?;
    let (mut one, mut two) = (Duration::MAX, Duration::MAX);
    for _ in 0..rounds {
        let began = Instant::now();
        for (shard, entries) in &shards {
            window::process(sample::FEW, *shard, entries)?;
        }
        one = one.min(began.elapsed());
        let began = Instant::now();
        std::thread::scope(|threads| {
            let replay = |(shard, entries): &'_ (Shard, Vec<Entry>)| {
                window::process(sample::FEW, *shard, entries).map_err(|error| anyhow!("{error}"))
            };
            let running: Vec<_> =
                shards.iter().map(|of| threads.spawn(move || replay(of))).collect();
            running.into_iter().try_for_each(|one| {
                one.join().map_err(|_| anyhow!("a thread that replays has ended"))?
            })
        })?;
        two = two.min(began.elapsed());
    }
    let rate = |took: Duration| records as f64 / took.as_secs_f64();
    Ok(Scaling { one: rate(one), two: rate(two), times: rate(two) / rate(one) })
}

#[allow(clippy::print_stdout, reason = "the answer of a command")]
pub(crate) fn print(found: &Scaling) {
    println!(
        "log to sessions, windows and rows: {:.3} M/s by one thread, {:.3} by two with a shard \
         each, {:.2} times (aim: {AIM})",
        found.one / 1e6,
        found.two / 1e6,
        found.times
    );
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_ways_replay_every_session() {
        let found = super::scale(super::sample::SESSIONS, 1).expect("a replay");
        assert!(found.times > 0.0, "{found:?}");
    }
}
