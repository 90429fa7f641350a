//! A history that is read beside writers in other processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tallylight_schemas::ident::Shard;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{History, Unwritten, Writers};

use super::kit::{TestHistory, events, total};

const TABLE: Table = Table::PlayerEvents;

/// Two writers. For the first `commits` questions, the second commits its rows after its answer.
#[derive(Debug)]
struct TwoWriters {
    of: [History; 2],
    commits: AtomicU64,
    silent: bool,
}

#[async_trait]
impl Writers for TwoWriters {
    async fn unwritten(&self, table: Table) -> Result<Vec<Unwritten>, String> {
        if self.silent {
            return Err("shard 1 does not answer".to_owned());
        }
        let [first, second] = &self.of;
        let answered = [first.unwritten(table).await, second.unwritten(table).await];
        let left = self.commits.load(Ordering::SeqCst);
        if left > 0 {
            self.commits.store(left - 1, Ordering::SeqCst);
            let to = second.transaction(TABLE) + 1;
            second.commit(to).await.unwrap();
            second.add(TABLE, to, 7, events(1));
        }
        answered.into_iter().map(|one| one.map_err(|error| error.to_string())).collect()
    }
}

/// Three rows in files, four in the memory of two writers, and a reader beside them.
async fn seven(kit: &TestHistory, commits: u64, silent: bool) -> (History, Arc<TwoWriters>) {
    let open = |number| kit.open_shard(Shard::new(number, 2).unwrap());
    let of = [open(0).await.unwrap(), open(1).await.unwrap()];
    of[0].add(TABLE, 0, 7, events(3));
    of[0].commit(1).await.unwrap();
    of[0].add(TABLE, 1, 7, events(2));
    of[1].add(TABLE, 0, 7, events(2));
    let two = Arc::new(TwoWriters { of, commits: AtomicU64::new(commits), silent });
    let reader = History::open_read_only(&kit.dir()).await.unwrap();
    (reader.beside(Arc::clone(&two) as _), two)
}

#[tokio::test]
async fn rows_that_no_file_has_come_from_the_writers() {
    let kit = TestHistory::new();
    let (reader, two) = seven(&kit, 0, false).await;
    assert_eq!(total(&reader, TABLE).await, 7);
    let view = reader.view(TABLE).await.unwrap();
    assert!(!view.files_alone && view.hot.iter().all(|rows| rows.schema() == TABLE.schema()));
    two.of[1].commit(1).await.unwrap();
    assert_eq!(total(&reader, TABLE).await, 7);
    assert_eq!(total(&reader, Table::Playback).await, 0);
}

#[tokio::test]
async fn a_commit_between_answer_and_files_neither_repeats_nor_omits_a_row() {
    let kit = TestHistory::new();
    let (reader, two) = seven(&kit, 3, false).await;
    assert_eq!(total(&reader, TABLE).await, 7 + 3);
    assert_eq!(two.commits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn only_files_are_shown_if_a_writer_is_silent_or_never_at_rest() {
    let kit = TestHistory::new();
    let (reader, _) = seven(&kit, 0, true).await;
    assert_eq!(total(&reader, TABLE).await, 3);
    assert!(reader.view(TABLE).await.unwrap().files_alone);
    let kit = TestHistory::new();
    let (reader, _) = seven(&kit, u64::MAX, false).await;
    let view = reader.view(TABLE).await.unwrap();
    assert!(view.hot.is_empty() && view.files_alone);
    assert_eq!(reader.final_up_to(TABLE), None);
}

#[tokio::test]
async fn an_overtaken_owner_does_not_repeat_what_another_wrote() {
    let kit = TestHistory::new();
    let open = || kit.open_shard(Shard::new(1, 2).unwrap());
    let (owner, zombie) = (open().await.unwrap(), open().await.unwrap());
    for history in [&owner, &zombie] {
        history.add(TABLE, 0, 7, events(3));
        history.add(TABLE, 4, 7, events(1));
    }
    zombie.commit(2).await.unwrap();
    owner.commit(3).await.unwrap_err();
    let answered = owner.unwritten(TABLE).await.unwrap();
    assert_eq!(answered.files_to, 2);
    assert_eq!(answered.rows.iter().map(|rows| rows.num_rows()).sum::<usize>(), 1);
}
