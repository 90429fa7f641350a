//! Many rows are written a slice at a time.

use tallylight_schemas::tables::Table;
use tallylight_store::history::History;

use super::kit::{Failing, TestHistory, events, total};

fn fill(history: &History) {
    for offset in 0..6 {
        history.add(Table::PlayerEvents, offset, 7, events(2));
        // An entry is not split.
        history.add(Table::PlayerEvents, offset, 7, events(1));
    }
}

/// Six entries of three rows are two slices of three entries; each is three steps.
#[tokio::test]
async fn a_crash_between_slices_neither_loses_nor_doubles_rows_and_each_slice_frees_memory() {
    for (at, written) in [(0, 0), (2, 0), (3, 9), (5, 9), (6, 18)] {
        let mut kit = TestHistory::new();
        kit.settings.slice_rows = 7;
        let history = kit.open_failing(&Failing::after(at)).await.unwrap();
        fill(&history);
        assert_eq!(history.commit(6).await.is_ok(), written == 18, "step {at}");
        assert_eq!(history.status().hot_rows, 18 - written, "step {at}");
        assert_eq!(total(&history, Table::PlayerEvents).await, 18, "step {at}");
        drop(history);
        let history = kit.open().await.unwrap();
        fill(&history);
        history.commit(6).await.unwrap();
        assert_eq!(total(&history, Table::PlayerEvents).await, 18, "step {at}");
        assert_eq!(history.transaction(Table::PlayerEvents), 6);
    }
}
