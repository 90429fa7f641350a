//! What a log holds of a [`crate::load`], to be held against the load's own ledger.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use tallylight_eventlog::{Entry, EventLog};
use tallylight_schemas::clock::Clock;
use tallylight_schemas::fates::{FateCount, Reason};
use tallylight_schemas::rows::{Cuboid, PlaybackRow};
use tallylight_schemas::{ipc, player, record};
use tallylight_stream_processor::pure::watermark::HORIZON_MS;

use crate::heir;
use crate::kafka::Brokers;
use crate::load::{Key, Load};

/// Every entry of a topic, which must have no hole.
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
    /// Which.
    pub key: Key,
    /// Its second can still change when it came.
    in_time: bool,
}

/// Every record of the load in topic `events`, with repetitions.
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

/// The fates that the door stored of records that came as the load's do, in the words of its
/// answers.
pub fn door(events: &[Entry]) -> BTreeMap<String, u64> {
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

/// Every record in a log in Kafka, what the door says became of them, and the sum of its windows
/// once all are final. What the platform left in `data` goes on to the end before.
pub async fn of_kafka(brokers: &Brokers, data: &Path) -> (Vec<Stored>, BTreeMap<String, u64>, i64) {
    let clock = heir::clock();
    let shards = brokers.open(Arc::clone(&clock) as Arc<dyn Clock>).await.expect("the log");
    let logs: Vec<_> = shards.iter().cloned().collect();
    heir::go_on(&logs, &clock, data).await;
    let (mut records, mut fates, mut counts) = (Vec::new(), BTreeMap::new(), 0);
    for log in shards.iter() {
        let events = entries(log.as_ref(), record::EVENTS).await;
        records.extend(stored(&events));
        for (fate, count) in door(&events) {
            *fates.entry(fate).or_default() += count;
        }
        counts += counted(&entries(log.as_ref(), record::ROWS).await, "crash");
    }
    (records, fates, counts)
}

/// The events of the load by the windows: the newest version of every pane of `content` in topic
/// `rows`, summed.
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

/// Holds what is stored and counted against the load's ledger: nothing acknowledged is lost,
/// nothing is invented, and nothing counts twice although the load repeated itself. Whatever was
/// answered, of rejected and shed records too, the door has stored at least as often.
#[allow(clippy::print_stdout, reason = "the figures of a run")]
pub fn balance(
    what: &str,
    load: &Load,
    (stored, door): (&[Stored], &BTreeMap<String, u64>),
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
    println!("figure: {what}: answered {answered:?}, by the door {door:?}");
    assert!(acknowledged.len() > 500, "the load was real");
    for (fate, records) in answered.iter() {
        assert!(door.get(fate).is_some_and(|of| of >= records), "{fate}: {door:?}");
    }
    assert!(stored.len() > distinct.len(), "the load repeated itself, as players do");
    let lost: Vec<_> = acknowledged.iter().filter(|key| !distinct.contains(key)).collect();
    assert!(lost.is_empty(), "acknowledged and not stored: {lost:?}");
    let invented: Vec<_> = distinct.iter().filter(|key| !sent.contains(**key)).collect();
    assert!(invented.is_empty(), "stored and never sent: {invented:?}");
    // With a hundred kills nobody may listen for two minutes: what was held meanwhile is late, and in
    // no window. In a short run nothing is.
    let soak = std::env::var_os("TALLYLIGHT_SOAK").is_some();
    assert!(soak || in_time == distinct.len(), "stored and late");
    assert_eq!(counted, in_time as i64, "the windows sum to the distinct that came in time");
}
