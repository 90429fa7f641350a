//! From Arrow columns to bytes that survive a power cut.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use anyhow::anyhow;
use bytes::Bytes;
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::{EventLog, Part, PartitionRange, TopicSettings};
use tallylight_schemas::clock::WallClock;
use tallylight_schemas::cmcd::{self, Mode};
use tallylight_schemas::ipc;
use tallylight_schemas::player::{Door, PlayerBatchBuilder};
use tallylight_schemas::record::{EVENTS, Kind};

use super::{Measured, rate, sample};

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    [16, 2_048].into_iter().map(one).collect()
}

fn one(rows: usize) -> anyhow::Result<Measured> {
    let lines = sample::lines(rows);
    let mut builder = PlayerBatchBuilder::new();
    let door = Door {
        tenant: "demo",
        mode: Mode::Event,
        source: "cmcd",
        received_at: 1_795_000_000_000_000,
        player: "",
    };
    for line in &lines {
        let record = cmcd::parse(line, Mode::Event).map_err(|r| anyhow!("{}", r.as_str()))?;
        builder.push(&door, &record);
    }
    let batch = builder.finish()?;
    let payload = ipc::encode(&batch)?;
    let folder = std::env::temp_dir().join(format!("tallylight-bench-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let topic = TopicSettings::new(EVENTS, 256 << 20);
    let log = DiskLog::open(DiskSettings::new(&folder, vec![topic]), Arc::new(WallClock))?;
    let ranges = vec![PartitionRange { partition: 0, first_row: 0, rows: u32::try_from(rows)? }];
    let step = rate(rows, || {
        let payload = Bytes::from(ipc::encode(&batch)?);
        let part = Part { kind: Kind::Player.code(), ranges: ranges.clone(), payload };
        runtime.block_on(log.append(EVENTS, vec![part]))?;
        Ok(())
    })?;
    runtime.block_on(log.close());
    let mut file = File::create(folder.join("floor"))?;
    let floor = rate(rows, || {
        file.write_all(&payload)?;
        Ok(file.sync_data()?)
    })?;
    std::fs::remove_dir_all(&folder)?;
    let what = "the same encoded bytes by write and fdatasync to a plain file";
    Ok(Measured::new(format!("append/{rows}-rows"), step, floor, what))
}
