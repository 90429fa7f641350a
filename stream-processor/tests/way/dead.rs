//! What could not be used is in history, each once, and stops nothing.

use tallylight_eventlog::{EventLog, Part, PartitionRange};
use tallylight_schemas::dead::DeadLetter;
use tallylight_schemas::ipc;
use tallylight_schemas::record::{EVENTS, Kind};
use tallylight_schemas::tables::Table;
use tallylight_store::archive::History;

use crate::history::{Life, rows_without};
use crate::log::{Way, part};
use crate::world::T0;

/// What is in a part that cannot be read, and in nothing that is kept.
const SECRET: &str = "no batch, but a token";

/// A part of partition 2 that cannot be read, and a record that the door rejected.
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
    let place = PartitionRange { partition: 2, first_row: 0, rows: 1 };
    vec![
        part(Kind::Player, vec![place], SECRET.as_bytes().to_vec()),
        part(Kind::DeadLetters, Vec::new(), ipc::encode_all(&[letter]).unwrap()),
    ]
}

async fn letters(history: &History) -> Vec<String> {
    rows_without(history, Table::DeadLetters, &["log_id", "hash", "hour"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_goes_on_behind_a_part_that_cannot_be_read_and_keeps_it_once() {
    let mut way = Way::without_processor();
    let (dir, anew) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let life = Life::start(&way, dir.path(), None, true).await;
    let mut want = Vec::new();
    for second in 0..8 {
        way.second(second, 5).await;
        if second % 4 == 1 {
            let offset = way.log.usage(EVENTS).unwrap().next;
            way.append(unusable()).await;
            let at = way.log.read(EVENTS, offset, 1).await.unwrap().entries[0].appended_at_us;
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
        way.clock.advance_us(1_000_000);
    }
    want.sort();
    life.caught_up().await;
    assert_eq!(life.handle.stats().borrow().bad_parts, 2);
    let events = rows_without(&life.history, Table::PlayerEvents, &[]).await;
    assert!(events.len() as u64 > way.sent, "what came behind it is there");
    assert_eq!(letters(&life.history).await, want);
    assert_eq!(letters(&life.stop().await).await, want, "in files");

    // From its snapshot, and all of it once more in a history of its own.
    for dir in [&dir, &anew] {
        let life = Life::start(&way, dir.path(), None, true).await;
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
