//! Tables with several writers, each of which writes the rows of its own shard.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use tallylight_schemas::ident::Shard;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{Faults, History, HistoryError, Repair, Step};
use tokio::runtime::Handle;
use tokio::task::{JoinSet, block_in_place};

use super::kit::{TestHistory, events, panes, total};
use super::spoilt::ExtraRows;

fn shard(number: u16) -> Shard {
    Shard::new(number, 3).unwrap()
}

async fn all(kit: &TestHistory) -> [History; 3] {
    let (a, b, c) =
        tokio::join!(kit.open_shard(shard(0)), kit.open_shard(shard(1)), kit.open_shard(shard(2)));
    [a.unwrap(), b.unwrap(), c.unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_other_shards_are_no_conflict() {
    let kit = TestHistory::new();
    let histories = all(&kit).await;
    let mut work = JoinSet::new();
    for history in histories.clone() {
        work.spawn(async move {
            for n in 0..8 {
                history.add(Table::PlayerEvents, n, 7, events(2));
                history.commit(n + 1).await.unwrap();
            }
        });
    }
    work.join_all().await;
    let read = History::open_read_only(&kit.dir()).await.unwrap();
    assert_eq!(total(&read, Table::PlayerEvents).await, 3 * 8 * 2);
    assert_eq!(read.shards().await.unwrap(), 3);
    for history in &histories {
        assert_eq!(history.transaction(Table::PlayerEvents), 8);
    }
    let whole = kit.open().await.unwrap_err();
    assert!(whole.to_string().contains("a log of 3 shards, and this one has 1"), "{whole}");
}

#[tokio::test]
async fn two_owners_of_a_shard_are_detected_beside_others() {
    let kit = TestHistory::new();
    let [_, owner, other] = all(&kit).await;
    let zombie = kit.open_shard(shard(1)).await.unwrap();
    for (history, to) in [(&owner, 4), (&other, 4), (&other, 9)] {
        history.add(Table::PlayerEvents, to - 1, 7, events(3));
        history.commit(to).await.unwrap();
    }
    zombie.add(Table::PlayerEvents, 0, 7, events(3));
    let error = zombie.commit(5).await.unwrap_err();
    assert!(matches!(error, HistoryError::Moved(_)), "{error}");
    assert!(zombie.add(Table::PlayerEvents, 3, 7, events(3)), "stored rows are dropped");
    assert_eq!(total(&owner, Table::PlayerEvents).await, 9);
}

#[tokio::test]
async fn all_tables_that_another_owner_moved_are_known_at_once() {
    let kit = TestHistory::new();
    let (owner, zombie) = (kit.open().await.unwrap(), kit.open().await.unwrap());
    for history in [&owner, &zombie] {
        history.add(Table::PlayerEvents, 0, 7, events(3));
        history.add(Table::Playback, 1, 7, panes(4));
    }
    owner.commit(4).await.unwrap();
    assert!(matches!(zombie.commit(5).await, Err(HistoryError::Moved(_))));
    let tables = [Table::PlayerEvents, Table::Playback];
    assert_eq!(tables.map(|table| zombie.transaction(table)), [4, 4]);
    // The rows that are in the files by now are not written again.
    zombie.commit(5).await.unwrap();
    assert_eq!(total(&owner, Table::PlayerEvents).await, 3);
    assert_eq!(total(&owner, Table::Playback).await, 4);
}

#[tokio::test]
async fn the_first_shard_maintains_the_files_of_all() {
    let mut kit = TestHistory::new();
    kit.settings.small_files = 1;
    let [first, other, _] = all(&kit).await;
    for n in 0..4 {
        other.add(Table::PlayerEvents, n, 7, events(1));
        other.commit(n + 1).await.unwrap();
    }
    assert_eq!(first.tend(9).await.unwrap().joined, 4);
    other.add(Table::PlayerEvents, 4, 7, events(1));
    other.commit(5).await.unwrap();
    assert_eq!(total(&first, Table::PlayerEvents).await, 5);
}

#[tokio::test]
async fn a_former_owner_removes_no_file_of_its_successor() {
    let mut kit = TestHistory::new();
    kit.settings.grace_s = 0;
    let open = async || kit.open().await.unwrap().of_changing_owners();
    let (before, now) = (open().await, open().await);
    now.add(Table::PlayerEvents, 0, 7, events(3));
    now.commit(1).await.unwrap();
    assert_eq!(before.tend(9).await.unwrap().deleted, 0);
    let read = History::open_read_only(&kit.dir()).await.unwrap();
    assert_eq!(total(&read, Table::PlayerEvents).await, 3);
    assert_eq!(total(&before, Table::PlayerEvents).await, 3);
}

/// Another owner, who repairs a table up to 70 just before this one commits its repair.
#[derive(Debug)]
struct Overtaking(History);

impl Faults for Overtaking {
    fn pass(&self, step: Step) -> Result<(), String> {
        let Step::Repair(table) = step else { return Ok(()) };
        let mut extra = ExtraRows(vec![7]);
        let repair = self.0.repair(table, (0, 70), &mut extra);
        let repaired = block_in_place(|| Handle::current().block_on(repair));
        repaired.map(|_| ()).map_err(|error| error.to_string())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_from_a_moment_that_another_owner_moved_adds_nothing() {
    let kit = TestHistory::new();
    let other = kit.open().await.unwrap().of_changing_owners();
    let faults = Arc::new(Overtaking(other.clone())) as Arc<dyn Faults>;
    let owner = kit.open_with("log", Some(faults)).await.unwrap().of_changing_owners();
    // The first time, the other repairs it after this one has looked.
    for _ in 0..2 {
        let mut extra = ExtraRows(vec![7]);
        let error = owner.repair(Table::Playback, (0, 80), &mut extra).await.unwrap_err();
        assert!(matches!(error, HistoryError::Moved(_)), "{error}");
        assert_eq!(total(&other, Table::Playback).await, 1);
    }
    owner.repair(Table::Playback, (70, 80), &mut Unchanged).await.unwrap();
    assert_eq!(owner.repaired(Table::Playback).await.unwrap(), 80);
}

/// A repair that changes nothing.
struct Unchanged;

impl Repair for Unchanged {
    fn concerns(&self, _: Option<(i64, i64)>) -> bool {
        false
    }

    fn edit(&mut self, _: &RecordBatch) -> Result<Option<RecordBatch>, HistoryError> {
        Ok(None)
    }

    fn rest(&mut self) -> Result<BTreeMap<i64, RecordBatch>, HistoryError> {
        Ok(BTreeMap::new())
    }
}

#[tokio::test]
async fn the_repaired_range_is_known_to_all_writers_and_readers() {
    let kit = TestHistory::new();
    let histories = all(&kit).await;
    histories[1].add(Table::PlayerEvents, 0, 7, events(1));
    histories[1].commit(1).await.unwrap();
    histories[2].repair(Table::Playback, (0, 70), &mut Unchanged).await.unwrap();
    let reader = History::open_read_only(&kit.dir()).await.unwrap();
    for history in histories.iter().chain([&reader]) {
        assert_eq!(history.repaired(Table::Playback).await.unwrap(), 70);
        assert_eq!(history.repaired(Table::Delivery).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn history_reaches_as_far_as_the_slowest_shard() {
    let kit = TestHistory::new();
    let reader = History::open_read_only(&kit.dir()).await.unwrap();
    assert_eq!(reader.reach().await.unwrap(), None, "there is no table");
    let histories = all(&kit).await;
    histories[0].add(Table::PlayerEvents, 0, 7, events(1));
    histories[0].commit(1).await.unwrap();
    for (history, log_us) in histories.iter().zip([900, 300, 600]) {
        assert_eq!(reader.reach().await.unwrap(), None, "not all shards have stated it");
        history.note_reach(log_us, 1).await.unwrap();
    }
    assert_eq!(reader.reach().await.unwrap(), Some(300));
    // After a restart a shard reads again entries that its tables have.
    let again = kit.open_shard(shard(1)).await.unwrap();
    again.note_reach(200, 1).await.unwrap();
    assert_eq!(reader.reach().await.unwrap(), Some(300));
    again.note_reach(700, 2).await.unwrap();
    assert_eq!(reader.reach().await.unwrap(), Some(600));
}
