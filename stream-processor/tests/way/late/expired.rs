//! The audit does not miss rows that the caps removed.

use tallylight_schemas::ident::Shard;
use tallylight_store::history::{Parts, Settings, hour_of};

use super::*;

/// Stops a run and opens its history with other caps.
pub(super) async fn with_caps(
    dir: &tempfile::TempDir,
    life: Life,
    known: i64,
    caps: Settings,
) -> History {
    let log_id = life.log.id().to_owned();
    drop(life.stop().await);
    let (shard, clock) = (Shard::WHOLE, Arc::new(ManualClock::at_us(known)));
    let parts = Parts { dir: folder(dir), log_id, shard, clock, faults: None };
    History::open(caps, parts).await.unwrap()
}

fn rows_of(found: &Findings, table: Table) -> u64 {
    let of = found.reports.iter().filter(|report| report.table == table.name());
    of.map(|report| report.rows).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panes_that_expired_before_their_facts_do_not_drift() {
    let dir = tempfile::tempdir().unwrap();
    let (life, known) = live_alone(dir.path(), &facts(8, 20, |_| 0), None).await;
    // Three hours have facts; the caps remove the first from the panes alone.
    let caps = Settings { cap_hours_panes: 3, ..Settings::default() };
    let history = with_caps(&dir, life, known, caps).await;
    let whole = audit(&history, known).await;
    let removed = history.tend(hour_of(known)).await.unwrap().removed_rows;
    let found = audit(&history, known).await;
    assert_eq!((found.drift, found.late), (0, 0), "{found:#?}");
    assert!(removed > 0 && found.rows < whole.rows, "{removed} rows of {}", whole.rows);
    assert!(rows_of(&found, Table::Playback) > 0, "{found:#?}");
}

/// An audit after the first hour was removed from all tables. A viewer who came in that hour left
/// after `minutes`; others came and left, too. A page whose playback failed in that hour wakes up
/// later and says so again.
async fn without_first_hour(minutes: i64) -> Findings {
    let (dir, pipeline) = (tempfile::tempdir().unwrap(), Pipeline::without_processor());
    let line = |minute: i64| {
        let (at, sta) = (minute * 60_000, ["p", "s"][usize::from(minute == 0)]);
        let ts = T0 + at;
        // Only the first record has the country.
        let country = ["", ",com.tallylight-country=\"NO\""][usize::from(minute == 0)];
        let line =
            format!("e=ps,sta={sta},sid=\"long\",cid=\"demo\",sn={minute},ts={ts},v=2{country}");
        Fact::Line(line, at, at + 100)
    };
    let mut all: Vec<Fact> = facts(8, 30, |_| 0);
    all.extend((0..minutes).map(line));
    let page = [("s", 0), ("p", 1), ("f", 2), ("f", 100), ("f", 101)].into_iter().zip(0..);
    all.extend(page.map(|((sta, minute), sn): ((&str, i64), i64)| {
        let at = minute * 60_000;
        let line = format!("e=ps,sta={sta},sid=\"page\",cid=\"demo\",sn={sn},ts={},v=2", T0 + at);
        Fact::Line(line, at, at + 100)
    }));
    all.sort_by_key(Fact::arrived);
    let logs = [Arc::clone(&pipeline.log) as Arc<dyn EventLog>];
    let then_us = (150 * 60_000 - all.last().unwrap().arrived()).max(0) * 1_000;
    let (mut lives, known) = live(&logs, &pipeline.clock, dir.path(), &all, (None, then_us)).await;
    let caps = Settings { cap_hours: 1, ..Settings::default() };
    let history = with_caps(&dir, lives.remove(0), known, caps).await;
    assert!(history.tend(hour_of(known)).await.unwrap().removed_rows > 0);
    // Only what it repeated is left, which belongs to no playback.
    let page = "SELECT epoch FROM rows WHERE sid = 'page'";
    let left = history.select(Table::PlayerEvents, page).await.unwrap();
    let each = left.iter().map(|rows| (rows.num_rows(), rows.column(0).null_count()));
    assert_eq!(each.reduce(|a, b| (a.0 + b.0, a.1 + b.1)), Some((2, 2)));
    audit(&history, known).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_older_than_the_remaining_facts_does_not_drift() {
    let still_there = without_first_hour(150).await;
    let left = without_first_hour(90).await;
    for found in [&still_there, &left] {
        assert_eq!((found.drift, found.late), (0, 0), "{found:#?}");
        assert!(rows_of(found, Table::Delivery) > 0, "{found:#?}");
        assert!(rows_of(found, Table::Sessions) > 0, "{found:#?}");
    }
    assert!(rows_of(&left, Table::Playback) > 0, "panes after the viewer left: {left:#?}");
}
