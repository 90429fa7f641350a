//! From entries of the log to sessions, panes and the rows that are appended of them.

use std::hint::black_box;

use anyhow::ensure;
use tallylight_eventlog::Entry;
use tallylight_schemas::ident::Shard;
use tallylight_stream_processor::read::Partitions;
use tallylight_stream_processor::{Limits, emit};

use super::{Measured, cpu, light, sample};

/// Records of the small size: ten of each session.
const RECORDS: usize = 10 * sample::SESSIONS;

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    Ok(vec![one()?])
}

pub(crate) fn one() -> anyhow::Result<Measured> {
    let entries = sample::entries(3 * RECORDS)?;
    let step = cpu::slope(RECORDS, |records| {
        cpu::spent(|| process(Shard::WHOLE, &entries[..records / sample::ROWS]))
    })?;
    let rows = light::window::rows(&entries)?;
    let floor = cpu::slope(RECORDS, |records| {
        cpu::spent(|| {
            black_box(light::window::count(&rows[..records]));
            Ok(())
        })
    })?;
    let what = "a session and a cell (count, sum, max, quantiles, distinct) by hash of numbers";
    Ok(Measured::new("window", step, floor, what))
}

/// Entries of a shard through states that were empty; every session of it must be open then.
pub(crate) fn process(shard: Shard, entries: &[Entry]) -> anyhow::Result<()> {
    let mut partitions = Partitions::of(shard, sample::PARTITIONS, &Limits::default());
    for entry in entries {
        let outcome = partitions.entry(entry);
        black_box(emit::entries(&outcome.rows)?);
        black_box(outcome.players);
    }
    let sessions: usize = partitions.states().iter().map(|state| state.open_sessions()).sum();
    let all = sample::sessions_of(shard).count();
    ensure!(sessions == all, "{sessions} of {all} sessions are open");
    Ok(())
}
