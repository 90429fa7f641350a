//! Views of sessions that are copied a few at a time, with entries in between.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use tallylight_eventlog::EventLog;
use tallylight_schemas::session::SpanRow;
use tallylight_schemas::tables::Table;
use tallylight_store::history::History;
use tallylight_stream_processor::pure::partition::PartitionState;
use tallylight_stream_processor::pure::session::moment::Moment;
use tallylight_stream_processor::{Limits, Settings, archive};

use crate::history::{Life, rows_without};
use crate::log::Pipeline;
use crate::order::delayed;
use crate::snapshot::{entries, entry};
use crate::world::{Item, World};

/// The rows of all spans.
pub fn spans(moment: &Moment) -> Vec<SpanRow> {
    moment.spans().unwrap().flat_map(Result::unwrap).collect()
}

/// The state after these entries.
fn after(entries: &[(i64, Option<Item>)]) -> PartitionState {
    let mut state = World::default().state;
    for (offset, (log, item)) in (0..).zip(entries) {
        entry(&mut state, offset, *log, item.as_ref());
    }
    state
}

/// The sessions of a state, copied at once.
pub fn moment(state: &mut PartitionState) -> Moment {
    let words = state.begin_moment();
    let copy = state.go_on_with_moment(&mut { usize::MAX }).unwrap().unwrap();
    Moment::new(words, copy)
}

/// The rows in a view of the table, by these columns, which identify them.
async fn known_by(columns: &[&str], history: &History, table: Table) -> BTreeSet<String> {
    let schema = table.schema();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let others: Vec<&str> = names.filter(|name| !columns.contains(name)).collect();
    let rows = rows_without(history, table, &others).await;
    let all: BTreeSet<String> = rows.iter().cloned().collect();
    assert_eq!(all.len(), rows.len(), "rows of {table:?} are doubled: {rows:?}");
    all
}

async fn playbacks(history: &History) -> BTreeSet<String> {
    known_by(&["sid", "epoch"], history, Table::Sessions).await
}

/// Looks repeatedly and returns how often. A playback that was there once is there ever after.
async fn watch(history: History, over: Arc<AtomicBool>) -> usize {
    let (mut known, mut looks) = (BTreeSet::new(), 0);
    while !over.load(Ordering::SeqCst) {
        let all = playbacks(&history).await;
        let gone: Vec<_> = known.difference(&all).collect();
        assert!(gone.is_empty(), "{gone:?} are missing now");
        known_by(&["sid", "epoch", "from"], &history, Table::SessionSpans).await;
        known = all;
        looks += 1;
    }
    looks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_in_a_view_once_however_slowly_it_is_copied() {
    let mut pipeline = Pipeline::without_processor();
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        tick_ms: 10,
        // Ended sessions are forgotten at once, and are then hot rows or in files.
        limits: Limits { closed_ms: 0, ..Limits::default() },
        archive: archive::Settings { checkpoint_rows: 1, view_sessions: 1, ..Default::default() },
        ..Settings::default()
    };
    let log = (Arc::clone(&pipeline.log) as Arc<dyn EventLog>, &pipeline.clock);
    let life = Life::of(log, dir.path(), None, settings).await;
    let over = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(life.history.clone(), Arc::clone(&over)));
    for round in 0..30 {
        pipeline.second(round, 40).await;
        // Longer than a session may be silent.
        for _ in 0..20 {
            pipeline.clock.advance_us(10_000_000);
            pipeline.append(Vec::new()).await;
        }
        life.caught_up().await;
    }
    over.store(true, Ordering::SeqCst);
    let looks = watching.await.unwrap();
    assert!(looks > 3, "{looks}");
    let all = playbacks(&life.history).await;
    assert!(all.len() > 1_000, "{}", all.len());
    life.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn rows_are_of_one_moment_whatever_arrives_during_the_copy(
        (_, arrivals) in delayed(),
        cut in 0.0_f64..1.0,
        at_a_time in 0_usize..4,
    ) {
        let entries = entries(&arrivals);
        let cut = (entries.len() as f64 * cut * 0.3) as usize;
        let mut state = after(&entries[..cut]);
        let mut then = state.session_rows("demo", None, 999);
        let spans_then = spans(&moment(&mut state));
        let words = state.begin_moment();
        let mut copy = None;
        for (offset, (log, item)) in (cut as u64..).zip(&entries[cut..]) {
            entry(&mut state, offset, *log, item.as_ref());
            copy = copy.or_else(|| state.go_on_with_moment(&mut { at_a_time }));
        }
        let copy = copy.or_else(|| state.go_on_with_moment(&mut { usize::MAX }));
        let moment = Moment::new(words, copy.unwrap().unwrap());
        let key = |sid: &String, epoch: u32| (sid.clone(), epoch);
        let mut now: Vec<_> = moment.sessions().unwrap().map(Result::unwrap).collect();
        now.sort_by_key(|row| key(&row.sid, row.epoch));
        then.sort_by_key(|row| key(&row.sid, row.epoch));
        prop_assert_eq!(now, then);
        let (mut now, mut then) = (spans(&moment), spans_then);
        now.sort_by_key(|row| (key(&row.sid, row.epoch), row.from, row.to));
        then.sort_by_key(|row| (key(&row.sid, row.epoch), row.from, row.to));
        prop_assert_eq!(now, then);
    }

    #[test]
    fn a_session_is_found_by_sid_in_every_playback((_, arrivals) in delayed(), cut in 0.0_f64..1.0) {
        let entries = entries(&arrivals);
        let cut = (entries.len() as f64 * cut) as usize;
        let state = after(&entries[..cut]);
        let all = state.session_rows("demo", None, 999);
        for row in &all {
            let found = state.session_rows("demo", Some(&row.sid), 999);
            let same: Vec<_> = all.iter().filter(|other| other.sid == row.sid).cloned().collect();
            prop_assert_eq!(found, same);
        }
        let first = all.first().map(|row| row.sid.as_str());
        prop_assert_eq!(state.session_rows("other", first, 9), vec![]);
    }
}
