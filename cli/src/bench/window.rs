//! From entries of the log to sessions, panes and the rows appended for them.

use std::hint::black_box;

use anyhow::ensure;
use tallylight_eventlog::Entry;
use tallylight_schemas::ident::Shard;
use tallylight_stream_processor::read::Partitions;
use tallylight_stream_processor::{Limits, emit};

use super::sample::Trace;
use super::{Measured, cpu, floor, sample};

/// Rounds of the large trace at the small size; three times as many last longer than panes stay
/// open.
const ROUNDS: usize = 5;
/// Rounds of the small trace, in which no pane becomes final.
const ROUNDS_OF_FEW: usize = 10;

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    Ok(vec![measure("window", sample::MANY, ROUNDS)?, few()?])
}

/// The step with the trace that the other steps use.
pub(crate) fn few() -> anyhow::Result<Measured> {
    measure("window/20k-sessions", sample::FEW, ROUNDS_OF_FEW)
}

fn measure(name: &str, trace: Trace, rounds: usize) -> anyhow::Result<Measured> {
    let count = rounds * trace.sessions;
    let entries = trace.entries(3 * count)?;
    let step = cpu::slope(count, |records| {
        cpu::spent(|| process(trace, Shard::WHOLE, &entries[..records / sample::ROWS]))
    })?;
    let rows = floor::window::rows(&entries)?;
    let floor = cpu::slope(count, |records| {
        cpu::spent(|| {
            black_box(floor::window::count(&rows[..records]));
            Ok(())
        })
    })?;
    let what = "a session and a cell (count, sum, max, quantiles, distinct) by hash of numbers";
    Ok(Measured::new(name, step, floor, what))
}

/// Processes entries of a shard from empty states; every session of it must be open at the end.
pub(crate) fn process(trace: Trace, shard: Shard, entries: &[Entry]) -> anyhow::Result<()> {
    let limits = Limits { sessions: trace.sessions, ..Limits::default() };
    let mut partitions = Partitions::of(shard, sample::PARTITIONS, &limits);
    for entry in entries {
        let outcome = partitions.entry(entry);
        black_box(emit::entries(&outcome.rows.topic)?);
        black_box(outcome.players);
    }
    let sessions: usize = partitions.states().iter().map(|state| state.open_sessions()).sum();
    let all = trace.sessions_of(shard).count();
    ensure!(sessions == all, "{sessions} of {all} sessions are open");
    Ok(())
}
