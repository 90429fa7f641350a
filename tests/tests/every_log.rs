//! The same input read without a fault, and by processors that crash at every action, in every kind
//! of log, with the shards distributed differently each time: the same rows and sessions, to the
//! byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::future::join_all;
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::kafka::{Kafka, KafkaSettings};
use tallylight_eventlog::memory::MemoryLog;
use tallylight_eventlog::{Entry, EventLog, TopicSettings};
use tallylight_schemas::clock::{Clock, ManualClock};
use tallylight_schemas::ident::Shard;
use tallylight_schemas::record::{EVENTS, ROWS};
use tallylight_schemas::tables::Table;
use tallylight_sim::check::{Baseline, PLACES};
use tallylight_sim::crash_points::CrashPoints;
use tallylight_sim::world::{folder, on_own_runtime};
use tallylight_sim::{prepared, table};
use tallylight_store::history::History;
use tallylight_stream_processor::archive;
use tallylight_tests::kafka::Brokers;

/// The input that is interrupted at every action, and the one that is not: seed and viewers.
const SMALL: (u64, usize) = (206, 3);
const LARGE: (u64, usize) = (6, 120);
/// Partitions, as the settings have it.
const PARTITIONS: u16 = 4;
/// Tables whose rows are summed: each shard has its own.
const SUMS: [Table; 7] = [
    Table::Playback,
    Table::Playback1m,
    Table::Playback1h,
    Table::Delivery,
    Table::Delivery1m,
    Table::Delivery1h,
    Table::Fates1s,
];
/// Tables in which each row exists once.
const ONCE: [Table; 4] =
    [Table::Sessions, Table::SessionSpans, Table::PlayerEvents, Table::DeliveryEvents];

fn topics() -> Vec<TopicSettings> {
    [EVENTS, ROWS].map(|name| TopicSettings::new(name, 1 << 30)).to_vec()
}

/// Checkpoints by rows only, and where a life has caught up, so that they are at the same positions
/// in every run.
fn settings(rows: u64, snapshot_sessions: usize) -> archive::Settings {
    archive::Settings {
        checkpoint_s: 3_600,
        snapshot_s: 0,
        snapshot_sessions,
        snapshot_pause: 0,
        checkpoint_rows: rows,
        retry_s: 0,
        ..Default::default()
    }
}

/// The input of a log with this many shards, and the expected rows.
fn input((seed, viewers): (u64, usize), shards: u16) -> (Vec<Vec<Entry>>, Baseline) {
    let whole = prepared::entries(seed, viewers, 1);
    let want = Baseline::of(&whole[0], PARTITIONS);
    for (of, words) in [
        (Table::Fates1s, &["accepted", "duplicate", "late"][..]),
        (Table::SessionSpans, &["starting", "playing", "rebuffering", "seeking", "paused"][..]),
        (Table::Sessions, &["played"][..]),
    ] {
        let rows = table::lines(&want.rows(of), &[]).join("\n");
        let missing = words.iter().find(|word| !rows.contains(&format!("|{word}|")));
        assert_eq!(missing, None, "the input lacks something");
    }
    (if shards == 1 { whole } else { prepared::entries(seed, viewers, shards) }, want)
}

/// Appends entries at their times.
async fn fill(log: &dyn EventLog, clock: &ManualClock, entries: &[Entry]) {
    for entry in entries {
        clock.advance_us(entry.appended_at_us - clock.now_us());
        assert_eq!(log.append(EVENTS, entry.parts.clone()).await.unwrap(), entry.offset);
    }
    let read = log.read(EVENTS, 0, usize::MAX).await.unwrap().entries;
    assert!(read == entries, "the log has what is in every other one");
}

/// Compares the rows topics and history with the baseline of the log.
async fn compare(what: &str, shards: &[Arc<dyn EventLog>], dir: &Path, want: &Baseline) {
    assert_eq!(want.against_topics(shards).await, None, "{what}");
    let history = History::open_read_only(&dir.join("history")).await.unwrap();
    let places = [&PLACES[..], &["offset", "row"]].concat();
    let of_shards = [&PLACES[..], &["partition"]].concat();
    for of in ONCE.into_iter().chain(SUMS) {
        let rows = history.select(of, "SELECT * FROM rows").await.unwrap();
        let lines = if shards.len() > 1 && SUMS.contains(&of) {
            [rows, want.rows(of)].map(|rows| table::sums(&rows, &of_shards))
        } else {
            [rows, want.rows(of)].map(|rows| table::lines(&rows, &places))
        };
        assert!(!lines[1].is_empty(), "{what}: no row of {}", of.name());
        assert_eq!(table::difference(&lines[0], &lines[1]), None, "{what}: {}", of.name());
    }
}

/// Lives of a processor that crashes at every action, until one completes; each on the log as
/// `open` gives it.
async fn lives(
    what: &str,
    open: impl AsyncFn() -> Arc<dyn EventLog>,
    dir: &Path,
    clock: &Arc<dyn Clock>,
) {
    let (began, end) = (Instant::now(), *open().await.head(EVENTS).unwrap().borrow());
    let (points, mut lives) = (CrashPoints::everywhere(), 1);
    let last = loop {
        let lived = points.life(open().await, (dir, clock), &settings(1, 50_000), end).await;
        if !lived.died {
            break lived;
        }
        lives += 1;
    };
    assert!(last.from > 0 && last.to == end, "it went on from a snapshot: {last:?}");
    let died = points.died_at();
    assert_eq!(died.len() + 1, lives, "each death is another one");
    for action in ["reads", "has appended", "Commit(Sessions)", "Committed(Playback)", "Snapshot"] {
        assert!(died.iter().any(|died| died.starts_with(action)), "it did not die: {action}");
    }
    println!("figure: {what}: {lives} lives, {end} entries, {} ms", began.elapsed().as_millis());
}

#[test]
fn in_memory_it_may_die_at_every_action() {
    let (entries, want) = input(SMALL, 1);
    on_own_runtime(async {
        let (dir, manual) = (folder(), Arc::new(ManualClock::default()));
        let clock = Arc::clone(&manual) as Arc<dyn Clock>;
        let log = Arc::new(MemoryLog::new(topics(), Arc::clone(&clock))) as Arc<dyn EventLog>;
        fill(log.as_ref(), &manual, &entries[0]).await;
        lives("memory", async || Arc::clone(&log), dir.path(), &clock).await;
        compare("memory", &[log], dir.path(), &want).await;
    });
}

#[test]
fn on_disk_it_may_die_at_every_action() {
    let (entries, want) = input(SMALL, 1);
    on_own_runtime(async {
        let (dir, manual) = (folder(), Arc::new(ManualClock::default()));
        let clock = Arc::clone(&manual) as Arc<dyn Clock>;
        let open = async || {
            let settings = DiskSettings::new(dir.path().join("log"), topics());
            Arc::new(DiskLog::open(settings, Arc::clone(&clock)).unwrap()) as Arc<dyn EventLog>
        };
        fill(open().await.as_ref(), &manual, &entries[0]).await;
        lives("disk", open, dir.path(), &clock).await;
        compare("disk", &[open().await], dir.path(), &want).await;
    });
}

/// Sessions move to other partitions, and so does what belongs to no session: sums stay the same.
#[test]
fn another_number_of_partitions_has_the_same_sums() {
    let (mut entries, want) = input(LARGE, 1);
    // Without ranges the partition of a session is computed and not read from the log.
    entries[0].iter_mut().flat_map(|entry| &mut entry.parts).for_each(|part| part.ranges.clear());
    for partitions in [1, 3, 7] {
        let other = Baseline::of(&entries[0], partitions);
        for of in [Table::Sessions, Table::SessionSpans].into_iter().chain(SUMS) {
            let skip = [&PLACES[..], &["partition"]].concat();
            let text = if SUMS.contains(&of) { table::sums } else { table::lines };
            let (got, want) = (text(&other.rows(of), &skip), text(&want.rows(of), &skip));
            let difference = table::difference(&got, &want);
            assert_eq!(difference, None, "{partitions} partitions: {}", of.name());
        }
    }
}

/// Processors that own shards of a log in Kafka, each with its own client.
struct Owners<'a> {
    settings: &'a KafkaSettings,
    dir: &'a Path,
    clock: &'a Arc<dyn Clock>,
}

impl Owners<'_> {
    async fn open(&self) -> Arc<Kafka> {
        Kafka::open(self.settings.clone(), Arc::clone(self.clock)).await.unwrap()
    }

    async fn shard(&self, kafka: &Arc<Kafka>, number: u16) -> Arc<dyn EventLog> {
        let shard = Shard::new(number, self.settings.shards).unwrap();
        Arc::new(kafka.shard(shard).await.unwrap())
    }

    /// Runs processors with these shards in parallel, from the first of `sixths` of each shard to
    /// the last: there they crash, or end in order.
    async fn own(&self, shares: &[&[u16]], sixths: std::ops::Range<u64>, dies: bool) {
        // Snapshots are taken as for a large audience: partitions at different moments.
        let settings = settings(600 / u64::from(self.settings.shards), 100);
        let living = Arc::default();
        let work = shares.iter().map(async |share| {
            let kafka = self.open().await;
            join_all(share.iter().map(async |number| {
                let log = self.shard(&kafka, *number).await;
                let end = *log.head(EVENTS).unwrap().borrow();
                let until = end * sixths.end / 6;
                let (points, until) = match dies {
                    true => (CrashPoints::before(until, &living), u64::MAX),
                    false => (CrashPoints::before(u64::MAX, &living), until),
                };
                let lived = points.life(log, (self.dir, self.clock), &settings, until).await;
                // The first owners may not reach a snapshot.
                let resumed = lived.from > 0 || sixths.start < 2;
                assert!(resumed && lived.died == dies, "shard {number}, {sixths:?}: {lived:?}");
            }))
            .await;
        });
        join_all(work).await;
    }
}

/// One log in these brokers: filled, read as `owned` does, and compared.
async fn in_kafka(
    brokers: &Brokers,
    what: &str,
    (entries, want): (Vec<Vec<Entry>>, Baseline),
    owned: impl AsyncFnOnce(&Owners<'_>),
) {
    let shards = u16::try_from(entries.len()).unwrap();
    let settings = KafkaSettings {
        prefix: format!("{what}-{shards}"),
        shards,
        ..KafkaSettings::new(brokers.addresses(), topics())
    };
    let (dir, manual) = (folder(), Arc::new(ManualClock::default()));
    let clock = Arc::clone(&manual) as Arc<dyn Clock>;
    let owners = Owners { settings: &settings, dir: dir.path(), clock: &clock };
    let (kafka, mut logs) = (owners.open().await, Vec::new());
    let began = Instant::now();
    for (number, entries) in (0..shards).zip(&entries) {
        let log = owners.shard(&kafka, number).await;
        fill(log.as_ref(), &manual, entries).await;
        logs.push(log);
    }
    let filled = began.elapsed().as_millis();
    owned(&owners).await;
    let (took, all) = (began.elapsed().as_millis(), entries.iter().map(Vec::len).sum::<usize>());
    println!(
        "figure: Kafka, shards {shards}: {all} entries, {filled} ms to fill, {took} ms in all"
    );
    compare(&format!("Kafka, {shards} shards"), &logs, dir.path(), &want).await;
}

#[test]
fn in_kafka_it_may_crash_at_every_action_and_shards_may_be_distributed_again() {
    let brokers = Brokers::start(1);
    on_own_runtime(in_kafka(&brokers, "lives", input(SMALL, 1), async |owners| {
        let anew = std::env::var_os("TALLYLIGHT_SOAK").is_some();
        let kept = owners.shard(&owners.open().await, 0).await;
        let open = async || match anew {
            true => owners.shard(&owners.open().await, 0).await,
            false => Arc::clone(&kept),
        };
        lives("Kafka", open, owners.dir, owners.clock).await;
    }));
    on_own_runtime(in_kafka(&brokers, "owners", input(LARGE, 1), async |owners| {
        owners.own(&[&[0]], 0..2, true).await;
        owners.own(&[&[0]], 2..4, false).await;
        owners.own(&[&[0]], 4..6, false).await;
    }));
    on_own_runtime(in_kafka(&brokers, "owners", input(LARGE, 4), async |owners| {
        owners.own(&[&[0, 1, 2, 3]], 0..1, true).await;
        owners.own(&[&[0, 2], &[1, 3]], 1..2, false).await;
        owners.own(&[&[0], &[1], &[2, 3]], 2..4, true).await;
        owners.own(&[&[0, 1, 2, 3]], 4..6, false).await;
    }));
}
