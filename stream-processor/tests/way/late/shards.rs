//! Late facts of a log with three shards, whose processors write to the same tables: they are
//! repaired once, by any owner, and a reader of the files sees no drift before and after.

use std::path::Path;
use std::sync::Arc;

use tallylight_eventlog::TopicSettings;
use tallylight_eventlog::memory::MemoryLog;
use tallylight_schemas::clock::ManualClock;
use tallylight_schemas::record::{EVENTS, ROWS};
use tallylight_schemas::tables::Table;
use tallylight_store::history::History;
use tallylight_stream_processor::Limits;
use tallylight_stream_processor::audit::{Repaired, repair};

use super::{
    audit, by_duckdb, facts, folder, live, live_alone, on_time, same_rows, seed, up_to_48_hours,
};
use crate::world::T0;

const SHARDS: u16 = 3;

/// Drift and late rows as a reader of the files finds them, up to the reach that they state.
async fn read_only(history: &Path) -> (u64, u64) {
    let history = History::open_read_only(history).await.unwrap();
    let until = history.reach().await.unwrap().expect("each shard states its reach");
    let found = audit(&history, until).await;
    assert!(found.rows > 1_000, "{found:?}");
    (found.drift, found.late)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_facts_of_three_shards_are_repaired_once() {
    let (three, one) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let clock = Arc::new(ManualClock::at_us(T0 * 1_000));
    let topics = [EVENTS, ROWS].map(|name| TopicSettings::new(name, 1 << 30));
    let logs = MemoryLog::shards(SHARDS, &topics, &(Arc::clone(&clock) as _));
    let late = facts(seed(), 40, up_to_48_hours);
    let (lives, known) = live(&logs, &clock, three.path(), &late, (None, super::SETTLED_US)).await;
    let (drift, late) = read_only(&folder(&three)).await;
    assert_eq!(drift, 0);
    assert!(late > 0, "some facts are late");

    let repaired = async |shard: usize| {
        repair(&lives[shard].history, &Limits::default(), known).await.unwrap()
    };
    let done = repaired(0).await;
    assert!(done.sessions > 0 && done.panes > 0 && done.files > 0, "{done:?}");
    assert_eq!(read_only(&folder(&three)).await, (0, 0));
    // No other owner has anything to repair: owners know of repairs from the tables.
    for shard in 0..usize::from(SHARDS) {
        assert_eq!(repaired(shard).await, Repaired::default(), "by the owner of shard {shard}");
    }
    assert_eq!(read_only(&folder(&three)).await, (0, 0));
    for life in lives {
        life.stop().await;
    }

    let (baseline, _) = live_alone(one.path(), &on_time(seed()), None).await;
    let baseline = baseline.stop().await;
    let repaired = History::open_read_only(&folder(&three)).await.unwrap();
    same_rows(&[Table::Sessions, Table::SessionSpans], &repaired, &baseline).await;
    assert_eq!(by_duckdb(&folder(&three)), by_duckdb(&folder(&one)));
}
