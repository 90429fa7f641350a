//! Unusable records and parts are in history, each once, and do not stop the processor.

use tallylight_eventlog::{EventLog, Part, PartitionRange};
use tallylight_schemas::dead::DeadLetter;
use tallylight_schemas::ipc;
use tallylight_schemas::record::{EVENTS, Kind};
use tallylight_schemas::tables::Table;
use tallylight_store::history::History;

use crate::history::{Life, rows_without};
use crate::log::{Pipeline, part};
use crate::world::T0;

/// The content of an unreadable part, which must not be stored.
const SECRET: &str = "no batch, but a token";

/// An unreadable part of partition 2, and a record that the collector rejected.
pub fn unusable() -> Vec<Part> {
    let letter = DeadLetter {
        tenant: "other".into(),
        received_at: T0 * 1_000,
        source: "cmcd".into(),
        reason: "no_sid".into(),
        record: Some("e=ps,sta=p".into()),
        bytes: Some(10),
        ..DeadLetter::default()
    };
    let range = PartitionRange { partition: 2, first_row: 0, rows: 1 };
    vec![
        part(Kind::Player, vec![range], SECRET.as_bytes().to_vec()),
        part(Kind::DeadLetters, Vec::new(), ipc::encode_all(&[letter]).unwrap()),
    ]
}

async fn letters(history: &History) -> Vec<String> {
    rows_without(history, Table::DeadLetters, &["log_id", "hash", "hour"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_part_is_kept_once_and_does_not_stop_the_log() {
    let mut pipeline = Pipeline::without_processor();
    let (dir, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let life = Life::start(&pipeline, dir.path(), None, true).await;
    let mut want = Vec::new();
    for second in 0..8 {
        pipeline.second(second, 5).await;
        if second % 4 == 1 {
            let offset = pipeline.log.usage(EVENTS).unwrap().next;
            pipeline.append(unusable()).await;
            let at = pipeline.log.read(EVENTS, offset, 1).await.unwrap().entries[0].appended_at_us;
            let second = (at / 1_000 - T0) / 1_000;
            let kind = Kind::Player.code();
            want.push(format!(
                "demo|2026-11-18T11:{}Z|log|it is not an Arrow stream, or only part of one|NULL|21|{kind}|0|2|{offset}|0",
                minute(second)
            ));
            want.push(format!(
                "other|2026-11-18T11:{}Z|cmcd|no_sid|e=ps,sta=p|10|NULL|0|NULL|{offset}|1",
                minute(0)
            ));
        }
        pipeline.clock.advance_us(1_000_000);
    }
    want.sort();
    life.caught_up().await;
    assert_eq!(life.handle.stats().borrow().bad_parts, 2);
    let events = rows_without(&life.history, Table::PlayerEvents, &[]).await;
    assert!(events.len() as u64 > pipeline.sent, "later records are stored");
    assert_eq!(letters(&life.history).await, want);
    assert_eq!(letters(&life.stop().await).await, want, "in files");

    // Again from the snapshot, and from the beginning into another history.
    for dir in [&dir, &fresh] {
        let life = Life::start(&pipeline, dir.path(), None, true).await;
        life.caught_up().await;
        let history = life.stop().await;
        assert_eq!(letters(&history).await, want);
        let all = rows_without(&history, Table::DeadLetters, &[]).await;
        assert!(all.iter().all(|row| !row.contains("token")), "{all:?}");
    }
}

/// [`T0`] is at a whole minute.
fn minute(second: i64) -> String {
    format!("{:02}:{second:02}", T0 / 60_000 % 60)
}
