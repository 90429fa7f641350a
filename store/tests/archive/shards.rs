//! Tables that several write, each what follows from a shard of its own.

use tallylight_schemas::ident::Shard;
use tallylight_schemas::tables::Table;
use tallylight_store::archive::{History, HistoryError};
use tokio::task::JoinSet;

use super::kit::{History0, events, total};

fn shard(number: u16) -> Shard {
    Shard::new(number, 3).unwrap()
}

async fn all(kit: &History0) -> [History; 3] {
    let (a, b, c) =
        tokio::join!(kit.open_shard(shard(0)), kit.open_shard(shard(1)), kit.open_shard(shard(2)));
    [a.unwrap(), b.unwrap(), c.unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn those_of_other_shards_are_no_others_at_all() {
    let kit = History0::new();
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
async fn two_owners_of_a_shard_are_found_out_beside_others() {
    let kit = History0::new();
    let [_, owner, other] = all(&kit).await;
    let zombie = kit.open_shard(shard(1)).await.unwrap();
    for (history, to) in [(&owner, 4), (&other, 4), (&other, 9)] {
        history.add(Table::PlayerEvents, to - 1, 7, events(3));
        history.commit(to).await.unwrap();
    }
    zombie.add(Table::PlayerEvents, 0, 7, events(3));
    let error = zombie.commit(5).await.unwrap_err();
    assert!(matches!(error, HistoryError::Moved(_)), "{error}");
    assert!(zombie.add(Table::PlayerEvents, 3, 7, events(3)), "what is there is dropped");
    assert_eq!(total(&owner, Table::PlayerEvents).await, 9);
}

#[tokio::test]
async fn the_first_looks_after_the_files_of_all() {
    let mut kit = History0::new();
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
