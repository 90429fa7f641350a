//! What a log holds of a [`crate::load`], for comparison with the load's own ledger.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use tallylight_eventlog::{Entry, EventLog};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::fates::{FateCount, Reason};
use tallylight_schemas::rows::{Cuboid, PlaybackRow};
use tallylight_schemas::{ipc, player, record};
use tallylight_stream_processor::pure::watermark::HORIZON_MS;

use crate::kafka::Brokers;
use crate::load::{Key, Load};
use crate::successor;

/// Every entry of a topic, which must not have a gap.
pub async fn entries(log: &dyn EventLog, topic: &str) -> Vec<Entry> {
    let (mut entries, mut position) = (Vec::new(), 0);
    loop {
        let batch = log.read(topic, position, 64 << 20).await.unwrap();
        assert_eq!(batch.lost, 0, "the log has a hole before {}", batch.next);
        if batch.entries.is_empty() {
            return entries;
        }
        position = batch.next;
        entries.extend(batch.entries);
    }
}

/// A record of the load that is in the log.
#[derive(Debug)]
pub struct Stored {
    /// Its key.
    pub key: Key,
    /// Whether its pane could still change when it arrived.
    in_time: bool,
}

/// Every record of the load in topic `events`, including duplicates.
pub fn stored(events: &[Entry]) -> Vec<Stored> {
    let (mut found, mut log_ms) = (Vec::new(), i64::MIN);
    let parts = events.iter().flat_map(|entry| entry.parts.iter().map(move |part| (entry, part)));
    for (entry, part) in parts {
        log_ms = log_ms.max(entry.appended_at_us / 1_000);
        if part.kind != record::Kind::Player.code() {
            continue;
        }
        let rows = player::PlayerRows::new(&ipc::decode(&part.payload).unwrap()).unwrap();
        for event in (0..rows.len()).map(|at| rows.get(at)) {
            if event.sid.starts_with("load-") {
                let in_time = event.ts.unwrap() >= log_ms - HORIZON_MS;
                found.push(Stored { key: (event.sid.into(), event.sn.unwrap()), in_time });
            }
        }
    }
    found
}

/// The fates that the collector stored for records of the load's source, in the words of its
/// answers.
pub fn collector_fates(events: &[Entry]) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    let parts = events.iter().flat_map(|entry| &entry.parts);
    for part in parts.filter(|part| part.kind == record::Kind::DoorFates.code()) {
        let rows = ipc::decode_all::<FateCount>(&part.payload).unwrap();
        for row in rows.into_iter().filter(|row| row.source == "cmcd") {
            let word = match row.reason {
                Reason::None => row.fate.as_str().to_owned(),
                reason => format!("{};{}", row.fate.as_str(), reason.as_str()),
            };
            *sums.entry(word).or_default() += row.events;
        }
    }
    sums
}

/// Every record in a log in Kafka, their fates as the collector stored them, and the sum of the
/// windows. Before that, successors continue from what the platform left in `data` until all panes
/// are final.
pub async fn of_kafka(brokers: &Brokers, data: &Path) -> (Vec<Stored>, BTreeMap<String, u64>, i64) {
    let clock = successor::clock();
    let shards = brokers.open(Arc::clone(&clock) as Arc<dyn Clock>).await.expect("the log");
    let logs: Vec<_> = shards.iter().cloned().collect();
    successor::go_on(&logs, &clock, data).await;
    let (mut records, mut fates, mut counts) = (Vec::new(), BTreeMap::new(), 0);
    for log in shards.iter() {
        let events = entries(log.as_ref(), record::EVENTS).await;
        records.extend(stored(&events));
        for (fate, count) in collector_fates(&events) {
            *fates.entry(fate).or_default() += count;
        }
        counts += counted(&entries(log.as_ref(), record::ROWS).await, "crash");
    }
    (records, fates, counts)
}

/// The events of the load as the windows count them: the sum over the newest version of every pane
/// of `content` in topic `rows`.
pub fn counted(rows: &[Entry], content: &str) -> i64 {
    let mut panes: HashMap<(u16, i64), (u64, i64)> = HashMap::new();
    for part in rows.iter().flat_map(|entry| &entry.parts) {
        if part.kind != record::Kind::Playback.code() {
            continue;
        }
        for row in ipc::decode_all::<PlaybackRow>(&part.payload).unwrap() {
            if row.cuboid == Cuboid::Content && row.cell.content.as_deref() == Some(content) {
                let slot = panes.entry((row.partition, row.pane)).or_default();
                if row.version >= slot.0 {
                    *slot = (row.version, row.measures.events);
                }
            }
        }
    }
    panes.values().map(|(_, events)| events).sum()
}

/// Compares what is stored and counted with the load's ledger: nothing acknowledged is lost,
/// nothing is invented, and nothing counts twice although the load repeats itself. The collector
/// has stored every fate at least as often as it was answered, also those of rejected and shed
/// records.
#[allow(clippy::print_stdout, reason = "the figures of a run")]
pub fn balance(
    what: &str,
    load: &Load,
    (stored, fates): (&[Stored], &BTreeMap<String, u64>),
    counted: i64,
) {
    let (sent, acknowledged) = (load.sent.lock().unwrap(), load.acknowledged.lock().unwrap());
    let distinct: HashSet<&Key> = stored.iter().map(|one| &one.key).collect();
    let in_time = stored.iter().filter(|one| one.in_time).map(|one| &one.key);
    let in_time = in_time.collect::<HashSet<_>>().len();
    println!(
        "figure: {what}: {} sent, {} acknowledged, {} stored ({} distinct, {} of them late), \
         {counted} counted",
        sent.len(),
        acknowledged.len(),
        stored.len(),
        distinct.len(),
        distinct.len() - in_time
    );
    let answered = load.fates.lock().unwrap();
    println!("figure: {what}: answered {answered:?}, by the collector {fates:?}");
    assert!(acknowledged.len() > 500, "the load was real");
    for (fate, records) in answered.iter() {
        assert!(fates.get(fate).is_some_and(|of| of >= records), "{fate}: {fates:?}");
    }
    assert!(stored.len() > distinct.len(), "the load repeated itself, as players do");
    let lost: Vec<_> = acknowledged.iter().filter(|key| !distinct.contains(key)).collect();
    assert!(lost.is_empty(), "acknowledged and not stored: {lost:?}");
    let invented: Vec<_> = distinct.iter().filter(|key| !sent.contains(**key)).collect();
    assert!(invented.is_empty(), "stored and never sent: {invented:?}");
    // With a hundred kills the collector may be down for two minutes: records held meanwhile are
    // late, and in no window. In a short run none are.
    let soak = std::env::var_os("TALLYLIGHT_SOAK").is_some();
    assert!(soak || in_time == distinct.len(), "stored and late");
    assert_eq!(counted, in_time as i64, "the windows sum to the distinct that came in time");
}
