//! The successor of a platform that was stopped or killed: processors that continue from its
//! snapshots and tables with a fast clock until every pane is final and every session over; and
//! then `tallylight audit` on those tables.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::{EventLog, TopicSettings};
use tallylight_schemas::clock::{Clock, ManualClock, WallClock};
use tallylight_schemas::record::{EVENTS, ROWS};
use tallylight_store::history::{History, Parts as HistoryParts};
use tallylight_stream_processor::archive::Parts as ArchiveParts;
use tallylight_stream_processor::audit::{Findings, repair};
use tallylight_stream_processor::{Limits, Parts, Processor, Settings, build};
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// Steps of the clock, and the length of each: together long enough to close the hour, too.
const STEPS: i64 = 130;
const STEP_US: i64 = 60_000_000;
/// How long history may take to follow the clock, on the slowest disk.
const PATIENCE: Duration = Duration::from_secs(120);

/// The successors' clock: a little ahead of the platform's.
pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at_us(WallClock.now_us() + 1_000_000))
}

/// Continues from `data` with the disk log in it.
pub async fn go_on_disk(data: &Path) {
    let clock = clock();
    let topics = [EVENTS, ROWS].map(|name| TopicSettings::new(name, 1 << 30));
    let settings = DiskSettings::new(data.join("log"), topics.to_vec());
    let log: Arc<dyn EventLog> =
        Arc::new(DiskLog::open(settings, Arc::clone(&clock) as _).unwrap());
    go_on(std::slice::from_ref(&log), &clock, data).await;
    log.close().await;
}

/// Waits until each of this many shards has a snapshot: what a dashboard shows may exist only in
/// the memory of a processor that has not written its state yet.
pub async fn snapshots(world: &World, shards: u16) {
    let has = |shard: u16| {
        let folder = world.data.path().join(format!("snapshots/{shard}"));
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        files.into_iter().any(|file| file.path().extension().is_some_and(|is| is == "snap"))
    };
    world.wait_for("a snapshot of each shard", 40, async || (0..shards).all(has)).await;
}

/// Continues from `data` with every shard of a log, opened with this clock, until nothing changes
/// any more and everything is in the files.
pub async fn go_on(shards: &[Arc<dyn EventLog>], clock: &Arc<ManualClock>, data: &Path) {
    let (stop, mut running) = (CancellationToken::new(), Vec::new());
    let (mut histories, mut known) = (Vec::new(), Vec::new());
    for log in shards {
        let (processor, history) = processor(log, clock, data).await;
        histories.push(history);
        known.push(processor.handle().stats());
        let (mut stats, end) = (processor.handle().stats(), *log.head(EVENTS).unwrap().borrow());
        running.push(tokio::spawn(processor.run(stop.clone())));
        stats.wait_for(|stats| stats.position >= end).await.unwrap();
    }
    let reach = || known.iter().map(|stats| stats.borrow().reach()).min().unwrap();
    let (end, began) = (clock.now_us() + STEPS * STEP_US, Instant::now());
    // The clock goes on until everything before the end of these steps is in the files: checkpoints
    // are made while log time advances, and a slow disk delays them.
    while reach() < Some(end) {
        assert!(began.elapsed() < PATIENCE, "history reaches {:?}, not {end}", reach());
        tokio::time::sleep(Duration::from_millis(50)).await;
        clock.advance_us(STEP_US);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    // Repair puts records that came late, because no collector was up, where they belong.
    repair(&histories[0], &Limits::default(), reach().unwrap()).await.unwrap();
    stop.cancel();
    for ended in join_all(running).await {
        ended.unwrap().unwrap();
    }
}

/// A processor that continues from the newest snapshot, and its history.
async fn processor(
    log: &Arc<dyn EventLog>,
    clock: &Arc<ManualClock>,
    data: &Path,
) -> (Processor, History) {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let parts = HistoryParts {
        dir: data.join("history"),
        log_id: log.id().to_owned(),
        shard: log.shard(),
        clock: Arc::clone(&clock),
        faults: None,
    };
    let history = History::open(Default::default(), parts).await.unwrap();
    let archive = ArchiveParts::open(data, log.as_ref(), history.clone()).unwrap();
    assert!(archive.snapshots.newest().next().is_some(), "there is a snapshot to go on from");
    let mut settings = Settings { tick_ms: 20, ..Settings::default() };
    (settings.archive.checkpoint_s, settings.archive.snapshot_s) = (1, 1);
    settings.archive.finish_s = 60;
    let (log, archive) = (Arc::clone(log), Some(archive));
    let parts = Parts { log, clock, archive, metrics: Default::default() };
    (build(settings, parts).await.unwrap(), history)
}

/// Runs `tallylight audit` on what a world left: it must have rows of each kind to compare, and
/// each must be what the facts say.
#[allow(clippy::print_stdout, reason = "the figures of a run")]
pub fn no_drift(what: &str, world: &World) {
    let output = world.command().args(["audit", "--format", "json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let found: Findings = serde_json::from_str(&said).unwrap();
    for table in ["playback", "playback_1m", "playback_1h", "sessions", "session_spans"] {
        let of = found.reports.iter().filter(|report| report.table == table);
        assert!(of.map(|report| report.rows).sum::<u64>() > 0, "no row of {table}: {said}");
    }
    let Findings { rows, drift, late, .. } = found;
    println!("figure: {what}: the audit compared {rows} rows, {drift} drift, {late} are late");
    if drift + late > 0 {
        println!("{}", came_late(world));
    }
    assert_eq!((drift, late), (0, 0), "{said}");
}

/// The facts that make a session suspect, for a person to read.
fn came_late(world: &World) -> String {
    let sql = "SELECT sid, sn, e, ts, received_at, logged_at, fate, epoch, \"offset\" \
               FROM player_events \
               WHERE fate = 'late' OR fate = 'duplicate' AND epoch IS NULL \
                  OR arrow_cast(logged_at, 'Int64') - arrow_cast(ts, 'Int64') > 45000000 \
               ORDER BY \"offset\", sn";
    let output = world.command().args(["sql", sql]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
