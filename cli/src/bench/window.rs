//! From decoded batches to sessions and panes, in one partition.

use std::collections::HashMap;
use std::hint::black_box;

use anyhow::anyhow;
use tallylight_schemas::cmcd::{self, Mode};
use tallylight_schemas::player::{Door, PlayerBatchBuilder, PlayerRows};
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::pure::input::PlayerInput;
use tallylight_stream_processor::pure::partition::PartitionState;

use super::{Measured, rate, sample};

/// Records of one round: a thousand sessions, twenty records each.
const RECORDS: usize = 20_000;
const ROWS: usize = 2_000;

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    let lines = sample::lines(RECORDS);
    let mut batches = Vec::new();
    for chunk in lines.chunks(ROWS) {
        let mut builder = PlayerBatchBuilder::new();
        for line in chunk {
            let record = cmcd::parse(line, Mode::Event).map_err(|r| anyhow!("{}", r.as_str()))?;
            let received_at = record.int(cmcd::Key::Ts).unwrap_or_default() * 1_000 + 50_000;
            let door =
                Door { tenant: "demo", mode: Mode::Event, source: "cmcd", received_at, player: "" };
            builder.push(&door, &record);
        }
        batches.push(PlayerRows::new(&builder.finish()?)?);
    }
    let step = rate(RECORDS, || {
        let mut state = PartitionState::new(0, 1, Limits::default());
        for (offset, rows) in batches.iter().enumerate() {
            let inputs: Vec<PlayerInput<'_>> =
                (0..rows.len()).map(|i| rows.get(i).into()).collect();
            let newest = inputs.last().map_or(0, |input| input.received_ms * 1_000);
            state.begin(offset as u64, newest);
            state.players(&inputs);
            black_box(state.finish(offset as u64 + 1));
        }
        Ok(())
    })?;
    let floor = rate(RECORDS, || {
        let mut counts: HashMap<(&str, i64), i64> = HashMap::new();
        for rows in &batches {
            for event in (0..rows.len()).map(|i| rows.get(i)) {
                *counts.entry((event.sid, event.ts.unwrap_or(0) / 1_000)).or_default() += 1;
            }
        }
        black_box(counts);
        Ok(())
    })?;
    let what = "read each row and count it by session and second";
    Ok(vec![Measured::new("window", step, floor, what)])
}
