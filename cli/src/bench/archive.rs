//! From decoded batches to sorted, compressed, synced files that a Delta table names.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::anyhow;
use arrow::array::RecordBatch;
use tallylight_schemas::clock::WallClock;
use tallylight_schemas::cmcd::{self, Mode};
use tallylight_schemas::fates::Fate;
use tallylight_schemas::player::{Door, PlayerBatchBuilder};
use tallylight_schemas::tables::{Table, conform};
use tallylight_store::archive::{History, Parts, Settings, properties};
use tallylight_stream_processor::events::EventEnds;
use tallylight_stream_processor::pure::partition::Ends as _;

use super::{Measured, rate, sample};

/// Records of one commit.
const RECORDS: usize = 100_000;
/// Rows of one entry of the log.
const ROWS: usize = 2_000;

fn batches() -> anyhow::Result<Vec<RecordBatch>> {
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
        batches.push(builder.finish()?);
    }
    Ok(batches)
}

fn with_ends(batch: &RecordBatch) -> anyhow::Result<RecordBatch> {
    let rows = batch.num_rows();
    let mut ends = EventEnds::of_players(rows);
    ends.place(0..rows, 0);
    (0..rows).for_each(|_| ends.end(Fate::Accepted, None));
    Ok(ends.finish(batch)?)
}

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    let batches = batches()?;
    let folder = std::env::temp_dir().join(format!("tallylight-archive-{}", std::process::id()));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let parts = Parts {
        dir: folder.clone(),
        log_id: "bench".to_owned(),
        clock: Arc::new(WallClock),
        faults: None,
    };
    let history = runtime.block_on(History::open(Settings::default(), parts))?;
    let mut offset = 0;
    let step = rate(RECORDS, || {
        for batch in &batches {
            history.add(Table::PlayerEvents, offset, 0, with_ends(batch)?);
            offset += 1;
        }
        Ok(runtime.block_on(history.commit(offset))?)
    })?;
    let columns = rate(RECORDS, || {
        for batch in &batches {
            black_box(with_ends(batch)?);
        }
        Ok(())
    })?;
    let copy = rate(RECORDS, || {
        for batch in &batches {
            black_box(arrow::compute::concat_batches(&batch.schema(), [batch, batch])?.slice(0, 1));
        }
        Ok(())
    })?;
    let wide = batches.iter().map(|batch| conform(batch, Table::PlayerEvents));
    let wide = wide.collect::<Result<Vec<_>, _>>()?;
    let floor = rate(RECORDS, || {
        let properties = properties(Table::PlayerEvents, RECORDS)?;
        let schema = Table::PlayerEvents.schema();
        let mut out = parquet::arrow::ArrowWriter::try_new(Vec::new(), schema, Some(properties))?;
        for batch in &wide {
            out.write(batch)?;
        }
        black_box(out.into_inner()?);
        Ok(())
    })?;
    drop(history);
    std::fs::remove_dir_all(&folder)?;
    Ok(vec![
        Measured::new(
            "archive",
            step,
            floor,
            "the same batches by the Parquet writer, into memory",
        ),
        Measured::new("archive/columns", columns, copy, "two copies of the batch"),
    ])
}
