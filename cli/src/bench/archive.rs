//! From decoded batches to sorted, compressed, synced files that a Delta table lists.

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::RecordBatch;
use tallylight_schemas::clock::WallClock;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{History, Parts, Settings};
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::read::Partitions;

use super::{Folder, Measured, cpu, floor, sample};

/// Records of one commit.
const RECORDS: usize = 100_000;

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    Ok(vec![one()?])
}

pub(crate) fn one() -> anyhow::Result<Measured> {
    let batches = ended()?;
    let folder = Folder::new("archive");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let parts = Parts {
        dir: folder.0.clone(),
        log_id: "bench".to_owned(),
        shard: tallylight_schemas::ident::Shard::WHOLE,
        clock: Arc::new(WallClock),
        faults: None,
    };
    let history = runtime.block_on(History::open(Settings::default(), parts))?;
    let mut offset = 0;
    let step = cpu::rate(RECORDS, || {
        for batch in &batches {
            history.add(Table::PlayerEvents, offset, 0, batch.clone());
            offset += 1;
        }
        Ok(runtime.block_on(history.commit(offset))?)
    })?;
    let floor = cpu::rate(RECORDS, || {
        black_box(floor::archive::write(&batches, Table::PlayerEvents.sorted_by())?);
        Ok(())
    })?;
    let what = "sort by two keys and write Parquet (zstd-1) of the columns in use, into memory";
    Ok(Measured::new("archive", step, floor, what))
}

/// Players' records with their fates, as the processor passes them to history.
fn ended() -> anyhow::Result<Vec<RecordBatch>> {
    let mut partitions = Partitions::new(sample::PARTITIONS, &Limits::default());
    let entries = sample::FEW.entries(RECORDS)?;
    Ok(entries.iter().flat_map(|entry| partitions.entry(entry).players).collect())
}
