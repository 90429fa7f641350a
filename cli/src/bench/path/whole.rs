//! One run from the first POST until history is written and counted.

use std::path::Path;
use std::sync::Arc;

use anyhow::ensure;
use bytes::Bytes;
use tallylight_collector::Settings as CollectorSettings;
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::{EventLog, TopicSettings};
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::record::{EVENTS, ROWS};
use tallylight_store::history::{History, Settings as HistorySettings};
use tallylight_stream_processor::{Processor, Settings, archive};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::PER_POST;
use super::parquet::accepted;
use crate::bench::load::{self, Target};
use crate::bench::{Folder, cpu, sample};

/// A clock that starts at the time of the first record, whenever the bodies were made. By the real
/// clock all would arrive late by the time it took to make them, more than a network's delay, and
/// by less from round to round: each record would correct the clock of its player.
#[derive(Debug)]
struct SampleClock {
    ahead_us: i64,
}

impl SampleClock {
    /// Now is one second after the first record, so that each arrives within two seconds of its
    /// time.
    fn start() -> Self {
        Self { ahead_us: WallClock.now_us() - (sample::BEGAN_MS + 1_000) * 1_000 }
    }
}

impl Clock for SampleClock {
    fn now_us(&self) -> i64 {
        WallClock.now_us() - self.ahead_us
    }
}

/// The CPU-seconds that these bodies take from the socket to Parquet, without sending.
pub(crate) fn spent(on: &Runtime, bodies: Vec<Bytes>) -> anyhow::Result<f64> {
    let (folder, records) = (Folder::new("path"), bodies.len() * PER_POST);
    let spent = on.block_on(run(&folder.0, Arc::new(bodies)))?;
    let counted = accepted(&folder.0.join("history/player_events"))?;
    ensure!(counted == records, "{records} records were sent, {counted} are in history");
    Ok(spent)
}

async fn run(dir: &Path, bodies: Arc<Vec<Bytes>>) -> anyhow::Result<f64> {
    let clock: Arc<dyn Clock> = Arc::new(SampleClock::start());
    let topics = [EVENTS, ROWS].map(|name| TopicSettings::new(name, 4 << 30));
    let disk = DiskSettings::new(dir.join("log"), topics.to_vec());
    let log: Arc<dyn EventLog> = Arc::new(DiskLog::open(disk, Arc::clone(&clock))?);
    let processor = processor(dir, &log, &clock).await?;
    let (mut stats, mut head) = (processor.handle().stats(), log.head(EVENTS)?);
    let parts =
        tallylight_collector::Parts { log: Arc::clone(&log).into(), clock: Arc::clone(&clock) };
    let settings =
        CollectorSettings { listen: ([127, 0, 0, 1], 0).into(), ..CollectorSettings::default() };
    let collector = tallylight_collector::build(settings, parts).await?;
    let url = format!("http://{}/v1/cmcd?k=demo", collector.addr());

    let (drain, work) = (CancellationToken::new(), CancellationToken::new());
    let began = cpu::of_process()?;
    let collecting = tokio::spawn(collector.run(drain.clone()));
    let processing = tokio::spawn(processor.run(work.clone()));
    let sending = load::post(Target::cmcd(url), bodies, load::AT_A_TIME).await?;
    drain.cancel();
    collecting.await??;
    let end = *head.borrow_and_update();
    stats.wait_for(|stats| stats.position >= end).await?;
    work.cancel();
    processing.await??;
    let spent = cpu::of_process()? - began - sending;
    log.close().await;
    Ok(spent)
}

async fn processor(
    dir: &Path,
    log: &Arc<dyn EventLog>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Processor> {
    let parts = tallylight_store::history::Parts {
        dir: dir.join("history"),
        log_id: log.id().to_owned(),
        shard: tallylight_schemas::ident::Shard::WHOLE,
        clock: Arc::clone(clock),
        faults: None,
    };
    let history = History::open(HistorySettings::default(), parts).await?;
    let archive = archive::Parts::open(dir, log.as_ref(), history)?;
    let archive = archive::Parts { writers: Some(crate::processor::writers()?), ..archive };
    let parts = tallylight_stream_processor::Parts {
        log: Arc::clone(log),
        clock: Arc::clone(clock),
        archive: Some(archive),
        metrics: Default::default(),
    };
    Ok(tallylight_stream_processor::build(Settings::default(), parts).await?)
}
